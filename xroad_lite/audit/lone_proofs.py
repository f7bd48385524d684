"""Verifies one entry's proof that came alone, in one file; knows no registry, so less of it.

Who might seal, and when it was, only a bundle can show.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator

from xroad_lite.audit.opening import LoneProof
from xroad_lite.audit.report import Check, Report
from xroad_lite.errors import XRoadError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import parts
from xroad_lite.messagelog.evidence.parts import Finding
from xroad_lite.messagelog.notes import Verifier


def verify_proof(evidence: LoneProof, key: Verifier | None) -> Report:
    """The report on one entry; its seal's certificates are not in the file, so it stays open."""
    head = Checkpoint.read(evidence.proof.checkpoint)
    place = f"entry {evidence.proof.index}"
    checks = (
        Check(parts.HEAD, f"{head.origin}, {head.size} entries", tuple(_head(evidence, key))),
        Check(
            parts.ENTRIES,
            f"{place}, SHA-256 {hashlib.sha256(evidence.leaf).hexdigest()}, is in the log",
            tuple(_entry(evidence, head, place)),
        ),
    )
    root = b64encode(head.root).decode()
    return Report(str(evidence.path), head.origin, head.size, checks, root=root)


def _head(evidence: LoneProof, key: Verifier | None) -> Iterator[Finding]:
    note = evidence.proof.checkpoint
    if key is None:
        signed = ", ".join(str(one.name) for one in note.signatures)
        why = f"it says that {signed} signed it: give the log's key, --key NAME+HASH+KEY"
        yield Finding(parts.HEAD, "checkpoint", "log.no_key", why, wrong=False)
        return
    try:
        evidence.proof.verify(evidence.leaf, key)
    except XRoadError as error:
        yield Finding(parts.HEAD, "checkpoint", error.code, error.message)


def _entry(evidence: LoneProof, head: Checkpoint, place: str) -> Iterator[Finding]:
    try:
        entries.read(evidence.leaf)
        merkle.verify_inclusion(
            evidence.proof.index,
            head.size,
            merkle.leaf_hash(evidence.leaf),
            evidence.proof.hashes,
            head.root,
        )
    except XRoadError as error:
        yield Finding(parts.ENTRIES, place, error.code, error.message)
