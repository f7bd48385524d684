"""The protected header of a JWS: who signs, how and when; does not sign or verify.

It is alike for all seals of one certificate within one second, so what was written or read last is
remembered.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from xroad_lite import strict_json
from xroad_lite.envelope.attributes import read_object
from xroad_lite.envelope.encoding import decode, encode
from xroad_lite.errors import KeysError, SealError
from xroad_lite.keys import Certificate, read_certificate, thumbprint

MAX_CERTIFICATES = 5
ALGORITHMS = ("ES256", "EdDSA")
_YEAR_10000 = 253_402_300_800
_FIELDS = ("typ", "alg", "x5t#S256", "x5c", "iat")
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Header:
    """A protected header that has the right form."""

    typ: str
    algorithm: str
    certificate: Certificate
    chain: tuple[bytes, ...] = field(repr=False)
    issued_at: int
    short: str = field(repr=False)
    """Its JSON with each certificate replaced by its digest, as the log keeps it."""


@lru_cache(maxsize=_REMEMBERED)
def write_header(
    typ: str, algorithm: str, chain: tuple[bytes, ...], issued_at: int
) -> tuple[bytes, Header]:
    """The encoded header of what is signed at ``issued_at`` (Unix seconds), and what it says."""
    text = f"{_prefix(typ, algorithm, chain)}{issued_at}}}"
    certificate = read_certificate(chain[0])
    header = Header(typ, algorithm, certificate, chain, issued_at, _shortened(text, chain))
    return encode(text.encode()), header


@lru_cache(maxsize=_REMEMBERED)
def read_header(encoded: bytes, *typs: str) -> Header:
    """Read an encoded header, of one of these types, strictly, else ``SealError``.

    Allow-listed fields, ``crit`` refused (this profile has no extension that could be critical),
    ``x5t#S256`` is the digest of ``x5c[0]``, the algorithm fits its key (RFC 7515; ETSI TS 119
    182-1, section 5).
    """
    data = decode(encoded, "header")
    fields = read_object(data, "header")
    _check_fields(fields, typs)
    chain = _read_chain(fields["x5c"])
    if any(_quoted(der).encode() not in data for der in chain):
        raise SealError("envelope.certificate", "a certificate in x5c is written with JSON escapes")
    certificate = _read_certificate(chain[0])
    if fields["x5t#S256"] != certificate.thumbprint:
        raise SealError(
            "envelope.thumbprint", "x5t#S256 is not the SHA-256 of the first certificate in x5c"
        )
    if fields["alg"] != certificate.algorithm:
        raise SealError(
            "envelope.algorithm",
            f"got alg {fields['alg']} with a certificate whose key is for {certificate.algorithm}",
        )
    short = _shortened(data.decode(), chain)
    return Header(fields["typ"], fields["alg"], certificate, chain, fields["iat"], short)


def issued(header: Header, at: int, short: str) -> Header:
    """The header that differs from one that was read by saying ``at`` (Unix seconds) alone."""
    return Header(header.typ, header.algorithm, header.certificate, header.chain, at, short)


def certificate_digests(short: str) -> list[str]:
    """The digests that a shortened header names, in order."""
    return re.findall(r'"sha256:([A-Za-z0-9_-]{43})"', short)


def lengthened(short: str, certificates: Mapping[str, bytes]) -> str:
    """The header's JSON again, given the DER bytes of its certificates by digest."""
    for digest in certificate_digests(short):
        if digest not in certificates:
            raise SealError("envelope.certificate", f"the certificate {digest} is not at hand")
        short = short.replace(f'"sha256:{digest}"', _quoted(certificates[digest]))
    return short


def _shortened(text: str, chain: tuple[bytes, ...]) -> str:
    for der in chain:
        text = text.replace(_quoted(der), f'"sha256:{thumbprint(der)}"')
    return text


def _quoted(der: bytes) -> str:
    return f'"{b64encode(der).decode()}"'


@lru_cache(maxsize=64)
def _prefix(typ: str, algorithm: str, chain: tuple[bytes, ...]) -> str:
    header = {
        "typ": typ,
        "alg": algorithm,
        "x5t#S256": read_certificate(chain[0]).thumbprint,
        "x5c": [b64encode(der).decode() for der in chain],
    }
    return f'{strict_json.dumps(header).decode()[:-1]},"iat":'


def _check_fields(header: dict[str, Any], typs: tuple[str, ...]) -> None:
    if "crit" in header:
        raise SealError(
            "envelope.critical", f"crit asks for {header['crit']!r:.80}: this profile has none"
        )
    if set(header) != set(_FIELDS):
        raise SealError(
            "envelope.header",
            f"got the header fields {sorted(header)!r:.200}: expected exactly {list(_FIELDS)}",
        )
    if header["typ"] not in typs:
        expected = " or ".join(map(repr, typs))
        raise SealError("envelope.type", f"got typ {header['typ']!r:.80}: expected {expected}")
    if header["alg"] not in ALGORITHMS:
        raise SealError(
            "envelope.algorithm", f"got alg {header['alg']!r:.80}: expected one of {ALGORITHMS}"
        )
    issued_at = header["iat"]
    if type(issued_at) is not int or not 0 <= issued_at < _YEAR_10000:
        raise SealError("envelope.header", f"got iat {issued_at!r:.80}: expected Unix seconds")


def _read_chain(x5c: object) -> tuple[bytes, ...]:
    if not isinstance(x5c, list) or not 0 < len(x5c) <= MAX_CERTIFICATES:
        raise SealError("envelope.header", f"x5c is not a list of 1 to {MAX_CERTIFICATES} texts")
    return tuple(_read_x5c(one) for one in x5c)


def _read_x5c(text: object) -> bytes:
    if not isinstance(text, str):
        raise SealError("envelope.certificate", "a certificate in x5c is not a text")
    try:
        der = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        der = b""
    if not der or b64encode(der).decode() != text:
        raise SealError("envelope.certificate", "a certificate in x5c is not standard base64")
    return der


def _read_certificate(der: bytes) -> Certificate:
    try:
        return read_certificate(der)
    except KeysError as error:
        raise SealError("envelope.certificate", error.message, hint=error.hint) from None
