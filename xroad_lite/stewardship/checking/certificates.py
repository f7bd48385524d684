"""Checks the certificates that lie in a source: that they parse, are in date, and hold no key.

Does not check chains: who speaks for whom is checked where it is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from xroad_lite.errors import KeysError
from xroad_lite.keys import read_any_certificate, read_certificates
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import INSTANCE, Reading

SOON_SECONDS: Final = 30 * 86_400
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


def check_certificates(reading: Reading) -> Iterator[Finding]:
    """Authorities that the instance names, all other certificates, and keys that lie about."""
    authorities = set(reading.instance.authorities) if reading.instance else set()
    for path, data in reading.files.items():
        if _KEY in data and b"-----BEGIN " in data:
            yield Finding(
                path,
                "registry.private_key",
                "a private key lies in the source: whoever reads it can sign with it",
                hint="remove it from the history too, and revoke its certificate",
                near="PRIVATE KEY-----",
            )
        if path in authorities or _BEGIN in data:
            yield from _in_file(path, data, reading.now, authority=path in authorities)


def check_authorities(reading: Reading) -> Iterator[Finding]:
    """That each named file is there."""
    if reading.instance is None:
        return
    for name in ("authorities", "intermediates"):
        for index, path in enumerate(getattr(reading.instance, name)):
            if path not in reading.files:
                yield Finding(
                    INSTANCE,
                    "registry.missing_file",
                    f"{name}: there is no {path[:120]} in the source",
                    hint="put the PEM file there, or take the line out",
                    at=(name, index),
                )


def _in_file(path: str, data: bytes, now: float, *, authority: bool) -> Iterator[Finding]:
    try:
        certificates = [read_any_certificate(der) for der in read_certificates(data)]
    except KeysError as error:
        yield Finding(path, error.code, error.message, hint="expected PEM, as openssl x509 writes")
        return
    for number, certificate in enumerate(certificates):
        line = _line(data, number)
        yield from _dates(path, line, certificate, now)
        if authority and not _is_authority(certificate):
            yield Finding(
                path,
                "registry.no_authority",
                f"{_name(certificate)} may not issue certificates (basicConstraints without CA)",
                "warning",
                line=line,
                column=1,
            )


def _dates(path: str, line: int, one: x509.Certificate, now: float) -> Iterator[Finding]:
    begins, ends = one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()
    name = _name(one)
    if ends <= now:
        message = f"{name} expired on {_day(ends)}"
        yield Finding(path, "registry.expired", message, hint=_RENEW, line=line, column=1)
    elif ends <= now + SOON_SECONDS:
        message = f"{name} expires on {_day(ends)}, in {(ends - now) / 86_400:.0f} days"
        yield Finding(
            path, "registry.expires_soon", message, "warning", hint=_RENEW, line=line, column=1
        )
    if begins > now:
        message = f"{name} is valid from {_day(begins)} only"
        yield Finding(path, "registry.not_yet_valid", message, "warning", line=line, column=1)


_RENEW: Final = "put its successor beside it, and take it out when nothing is signed under it"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _name(certificate: x509.Certificate) -> str:
    try:
        return f"the certificate of {certificate.subject.rfc4514_string()[:80]!r}"
    except ValueError:
        return "a certificate"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _line(data: bytes, number: int) -> int:
    """The line on which the certificate with this number begins."""
    offset = -1
    for _ in range(number + 1):
        offset = data.find(_BEGIN, offset + 1)
    return data.count(b"\n", 0, max(offset, 0)) + 1
