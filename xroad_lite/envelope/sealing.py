"""The seal: a compact JWS over a message's CloudEvents attributes and its body's salted digest.

Does not decide who may sign, what is fresh or what is allowed: ``exchange`` does. The form follows
JAdES baseline B-B (ETSI TS 119 182-1) and is final; docs/formats.md describes it for other tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from xroad_lite import strict_json
from xroad_lite.envelope import jws
from xroad_lite.envelope.attributes import (
    Attributes,
    attributes_of,
    check_values,
    read_attributes,
)
from xroad_lite.envelope.encoding import encode
from xroad_lite.envelope.header import lengthened
from xroad_lite.errors import SealError
from xroad_lite.keys import Certificate, Signer
from xroad_lite.randomness import FRESH_BYTES, fresh_bytes

SEAL_TYPE = jws.SEAL.typ
MAX_SEAL_BYTES = jws.SEAL.limit
RECEIPT_TYPE = "xroad.receipt"
"""The type of messages that are receipts: their seals have a ``typ`` of their own."""
SALT_BYTES = FRESH_BYTES
_ANY_DIGEST = "0" * 43
_MOST_BYTES, _MOST_AROUND = 4, 32
"""Of a character of a value as JSON, and of a name with what stands around it."""


class Seal(NamedTuple):
    """A seal that has the right form. Whether its signature holds is ``verify_seal``'s to say."""

    signed: jws.JWS
    attributes: Attributes

    @property
    def token(self) -> bytes:
        """As it travels."""
        return self.signed.token

    @property
    def algorithm(self) -> str:
        """JOSE's name: ES256 or EdDSA."""
        return self.signed.header.algorithm

    @property
    def certificate(self) -> Certificate:
        """The one whose key is said to have signed."""
        return self.signed.header.certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates: the signing one first, then intermediates."""
        return self.signed.header.chain

    @property
    def issued_at(self) -> int:
        """When it was sealed, Unix seconds."""
        return self.signed.header.issued_at

    @property
    def signing_input(self) -> bytes:
        """What is signed: header and payload, encoded."""
        return self.signed.signing_input

    @property
    def signature(self) -> bytes:
        """64 bytes."""
        return self.signed.signature

    @property
    def identity(self) -> str:
        """SHA-256 of the signing input, base64url: two seals are one if these are equal."""
        return jws.digest(self.signed.signing_input)


class Sealed(NamedTuple):
    """What travels: the seal, the salt that goes with the body, and the body as it is sent."""

    seal: bytes
    salt: bytes
    body: bytes
    opened: Seal
    """The same seal, read."""


def seal(
    attributes: Attributes,
    body: bytes,
    signer: Signer,
    *,
    issued_at: int,
    salt: bytes | None = None,
) -> Sealed:
    """Seal ``body`` under ``attributes``, whose ``datahash`` is filled in here.

    ``issued_at`` is Unix seconds; ``salt`` 32 bytes, drawn here when left out. Raises ``SealError``
    when an attribute has not its form or the seal would be larger than 16 KiB.
    """
    values = attributes.to_dict()
    check_values(values | {"datahash": _ANY_DIGEST})
    salt = fresh_bytes() if salt is None else salt
    return _seal_all([(values, salt, body)], signer, issued_at)[0]


def seal_all(
    contents: Iterable[tuple[dict[str, str], bytes]], signer: Signer, *, issued_at: int
) -> list[Sealed]:
    """As ``seal``, of many bodies under attributes by name that ``check_sealable`` has passed.

    The seals have them in the order in which they are given. All are signed together: ``jws``.
    """
    return _seal_all(
        [(values, fresh_bytes(), body) for values, body in contents], signer, issued_at
    )


def _seal_all(
    contents: list[tuple[dict[str, str], bytes, bytes]], signer: Signer, issued_at: int
) -> list[Sealed]:
    complete = [values | {"datahash": data_hash(salt, body)} for values, salt, body in contents]
    payloads = [(strict_json.dumps(values), _kind(values["type"])) for values in complete]
    return [
        Sealed(signed.token, salt, body, Seal(signed, attributes_of(values)))
        for signed, values, (_, salt, body) in zip(
            jws.sign_all(payloads, signer, issued_at=issued_at), complete, contents, strict=True
        )
    ]


def check_sealable(values: dict[str, str], signer: Signer) -> None:
    """Refuse with ``SealError`` what ``seal`` would refuse, without drawing on the key."""
    check_values(values)
    kind = _kind(values["type"])
    at_most = sum(map(len, values.values())) * _MOST_BYTES + len(values) * _MOST_AROUND
    if jws.size_of(at_most, signer, kind) > kind.limit:
        jws.check_size(jws.size_of(len(strict_json.dumps(values)), signer, kind), kind)


def open_seal(token: bytes | str) -> Seal:
    """Read a seal and verify its signature by the certificate that it carries.

    Checks 1 (form) and 4 (signature) of the nine. It proves that whoever holds that certificate's
    key sealed these attributes, not that the certificate may speak for ``source``. Any input raises
    ``SealError`` and nothing else.
    """
    opened = parse_seal(token)
    verify_seal(opened)
    return opened


def read_seals(tokens: Iterable[bytes]) -> dict[bytes, tuple[Seal, bool]]:
    """Those of many that ``parse_seal`` would read, by token, and whether ``verify_seal`` passes.

    All are read, then all verified: what verifying needs stays in the processor's cache.
    """
    read = {}
    for token in tokens:
        with suppress(SealError):
            read[token] = parse_seal(token)
    return {token: (opened, jws.holds(opened.signed)) for token, opened in read.items()}


def parse_seal(token: bytes | str) -> Seal:
    """Check 1: read a seal strictly (``jws.read``), without verifying its signature."""
    return seal_of(jws.read(token, jws.SEAL, jws.RECEIPT))


def seal_of(signed: jws.JWS) -> Seal:
    """The seal that a JWS of one of its two types is; ``SealError`` if its payload is not one's."""
    attributes = read_attributes(signed.payload)
    if signed.header.typ != _kind(attributes.type).typ:
        raise SealError(
            "envelope.type",
            f"got typ {signed.header.typ!r} over a message of type {attributes.type}: a receipt "
            "is no message, and a message no receipt",
        )
    return Seal(signed, attributes)


def _kind(type_: str) -> jws.Kind:
    return jws.RECEIPT if type_ == RECEIPT_TYPE else jws.SEAL


def verify_seal(opened: Seal, known: bool | None = None) -> None:
    """Check 4: the signature is by the key of the seal's own certificate, else ``SealError``.

    What ``read_seals`` said before may be ``known``.
    """
    jws.verify(opened.signed, known)


def data_hash(salt: bytes, body: bytes) -> str:
    """``datahash``: SHA-256 of the 32-byte salt and the bytes on the wire, base64url."""
    if len(salt) != SALT_BYTES:
        raise SealError("envelope.salt", f"got a salt of {len(salt)} bytes: expected {SALT_BYTES}")
    return jws.digest(salt + body)


def verify_body(opened: Seal, salt: bytes, body: bytes) -> None:
    """Check 7: the body is the one that was sealed, else ``SealError``."""
    if data_hash(salt, body) != opened.attributes.datahash:
        raise SealError(
            "envelope.digest",
            "the body (or its salt) is not the one that was sealed: it was changed on the way",
        )


def without_certificates(opened: Seal) -> tuple[str, str, str]:
    """The seal as header, payload and signature texts, certificates replaced by their digests.

    For the log, which keeps each certificate once. ``with_certificates`` gives the very bytes back.
    """
    signed = opened.signed
    signature = signed.token[len(signed.signing_input) + 1 :]
    return signed.header.short, signed.payload.decode(), signature.decode()


def with_certificates(
    header: str, payload: str, signature: str, certificates: Mapping[str, bytes]
) -> bytes:
    """The seal's bytes again, from texts of ``without_certificates`` and DER bytes by digest."""
    parts = encode(lengthened(header, certificates).encode()), encode(payload.encode())
    return b".".join((*parts, signature.encode()))
