"""Bodies that only their recipient and their sender can read, and a commitment to what they say.

A body is a JWE in general JSON serialization (RFC 7516, section 7.2.1) with exactly the algorithms
ECDH-ES+A256KW and A256GCM, one key wrap for the recipient and one for the sender. Does not decide
what is confidential, whose key is whose, or what a commitment must equal: agreement, registry and
check 7 do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from xroad_lite import strict_json
from xroad_lite.errors import EncryptionError
from xroad_lite.keys import base64url

BODY = "xroad-lite-body+jwe"
KEY = "xroad-lite-key+jwe"
SALT_BYTES = 32
_ALGORITHM, _CIPHER = "ECDH-ES+A256KW", "A256GCM"
_MEMBERS = {"protected", "recipients", "iv", "ciphertext", "tag"}
_HEADER = {"kid", "apu", "apv", "epk"}
_EC = ("kty", "crv", "x", "y")
_MAX_PARTIES = 8


class _Registry(jwe.JWERegistry):
    """The two algorithms; how long a ciphertext may be is for check 1 to say, before this."""

    max_ciphertext_length = 1 << 30


_JOSE = _Registry(algorithms=[_ALGORITHM, _CIPHER], verify_all_recipients=False)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 key to encrypt to; ``kid`` is its JWK thumbprint (RFC 7638)."""

    kid: str
    jwk: ECKey = field(repr=False, compare=False)

    @classmethod
    def read(cls, members: Mapping[str, str]) -> PublicKey:
        """From a public JWK's ``kty``, ``crv``, ``x``, ``y``; ``EncryptionError`` if it is none."""
        wanted: dict[str, str | list[str]] = {
            name: members.get(name, "") for name in ("kty", "crv", "x", "y")
        }
        if wanted["kty"] != "EC" or wanted["crv"] != "P-256" or "d" in members:
            raise EncryptionError(
                "encryption.key",
                f"got a key of kty {wanted['kty']!r:.40}, crv {wanted['crv']!r:.40}"
                f"{' with its private part' if 'd' in members else ''}: expected a public EC key "
                "on P-256",
                hint="make one with: xroad-lite keys new --use encryption",
            )
        try:
            key = ECKey.import_key(wanted)
            key.public_key.public_numbers()
        except (JoseError, ValueError, TypeError) as error:
            raise EncryptionError("encryption.key", f"no point on P-256: {error}") from None
        return cls(key.thumbprint(), key)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The private key that opens what was encrypted to its public one."""

    public: PublicKey
    jwk: ECKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key."""
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def read(cls, pem: bytes, passphrase: bytes | None = None) -> PrivateKey:
        """From PEM (PKCS#8); ``EncryptionError`` if it is no P-256 key or does not open."""
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise EncryptionError("encryption.key", f"cannot read the key: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise EncryptionError("encryption.key", "got another kind of key: expected EC, P-256")
        return cls._of(key)

    @classmethod
    def _of(cls, key: ec.EllipticCurvePrivateKey) -> PrivateKey:
        jwk = ECKey(key, key)
        public = ECKey.import_key(jwk.as_dict(private=False))
        return cls(PublicKey(public.thumbprint(), public), jwk)

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS#8 in PEM, encrypted under ``passphrase`` if given."""
        private: ec.EllipticCurvePrivateKey = self.jwk.private_key  # type: ignore[assignment]
        return private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption(),
        )


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
    opened = decrypt(body, kind=BODY, producer=source, me=me, keys=keys)
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


def pseudonym(key: bytes, value: str) -> str:
    """What stands for a person in the open: HMAC-SHA256 of ``value`` under an agreement's key.

    The 32-byte key is the agreement version's, so what two agreements say of one person cannot be
    put together by who holds neither key.
    """
    return base64url(hmac.digest(key, b"xroad-lite pseudonym\x00" + value.encode(), "sha256"))


def encrypt(
    plaintext: bytes, *, kind: str, producer: str, parties: Sequence[tuple[str, PublicKey]]
) -> bytes:
    """A JWE of type ``kind`` that each of ``parties`` can open.

    Each wrap is bound to ``producer`` and its party's name (``apu`` and ``apv`` of RFC 7518,
    section 4.6.1), so that a wrap moved to another place does not open.
    """
    message = jwe.GeneralJSONEncryption(_protected(kind), plaintext)
    for name, key in parties:
        header = {"kid": key.kid, "apu": _text(producer), "apv": _text(name)}
        message.add_recipient(header, key.jwk)
    return strict_json.canonical(jwe.encrypt_json(message, None, registry=_JOSE))


def decrypt(
    data: bytes, *, kind: str, producer: str, me: str, keys: Mapping[str, PrivateKey]
) -> bytes:
    """Open a JWE that ``encrypt`` made for ``me``; raises ``EncryptionError`` and nothing else."""
    value = _read(data, kind)
    wraps = [one for one in value["recipients"] if one["header"]["apv"] == _text(me)]
    mine = [one for one in wraps if one["header"]["kid"] in keys]
    if not mine:
        got = ", ".join(one["header"]["kid"] for one in wraps) or "none"
        raise EncryptionError(
            "encryption.not_for_me",
            f"no key of {me} opens it: it is encrypted to {got}, here are {', '.join(keys)}",
            hint="keep earlier encryption keys until what was encrypted to them is erased",
        )
    if mine[0]["header"]["apu"] != _text(producer):
        raise EncryptionError("encryption.producer", f"it was not encrypted by {producer}")
    try:
        opened = jwe.decrypt_json(
            cast(Any, value | {"recipients": mine[:1]}),
            keys[mine[0]["header"]["kid"]].jwk,
            registry=_JOSE,
        )
    except (JoseError, ValueError, TypeError) as error:
        raise EncryptionError(
            "encryption.failed", f"it does not open: {type(error).__name__}"
        ) from None
    return opened.plaintext or b""


def _read(data: bytes, kind: str) -> dict[str, Any]:
    """The JWE's members if they are exactly these; no ``zip``, no other algorithm, no extras."""
    try:
        value = strict_json.loads(data)
        protected = strict_json.loads(_bytes(value["protected"]))
        well = set(value) == _MEMBERS and protected == _protected(kind)
        parties = value["recipients"]
        well = well and 1 <= len(parties) <= _MAX_PARTIES
        for party in parties:
            header = party["header"]
            well = well and set(party) == {"header", "encrypted_key"} and set(header) == _HEADER
            well = well and all(isinstance(header[one], str) for one in ("kid", "apu", "apv"))
            PublicKey.read(header["epk"])
            well = well and set(header["epk"]) == set(_EC)
    except (EncryptionError, KeyError, TypeError, ValueError, AttributeError):
        well = False
    if not well:
        raise EncryptionError(
            "encryption.malformed",
            f"expected a JWE of type {kind} by {_ALGORITHM} and {_CIPHER}, with nothing else in it",
        )
    found: dict[str, Any] = value
    return found


def _protected(kind: str) -> dict[str, str]:
    return {"typ": kind, "alg": _ALGORITHM, "enc": _CIPHER}


def _text(name: str) -> str:
    return base64url(name.encode())


def _bytes(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(data) != text:
        raise ValueError("stray bits")
    return data
