"""Verifies a node's own log whole: every entry, seal, body and what lies beside; changes nothing.

Does not decide whether a sender was allowed to send: replay does, with the registry of that day.
Without a checkpoint signed elsewhere, an owner of the file who recomputes everything can still drop
entries from its end; what other parties sealed she cannot change in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from xroad_lite.errors import XRoadError
from xroad_lite.messagelog.evidence.examining import examine
from xroad_lite.messagelog.evidence.parts import MAX_FINDINGS
from xroad_lite.messagelog.evidence.sources import LogSource
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.upkeep.fsck import fsck

_ENTRY = re.compile(r"entry (\d+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the log that is not as it was written."""

    entry: int | None
    code: str
    message: str

    def __str__(self) -> str:
        return self.message if self.entry is None else f"entry {self.entry}: {self.message}"


@dataclass(slots=True)
class Verification:
    """What verifying a log found; good when ``findings`` is empty."""

    entries: int = 0
    seals: int = 0
    bodies: int = 0
    erased: int = 0
    root: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings


def verify_log(store: Store, progress: Callable[[int], None] | None = None) -> Verification:
    """Verify an open store, in this process; ``progress`` is told how many entries are done."""
    found = Verification()
    try:
        source = LogSource(store)
        tally = Tally(source.size, whole=True)
        for first, last in source.ranges():
            tally.add(examine(source, first, last))
            if progress is not None:
                progress(last)
        tally.finish()
        _take(found, tally, store)
    except XRoadError as error:
        found.findings.append(Finding(None, error.code, error.message))
    return found


def _take(found: Verification, tally: Tally, store: Store) -> None:
    found.entries, found.seals, found.bodies = tally.entries, tally.seals, tally.bodies
    found.erased = sum(one.count for one in tally.gone)
    for one in tally.findings:
        match = _ENTRY.match(one.place)
        found.findings.append(Finding(int(match[1]) if match else None, one.code, one.message))
    known = {(one.entry, one.code) for one in found.findings}
    found.findings += [
        Finding(one.entry, one.code, one.message)
        for one in fsck(store).findings[:MAX_FINDINGS]
        if (one.entry, one.code) not in known
    ]
    if not found.findings:
        found.root = tally.root().hex()
