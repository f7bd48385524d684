"""What stands for a person in the open, and the key by which only the parties know for whom.

Each agreement's version has a key of its own, wrapped to each party inside the agreement. Does not
know agreements, or which attribute names a person: schemas say that.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

from xroad_lite.encryption.jwe import KEY, decrypt, encrypt
from xroad_lite.encryption.party_keys import PrivateKey, PublicKey
from xroad_lite.errors import EncryptionError
from xroad_lite.keys import base64url

KEY_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def pseudonym(key: bytes, value: str) -> str:
    """What stands for a person in the open: HMAC-SHA256 of ``value`` under an agreement's key.

    The 32-byte key is the agreement version's, so what two agreements say of one person cannot be
    put together by who holds neither key.
    """
    return base64url(hmac.digest(key, b"xroad-lite pseudonym\x00" + value.encode(), "sha256"))


def is_pseudonym(text: str) -> bool:
    """Whether a text has the form of a pseudonym; whose it is, only the key tells."""
    return _FORM.fullmatch(text) is not None


def new_pseudonym_key(agreement: str, parties: Sequence[tuple[str, PublicKey]]) -> str:
    """A new key of the agreement with this IRI, wrapped to each party by name; a JWE as text.

    Bound to the IRI: in another agreement, or another version of it, it opens for nobody.
    """
    drawn = secrets.token_bytes(KEY_BYTES)
    return encrypt(drawn, kind=KEY, producer=agreement, parties=parties).decode()


def open_pseudonym_key(
    wrapped: str, agreement: str, *, me: str, keys: Mapping[str, PrivateKey]
) -> bytes:
    """The 32-byte key of the agreement with this IRI; ``EncryptionError`` says why not."""
    key = decrypt(wrapped.encode(), kind=KEY, producer=agreement, me=me, keys=keys)
    if len(key) != KEY_BYTES:
        raise EncryptionError(
            "encryption.key", f"got a pseudonym key of {len(key)} bytes: expected {KEY_BYTES}"
        )
    return key
