"""What stands in a range of a log's entries, small: what its examination leaves to the whole.

Whoever puts parts together decides what none can tell alone: what an outcome is about, whether a
body was erased later, who may seal. Does not read entries.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import astuple, dataclass, field, fields
from typing import Any, NamedTuple, Protocol

from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries

BLOCK = 256
"""Entries of one tile: of each complete block of them a part brings the root."""
PART = 16 * BLOCK
MAX_FINDINGS = 100

# The numbers of the checks (docs/evidence.md); the audit adds those that need the registry.
FILES, MADE, HEAD, ENTRIES, SEALS, BODIES, ORDER, HISTORY, TIME, VIEW, REGISTRY, IDENTITY = range(
    1, 13
)
CONTAINER = 13


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: by which check, where, and how."""

    check: int
    place: str
    code: str
    message: str
    wrong: bool = True
    """Else it is not wrong, but cannot be established."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class Source(Protocol):
    """A log to be verified, from wherever: a node's own, or a bundle."""

    @property
    def size(self) -> int:
        """How many entries the log has."""

    @property
    def whole(self) -> bool:
        """Whether all of them are here, and not only some that were chosen."""

    @property
    def certificates(self) -> Mapping[str, bytes]:
        """The DER certificates that entries name, by digest."""

    def ranges(self) -> list[tuple[int, int]]:
        """The parts that it is read in: first entry, and the one after the last."""

    def leaves(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """Index and bytes of the entries that are here, of those from ``first`` up to ``last``."""

    def hashes(self, first: int, last: int) -> bytes | None:
        """Their hashes as a tree has them; None where nothing but the entries is believed."""

    def bodies(self, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, salt and body of those that are kept, in order."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who is said to have sealed what: all that decides whether the registry allowed it."""

    chain: str
    """Digests of its certificates, the signing one first, with commas between."""
    source: str
    registry: str
    """The snapshot that the seal names."""
    stamp: int
    """Which of the stamped sizes is the first to cover it; one past the last when none does."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many seals say the same, the first of them, and when they say that they were made."""

    count: int
    entry: int
    earliest: int
    latest: int


class Numbers(NamedTuple):
    """The sealed numbers to one recipient within a part: first, the entry that has it, last."""

    first: int
    entry: int
    last: int


@dataclass(slots=True)
class Part:
    """What one range holds."""

    first: int
    last: int
    seals: int = 0
    bodies: int = 0
    messages: int = 0
    roots: bytes = b""
    """The root of each complete block of entries, then the leaf hashes of an incomplete one."""
    findings: list[Finding] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    bodiless: list[int] = field(default_factory=list)
    outcomes: list[tuple[int, int, str]] = field(default_factory=list)
    """Entry, the entry it is about, and what became of it; where the part cannot tell."""
    erasures: list[tuple[int, str, list[int]]] = field(default_factory=list)
    snapshots: list[tuple[int, float, str, int, str]] = field(default_factory=list)
    """Entry, time, name, version of the root, and whose registry: another instance's, or ""."""
    tokens: list[tuple[int, str, str]] = field(default_factory=list)
    """Entry, the checkpoint it names, SHA-256 (hex) of the token."""
    numbers: dict[str, Numbers] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    """The snapshots under which entries were written, each with the first of them."""
    said: dict[Said, Sealed] = field(default_factory=dict)
    earliest: list[tuple[int, float, int]] = field(default_factory=list)
    """After each token entry (or the start): where it begins, the earliest time, whose it is."""
    latest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By the number of the stamped size that covers them: the latest time of entries, whose."""

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it, so that a later run need not do it again."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["roots"] = self.roots.hex()
        found["findings"] = [astuple(one) for one in self.findings]
        found["said"] = [[*astuple(key), *astuple(one)] for key, one in self.said.items()]
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Part:
        """From ``to_json``; ``ValueError``, ``TypeError`` or ``KeyError`` if it is none."""
        part = cls(**found)
        part.roots = bytes.fromhex(found["roots"])
        part.findings = [Finding(*one) for one in found["findings"]]
        part.said = {Said(*one[:4]): Sealed(*one[4:]) for one in found["said"]}
        part.numbers = {peer: Numbers(*one) for peer, one in found["numbers"].items()}
        part.latest = {stamp: (at, entry) for stamp, (at, entry) in found["latest"].items()}
        for name in ("outcomes", "erasures", "snapshots", "tokens", "earliest"):
            setattr(part, name, [tuple(one) for one in found[name]])
        return part


def ranges(size: int) -> list[tuple[int, int]]:
    """The parts of a whole log with so many entries."""
    return [(first, min(first + PART, size)) for first in range(0, size, PART)]


def check_outcome(about: int, result: str, accepted: Container[int], sent: Container[int]) -> None:
    """``LogError`` unless an outcome is about what was accepted, or was sent and expired."""
    if about not in accepted and not (result == entries.EXPIRED and about in sent):
        raise LogError("log.outcome", f"it is about entry {about}, which was not accepted")


def wrong_number(last: int, number: int, peer: str) -> str:
    """What to say of a number that does not follow the last one."""
    return f"it is number {number} to {peer}: expected {last + 1}"
