"""``seal`` and ``open_seal``: attributes, body digest, signature; does not know who may sign."""

from __future__ import annotations

from xroad_lite.envelope.attributes import MAX_TEXT_BYTES, PROFILE, Attributes
from xroad_lite.envelope.header import ALGORITHMS, MAX_CERTIFICATES, certificate_digests
from xroad_lite.envelope.replaying import Replayed, is_replay, read_replay
from xroad_lite.envelope.sealing import (
    MAX_SEAL_BYTES,
    RECEIPT_TYPE,
    SALT_BYTES,
    SEAL_TYPE,
    Seal,
    Sealed,
    check_sealable,
    data_hash,
    open_seal,
    parse_seal,
    read_seals,
    seal,
    seal_all,
    verify_body,
    verify_seal,
    with_certificates,
    without_certificates,
)

__all__ = [
    "ALGORITHMS",
    "MAX_CERTIFICATES",
    "MAX_SEAL_BYTES",
    "MAX_TEXT_BYTES",
    "PROFILE",
    "RECEIPT_TYPE",
    "SALT_BYTES",
    "SEAL_TYPE",
    "Attributes",
    "Replayed",
    "Seal",
    "Sealed",
    "certificate_digests",
    "check_sealable",
    "data_hash",
    "is_replay",
    "open_seal",
    "parse_seal",
    "read_replay",
    "read_seals",
    "seal",
    "seal_all",
    "verify_body",
    "verify_seal",
    "with_certificates",
    "without_certificates",
]
