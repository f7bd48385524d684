"""Keys on P-256 that bodies are encrypted to and opened with; does not know whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from xroad_lite.errors import EncryptionError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

MEMBERS = ("kty", "crv", "x", "y")
"""The members of a public key's JWK."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 key to encrypt to; ``kid`` is its JWK thumbprint (RFC 7638)."""

    kid: str
    jwk: ECKey = field(repr=False, compare=False)

    @classmethod
    def read(cls, members: Mapping[str, str]) -> PublicKey:
        """From a public JWK's ``kty``, ``crv``, ``x``, ``y``; ``EncryptionError`` if it is none."""
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        wanted: dict[str, str | list[str]] = {name: members.get(name, "") for name in MEMBERS}
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

    def members(self) -> dict[str, str]:
        """The public JWK's members, as a registry lists them."""
        found = self.jwk.as_dict(private=False)
        return {name: str(found[name]) for name in MEMBERS}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The private key that opens what was encrypted to its public one."""

    public: PublicKey
    jwk: ECKey = field(repr=False, compare=False)

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
        from joserfc.jwk import ECKey

        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise EncryptionError("encryption.key", "got another kind of key: expected EC, P-256")
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
