"""A node's keys, one after the other, each with its request and certificates; does not renew them.

The first pair is what ``node.yaml`` names; those that follow have a number in their names:
``key-2.pem`` or ``object=births-2``, ``request-2.pem``, ``certificates-2.pem``. The newest one that
the registry lists seals, so a roll-over takes place when the registry says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xroad_lite.errors import KeysError
from xroad_lite.keys.certificates import Certificate, read_certificate, read_certificates
from xroad_lite.keys.signers import KeySigner, PrivateKey, Secret, open_key, open_signer, read_file


@dataclass(frozen=True, slots=True)
class Pair:
    """One key by its address, and the paths of its request and certificates."""

    number: int
    uri: str
    request: Path
    certificates: Path

    def certificate(self) -> Certificate | None:
        """The signing certificate, if one is installed."""
        if not self.certificates.exists():
            return None
        chain = read_file(self.certificates, "keys.certificate", read_certificates)
        return read_certificate(chain[0]) if chain else None

    def has_key(self) -> bool:
        """Whether there is a key in a file; of a token only its request tells."""
        if self.uri.startswith("file:"):
            return Path(self.uri.removeprefix("file:")).exists()
        return self.request.exists() or self.certificates.exists()


class Keyring:
    """The pairs that lie beside ``certificates``; ``passphrase`` opens all of their keys."""

    def __init__(self, uri: str, certificates: Path, passphrase: Secret = None) -> None:
        self._uri = uri
        self._certificates = certificates
        self._passphrase = passphrase
        self._opened: dict[tuple[int, str], KeySigner] = {}

    def pair(self, number: int) -> Pair:
        """The pair with this number, from 1."""
        request = self._certificates.with_name("request.pem")
        return Pair(
            number,
            numbered_uri(self._uri, number),
            numbered(request, number),
            numbered(self._certificates, number),
        )

    def pairs(self) -> list[Pair]:
        """The first, and all later ones of which anything is there."""
        folder, found = self._certificates.parent, {1}
        stems = {self._certificates.stem, "request"}
        if self._uri.startswith("file:"):
            key = Path(self._uri.removeprefix("file:"))
            found |= numbers(key.parent, {key.stem})
        found |= numbers(folder, stems)
        return [self.pair(number) for number in sorted(found)]

    def next(self) -> Pair:
        """The pair that a renewal makes."""
        return self.pair(self.pairs()[-1].number + 1)

    def open(self, pair: Pair) -> PrivateKey:
        """The private key of a pair."""
        return open_key(pair.uri, passphrase=self._passphrase)

    def signer(self, listed: Callable[[str], bool], now: float) -> KeySigner:
        """The newest pair that is valid ``now`` and whose digest (hex) is ``listed``.

        Where none is, the newest that can be opened: its messages say why they are refused.
        ``KeysError`` when there is none at all.
        """
        problem: KeysError | None = None
        pairs = sorted(self.pairs(), key=lambda pair: self._rank(pair, listed, now), reverse=True)
        for pair in pairs:
            try:
                return self._open_signer(pair)
            except KeysError as error:
                problem = problem or error
        assert problem is not None
        raise problem

    def _rank(
        self, pair: Pair, listed: Callable[[str], bool], now: float
    ) -> tuple[bool, bool, int]:
        try:
            certificate = pair.certificate()
        except KeysError:
            certificate = None
        if certificate is None:
            return False, False, -pair.number
        valid = certificate.not_before <= now <= certificate.not_after
        return valid and listed(certificate.sha256), True, pair.number

    def _open_signer(self, pair: Pair) -> KeySigner:
        certificate = pair.certificate()
        known = (pair.number, certificate.sha256 if certificate else "")
        if known not in self._opened:
            self._opened[known] = open_signer(
                pair.uri, pair.certificates, passphrase=self._passphrase
            )
        return self._opened[known]


def numbered(path: Path, number: int) -> Path:
    """The name of a later one's file: ``key-2.pem``."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def numbered_uri(uri: str, number: int) -> str:
    """The address of a later key; an ``id`` was the first one's, so a label must be there."""
    if number == 1:
        return uri
    if uri.startswith("file:"):
        return f"file:{numbered(Path(uri.removeprefix('file:')), number)}"
    plain = re.sub(r";id=[^;?&]*|id=[^;?&]*;", "", uri)
    later, changed = re.subn(r"(object=[^;?&]+)", rf"\g<1>-{number}", plain)
    if not changed:
        raise KeysError(
            "keys.uri",
            "the key's address has no object=LABEL, so its successor cannot have a name",
            hint="name the key in node.yaml by its label",
        )
    return later


def numbers(folder: Path, stems: set[str]) -> set[int]:
    """Of which later ones there are files in a folder."""
    found = set()
    for path in folder.glob("*-*.*"):
        stem, _, number = path.stem.rpartition("-")
        if stem in stems and re.fullmatch(r"[1-9][0-9]{0,5}", number) and number != "1":
            found.add(int(number))
    return found
