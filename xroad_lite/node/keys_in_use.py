"""The keys that a node seals with and opens bodies with, as the registry lists them now.

Does not hold the log's key (``evidence``), nor decide what is sealed.
"""

from __future__ import annotations

from collections.abc import Callable

from xroad_lite.encryption import Holder
from xroad_lite.errors import KeysError
from xroad_lite.keys import Signer
from xroad_lite.node.encryption_keys import EncryptionKeys
from xroad_lite.node.registered import Registered
from xroad_lite.node.settings import Settings


class KeysInUse:
    """The newest that is listed, and all that open; ``KeysError`` if one cannot be opened."""

    def __init__(self, settings: Settings, talk: Callable[[str], object]) -> None:
        """Open what opens bodies; ``choose`` opens what seals."""
        self._ring = settings.keyring()
        self._encryption = EncryptionKeys(settings)
        self._talk = talk
        self.holder: Holder = self._encryption.holder()

    def signer(self, me: Registered, now: float) -> Signer:
        """The newest key for seals that is listed at Unix time ``now``, else any of them."""
        return self._ring.signer(me.certificate, now)

    def renewed(self, signer: Signer, me: Registered, now: float) -> Signer:
        """The signer from now on, and the holder too: a roll-over needs no restart."""
        try:
            self.holder = self._encryption.renewed(self.holder)
        except KeysError as error:
            self._talk(f"{error}; going on with the keys that are open")
        try:
            return self.signer(me, now)
        except KeysError as error:
            self._talk(f"{error}; going on with the key that is open")
            return signer

    def complaint(self, me: Registered, now: float) -> str | None:
        """One line for people when others encrypt to a key that is not here."""
        return self._encryption.complaint(me.party, self.holder, now)
