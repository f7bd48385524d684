"""The seal: a compact JWS over a message's CloudEvents attributes and its body's salted digest.

Does not decide who may sign, what is fresh or what is allowed: ``exchange`` does. The form follows
JAdES baseline B-B (ETSI TS 119 182-1) and is final; docs/formats.md describes it for other tools.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from xroad_lite import strict_json
from xroad_lite.envelope import jws
from xroad_lite.envelope.attributes import Attributes, attributes_of, read_attributes
from xroad_lite.errors import SealError
from xroad_lite.keys import Certificate, Signer, thumbprint

SEAL_TYPE = jws.SEAL.typ
MAX_SEAL_BYTES = jws.SEAL.limit
SALT_BYTES = 32


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
    signed = jws.sign(payload, signer, jws.SEAL, issued_at=issued_at)
    return Sealed(signed.token, salt, body, _seal(signed, sealed))


def check_attributes(attributes: Attributes, signer: Signer) -> None:
    """Refuse with ``SealError`` what ``seal`` would refuse, without drawing on the key."""
    complete = attributes.to_dict()
    complete["datahash"] = "0" * 43
    payload = strict_json.dumps(complete)
    read_attributes(payload)
    jws.check_size(jws.size_of(len(payload), signer, jws.SEAL), jws.SEAL)


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
    """Check 1: read a seal strictly (``jws.read``), without verifying its signature."""
    found = jws.read(token, jws.SEAL)
    return _seal(found, read_attributes(found.payload))


def _seal(signed: jws.JWS, attributes: Attributes) -> Seal:
    return Seal(
        token=signed.token,
        algorithm=signed.algorithm,
        certificate=signed.certificate,
        chain=signed.chain,
        issued_at=signed.issued_at,
        attributes=attributes,
        signing_input=signed.signing_input,
        signature=signed.signature,
        identity=jws.digest(signed.signing_input),
    )


def verify_seal(opened: Seal) -> None:
    """Check 4: the signature is by the key of the seal's own certificate, else ``SealError``."""
    jws.verify(opened)


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
    encoded = opened.token.split(b".")
    header = jws.decode(encoded[0], "header").decode()
    for der in opened.chain:
        header = header.replace(jws.quoted(der), f'"sha256:{thumbprint(der)}"')
    return header, jws.decode(encoded[1], "payload").decode(), encoded[2].decode()


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
        header = header.replace(f'"sha256:{digest}"', jws.quoted(certificates[digest]))
    return b".".join(
        (jws.encode(header.encode()), jws.encode(payload.encode()), signature.encode())
    )
