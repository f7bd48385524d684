"""The keys that sign a node's checkpoints, one after the other; does not sign any.

The first is what ``log_key`` in node.yaml names, those that follow have a number in their names, as
in a keyring: ``log-key-2.pem``. Beside each lies its public side, ``log-key-2.vkey``, for the
registry. The newest one that the registry lists signs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from xroad_lite.errors import KeysError
from xroad_lite.keys import Secret, new_key, open_key
from xroad_lite.keys.keyring import numbered, numbered_uri, numbers
from xroad_lite.messagelog.notes import Signer, Verifier

ALGORITHM = "EdDSA"
_PUBLIC = "log-key.vkey"


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key by its address, and the file with its public side."""

    number: int
    uri: str
    public: Path

    def verifier(self) -> Verifier | None:
        """The public side, if the key is there; ``LogError`` when its file holds something else."""
        if not self.public.exists():
            return None
        return Verifier.read(self.public.read_text().strip())


class LogKeys:
    """The keys of one log, whose name (a checkpoint's origin) is ``name``."""

    def __init__(self, uri: str, folder: Path, name: str, passphrase: Secret = None) -> None:
        self._uri = uri
        self._public = folder / _PUBLIC
        self._name = name
        self._passphrase = passphrase
        self._opened: dict[int, Signer] = {}

    def all(self) -> list[LogKey]:
        """Those that are there, the oldest first."""
        found = {1} | numbers(self._public.parent, {self._public.stem})
        keys = [self._key(number) for number in sorted(found)]
        return [key for key in keys if key.public.exists()]

    def _key(self, number: int) -> LogKey:
        return LogKey(number, numbered_uri(self._uri, number), numbered(self._public, number))

    def make(self, passphrase: Secret = None) -> LogKey:
        """Make the next key, and write its public side; ``KeysError`` if it cannot be made."""
        keys = self.all()
        key = self._key(keys[-1].number + 1 if keys else 1)
        private = new_key(key.uri, ALGORITHM, passphrase=passphrase)
        assert isinstance(private, Ed25519PrivateKey)
        key.public.write_text(f"{Signer(self._name, private).verifier()}\n")
        return key

    def verifiers(self) -> list[Verifier]:
        """The public sides of all keys."""
        return [one for key in self.all() if (one := key.verifier()) is not None]

    def signer(self, listed: Callable[[str], bool]) -> Signer | None:
        """The newest key whose vkey is ``listed``, else the newest; None when there is none."""
        keys = sorted(self.all(), key=lambda key: (listed(str(key.verifier())), key.number))
        return self._open(keys[-1]) if keys else None

    def _open(self, key: LogKey) -> Signer:
        if key.number not in self._opened:
            private = open_key(key.uri, passphrase=self._passphrase)
            if not isinstance(private, Ed25519PrivateKey):
                raise KeysError(
                    "keys.algorithm",
                    f"the key {key.uri} cannot sign checkpoints: expected an Ed25519 key",
                    hint="make one with: xroad-lite keys new --use log",
                )
            signer = Signer(self._name, private)
            if signer.verifier() != key.verifier():
                raise KeysError(
                    "keys.mismatch",
                    f"{key.public} is not the public side of the key {key.uri} under the name "
                    f"{self._name}",
                    hint="make another with: xroad-lite keys new --use log",
                )
            self._opened[key.number] = signer
        return self._opened[key.number]
