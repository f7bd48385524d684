"""What only the parties of an agreement can read: bodies, and who is meant by a pseudonym.

Does not decide what is confidential or whose key is whose: agreement, registry and checks do.
"""

from __future__ import annotations

from xroad_lite.encryption.bodies import (
    SALT_BYTES,
    Encrypted,
    commitment,
    decrypt_body,
    encrypt_body,
)
from xroad_lite.encryption.holder import Holder
from xroad_lite.encryption.jwe import BODY, KEY, decrypt, encrypt, parties_of, producers_of
from xroad_lite.encryption.party_keys import PrivateKey, PublicKey
from xroad_lite.encryption.pseudonyms import (
    KEY_BYTES,
    is_pseudonym,
    new_pseudonym_key,
    open_pseudonym_key,
    pseudonym,
)

__all__ = [
    "BODY",
    "KEY",
    "KEY_BYTES",
    "SALT_BYTES",
    "Encrypted",
    "Holder",
    "PrivateKey",
    "PublicKey",
    "commitment",
    "decrypt",
    "decrypt_body",
    "encrypt",
    "encrypt_body",
    "is_pseudonym",
    "new_pseudonym_key",
    "open_pseudonym_key",
    "parties_of",
    "producers_of",
    "pseudonym",
]
