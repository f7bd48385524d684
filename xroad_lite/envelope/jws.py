"""Compact JWS with their certificates, in the one strict form that seals and approvals share.

Does not know what is signed, or who may sign it. The form follows JAdES baseline B-B (ETSI TS
119 182-1): exactly five header fields, strict base64url, the lower s, and the algorithm of the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from xroad_lite.envelope.encoding import decode, encode
from xroad_lite.envelope.header import Header, read_header, write_header
from xroad_lite.errors import SealError
from xroad_lite.keys import P256_ORDER, Certificate, Signer

_SIGNATURE_BYTES = 64


class Kind(NamedTuple):
    """What a JWS is: its ``typ``, the word for it in errors, and how many bytes it may have."""

    typ: str
    word: str
    limit: int


SEAL = Kind("xroad-lite-seal+jws", "seal", 16_384)
RECEIPT = Kind("xroad-lite-receipt+jws", "receipt", 16_384)
"""A recipient's, of what became of a message: sealed as a message is, and never taken for one."""
APPROVAL = Kind("xroad-lite-agreement+jws", "approval", 16_384)
"""A party's, over the exact bytes of an agreement's file, which it does not carry."""


class JWS(NamedTuple):
    """A JWS that has the right form. Whether its signature holds is ``verify``'s to say."""

    token: bytes
    header: Header
    payload: bytes
    signing_input: bytes
    signature: bytes

    @property
    def certificate(self) -> Certificate:
        """The one whose key is said to have signed."""
        return self.header.certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates: the signing one first, then intermediates."""
        return self.header.chain

    @property
    def issued_at(self) -> int:
        """When it was signed, Unix seconds."""
        return self.header.issued_at


def verify(signed: JWS, known: bool | None = None) -> None:
    """``SealError`` unless the signature is by the key of its own certificate.

    What ``holds`` said before may be ``known``.
    """
    if not (holds(signed) if known is None else known):
        raise SealError(
            "envelope.signature_invalid",
            "the signature is not by the certificate's key over these bytes: "
            "they were changed, or another key signed",
        )


def holds(signed: JWS) -> bool:
    """Whether the signature is by the key of its own certificate."""
    return signed.certificate.verifies(signed.signature, signed.signing_input)


def sign(payload: bytes, signer: Signer, kind: Kind, *, issued_at: int) -> JWS:
    """Sign ``payload``; ``issued_at`` is Unix seconds. ``SealError`` if it would be too large."""
    return sign_all([(payload, kind)], signer, issued_at=issued_at)[0]


def sign_all(
    contents: Sequence[tuple[bytes, Kind]], signer: Signer, *, issued_at: int
) -> list[JWS]:
    """As ``sign``, of many payloads, one right after the other.

    What signing needs (tables of 150 KB) stays in the processor's cache so.
    """
    heads = [
        write_header(kind.typ, signer.algorithm, signer.chain, issued_at) for _, kind in contents
    ]
    payloads = [payload for payload, _ in contents]
    inputs = [
        b"%s.%s" % (encoded, encode(payload))
        for (encoded, _), payload in zip(heads, payloads, strict=True)
    ]
    signatures = [signer.sign(one) for one in inputs]
    tokens = [
        b"%s.%s" % (signed, encode(signature))
        for signed, signature in zip(inputs, signatures, strict=True)
    ]
    for token, (_, kind) in zip(tokens, contents, strict=True):
        check_size(len(token), kind)
    headers = [header for _, header in heads]
    return [*map(JWS, tokens, headers, payloads, inputs, signatures)]


def size_of(payload: int, signer: Signer, kind: Kind) -> int:
    """About how many bytes, and not fewer, ``sign`` would give for a payload of so many."""
    header, _ = write_header(kind.typ, signer.algorithm, signer.chain, 0)
    return len(header) + payload * 4 // 3 + 112


def read(token: bytes | str, kind: Kind, *others: Kind) -> JWS:
    """Read a JWS of a kind, or of one of others, strictly (RFC 7515; ETSI TS 119 182-1, 5).

    Strict base64url, the header as ``read_header`` wants it, s is the lower one. The signature is
    not verified. Any input raises ``SealError`` and nothing else.
    """
    data = _as_bytes(token, kind)
    parts = data.split(b".")
    if len(parts) != 3:
        raise SealError(
            "envelope.malformed", f"got {len(parts)} parts: expected header.payload.signature"
        )
    header = read_header(parts[0], kind.typ, *[one.typ for one in others])
    payload = decode(parts[1], "payload")
    signature = read_signature(parts[2], header.algorithm)
    return JWS(data, header, payload, data[: len(parts[0]) + 1 + len(parts[1])], signature)


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
    return encode(hashlib.sha256(data).digest()).decode()


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


def read_signature(encoded: bytes, algorithm: str) -> bytes:
    """The 64 bytes of an encoded signature, the lower s (RFC 7515, section 5.2)."""
    signature = decode(encoded, "signature")
    if len(signature) != _SIGNATURE_BYTES:
        raise SealError(
            "envelope.malformed",
            f"got a signature of {len(signature)} bytes: expected {_SIGNATURE_BYTES}",
        )
    if algorithm == "ES256" and int.from_bytes(signature[32:], "big") > P256_ORDER // 2:
        raise SealError("envelope.high_s", "got the higher of the two s: (r, n-s) would verify too")
    return signature
