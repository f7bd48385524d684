"""Keys on P-256 that bodies are encrypted to and opened with; does not know whose they are."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from xroad_lite import strict_json
from xroad_lite.errors import EncryptionError
from xroad_lite.keys import base64url

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

MEMBERS = ("kty", "crv", "x", "y")
"""The members of a public key's JWK."""
_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 key to encrypt to; ``kid`` is its JWK thumbprint (RFC 7638)."""

    kid: str
    x: str = field(repr=False)
    y: str = field(repr=False)

    @classmethod
    def read(cls, members: Mapping[str, object]) -> PublicKey:
        """From a public JWK's ``kty``, ``crv``, ``x``, ``y``; ``EncryptionError`` if it is none."""
        kind, curve, x, y = (members.get(name) for name in MEMBERS)
        if (kind, curve) != ("EC", "P-256") or "d" in members:
            raise EncryptionError(
                "encryption.key",
                f"got a key of kty {kind!r:.40}, crv {curve!r:.40}"
                f"{' with its private part' if 'd' in members else ''}: expected a public EC key "
                "on P-256",
                hint="make one with: xroad-lite keys new --use encryption",
            )
        try:
            numbers = ec.EllipticCurvePublicNumbers(_number(x), _number(y), ec.SECP256R1())
            return cls._of(numbers.public_key())
        except ValueError as error:
            raise EncryptionError("encryption.key", f"no point on P-256: {error}") from None

    @classmethod
    def _of(cls, key: ec.EllipticCurvePublicKey) -> PublicKey:
        numbers = key.public_numbers()
        x, y = (base64url(one.to_bytes(_COORDINATE_BYTES)) for one in (numbers.x, numbers.y))
        return cls(_thumbprint(x, y), x, y)

    def members(self) -> dict[str, str]:
        """The public JWK's members, as a registry lists them."""
        return {"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y}

    @property
    def jwk(self) -> ECKey:
        """As the JOSE library takes it."""
        return _public_jwk(self)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The private key that opens what was encrypted to its public one."""

    public: PublicKey
    key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key."""
        return cls.of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def read(cls, pem: bytes, passphrase: bytes | None = None) -> PrivateKey:
        """From PEM (PKCS#8); ``EncryptionError`` if it is no P-256 key or does not open."""
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise EncryptionError("encryption.key", f"cannot read the key: {error}") from None
        return cls.of(key)

    @classmethod
    def of(cls, key: object) -> PrivateKey:
        """From an open key of the library ``cryptography``; ``EncryptionError`` if not P-256."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise EncryptionError("encryption.key", "got another kind of key: expected EC, P-256")
        return cls(PublicKey._of(key.public_key()), key)

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS#8 in PEM, encrypted under ``passphrase`` if given."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption(),
        )

    @property
    def jwk(self) -> ECKey:
        """As the JOSE library takes it."""
        return _private_jwk(self)


@lru_cache(maxsize=4096)
def _public_jwk(key: PublicKey) -> ECKey:
    from joserfc.jwk import ECKey

    return ECKey.import_key({**key.members()})


@lru_cache(maxsize=64)
def _private_jwk(key: PrivateKey) -> ECKey:
    from joserfc.jwk import ECKey

    return ECKey(key.key, {**key.public.members()})  # what is private is asked of the key alone


def _thumbprint(x: str, y: str) -> str:
    members = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    return base64url(hashlib.sha256(strict_json.canonical(members)).digest())


def _number(text: object) -> int:
    """A coordinate: 32 bytes in base64url (RFC 7518, section 6.2.1.2), else ``ValueError``."""
    try:
        data = urlsafe_b64decode(str(text) + "=")
    except (Base64Error, ValueError):
        data = b""
    if len(data) != _COORDINATE_BYTES or base64url(data) != text:
        raise ValueError("a coordinate is not 32 bytes in base64url")
    return int.from_bytes(data)
