"""What an audit says: one line per check, with its number; does not find out anything itself.

 1. files: each file of the bundle is the one that its manifest names, and there is no other
 2. origin: the log itself signed the manifest
 3. head: the head of the log is signed by a key that the registry lists for it
 4. entries: every entry is well formed and stands where the head says; so do the proofs
 5. seals: every seal has the right form, and its signature holds
 6. bodies: every body is the one that was sealed; of those erased an entry names the rule
 7. order: the messages to each party are numbered without a gap
 8. history: the head follows every earlier checkpoint
 9. time: authorities that the registry trusts stamped what the messages are in
10. view: others saw the same log, and said so
11. registry: the snapshots in force are here, signed, and known to have been adopted then
12. identity: every seal is by a certificate that the registry listed for its sender, in time
13. container: an ASiC-E container has the standard's form, and the log's owner signed all of it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.messagelog.evidence import parts
from xroad_lite.messagelog.evidence.parts import Finding
from xroad_lite.messagelog.evidence.tally import Gone

NAMES = {
    parts.FILES: "files",
    parts.MADE: "origin",
    parts.HEAD: "head",
    parts.ENTRIES: "entries",
    parts.SEALS: "seals",
    parts.BODIES: "bodies",
    parts.ORDER: "order",
    parts.HISTORY: "history",
    parts.TIME: "time",
    parts.VIEW: "view",
    parts.REGISTRY: "registry",
    parts.IDENTITY: "identity",
    parts.CONTAINER: "container",
}
ESTABLISHED, OPEN, WRONG = "established", "could not be established", "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check."""

    number: int
    said: str
    """What was established, as a sentence."""
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """Its short name."""
        return NAMES[self.number]

    @property
    def verdict(self) -> str:
        """One of three."""
        if any(one.wrong for one in self.findings):
            return WRONG
        return OPEN if self.findings else ESTABLISHED

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "number": self.number,
            "name": self.name,
            "verdict": self.verdict,
            "said": self.said,
            "findings": [
                {
                    "place": one.place,
                    "code": one.code,
                    "message": one.message,
                    "verdict": WRONG if one.wrong else OPEN,
                }
                for one in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one piece of evidence."""

    what: str
    log: str
    size: int
    checks: tuple[Check, ...]
    gone: tuple[Gone, ...] = ()
    anchors: tuple[str, ...] = ()
    """What all of it rests on, for whoever reads it to compare."""
    counts: dict[str, int] = field(default_factory=dict)
    root: str = ""

    def verdict(self, without: Iterable[str] = ()) -> str:
        """The worst of the checks that are asked for."""
        found = {one.verdict for one in self.checks if one.name not in set(without)}
        return WRONG if WRONG in found else OPEN if OPEN in found else ESTABLISHED

    def to_json(self, without: Iterable[str] = ()) -> dict[str, Any]:
        """For programs."""
        return {
            "what": self.what,
            "log": self.log,
            "size": self.size,
            "root": self.root,
            "verdict": self.verdict(without),
            "checks": [one.to_json() for one in self.checks],
            "erased_bodies": [
                {
                    "rule": one.rule,
                    "count": one.count,
                    "entries": [list(each) for each in one.entries],
                }
                for one in self.gone
            ],
            "rests_on": list(self.anchors),
            **self.counts,
        }
