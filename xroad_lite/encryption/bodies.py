"""Bodies that only their recipient and their sender can read, and a commitment to what they say.

Does not decide what is confidential, or whose key is whose: agreement, registry and check 7 do.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from xroad_lite.encryption.jwe import BODY, decrypt, encrypt
from xroad_lite.encryption.party_keys import PrivateKey, PublicKey
from xroad_lite.errors import EncryptionError
from xroad_lite.keys import base64url

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A body as it travels, and the commitment that its seal holds as ``datacommit``."""

    body: bytes = field(repr=False)
    commitment: str


def encrypt_body(
    plaintext: bytes,
    *,
    message_id: str,
    source: tuple[str, PublicKey],
    recipient: tuple[str, PublicKey],
) -> Encrypted:
    """Encrypt what a message says to its recipient and, for the own log, to its sender.

    A salt of 32 bytes goes before the plaintext, inside: the commitment in the open cannot be
    guessed from what the body might say, and whoever shows salt and plaintext settles a dispute.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    body = encrypt(salt + plaintext, kind=BODY, producer=source[0], parties=(recipient, source))
    return Encrypted(body, commitment(message_id, source[0], recipient[0], salt, plaintext))


def decrypt_body(
    body: bytes,
    *,
    message_id: str,
    source: str,
    recipient: str,
    me: str,
    keys: Mapping[str, PrivateKey],
    committed: str,
) -> bytes:
    """The plaintext of a body that was encrypted to ``me``; ``EncryptionError`` says why not.

    ``keys`` are the private keys of this party by their ``kid``, earlier ones too; ``committed`` is
    the seal's ``datacommit``: nobody can put another's ciphertext under a seal of their own.
    """
    parties = (recipient, source)
    opened = decrypt(body, kind=BODY, producer=source, me=me, keys=keys, parties=parties)
    salt, plaintext = opened[:SALT_BYTES], opened[SALT_BYTES:]
    if commitment(message_id, source, recipient, salt, plaintext) != committed:
        raise EncryptionError(
            "encryption.commitment", "what was encrypted is not what the seal commits to"
        )
    return plaintext


def commitment(message_id: str, source: str, recipient: str, salt: bytes, plaintext: bytes) -> str:
    """The seal's ``datacommit``: SHA-256 of five parts, each after its length in 8 bytes."""
    digest = hashlib.sha256()
    for part in (message_id.encode(), source.encode(), recipient.encode(), salt, plaintext):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return base64url(digest.digest())
