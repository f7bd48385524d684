"""The seal: a compact JWS over a message's CloudEvents attributes and its body's salted digest.

Does not decide who may sign, what is fresh or what is allowed: ``exchange`` does. The form follows
JAdES baseline B-B (ETSI TS 119 182-1) and is final; docs/formats.md describes it for other tools.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from xroad_lite import strict_json
from xroad_lite.envelope.attributes import (
    Attributes,
    attributes_of,
    read_attributes,
    read_object,
)
from xroad_lite.errors import KeysError, SealError
from xroad_lite.keys import (
    P256_ORDER,
    Certificate,
    Signer,
    base64url,
    read_certificate,
    thumbprint,
)

SEAL_TYPE = "xroad-lite-seal+jws"
MAX_SEAL_BYTES = 16_384
MAX_CERTIFICATES = 5
SALT_BYTES = 32
ALGORITHMS = ("ES256", "EdDSA")
_YEAR_10000 = 253_402_300_800

_HEADER = ("typ", "alg", "x5t#S256", "x5c", "iat")


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal that has the right form. Whether its signature holds is ``verify_seal``'s to say."""

    token: bytes = field(repr=False)
    algorithm: str
    certificate: Certificate
    chain: tuple[bytes, ...] = field(repr=False)
    issued_at: int
    attributes: Attributes
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    identity: str
    """SHA-256 of the signing input, base64url: two seals are one if these are equal."""


@dataclass(frozen=True, slots=True)
class Sealed:
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
    checked: bool = False,
) -> Sealed:
    """Seal ``body`` under ``attributes``, whose ``datahash`` is filled in here.

    ``issued_at`` is Unix seconds; ``salt`` 32 bytes, drawn here when left out; ``checked`` says
    that ``check_attributes`` has passed them. Raises ``SealError`` when an attribute has not its
    form or the seal would be larger than 16 KiB.
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    complete = attributes.to_dict()
    complete["datahash"] = data_hash(salt, body)
    payload = strict_json.dumps(complete)
    sealed = attributes_of(complete) if checked else read_attributes(payload)
    header = b'%s,"iat":%d}' % (_header_prefix(signer.algorithm, signer.chain), issued_at)
    signing_input = b"%s.%s" % (_encode(header), _encode(payload))
    signature = signer.sign(signing_input)
    token = b"%s.%s" % (signing_input, _encode(signature))
    _check_size(len(token))
    opened = Seal(
        token=token,
        algorithm=signer.algorithm,
        certificate=read_certificate(signer.chain[0]),
        chain=signer.chain,
        issued_at=issued_at,
        attributes=sealed,
        signing_input=signing_input,
        signature=signature,
        identity=_digest(signing_input),
    )
    return Sealed(token, salt, body, opened)


def check_attributes(attributes: Attributes, signer: Signer) -> None:
    """Refuse with ``SealError`` what ``seal`` would refuse, without drawing on the key."""
    complete = attributes.to_dict()
    complete["datahash"] = "0" * 43
    payload = strict_json.dumps(complete)
    read_attributes(payload)
    header = len(_header_prefix(signer.algorithm, signer.chain)) + 20
    _check_size((header + len(payload)) * 4 // 3 + 96)


def open_seal(token: bytes | str) -> Seal:
    """Read a seal and verify its signature by the certificate that it carries.

    Checks 1 (form) and 4 (signature) of the nine. It proves that whoever holds that certificate's
    key sealed these attributes, not that the certificate may speak for ``source``. Any input raises
    ``SealError`` and nothing else.
    """
    opened = parse_seal(token)
    verify_seal(opened)
    return opened


def parse_seal(token: bytes | str) -> Seal:
    """Check 1: read a seal strictly, without verifying its signature.

    Strict base64url, no repeated JSON keys, allow-listed header, ``crit`` refused (this profile has
    no extension that could be critical), ``x5t#S256`` is the digest of ``x5c[0]``, the algorithm
    fits its key, s is the lower one (RFC 7515; ETSI TS 119 182-1, section 5).
    """
    data = _as_bytes(token)
    parts = data.split(b".")
    if len(parts) != 3:
        raise SealError(
            "envelope.malformed", f"got {len(parts)} parts: expected header.payload.signature"
        )
    header_bytes = _decode(parts[0], "header")
    header = read_object(header_bytes, "header")
    chain = _read_header(header)
    if any(_quoted(der).encode() not in header_bytes for der in chain):
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
    attributes = read_attributes(_decode(parts[1], "payload"))
    signature = _read_signature(_decode(parts[2], "signature"), header["alg"])
    signing_input = data[: len(parts[0]) + 1 + len(parts[1])]
    return Seal(
        token=data,
        algorithm=header["alg"],
        certificate=certificate,
        chain=chain,
        issued_at=header["iat"],
        attributes=attributes,
        signing_input=signing_input,
        signature=signature,
        identity=_digest(signing_input),
    )


def verify_seal(opened: Seal) -> None:
    """Check 4: the signature is by the key of the seal's own certificate, else ``SealError``."""
    if not opened.certificate.verifies(opened.signature, opened.signing_input):
        raise SealError(
            "envelope.signature_invalid",
            "the signature is not by the certificate's key over these bytes: "
            "header or attributes were changed, or another key signed",
        )


def data_hash(salt: bytes, body: bytes) -> str:
    """``datahash``: SHA-256 of the 32-byte salt and the bytes on the wire, base64url."""
    if len(salt) != SALT_BYTES:
        raise SealError("envelope.salt", f"got a salt of {len(salt)} bytes: expected {SALT_BYTES}")
    return _digest(salt + body)


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
    encoded = opened.token.split(b".")
    header = _decode(encoded[0], "header").decode()
    for der in opened.chain:
        header = header.replace(_quoted(der), f'"sha256:{thumbprint(der)}"')
    return header, _decode(encoded[1], "payload").decode(), encoded[2].decode()


def certificate_digests(header: str) -> list[str]:
    """The digests that a header of ``without_certificates`` names, in order."""
    return re.findall(r'"sha256:([A-Za-z0-9_-]{43})"', header)


def with_certificates(
    header: str, payload: str, signature: str, certificates: dict[str, bytes]
) -> bytes:
    """The seal's bytes again, from texts of ``without_certificates`` and DER bytes by digest."""
    for digest in certificate_digests(header):
        if digest not in certificates:
            raise SealError("envelope.certificate", f"the certificate {digest} is not at hand")
        header = header.replace(f'"sha256:{digest}"', _quoted(certificates[digest]))
    return b".".join((_encode(header.encode()), _encode(payload.encode()), signature.encode()))


def _check_size(size: int) -> None:
    if size > MAX_SEAL_BYTES:
        raise SealError(
            "envelope.too_large", f"the seal would be {size} bytes: at most {MAX_SEAL_BYTES}"
        )


def _digest(data: bytes) -> str:
    return base64url(hashlib.sha256(data).digest())


def _quoted(der: bytes) -> str:
    return f'"{b64encode(der).decode()}"'


def _as_bytes(token: bytes | str) -> bytes:
    if not isinstance(token, bytes | str):
        raise TypeError(f"a seal is bytes or str, got {type(token).__name__}")
    if len(token) > MAX_SEAL_BYTES:
        raise SealError(
            "envelope.too_large", f"got a seal of {len(token)} bytes: at most {MAX_SEAL_BYTES}"
        )
    if isinstance(token, bytes):
        return token
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise SealError("envelope.malformed", "a seal is ASCII: got other characters") from None


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def _encode(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=")


def _decode(text: bytes, part: str) -> bytes:
    try:
        data = a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        data = b""
    if not data or _encode(data) != text:
        raise SealError(
            "envelope.malformed",
            f"the {part} is not base64url without padding and stray bits (RFC 7515, section 2)",
        )
    return data


def _read_header(header: dict[str, Any]) -> tuple[bytes, ...]:
    if "crit" in header:
        raise SealError(
            "envelope.critical", f"crit asks for {header['crit']!r:.80}: this profile has none"
        )
    if set(header) != set(_HEADER):
        raise SealError(
            "envelope.header",
            f"got the header fields {sorted(header)!r:.200}: expected exactly {list(_HEADER)}",
        )
    if header["typ"] != SEAL_TYPE:
        raise SealError("envelope.type", f"got typ {header['typ']!r:.80}: expected {SEAL_TYPE!r}")
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
def _header_prefix(algorithm: str, chain: tuple[bytes, ...]) -> bytes:
    header = {
        "typ": SEAL_TYPE,
        "alg": algorithm,
        "x5t#S256": read_certificate(chain[0]).thumbprint,
        "x5c": [b64encode(der).decode() for der in chain],
    }
    return strict_json.dumps(header)[:-1]
