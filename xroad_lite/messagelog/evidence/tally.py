"""Puts the parts of a log together, in order: its roots, and what no part can tell alone.

Does not read entries, and keeps a few bytes of each: a log of a million stays small in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle
from xroad_lite.messagelog.evidence.parts import (
    BLOCK,
    BODIES,
    ENTRIES,
    MAX_FINDINGS,
    ORDER,
    Finding,
    Part,
    Said,
    Sealed,
    Source,
    check_outcome,
    wrong_number,
)

_ACCEPTED, _SENT, _BODILESS, _SEALED = 1, 2, 4, 8
_MAX_RULES = 65_535


@dataclass(frozen=True, slots=True)
class Gone:
    """Bodies that were erased, and under which rule; the entries as ranges, ends included."""

    rule: str
    count: int
    entries: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        said = [f"{one}" if one == last else f"{one} to {last}" for one, last in self.entries[:8]]
        more = " and others" if len(self.entries) > len(said) else ""
        word = "body" if self.count == 1 else "bodies"
        return f"{self.count} {word} erased by rule {self.rule!r}: entries {', '.join(said)}{more}"


@dataclass(slots=True)
class Tally:
    """What a log holds as a whole."""

    size: int
    whole: bool
    entries: int = 0
    messages: int = 0
    seals: int = 0
    bodies: int = 0
    findings: list[Finding] = field(default_factory=list)
    snapshots: list[tuple[int, float, str, int, str]] = field(default_factory=list)
    tokens: list[tuple[int, str, str]] = field(default_factory=list)
    earliest: list[tuple[int, float, int]] = field(default_factory=list)
    latest: dict[int, tuple[float, int]] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    said: dict[Said, Sealed] = field(default_factory=dict)
    gone: list[Gone] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    """The roots of the complete blocks of entries."""
    edge: list[bytes] = field(default_factory=list)
    """The hashes of the entries after them."""
    _flags: bytearray = field(default_factory=bytearray)
    _erased: array[int] = field(default_factory=lambda: array("H"))
    _rules: list[str] = field(default_factory=lambda: [""])
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._flags = bytearray(self.size)
        self._erased = array("H", bytes(2 * self.size))

    def add(self, part: Part) -> None:
        """Take in the next part."""
        self.entries += part.last - part.first
        self.messages += part.messages
        self.seals += part.seals
        self.bodies += part.bodies
        for one in part.findings:
            self._find(one)
        self.snapshots += part.snapshots
        self.tokens += part.tokens
        self.earliest += part.earliest
        for stamp, latest in part.latest.items():
            self.latest[int(stamp)] = max(latest, self.latest.get(int(stamp), latest))
        for name, entry in part.judged.items():
            self.judged.setdefault(name, entry)
        self._mark(part)
        self._add_said(part)
        if self.whole:
            self._add_roots(part)
            self._add_numbers(part)
            self._add_outcomes(part)

    def finish(self) -> None:
        """Say what only the end shows: which bodies are gone, and by which rule."""
        ranges: dict[int, list[list[int]]] = {}
        counts: dict[int, int] = {}
        for index, flags in enumerate(self._flags):
            rule = self._erased[index]
            if flags & _BODILESS and not rule:
                self._find(_body(index, "its body is gone, and no entry says that it was erased"))
            elif flags & _BODILESS:
                counts[rule] = counts.get(rule, 0) + 1
                known = ranges.setdefault(rule, [])
                if known and known[-1][1] == index - 1:
                    known[-1][1] = index
                else:
                    known.append([index, index])
            elif rule and flags & _SEALED:
                self._find(_body(index, "an entry says that its body was erased, and it is there"))
        self.gone = [
            Gone(self._rules[rule], counts[rule], tuple((low, high) for low, high in found))
            for rule, found in sorted(ranges.items())
        ]

    def heads(self, sizes: Iterable[int], source: Source) -> Iterator[tuple[int, bytes]]:
        """The root at each of these sizes, ascending, which are at most that of the log."""
        peaks = _Peaks()
        done = 0
        for size in sizes:
            for block in self.blocks[done : size // BLOCK]:
                peaks.push(8, block)
            done = max(done, size // BLOCK)
            partial = peaks.copy()
            rest = source.leaves(done * BLOCK, size) if size % BLOCK else []
            for _, leaf in rest:
                partial.push(0, merkle.leaf_hash(leaf))
            yield size, partial.root()

    def root(self) -> bytes:
        """The root over all entries."""
        peaks = _Peaks()
        for block in self.blocks:
            peaks.push(8, block)
        for leaf in self.edge:
            peaks.push(0, leaf)
        return peaks.root()

    def row(self, level: int) -> list[bytes]:
        """The hashes of a level of tiles, 1 or more: what the tiles must hold."""
        row = self.blocks
        for _ in range(8 * (level - 1)):
            row = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        return row

    def _find(self, one: Finding) -> None:
        if sum(1 for known in self.findings if known.check == one.check) < MAX_FINDINGS:
            self.findings.append(one)

    def _mark(self, part: Part) -> None:
        for index in part.accepted:
            self._flags[index] |= _ACCEPTED | _SEALED
        for index in part.sent:
            self._flags[index] |= _SENT | _SEALED
        for index in part.bodiless:
            self._flags[index] |= _BODILESS
        for index, rule, about in part.erasures:
            number = self._rule(rule)
            for one in about:
                if 0 <= one < index:
                    self._erased[one] = number
                else:
                    self._find(
                        Finding(
                            ENTRIES,
                            f"entry {index}",
                            "log.erasure",
                            f"it erases the body of entry {one}, which was not there yet",
                        )
                    )

    def _rule(self, rule: str) -> int:
        if rule not in self._rules and len(self._rules) < _MAX_RULES:
            self._rules.append(rule)
        return self._rules.index(rule) if rule in self._rules else _MAX_RULES - 1

    def _add_said(self, part: Part) -> None:
        for said, one in part.said.items():
            known = self.said.get(said)
            self.said[said] = (
                one
                if known is None
                else Sealed(
                    known.count + one.count,
                    known.entry,
                    min(known.earliest, one.earliest),
                    max(known.latest, one.latest),
                )
            )

    def _add_roots(self, part: Part) -> None:
        hashes = [part.roots[at : at + 32] for at in range(0, len(part.roots), 32)]
        whole = (part.last - part.first) // BLOCK
        self.blocks += hashes[:whole]
        self.edge += hashes[whole:]

    def _add_numbers(self, part: Part) -> None:
        for peer, found in part.numbers.items():
            last = self._numbers.get(peer, 0)
            if found.first != last + 1:
                why = wrong_number(last, found.first, peer)
                self._find(Finding(ORDER, f"entry {found.entry}", "log.sequence", why))
            self._numbers[peer] = found.last

    def _add_outcomes(self, part: Part) -> None:
        for index, about, result in part.outcomes:
            try:
                check_outcome(about, result, _Marked(self, _ACCEPTED), _Marked(self, _SENT))
            except LogError as error:
                self._find(Finding(ENTRIES, f"entry {index}", error.code, error.message))

    def marked(self, index: int, flag: int) -> bool:
        """Whether an entry has a flag."""
        return 0 <= index < self.size and bool(self._flags[index] & flag)


@dataclass(frozen=True, slots=True)
class _Marked:
    """The entries with a flag, as a set."""

    tally: Tally
    flag: int

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.tally.marked(index, self.flag)


class _Peaks:
    """The roots of the complete subtrees of a growing tree, the largest first."""

    def __init__(self, peaks: list[tuple[int, bytes]] | None = None) -> None:
        self._peaks = peaks or []

    def copy(self) -> _Peaks:
        """Another that grows apart."""
        return _Peaks(list(self._peaks))

    def push(self, level: int, hash_: bytes) -> None:
        """Add a complete subtree at the end."""
        while self._peaks and self._peaks[-1][0] == level:
            hash_ = merkle.node_hash(self._peaks.pop()[1], hash_)
            level += 1
        self._peaks.append((level, hash_))

    def root(self) -> bytes:
        """The root over all of them."""
        if not self._peaks:
            return merkle.EMPTY_ROOT
        found = self._peaks[-1][1]
        for _, one in reversed(self._peaks[:-1]):
            found = merkle.node_hash(one, found)
        return found


def _body(index: int, message: str) -> Finding:
    return Finding(BODIES, f"entry {index}", "log.body", message)
