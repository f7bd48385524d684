"""A certification authority for one test run; holds no test."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CLIENT = "TLS.GOV.A.main"
"""The common name of the client certificate: a subsystem's name on the broker."""


def make_certificates(folder: Path) -> dict[str, Path]:
    """Write an authority, a server for loopback and a client; gives the server's files.

    The client's are ``client.pem`` and ``client.key``; ``stranger.pem`` is another authority.
    """
    folder.mkdir()
    authority, key = _authority("Authority", folder / "ca.pem")
    _authority("Stranger", folder / "stranger.pem")
    _leaf(folder / "server", "localhost", authority, key)
    _leaf(folder / "client", CLIENT, authority, key)
    return {
        "ca": folder / "ca.pem",
        "certificate": folder / "server.pem",
        "key": folder / "server.key",
    }


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _authority(name: str, path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    basic = x509.BasicConstraints(ca=True, path_length=0)
    certificate = _builder(name, name, key).add_extension(basic, True).sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _leaf(
    path: Path, name: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    issuer = authority.subject.rfc4514_string().removeprefix("CN=")
    builder = _builder(name, issuer, key).add_extension(names, False)
    certificate = builder.sign(authority_key, hashes.SHA256())
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
