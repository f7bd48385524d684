"""A party with its private keys: what it can open; does not read keys from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xroad_lite.encryption.bodies import decrypt_body
from xroad_lite.encryption.party_keys import PrivateKey
from xroad_lite.encryption.pseudonyms import open_pseudonym_key
from xroad_lite.errors import EncryptionError

_REMEMBERED = 10_000


class Holder:
    """Opens what was encrypted to the subsystem ``me`` under any of its keys, earlier ones too."""

    def __init__(self, me: str, keys: Iterable[PrivateKey] = ()) -> None:
        self.me = me
        self._keys = {key.public.kid: key for key in keys}
        self._opened: dict[tuple[str, str], bytes | EncryptionError] = {}

    @property
    def kids(self) -> tuple[str, ...]:
        """The names (JWK thumbprints) of the keys at hand."""
        return tuple(self._keys)

    def open_body(
        self, body: bytes, *, message_id: str, source: str, recipient: str, committed: str
    ) -> bytes:
        """A confidential body that this party received or sent; see ``decrypt_body``."""
        return decrypt_body(
            body,
            message_id=message_id,
            source=source,
            recipient=recipient,
            me=self.me,
            keys=self._keys,
            committed=committed,
        )

    def logged_body(self, attributes: Mapping[str, str], body: bytes) -> bytes:
        """What a body says that lies in a log, by its sealed attributes: itself, or decrypted."""
        if "datacommit" not in attributes:
            return body
        return self.open_body(
            body,
            message_id=attributes["id"],
            source=attributes["source"],
            recipient=attributes.get("recipient", ""),
            committed=attributes["datacommit"],
        )

    def pseudonym_key(self, agreement: str, wrapped: str) -> bytes:
        """The key of the agreement with this IRI, unwrapped once; see ``open_pseudonym_key``."""
        found = self._opened.get((agreement, wrapped))
        if found is None:
            try:
                found = open_pseudonym_key(wrapped, agreement, me=self.me, keys=self._keys)
            except EncryptionError as error:
                if error.code == "encryption.no_key":  # in a token that may be back soon
                    raise
                found = error
            if len(self._opened) >= _REMEMBERED:
                self._opened.clear()
            self._opened[(agreement, wrapped)] = found
        if isinstance(found, EncryptionError):
            raise EncryptionError(found.code, found.message, hint=found.hint)
        return found
