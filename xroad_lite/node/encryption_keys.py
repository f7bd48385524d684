"""A node's private encryption keys, in files or in a token, and what they open.

The first is what ``encryption_key`` in node.yaml names, those that follow have a number in their
names, as in a keyring: ``encryption-2.pem``. All are opened, so that what was encrypted to an
earlier one can be read. Does not choose a key to encrypt to: the registry does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xroad_lite import strict_json
from xroad_lite.encryption import Holder, PrivateKey
from xroad_lite.errors import EncryptionError, KeysError
from xroad_lite.keys import Secret, new_key, open_key, passphrase_from
from xroad_lite.keys.keyring import numbered, numbered_uri, numbers
from xroad_lite.keys.passphrases import DEFAULT
from xroad_lite.keys.tokens import shown
from xroad_lite.node.settings import Settings
from xroad_lite.registry import Party

PUBLIC = "encryption.jwk"
"""Beside node.yaml, the public side of a key in a token: which there are is seen without a PIN."""


class EncryptionKeys:
    """The keys of one node; ``passphrase`` (a token's PIN) opens all of them."""

    def __init__(self, settings: Settings, passphrase: Secret = None) -> None:
        scheme, _, rest = settings.encryption_key.partition(":")
        if scheme not in ("file", "pkcs11") or not rest:
            raise KeysError(
                "keys.uri",
                f"got the encryption key {shown(settings.encryption_key)!r:.80}: expected "
                "file:PATH or pkcs11:…",
                hint="name it in node.yaml as encryption_key: file:encryption.pem",
            )
        self._me = settings.subsystem
        self._uri = settings.encryption_key_uri
        self._in_file = scheme == "file"
        self._first = settings.path(rest if self._in_file else PUBLIC)
        """A file for each that is there: of this name, or with a number."""
        self._needed = "encryption_key" in settings.model_fields_set
        self._passphrase = passphrase or passphrase_from(settings.passphrase_source() or DEFAULT)
        self._read: dict[str, PrivateKey] = {}

    def uris(self) -> dict[int, str]:
        """The addresses of those that are there, by number."""
        found = sorted({1} | numbers(self._first.parent, {self._first.stem}))
        there = [number for number in found if self._file(number).exists()]
        return {number: numbered_uri(self._uri, number) for number in there}

    def _file(self, number: int) -> Path:
        return numbered(self._first, number)

    def make(self, passphrase: Secret = None) -> tuple[int, str, PrivateKey]:
        """Make the next key: its number, address and itself; ``KeysError`` if it cannot be made."""
        number = max(self.uris(), default=0) + 1
        uri = numbered_uri(self._uri, number)
        made = PrivateKey.of(new_key(uri, passphrase=passphrase, agrees=True))
        if not self._in_file:
            self._file(number).write_bytes(strict_json.dumps(made.public.members()) + b"\n")
        return number, uri, made

    def read(self) -> dict[int, PrivateKey]:
        """All keys, each once; ``KeysError`` if one cannot be read, or the one named is not
        there."""
        uris = self.uris()
        if self._needed and 1 not in uris:
            missing = "which" if self._in_file else f"and {self._first}, its public side,"
            raise KeysError(
                "keys.encryption",
                f"node.yaml names the encryption key {shown(self._uri)}, {missing} is not there",
                hint="put it back, or make one with: xroad-lite keys new --use encryption",
            )
        return {number: self._key(uri) for number, uri in uris.items()}

    def open(self, uri: str) -> PrivateKey | None:
        """One of them; None where it cannot be opened, for want of its passphrase say."""
        try:
            return self._key(uri)
        except KeysError:
            return None

    def holder(self) -> Holder:
        """What this node opens with all its keys."""
        return Holder(self._me, self.read().values())

    def renewed(self, holder: Holder) -> Holder:
        """The same holder, or one that also has the keys that came since."""
        if len(self.uris()) == len(holder.kids):
            return holder
        return self.holder()

    def complaint(self, party: Party | None, holder: Holder, now: float) -> str | None:
        """One line for people when others encrypt to a key that is not here; None when all is well.

        ``now`` is Unix seconds, ``party`` this node as the registry knows it.
        """
        current = None if party is None else party.encryption_key(now)
        if current is None or current.kid in holder.kids:
            return None
        return (
            f"keys.encryption: others encrypt to {current.kid}, which is not here: what they send "
            f"waits until it is: see {shown(self._uri)}"
        )

    def _key(self, uri: str) -> PrivateKey:
        if uri not in self._read:
            try:
                opened = open_key(uri, passphrase=self._passphrase)
                self._read[uri] = PrivateKey.of(opened)
            except EncryptionError as error:
                raise KeysError("keys.encryption", f"{shown(uri)}: {error.message}") from None
        return self._read[uri]


def holder_of(settings: Settings, asked: Callable[[], bytes | None] | None = None) -> Holder:
    """What a node opens, for whoever looks into its log; nothing where its keys are not at hand.

    ``asked`` gives the passphrase in place of ``node.yaml``'s source.
    """
    try:
        return EncryptionKeys(settings, asked).holder()
    except KeysError:
        return Holder(settings.subsystem)
