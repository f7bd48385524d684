"""Compact JWS with their certificates, in the one strict form that seals and approvals share.

Does not know what is signed, or who may sign it. The form follows JAdES baseline B-B (ETSI TS
119 182-1): exactly five header fields, strict base64url, the lower s, and the algorithm of the key.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from xroad_lite import strict_json
from xroad_lite.envelope.attributes import read_object
from xroad_lite.errors import KeysError, SealError
from xroad_lite.keys import (
    P256_ORDER,
    Certificate,
    Signer,
    base64url,
    read_certificate,
)

MAX_CERTIFICATES = 5
ALGORITHMS = ("ES256", "EdDSA")
_YEAR_10000 = 253_402_300_800
_HEADER = ("typ", "alg", "x5t#S256", "x5c", "iat")


class Kind(NamedTuple):
    """What a JWS is: its ``typ``, the word for it in errors, and how many bytes it may have."""

    typ: str
    word: str
    limit: int


SEAL = Kind("xroad-lite-seal+jws", "seal", 16_384)
APPROVAL = Kind("xroad-lite-agreement+jws", "approval", 16_384)
"""A party's, over the exact bytes of an agreement's file, which it does not carry."""


@dataclass(frozen=True, slots=True)
class JWS:
    """A JWS that has the right form. Whether its signature holds is ``verify``'s to say."""

    token: bytes = field(repr=False)
    algorithm: str
    certificate: Certificate
    chain: tuple[bytes, ...] = field(repr=False)
    issued_at: int
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


class Signed(Protocol):
    """Whatever carries a signature with its certificate."""

    @property
    def certificate(self) -> Certificate: ...  # noqa: D102
    @property
    def signature(self) -> bytes: ...  # noqa: D102
    @property
    def signing_input(self) -> bytes: ...  # noqa: D102


def verify(signed: Signed) -> None:
    """``SealError`` unless the signature is by the key of its own certificate."""
    if not signed.certificate.verifies(signed.signature, signed.signing_input):
        raise SealError(
            "envelope.signature_invalid",
            "the signature is not by the certificate's key over these bytes: "
            "they were changed, or another key signed",
        )


def sign(payload: bytes, signer: Signer, kind: Kind, *, issued_at: int) -> JWS:
    """Sign ``payload``; ``issued_at`` is Unix seconds. ``SealError`` if it would be too large."""
    header = b'%s,"iat":%d}' % (_header_prefix(kind.typ, signer.algorithm, signer.chain), issued_at)
    signing_input = b"%s.%s" % (encode(header), encode(payload))
    signature = signer.sign(signing_input)
    token = b"%s.%s" % (signing_input, encode(signature))
    check_size(len(token), kind)
    return JWS(
        token=token,
        algorithm=signer.algorithm,
        certificate=read_certificate(signer.chain[0]),
        chain=signer.chain,
        issued_at=issued_at,
        payload=payload,
        signing_input=signing_input,
        signature=signature,
    )


def size_of(payload: int, signer: Signer, kind: Kind) -> int:
    """About how many bytes, and not fewer, ``sign`` would give for a payload of so many."""
    header = len(_header_prefix(kind.typ, signer.algorithm, signer.chain)) + 20
    return (header + payload) * 4 // 3 + 96


def read(token: bytes | str, kind: Kind) -> JWS:
    """Read a JWS strictly, without verifying its signature (RFC 7515; ETSI TS 119 182-1, 5).

    Strict base64url, no repeated JSON keys, allow-listed header, ``crit`` refused (this profile has
    no extension that could be critical), ``x5t#S256`` is the digest of ``x5c[0]``, the algorithm
    fits its key, s is the lower one. Any input raises ``SealError`` and nothing else.
    """
    data = _as_bytes(token, kind)
    parts = data.split(b".")
    if len(parts) != 3:
        raise SealError(
            "envelope.malformed", f"got {len(parts)} parts: expected header.payload.signature"
        )
    header_bytes = decode(parts[0], "header")
    header = read_object(header_bytes, "header")
    chain = _read_header(header, kind)
    if any(quoted(der).encode() not in header_bytes for der in chain):
        raise SealError("envelope.certificate", "a certificate in x5c is written with JSON escapes")
    certificate = _read_certificate(chain[0])
    if header["x5t#S256"] != certificate.thumbprint:
        raise SealError(
            "envelope.thumbprint", "x5t#S256 is not the SHA-256 of the first certificate in x5c"
        )
    if header["alg"] != certificate.algorithm:
        raise SealError(
            "envelope.algorithm",
            f"got alg {header['alg']} with a certificate whose key is for {certificate.algorithm}",
        )
    return JWS(
        token=data,
        algorithm=header["alg"],
        certificate=certificate,
        chain=chain,
        issued_at=header["iat"],
        payload=decode(parts[1], "payload"),
        signing_input=data[: len(parts[0]) + 1 + len(parts[1])],
        signature=_read_signature(decode(parts[2], "signature"), header["alg"]),
    )


def sign_detached(data: bytes, signer: Signer, kind: Kind, *, issued_at: int) -> bytes:
    """``header..signature`` over ``data``, which goes beside it (RFC 7515, appendix F)."""
    unlimited = kind._replace(limit=len(data) * 2 + kind.limit)
    header, _, signature = sign(data, signer, unlimited, issued_at=issued_at).token.split(b".")
    token = b"%s..%s" % (header, signature)
    check_size(len(token), kind)
    return token


def read_detached(token: bytes, data: bytes, kind: Kind) -> JWS:
    """Read a detached JWS over ``data``, without verifying its signature; raises ``SealError``."""
    _as_bytes(token, kind)
    header, dots, signature = token.partition(b"..")
    if not dots or not data:
        raise SealError("envelope.malformed", "expected header..signature over some data")
    whole = b"%s.%s.%s" % (header, encode(data), signature)
    return read(whole, kind._replace(limit=len(whole)))


def check_size(size: int, kind: Kind) -> None:
    """``SealError`` if a JWS would be too large."""
    if size > kind.limit:
        raise SealError(
            "envelope.too_large", f"the {kind.word} would be {size} bytes: at most {kind.limit}"
        )


def digest(data: bytes) -> str:
    """SHA-256, base64url."""
    return base64url(hashlib.sha256(data).digest())


def quoted(der: bytes) -> str:
    """A certificate as it stands in ``x5c``."""
    return f'"{b64encode(der).decode()}"'


def _as_bytes(token: bytes | str, kind: Kind) -> bytes:
    if not isinstance(token, bytes | str):
        raise TypeError(f"a {kind.word} is bytes or str, got {type(token).__name__}")
    if len(token) > kind.limit:
        raise SealError(
            "envelope.too_large",
            f"got a {kind.word} of {len(token)} bytes: at most {kind.limit}",
        )
    if isinstance(token, bytes):
        return token
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise SealError(
            "envelope.malformed", f"a {kind.word} is ASCII: got other characters"
        ) from None


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515, section 2)."""
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=")


def decode(text: bytes, part: str) -> bytes:
    """Strict base64url, or ``SealError`` naming the ``part``."""
    try:
        data = a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        data = b""
    if not data or encode(data) != text:
        raise SealError(
            "envelope.malformed",
            f"the {part} is not base64url without padding and stray bits (RFC 7515, section 2)",
        )
    return data


def _read_header(header: dict[str, Any], kind: Kind) -> tuple[bytes, ...]:
    if "crit" in header:
        raise SealError(
            "envelope.critical", f"crit asks for {header['crit']!r:.80}: this profile has none"
        )
    if set(header) != set(_HEADER):
        raise SealError(
            "envelope.header",
            f"got the header fields {sorted(header)!r:.200}: expected exactly {list(_HEADER)}",
        )
    if header["typ"] != kind.typ:
        raise SealError("envelope.type", f"got typ {header['typ']!r:.80}: expected {kind.typ!r}")
    if header["alg"] not in ALGORITHMS:
        raise SealError(
            "envelope.algorithm", f"got alg {header['alg']!r:.80}: expected one of {ALGORITHMS}"
        )
    issued_at = header["iat"]
    if type(issued_at) is not int or not 0 <= issued_at < _YEAR_10000:
        raise SealError("envelope.header", f"got iat {issued_at!r:.80}: expected Unix seconds")
    x5c = header["x5c"]
    if not isinstance(x5c, list) or not 0 < len(x5c) <= MAX_CERTIFICATES:
        raise SealError("envelope.header", f"x5c is not a list of 1 to {MAX_CERTIFICATES} texts")
    return tuple(_read_x5c(one) for one in x5c)


@lru_cache(maxsize=4096)
def _read_x5c_text(text: str) -> bytes:
    try:
        der = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        der = b""
    if not der or b64encode(der).decode() != text:
        raise SealError("envelope.certificate", "a certificate in x5c is not standard base64")
    return der


def _read_x5c(text: object) -> bytes:
    if not isinstance(text, str):
        raise SealError("envelope.certificate", "a certificate in x5c is not a text")
    return _read_x5c_text(text)


def _read_certificate(der: bytes) -> Certificate:
    try:
        return read_certificate(der)
    except KeysError as error:
        raise SealError("envelope.certificate", error.message, hint=error.hint) from None


def _read_signature(signature: bytes, algorithm: str) -> bytes:
    if len(signature) != 64:
        raise SealError(
            "envelope.malformed", f"got a signature of {len(signature)} bytes: expected 64"
        )
    if algorithm == "ES256" and int.from_bytes(signature[32:], "big") > P256_ORDER // 2:
        raise SealError("envelope.high_s", "got the higher of the two s: (r, n-s) would verify too")
    return signature


@lru_cache(maxsize=64)
def _header_prefix(typ: str, algorithm: str, chain: tuple[bytes, ...]) -> bytes:
    header = {
        "typ": typ,
        "alg": algorithm,
        "x5t#S256": read_certificate(chain[0]).thumbprint,
        "x5c": [b64encode(der).decode() for der in chain],
    }
    return strict_json.dumps(header)[:-1]
