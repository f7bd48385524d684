"""Reads a range of a log's entries and says what stands in it: the work that processes share.

What needs more than the range (what an outcome is about, whether a body was erased later, who may
seal) is left to ``tally`` and to the audit: a part brings what they need, small. Does not decide.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Any, NamedTuple, Protocol

from xroad_lite.envelope import Seal, data_hash, verify_seal
from xroad_lite.envelope.encoding import decode
from xroad_lite.envelope.logged import LoggedSeals
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, merkle

BLOCK = 256
"""Entries of one tile: of each complete block of them a part brings the root."""
PART = 16 * BLOCK
MAX_FINDINGS = 100
_NEVER = 1e18
"""Beyond the time of any entry."""

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


def read_part(source: Source, first: int, last: int, stamped: Sequence[int] = ()) -> Part:
    """Verify what can be verified within a range.

    ``stamped`` are the sizes, ascending, of the trees that authorities stamped: every entry before
    a size existed by then.
    """
    reader = _Reader(source, first, last, stamped)
    try:
        reader.read()
    except XRoadError as error:  # a file of it cannot be read: nothing can be said of the rest
        reader.add(ENTRIES, f"entries {first} to {last - 1}", error.code, error.message)
    return reader.part


class _Reader:
    def __init__(self, source: Source, first: int, last: int, stamped: Sequence[int]) -> None:
        self.part = Part(first, last)
        self._source = source
        self._stamped = stamped
        self._seals = LoggedSeals(source.certificates)
        self._accepted: set[int] = set()
        self._sent: set[int] = set()
        self._first: dict[str, tuple[int, int]] = {}
        self._last: dict[str, int] = {}
        self._said: dict[tuple[tuple[bytes, ...], str, str, int], list[int]] = {}
        self._bodies = iter(source.bodies(first, last))
        self._body: tuple[int, bytes, bytes] | None = None
        self._start = (first, _NEVER, first)
        self._latest: dict[int, tuple[float, int]] = {}

    def read(self) -> None:
        part = self.part
        leaves = self._source.leaves(part.first, part.last)
        if self._source.whole:
            self._compare([merkle.leaf_hash(leaf) for _, leaf in leaves])
        self._body = next(self._bodies, None)
        for at in range(0, len(leaves), BLOCK):
            self._block(leaves[at : at + BLOCK])
        part.earliest.append(self._start)
        part.latest = {str(stamp): one for stamp, one in self._latest.items()}
        part.accepted, part.sent = sorted(self._accepted), sorted(self._sent)
        part.numbers = {peer: Numbers(*one, self._last[peer]) for peer, one in self._first.items()}
        part.said = {
            Said(",".join(map(thumbprint, chain)), source, registry, stamp): Sealed(*found)
            for (chain, source, registry, stamp), found in self._said.items()
        }
        self._no_more_bodies(part.last)

    def add(self, check: int, place: str, code: str, message: str) -> None:
        if len(self.part.findings) < MAX_FINDINGS:
            self.part.findings.append(Finding(check, place, code, message))

    def _compare(self, hashes: list[bytes]) -> None:
        """Hold each entry against its place in the tree, and keep the roots of the blocks."""
        part = self.part
        recorded = self._source.hashes(part.first, part.last)
        if recorded is not None and recorded != b"".join(hashes):
            for at, one in enumerate(hashes):
                if recorded[at * 32 :][:32] != one:
                    self.add(
                        ENTRIES,
                        f"entry {part.first + at}",
                        "log.tree",
                        "its bytes are not those that were hashed into the tree",
                    )
        whole = len(hashes) // BLOCK * BLOCK
        roots = [_root(hashes[at : at + BLOCK]) for at in range(0, whole, BLOCK)]
        part.roots = b"".join((*roots, *hashes[whole:]))

    def _block(self, leaves: list[tuple[int, bytes]]) -> None:
        """Read, then verify signatures, then the rest: each of the three keeps to its own code.

        A signature among other work takes a fifth longer, since its tables leave the processor.
        """
        read = [(index, self._read(index, leaf)) for index, leaf in leaves]
        seals = {index: self._seal(index, entry) for index, entry in read}
        good = {index: one for index, one in seals.items() if one and self._holds(index, one)}
        for index, entry in read:
            if entry is not None:
                self._entry(index, entry, good.get(index))

    def _read(self, index: int, leaf: bytes) -> entries.Entry | None:
        try:
            return entries.read(leaf)
        except LogError as error:
            self.add(ENTRIES, f"entry {index}", error.code, error.message)
            return None

    def _seal(self, index: int, entry: entries.Entry | None) -> Seal | None:
        """The seal of a message, if it has one that can be read."""
        if entry is None or entry.kind != "message" or not entry.proven:
            return None
        fields = entry.fields
        try:
            return self._seals.read(fields["header"], fields["payload"], fields["signature"])
        except XRoadError as error:
            self.add(SEALS, f"entry {index}", error.code, error.message)
            return None

    def _holds(self, index: int, opened: Seal) -> bool:
        try:
            verify_seal(opened)
        except XRoadError as error:
            self.add(SEALS, f"entry {index}", error.code, error.message)
            return False
        self.part.seals += 1
        return True

    def _entry(self, index: int, entry: entries.Entry, opened: Seal | None) -> None:
        self._time(index, entry.at)
        try:
            if entry.kind == "message":
                self._message(index, entry, opened)
            elif entry.kind == "outcome":
                self._outcome(index, entry)
            elif entry.kind == "snapshot":
                self.part.snapshots.append((index, entry.at, *_adopted(entry)))
            elif entry.kind == "token":
                self._token(index, entry)
            else:
                about = [one for one in entry.fields["entries"] if type(one) is int]
                self.part.erasures.append((index, entry.fields["rule"], about))
        except XRoadError as error:
            self.add(ENTRIES, f"entry {index}", error.code, error.message)

    def _time(self, index: int, at: float) -> None:
        if at < self._start[1]:
            self._start = (self._start[0], at, index)
        stamp = self._stamp(index)
        if stamp not in self._latest or at > self._latest[stamp][0]:
            self._latest[stamp] = at, index

    def _stamp(self, index: int) -> int:
        return bisect_right(self._stamped, index)

    def _token(self, index: int, entry: entries.Entry) -> None:
        digest = hashlib.sha256(_token_bytes(entry.fields["token"])).hexdigest()
        self.part.tokens.append((index, entry.fields["checkpoint"], digest))
        self.part.earliest.append(self._start)
        self._start = (index + 1, _NEVER, index + 1)

    def _message(self, index: int, entry: entries.Entry, opened: Seal | None) -> None:
        direction = entry.fields["direction"]
        if direction not in (entries.IN, entries.OUT):
            raise LogError("log.entry", f"its direction is {direction!r:.40}")
        verdict = entry.fields.get("verdict")
        if direction == entries.IN and not isinstance(verdict, dict):
            raise LogError("log.entry", "it lacks a verdict")
        self.part.messages += 1
        self.part.judged.setdefault(entry.fields["registry"], index)
        if opened is None:
            return
        outcome = entries.ACCEPTED if verdict is None else verdict.get("outcome")
        if direction == entries.OUT:
            self._number(index, opened)
            self._sent.add(index)
        elif outcome == entries.ACCEPTED:
            self._accepted.add(index)
        if outcome in (entries.ACCEPTED, entries.DUPLICATE):
            self._say(index, opened)
        self._check_body(index, entry, opened)

    def _number(self, index: int, opened: Seal) -> None:
        peer = opened.attributes.recipient or "*"
        number = int(opened.attributes.sequence)
        known = self.part.numbers.get(peer)
        if known is None:
            self.part.numbers[peer] = Numbers(number, index, number)
            return
        if number != known.last + 1:
            self.add(
                ORDER, f"entry {index}", "log.sequence", wrong_number(known.last, number, peer)
            )
        self.part.numbers[peer] = known._replace(last=number)

    def _say(self, index: int, opened: Seal) -> None:
        sealed, at = opened.attributes, opened.issued_at
        said = (opened.chain, sealed.source, sealed.registry, self._stamp(index))
        found = self._said.get(said)
        if found is None:
            self._said[said] = [1, index, at, at]
            return
        found[0] += 1
        if at < found[2]:
            found[2] = at
        elif at > found[3]:
            found[3] = at

    def _check_body(self, index: int, entry: entries.Entry, opened: Seal) -> None:
        kept = self._kept(index)
        if kept is None:
            self.part.bodiless.append(index)
            return
        self.part.bodies += 1
        expected = entry.fields.get("received", opened.attributes.datahash)
        try:
            found = data_hash(*kept)
        except XRoadError as error:
            self.add(BODIES, f"entry {index}", error.code, error.message)
            return
        if found != expected:
            self.add(
                BODIES,
                f"entry {index}",
                "log.body",
                "its body or salt is not the one whose digest is logged",
            )

    def _kept(self, index: int) -> tuple[bytes, bytes] | None:
        self._no_more_bodies(index)
        if self._body is None or self._body[0] != index:
            return None
        _, salt, body = self._body
        self._body = next(self._bodies, None)
        return salt, body

    def _no_more_bodies(self, before: int) -> None:
        """Whatever lies before this entry and was not asked for belongs to no sealed message."""
        while self._body is not None and self._body[0] < before:
            self.add(
                BODIES, f"entry {self._body[0]}", "log.body", "it has a body, and no seal over one"
            )
            self._body = next(self._bodies, None)

    def _outcome(self, index: int, entry: entries.Entry) -> None:
        about, result = entry.fields["entry"], entry.fields["outcome"]
        if about >= self.part.first and self._source.whole:
            check_outcome(about, result, self._accepted, self._sent)
        else:
            self.part.outcomes.append((index, about, result))


def check_outcome(about: int, result: str, accepted: Any, sent: Any) -> None:
    """``LogError`` unless an outcome is about what was accepted, or was sent and expired."""
    if about not in accepted and not (result == entries.EXPIRED and about in sent):
        raise LogError("log.outcome", f"it is about entry {about}, which was not accepted")


def _adopted(entry: entries.Entry) -> tuple[str, int, str]:
    root, instance = entry.fields.get("root", 0), entry.fields.get("instance", "")
    if type(root) is not int or type(instance) is not str:
        raise LogError("log.entry", "its root is no number, or its instance no text")
    return entry.fields["registry"], root, instance


def wrong_number(last: int, number: int, peer: str) -> str:
    """What to say of a number that does not follow the last one."""
    return f"it is number {number} to {peer}: expected {last + 1}"


def _token_bytes(text: str) -> bytes:
    return decode(text.encode(), "token")


def _root(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree over these hashes, a power of two of them."""
    row = list(hashes)
    while len(row) > 1:
        row = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
