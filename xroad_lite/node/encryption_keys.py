"""A node's private encryption keys: the files that ``node.yaml`` names, and what they open.

The first is ``encryption.pem`` unless named otherwise; later ones lie beside it with a number, as
``encryption-2.pem``. All are opened, so that what was encrypted to an earlier one can be read. Does
not choose a key to encrypt to: the registry does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xroad_lite.encryption import Holder, PrivateKey
from xroad_lite.errors import EncryptionError, KeysError
from xroad_lite.keys import Secret, open_key, passphrase_from
from xroad_lite.keys.passphrases import DEFAULT
from xroad_lite.node.settings import Settings
from xroad_lite.registry import Party


class EncryptionKeys:
    """The key files of one node; ``passphrase`` opens all of them."""

    def __init__(self, settings: Settings, passphrase: Secret = None) -> None:
        scheme, _, rest = settings.encryption_key.partition(":")
        if scheme != "file" or not rest:
            raise KeysError(
                "keys.uri",
                f"got the encryption key {settings.encryption_key!r:.80}: expected file:PATH",
                hint="name it in node.yaml as encryption_key: file:encryption.pem",
            )
        self._me = settings.subsystem
        self._first = settings.path(rest)
        self._needed = "encryption_key" in settings.model_fields_set
        self._passphrase = passphrase or passphrase_from(settings.passphrase_source() or DEFAULT)
        self._read: dict[Path, PrivateKey] = {}

    def path(self, number: int) -> Path:
        """Where the key with this number lies, from 1."""
        first = self._first
        return first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")

    def paths(self) -> dict[int, Path]:
        """The files that are there, by number."""
        pattern = re.compile(rf"{re.escape(self._first.stem)}-([1-9][0-9]{{0,5}})")
        beside = self._first.parent.glob(f"*-*{self._first.suffix}")
        found = {int(match[1]) for one in beside if (match := pattern.fullmatch(one.stem))}
        numbers = sorted(found - {1} | ({1} if self._first.exists() else set()))
        return {number: self.path(number) for number in numbers}

    def read(self) -> dict[int, PrivateKey]:
        """All keys, each file once; ``KeysError`` if one cannot be read, or the one named is not
        there."""
        paths = self.paths()
        if self._needed and 1 not in paths:
            raise KeysError(
                "keys.encryption",
                f"node.yaml names the encryption key {self._first}, which is not there",
                hint="put it back, or make one with: xroad-lite keys new --use encryption",
            )
        return {number: self._key(path) for number, path in paths.items()}

    def open(self, path: Path) -> PrivateKey | None:
        """One of them; None where it cannot be opened, for want of its passphrase say."""
        try:
            return self._key(path)
        except KeysError:
            return None

    def holder(self) -> Holder:
        """What this node opens with all its keys."""
        return Holder(self._me, self.read().values())

    def renewed(self, holder: Holder) -> Holder:
        """The same holder, or one that also has the keys that came since."""
        if len(self.paths()) == len(holder.kids):
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
            f"waits until its file is beside {self._first}"
        )

    def _key(self, path: Path) -> PrivateKey:
        if path not in self._read:
            try:
                opened = open_key(f"file:{path}", passphrase=self._passphrase)
                self._read[path] = PrivateKey.of(opened)
            except EncryptionError as error:
                raise KeysError("keys.encryption", f"{path}: {error.message}") from None
        return self._read[path]


def holder_of(settings: Settings, asked: Callable[[], bytes | None] | None = None) -> Holder:
    """What a node opens, for whoever looks into its log; nothing where its keys are not at hand.

    ``asked`` gives the passphrase in place of ``node.yaml``'s source.
    """
    try:
        return EncryptionKeys(settings, asked).holder()
    except KeysError:
        return Holder(settings.subsystem)
