"""The authority of an instance, for members who have none: it certifies keys of subsystems.

One root that issues directly, its key in a file or in a token (PKCS#11). Institutions may bring
certificates of any other authority that the registry trusts. Does not keep what it issued:
``register`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    KeySigner,
    PublicKey,
    Revoked,
    Secret,
    algorithm_of,
    open_key,
    read_certificate,
    write_private,
)
from xroad_lite.keys.requests import alternative_name, subject_of
from xroad_lite.keys.signers import generate, key_pem

_CA_DAYS, _LEAF_DAYS = 3650, 730
_BACKDATED = timedelta(minutes=5)
_FILES = ("authority.key.pem", "authority.pem")
_ADDRESS = "authority.key"
"""In an authority's folder, the address of a key that lies elsewhere: ``pkcs11:…``."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A subsystem's key with the certificate that an authority gave it."""

    signer: KeySigner
    sha256: str
    """The digest that the registry lists, in hexadecimal."""

    def write(self, folder: Path, *, passphrase: bytes | None = None) -> None:
        """Write ``key.pem`` (mode 0600, encrypted under ``passphrase`` if given) and the chain."""
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / "key.pem", key_pem(self.signer.key, passphrase))
        certificates = [x509.load_der_x509_certificate(der) for der in self.signer.chain]
        pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
        (folder / "certificates.pem").write_bytes(pem)


class Authority:
    """A root that issues leaf certificates directly."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def create(
        cls, name: str, *, now: float, key: ec.EllipticCurvePrivateKey | None = None
    ) -> Self:
        """A new authority, valid from ``now`` (Unix seconds) for ten years.

        Its P-256 key is ``key``, which may be a token's, or made.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        builder = _certificate(subject, subject, key.public_key(), now, _CA_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(ca=True), True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @classmethod
    def read(cls, folder: Path, *, passphrase: Secret = None) -> Self:
        """Read an authority that ``write`` wrote; ``KeysError`` if there is none."""
        try:
            key = open_key(_address(folder), passphrase=passphrase)
            certificate = x509.load_pem_x509_certificate((folder / _FILES[1]).read_bytes())
        except (KeysError, OSError, ValueError) as error:
            raise KeysError(
                "keys.authority",
                f"there is no usable authority in {folder}: {error}",
                hint="make one with: xroad-lite ca new FOLDER",
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeysError("keys.authority", f"the authority in {folder} has no P-256 key")
        return cls(key, certificate)

    @property
    def pem(self) -> bytes:
        """The root certificate, for the registry's ``authorities``."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def write(
        self, folder: Path, *, passphrase: bytes | None = None, address: str | None = None
    ) -> None:
        """Write key (mode 0600) and certificate; refuses to overwrite.

        Of a key in a token only its ``address`` is written, which holds no PIN.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if any((folder / one).exists() for one in (*_FILES, _ADDRESS)):
            raise KeysError("keys.authority", f"{folder} holds an authority already")
        if address is None:
            write_private(folder / _FILES[0], key_pem(self._key, passphrase))
        else:
            (folder / _ADDRESS).write_text(f"{address}\n")
        (folder / _FILES[1]).write_bytes(self.pem)

    def issue(
        self,
        subsystem: SubsystemId,
        *,
        now: float,
        algorithm: str = "ES256",
        days: float = _LEAF_DAYS,
    ) -> Identity:
        """A new key and certificate for a subsystem; ``algorithm`` is ES256 or EdDSA."""
        key = generate(algorithm)
        der = self.certify(key.public_key(), subsystem, now=now, days=days)
        return Identity(KeySigner(key, (der,), algorithm_of(key)), read_certificate(der).sha256)

    def certify(
        self, key: PublicKey, subsystem: SubsystemId, *, now: float, days: float = _LEAF_DAYS
    ) -> bytes:
        """A certificate in DER for a key that somebody else has; it ends with this authority."""
        issuer = self._certificate.subject
        ends = self._certificate.not_valid_after_utc.timestamp()
        days = min(days, (ends - now) / 86_400)
        if days <= 0:
            raise KeysError(
                "keys.authority",
                f"the authority ended at {self._certificate.not_valid_after_utc:%Y-%m-%d}",
                hint="make another with: xroad-lite ca new, and let the registry trust both",
            )
        builder = _certificate(subject_of(subsystem), issuer, key, now, days)
        builder = builder.add_extension(alternative_name(subsystem), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(ca=False), True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def revocation_list(
        self, revoked: Iterable[tuple[int, Revoked]], *, number: int, now: float, days: float
    ) -> bytes:
        """A list (CRL) in PEM of revoked serial numbers, good for ``days`` from ``now``."""
        begins = datetime.fromtimestamp(now, UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._certificate.subject)
        builder = builder.last_update(begins).next_update(begins + timedelta(days=days))
        builder = builder.add_extension(x509.CRLNumber(number), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        for serial, one in revoked:
            builder = builder.add_revoked_certificate(_entry(serial, one))
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _entry(serial: int, revoked: Revoked) -> x509.RevokedCertificate:
    at, since = (datetime.fromtimestamp(one, UTC) for one in revoked[:2])
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
    if since < at:
        builder = builder.add_extension(x509.InvalidityDate(since), False)
    if revoked.by:
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(revoked.by)), False)
    return builder.build()


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    now: float,
    days: float,
) -> x509.CertificateBuilder:
    starts = datetime.fromtimestamp(now, UTC) - _BACKDATED
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(starts).not_valid_after(starts + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _address(folder: Path) -> str:
    elsewhere = folder / _ADDRESS
    return elsewhere.read_text().strip() if elsewhere.exists() else f"file:{folder / _FILES[0]}"
