"""Certificates as any authority may make them, good and bad; holds no test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509.oid import NameOID

NOW = 1_790_000_000
_EDWARDS = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


def named(text: str | x509.Name) -> x509.Name:
    """A name with one common name."""
    if isinstance(text, x509.Name):
        return text
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*allowed: str) -> x509.KeyUsage:
    """A key usage that allows these bits alone."""
    bits = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{bit: bit in allowed for bit in bits})


def made(
    subject: str | x509.Name,
    issuer: str | x509.Name,
    public: Any,
    key: Any,
    *,
    ca: bool | None = False,
    length: int | None = None,
    bits: tuple[str, ...] | None = None,
    starts: float = NOW - 300,
    days: float = 100.0,
    digest: Any = None,
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> bytes:
    """One certificate in DER; ``ca`` None leaves basic constraints out, ``bits`` () the usage."""
    begins = datetime.fromtimestamp(starts, UTC)
    builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer))
    builder = builder.public_key(public).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=length if ca else None)
        builder = builder.add_extension(constraints, critical=True)
    if bits is None:
        bits = ("key_cert_sign", "crl_sign") if ca else ("digital_signature",)
    if bits:
        builder = builder.add_extension(usage(*bits), critical=True)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    chosen = None if isinstance(key, _EDWARDS) else digest or hashes.SHA256()
    return builder.sign(key, chosen).public_bytes(serialization.Encoding.DER)


def p256() -> ec.EllipticCurvePrivateKey:
    """A fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def revocation_list(
    issuer: str,
    key: Any,
    *serials: int,
    at: float = NOW - 60,
    since: float | None = None,
    next_update: float = NOW + 86_400,
    reason: x509.ReasonFlags | None = x509.ReasonFlags.key_compromise,
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    entry: tuple[x509.ExtensionType, bool] | None = None,
    digest: Any = None,
) -> bytes:
    """A list (CRL) in DER that revokes these serial numbers."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(named(issuer))
    builder = builder.last_update(datetime.fromtimestamp(min(at, next_update - 1), UTC))
    builder = builder.next_update(datetime.fromtimestamp(next_update, UTC))
    for serial in serials:
        one = x509.RevokedCertificateBuilder().serial_number(serial)
        one = one.revocation_date(datetime.fromtimestamp(at, UTC))
        if since is not None:
            one = one.add_extension(x509.InvalidityDate(datetime.fromtimestamp(since, UTC)), False)
        if reason is not None:
            one = one.add_extension(x509.CRLReason(reason), False)
        if entry is not None:
            one = one.add_extension(*entry)
        builder = builder.add_revoked_certificate(one.build())
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    chosen = None if isinstance(key, _EDWARDS) else digest or hashes.SHA256()
    return builder.sign(key, chosen).public_bytes(serialization.Encoding.DER)
