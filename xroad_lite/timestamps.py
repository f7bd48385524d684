"""Time-stamp requests built, and the tokens of authorities verified (RFC 3161, RFC 5816).

Does no network: who asks an authority, how often and which next, is the node's. A token is what
openssl calls one: the CMS ``TimeStampToken``, without the answer around it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from xroad_lite.errors import TimestampError
from xroad_lite.keys import read_any_certificate

MAX_TOKEN_BYTES = 48_000
"""Beyond it a token does not fit the log entry that keeps it."""

_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_GRANTED = bytes.fromhex("3003020100")
_STATUS = ("granted", "granted with changes", "rejected", "waiting", "revocation near", "revoked")


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a stamp over ``digest`` (SHA-256), to be sent by HTTP POST.

    ``der`` goes out as ``application/timestamp-query``; the answer must carry ``nonce`` back.
    """

    der: bytes = field(repr=False)
    digest: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token proves: that its data existed at ``time``, by an authority's word."""

    time: float
    """Unix seconds."""
    accuracy: float | None
    """Seconds to either side; None when the authority states none."""
    authority: bytes = field(repr=False)
    """The stamping certificate, DER."""
    serial: int
    policy: str


class Authorities:
    """The roots of the time-stamping authorities that are trusted."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        self._roots = [read_any_certificate(der) for der in roots]

    def verify(self, token: bytes, data: bytes) -> Stamp:
        """Verify a token over ``data``: signature, chain at the stamped time, purpose, imprint.

        Raises ``TimestampError`` and nothing else. Whether the certificate was revoked is for the
        revocation lists beside the token to say.
        """
        return self._verify(_wrapped(token), hashlib.sha256(data).digest(), None)

    def read_answer(self, answer: bytes, request: Request) -> tuple[bytes, Stamp]:
        """The token in an authority's answer, verified against the request, and what it proves."""
        response = _decoded(answer)
        if response.status != 0:
            words = "; ".join(response.status_string) or "no reason given"
            status = _STATUS[response.status] if 0 <= response.status < len(_STATUS) else "unknown"
            raise TimestampError(
                "timestamp.refused", f"the authority's answer is {status!r}: {words:.200}"
            )
        stamp = self._verify(response, request.digest, request.nonce)
        return bytes(response.time_stamp_token()), stamp

    def _verify(self, response: TimeStampResponse, digest: bytes, nonce: int | None) -> Stamp:
        if not self._roots:
            raise TimestampError(
                "timestamp.no_authority",
                "no time-stamping authority is trusted here",
                hint="list its certificate under timestamping: in instance.yaml",
            )
        try:
            info = response.tst_info
            _check_imprint(
                info.message_imprint.hash_algorithm, info.message_imprint.message, digest
            )
            verifier = VerifierBuilder(roots=self._roots, nonce=nonce).build()
            verifier.verify(response, digest)
            return Stamp(
                info.gen_time.timestamp(),
                _seconds(info.accuracy),
                _signer(response),
                info.serial_number,
                info.policy.dotted_string,
            )
        except (VerificationError, ValueError, TypeError, OverflowError) as error:
            raise TimestampError("timestamp.invalid", f"the token does not hold: {error}") from None


def request(data: bytes) -> Request:
    """A request for a stamp over ``data``, with a fresh nonce, asking for the certificates."""
    built = (
        TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    )
    assert built.nonce is not None
    return Request(built.as_bytes(), hashlib.sha256(data).digest(), built.nonce)


def certificates(token: bytes) -> tuple[bytes, ...]:
    """The certificates in a token, DER, the stamping one first; ``TimestampError`` if malformed."""
    response = _wrapped(token)
    try:
        signer = _signer(response)
    except ValueError as error:
        raise TimestampError("timestamp.malformed", str(error)) from None
    return (signer, *sorted(response.signed_data.certificates - {signer}))


def _check_imprint(algorithm: x509.ObjectIdentifier, imprint: bytes, digest: bytes) -> None:
    if algorithm != _SHA256:
        raise TimestampError(
            "timestamp.algorithm",
            f"the token's digest is by {algorithm.dotted_string}: expected SHA-256",
        )
    if not hmac.compare_digest(imprint, digest):
        raise TimestampError("timestamp.other_data", "the token is over other data than this")


def _decoded(answer: bytes) -> TimeStampResponse:
    if len(answer) > MAX_TOKEN_BYTES:
        raise TimestampError(
            "timestamp.too_large", f"got {len(answer)} bytes: expected at most {MAX_TOKEN_BYTES}"
        )
    try:
        response = decode_timestamp_response(answer)
        if response.status == 0:
            _ = response.tst_info, response.signed_data
    except (ValueError, TypeError) as error:
        raise TimestampError(
            "timestamp.malformed", f"this is no time-stamp answer or token: {error}"
        ) from None
    return response


def _wrapped(token: bytes) -> TimeStampResponse:
    """The token as the answer in which it came: ``SEQUENCE { status granted, token }``."""
    content = _GRANTED + token
    return _decoded(b"\x30" + _der_length(len(content)) + content)


def _der_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _signer(response: TimeStampResponse) -> bytes:
    """The certificate that the signer names, which the verifier found among those of the token."""
    (signer,) = response.signed_data.signer_infos
    for der in sorted(response.signed_data.certificates):
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
            return der
    raise ValueError("the stamping certificate is not in the token")


def _seconds(accuracy: object) -> float | None:
    parts = [getattr(accuracy, name, None) for name in ("seconds", "millis", "micros")]
    if accuracy is None or not any(parts):
        return None
    seconds, millis, micros = (part or 0 for part in parts)
    return float(seconds + millis / 1000 + micros / 1_000_000)
