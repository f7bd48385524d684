"""Reads certificates: digest, algorithm, window and use; does not ask whom they may speak for.

A certificate that signs seals has a P-256 or an Ed25519 key; authorities may have others.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs7

from xroad_lite.errors import KeysError

MAX_CERTIFICATE_BYTES = 65_536
ES256, EDDSA = "ES256", "EdDSA"
SHA256 = ec.ECDSA(hashes.SHA256())
MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises over hostile bytes."""


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=4096)
def thumbprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER bytes, base64url (RFC 7515, section 4.1.8)."""
    return base64url(hashlib.sha256(der).digest())


@dataclass(frozen=True, slots=True)
class Certificate:
    """One parsed certificate: its bytes, digest, JOSE algorithm, and window in Unix seconds."""

    der: bytes = field(repr=False)
    thumbprint: str
    algorithm: str
    not_before: int
    not_after: int
    signs: bool
    """Whether it may sign seals: no authority, and its key usage, if it states one, allows it."""
    x509: x509.Certificate = field(repr=False, compare=False)
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal, as ``openssl x509 -fingerprint`` prints it without colons."""
        return hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature``, 64 raw bytes, is this certificate's key's over ``data``."""
        try:
            if self.algorithm == EDDSA:
                cast(ed25519.Ed25519PublicKey, self.key).verify(signature, data)
            else:
                r = int.from_bytes(signature[:32], "big")
                s = int.from_bytes(signature[32:], "big")
                key = cast(ec.EllipticCurvePublicKey, self.key)
                key.verify(encode_dss_signature(r, s), data, SHA256)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=4096)
def read_certificate(der: bytes) -> Certificate:
    """Parse one DER certificate with a P-256 or Ed25519 key; ``KeysError`` says what is wrong."""
    parsed = read_any_certificate(der)
    try:
        key = parsed.public_key()
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        signs = _may_sign(parsed)
    except MALFORMED as error:
        raise _unusable(error) from None
    algorithm = algorithm_of(key)
    assert isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)
    window = int(not_before.timestamp()), int(not_after.timestamp())
    return Certificate(der, thumbprint(der), algorithm, *window, signs, parsed, key)


@lru_cache(maxsize=4096)
def read_any_certificate(der: bytes) -> x509.Certificate:
    """Parse a DER certificate whatever its key: authorities may use others than ours."""
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise KeysError(
            "keys.certificate",
            f"a certificate of {len(der)} bytes: expected at most {MAX_CERTIFICATE_BYTES}",
        )
    try:
        return x509.load_der_x509_certificate(der)
    except MALFORMED as error:
        raise _unusable(error) from None


def _unusable(error: BaseException) -> KeysError:
    return KeysError("keys.certificate", f"not a usable X.509 certificate: {error}")


def _may_sign(certificate: x509.Certificate) -> bool:
    """RFC 5280, section 4.2.1.3: signatures over data are of either of two kinds."""
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        pass  # only authorities need it
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def algorithm_of(key: object) -> str:
    """The one JOSE algorithm that fits a key: ES256 for P-256, EdDSA for Ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return ES256
        got = f"an elliptic-curve key on {key.curve.name}"
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return EDDSA
    else:
        got = type(key).__name__.strip("_")
    raise KeysError(
        "keys.algorithm",
        f"got {got}: expected a P-256 key (ES256) or an Ed25519 key (EdDSA)",
        hint="make one with: xroad-lite keys new",
    )


def read_certificates(data: bytes) -> tuple[bytes, ...]:
    """DER certificates, in their order, from PEM text, one DER certificate, or a PKCS#7 bundle."""
    try:
        if b"-----BEGIN PKCS7-----" in data:
            found = pkcs7.load_pem_pkcs7_certificates(data)
        elif b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = _load_der(data)
    except MALFORMED as error:
        raise KeysError("keys.certificate", f"no certificates, PEM or DER: {error}") from None
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in found)


def _load_der(data: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        return pkcs7.load_der_pkcs7_certificates(data)


def to_pem(der: bytes) -> bytes:
    """PEM text of one DER certificate."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
