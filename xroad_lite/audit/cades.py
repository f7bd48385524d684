"""CAdES signatures over one file that lies apart (ETSI EN 319 122-1, baseline B-B and B-T).

A signature is CMS (RFC 5652) in DER with one signer. Does not say whose certificate may sign: the
registry does; nor whether a time stamp in it is good: ``timestamps`` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.keys import Signer, read_certificate

Stamp = Callable[[bytes], bytes | None]
"""Gives an RFC 3161 token over some bytes, or None where no authority answers."""

_DIGESTS = {"ES256": "sha256", "EdDSA": "sha512"}  # RFC 8419, section 3.1, for Ed25519
_SIGNATURES = {"ES256": "sha256_ecdsa", "EdDSA": "ed25519"}
_CODE = "log.container_signature"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that holds: who signed, when by their own word, and the time stamp over it."""

    chain: tuple[bytes, ...]
    """DER certificates, the signing one first."""
    claimed: float
    """When it was made, as the signer says; Unix seconds."""
    value: bytes = field(repr=False)
    token: bytes | None = field(repr=False, default=None)


def sign(data: bytes, signer: Signer, at: float, stamp: Stamp = lambda _: None) -> bytes:
    """A detached signature over ``data`` in DER; with a time stamp (B-T) if ``stamp`` gives one."""
    attributes = _attributes(data, signer, at)
    value = signer.sign(attributes.dump())
    if signer.algorithm == "ES256":
        r, s = (int.from_bytes(part, "big") for part in (value[:32], value[32:]))
        value = encode_dss_signature(r, s)
    return _written(signer.algorithm, attributes, Signature(signer.chain, at, value, stamp(value)))


def _written(algorithm: str, attributes: Any, signature: Signature) -> bytes:
    """SignedData with one signer (RFC 5652, section 5); every part stands where it must."""
    from asn1crypto import cms

    certificates = [cms.Certificate.load(der) for der in signature.chain]
    digest = {"algorithm": _DIGESTS[algorithm]}
    signer = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": _issuer_and_serial(certificates[0])},
        "digest_algorithm": digest,
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": _SIGNATURES[algorithm]},
        "signature": signature.value,
    }
    if signature.token is not None:
        token = cms.ContentInfo.load(signature.token)
        signer["unsigned_attrs"] = [{"type": "signature_time_stamp_token", "values": [token]}]
    signed = {
        "version": "v1",
        "digest_algorithms": [digest],
        "encap_content_info": {"content_type": "data"},
        "certificates": certificates,
        "signer_infos": [signer],
    }
    content = cms.SignedData(signed)
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": content}).dump())


def _attributes(data: bytes, signer: Signer, at: float) -> Any:
    """What baseline B-B asks to be signed (EN 319 122-1, section 6.3)."""
    from asn1crypto import cms, tsp

    digest = hashlib.new(_DIGESTS[signer.algorithm], data).digest()
    own = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(signer.chain[0]).digest()})
    time = cms.Time({"utc_time": datetime.fromtimestamp(int(at), UTC)})
    return cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "signing_time", "values": [time]},
            {"type": "message_digest", "values": [digest]},
            {
                "type": "signing_certificate_v2",
                "values": [tsp.SigningCertificateV2({"certs": [own]})],
            },
        ]
    )


def _issuer_and_serial(certificate: Any) -> Any:
    from asn1crypto import cms

    return cms.IssuerAndSerialNumber(
        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    )


def read(der: bytes, data: bytes) -> Signature:
    """The signature in ``der`` over ``data``; ``LogError`` where it does not hold.

    Strict: one signer, one of the algorithms in which seals are signed, and not a byte that the
    baseline does not ask for, since nothing would vouch for it.
    """
    try:
        return _read(der, data)
    except LogError:
        raise
    except XRoadError as error:
        raise LogError(_CODE, f"its certificate: {error.message}") from None
    except Exception as error:  # noqa: BLE001 - asn1crypto raises what it likes on hostile bytes
        raise LogError(_CODE, f"it is no CMS signature: {str(error)[:200]}") from None


def _read(der: bytes, data: bytes) -> Signature:
    from asn1crypto import cms, tsp  # noqa: F401 - loaded, tsp makes cms know its attributes

    info = cms.ContentInfo.load(der, strict=True)
    _expect(info["content_type"].native == "signed_data", "it holds no signature")
    signed = info["content"]
    _expect(len(signed["signer_infos"]) == 1, f"{len(signed['signer_infos'])} have signed it: one")
    signer = signed["signer_infos"][0]
    _expect(
        signed["encap_content_info"]["content_type"].native == "data"
        and not signed["encap_content_info"]["content"].native,
        "it must be over a file that lies apart",
    )
    chain = _chain(signed["certificates"], signer["sid"])
    certificate = read_certificate(chain[0])
    attributes = _once(signer["signed_attrs"])
    _check_algorithms(signer, certificate.algorithm)
    digest = hashlib.new(_DIGESTS[certificate.algorithm], data).digest()
    _expect(attributes["content_type"].native == "data", "it is over another kind of content")
    _expect(attributes["message_digest"].native == digest, "it is over another file than this one")
    _check_certificate(attributes["signing_certificate_v2"], chain[0])
    value = signer["signature"].native
    raw = value
    if certificate.algorithm == "ES256":
        raw = b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(value))
    said = signer["signed_attrs"].untag()
    _expect(certificate.verifies(raw, said.dump()), "its signature does not hold")
    at = attributes["signing_time"].native.timestamp()
    found = Signature(chain, at, value, _token(signer["unsigned_attrs"]))
    whole = _written(certificate.algorithm, said, found)
    _expect(whole == der, "it holds more than a signature by the baseline needs")
    return found


def _chain(certificates: Any, sid: Any) -> tuple[bytes, ...]:
    """The signer's certificate, and those that lead on from it: they stand in it in any order."""
    left = [one.chosen for one in certificates if one.name == "certificate"]
    wanted = sid.chosen
    _expect(sid.name == "issuer_and_serial_number", "its signer is not named by certificate")
    own = [
        one
        for one in left
        if (one.issuer, one.serial_number) == (wanted["issuer"], wanted["serial_number"].native)
    ]
    _expect(len(own) == 1, "the signer's certificate is not in it, once")
    found = [own[0]]
    left.remove(own[0])
    while following := [one for one in left if one.subject == found[-1].issuer]:
        found.append(following[0])
        left.remove(following[0])
    return tuple(one.dump() for one in found)


def _once(attributes: Any) -> dict[str, Any]:
    found = {one["type"].native: one["values"] for one in attributes}
    _expect(
        len(found) == len(attributes) and all(len(values) == 1 for values in found.values()),
        "an attribute stands in it twice",
    )
    needed = ("content_type", "signing_time", "message_digest", "signing_certificate_v2")
    for name in needed:
        _expect(name in found, f"it lacks the signed attribute {name.replace('_', '-')}")
    return {name: values[0] for name, values in found.items()}


def _check_algorithms(signer: Any, algorithm: str) -> None:
    got = signer["digest_algorithm"]["algorithm"].native
    signature = signer["signature_algorithm"]["algorithm"].native
    _expect(
        (got, signature) == (_DIGESTS[algorithm], _SIGNATURES[algorithm]),
        f"it is signed in {signature} over {got}: its certificate's key is for {algorithm}",
    )


def _check_certificate(said: Any, certificate: bytes) -> None:
    """The signature names its own certificate, so that none can be put in its place."""
    first = said["certs"][0]
    algorithm = first["hash_algorithm"]["algorithm"].native
    _expect(
        algorithm in ("sha256", "sha384", "sha512")
        and first["cert_hash"].native == hashlib.new(algorithm, certificate).digest(),
        "signing-certificate-v2 names another certificate",
    )


def _token(attributes: Any) -> bytes | None:
    found: Sequence[Any] = [
        token
        for one in attributes or ()
        if getattr(one["type"], "native", None) == "signature_time_stamp_token"
        for token in one["values"]
    ]
    _expect(len(found) <= 1, "it has more than one time stamp")
    return bytes(found[0].dump()) if found else None


def _expect(holds: bool, why: str) -> None:
    if not holds:
        raise LogError(_CODE, why)
