"""Examines a range of a log's entries, from their bytes alone: the work that processes share.

Does not decide what needs more than the range; ``parts`` says what it leaves to the whole.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence

from xroad_lite.envelope import Attributes, Seal, data_hash, verify_seal
from xroad_lite.envelope.encoding import decode
from xroad_lite.envelope.logged import LoggedSeals
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.entries import Entry
from xroad_lite.messagelog.evidence.parts import (
    BLOCK,
    BODIES,
    ENTRIES,
    MAX_FINDINGS,
    ORDER,
    SEALS,
    Finding,
    Numbers,
    Part,
    Said,
    Sealed,
    Source,
    check_outcome,
    wrong_number,
)

_NEVER = 1e18
"""Beyond the time of any entry."""
_Body = tuple[int, bytes, bytes]
"""Whose it is, its salt, and the body."""


def examine(source: Source, first: int, last: int, stamped: Sequence[int] = ()) -> Part:
    """Verify what can be verified within a range; ``first`` begins a tile.

    ``stamped`` are the sizes, ascending, of the trees that authorities stamped: every entry before
    a size existed by then.
    """
    examination = _Examination(source, first, last, stamped)
    try:
        examination.run()
    except XRoadError as error:  # a file of it cannot be read: nothing can be said of the rest
        examination.find(ENTRIES, f"entries {first} to {last - 1}", error)
    return examination.part


class _Examination:
    def __init__(self, source: Source, first: int, last: int, stamped: Sequence[int]) -> None:
        self.part = Part(first, last)
        self._source = source
        self._stamped = stamped
        self._seals = LoggedSeals(source.certificates)
        self._roots: list[bytes] = []
        self._accepted: set[int] = set()
        self._sent: set[int] = set()
        self._first: dict[str, tuple[int, int]] = {}
        self._last: dict[str, int] = {}
        self._said: dict[tuple[tuple[bytes, ...], str, str, int], list[int]] = {}
        self._bodies = iter(source.bodies(first, last))
        self._body: _Body | None = None
        self._start = (first, _NEVER, first)
        self._latest: dict[int, tuple[float, int]] = {}

    def run(self) -> None:
        """All blocks of the range; the part is complete when this returns."""
        part = self.part
        self._body = next(self._bodies, None)
        for first in range(part.first, part.last, BLOCK):
            self._block(first, min(first + BLOCK, part.last))
        self._no_more_bodies(part.last)
        part.roots = b"".join(self._roots)
        part.earliest.append(self._start)
        part.latest = {str(stamp): one for stamp, one in self._latest.items()}
        part.accepted, part.sent = sorted(self._accepted), sorted(self._sent)
        part.numbers = {peer: Numbers(*one, self._last[peer]) for peer, one in self._first.items()}
        part.said = {
            Said(",".join(map(thumbprint, chain)), source, registry, stamp): Sealed(*found)
            for (chain, source, registry, stamp), found in self._said.items()
        }

    def find(self, check: int, place: str, error: XRoadError) -> None:
        """Keep what is wrong."""
        if len(self.part.findings) < MAX_FINDINGS:
            self.part.findings.append(Finding(check, place, error.code, error.message))

    def _block(self, first: int, last: int) -> None:
        """Read, then verify signatures, then the rest: each of the three keeps to its own code.

        A signature among other work takes a fifth longer, since its tables leave the processor.
        """
        leaves = self._source.leaves(first, last)
        if self._source.whole:
            self._compare(first, last, [merkle.leaf_hash(leaf) for _, leaf in leaves])
        read = [(index, self._read(index, leaf)) for index, leaf in leaves]
        seals = [self._seal(index, entry) for index, entry in read]
        good = [
            opened if opened is not None and self._holds(index, opened) else None
            for (index, _), opened in zip(read, seals, strict=True)
        ]
        for (index, entry), opened in zip(read, good, strict=True):
            if entry is not None:
                self._entry(index, entry, opened)

    def _compare(self, first: int, last: int, hashes: list[bytes]) -> None:
        """Hold each entry against its place in the tree, and keep the root of the block."""
        joined = b"".join(hashes)
        recorded = self._source.hashes(first, last)
        if recorded is not None and recorded != joined:
            for at, one in enumerate(hashes):
                if recorded[at * 32 :][:32] != one:
                    why = "its bytes are not those that were hashed into the tree"
                    self.find(ENTRIES, f"entry {first + at}", LogError("log.tree", why))
        self._roots.append(_root(hashes) if len(hashes) == BLOCK else joined)

    def _read(self, index: int, leaf: bytes) -> Entry | None:
        try:
            return entries.read(leaf)
        except LogError as error:
            self.find(ENTRIES, f"entry {index}", error)
            return None

    def _seal(self, index: int, entry: Entry | None) -> Seal | None:
        """The seal of a message, if it has one that can be read."""
        if entry is None or entry.kind != "message" or not entry.proven:
            return None
        fields = entry.fields
        try:
            return self._seals.read(fields["header"], fields["payload"], fields["signature"])
        except XRoadError as error:
            self.find(SEALS, f"entry {index}", error)
            return None

    def _holds(self, index: int, opened: Seal) -> bool:
        try:
            verify_seal(opened)
        except XRoadError as error:
            self.find(SEALS, f"entry {index}", error)
            return False
        self.part.seals += 1
        return True

    def _entry(self, index: int, entry: Entry, opened: Seal | None) -> None:
        stamp = bisect_right(self._stamped, index)
        self._time(index, entry.at, stamp)
        try:
            if entry.kind == "message":
                self._message(index, entry, opened, stamp)
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
            self.find(ENTRIES, f"entry {index}", error)

    def _time(self, index: int, at: float, stamp: int) -> None:
        if at < self._start[1]:
            self._start = (self._start[0], at, index)
        latest = self._latest.get(stamp)
        if latest is None or at > latest[0]:
            self._latest[stamp] = at, index

    def _token(self, index: int, entry: Entry) -> None:
        digest = hashlib.sha256(decode(entry.fields["token"].encode(), "token")).hexdigest()
        self.part.tokens.append((index, entry.fields["checkpoint"], digest))
        self.part.earliest.append(self._start)
        self._start = (index + 1, _NEVER, index + 1)

    def _outcome(self, index: int, entry: Entry) -> None:
        about, result = entry.fields["entry"], entry.fields["outcome"]
        if about >= self.part.first and self._source.whole:
            check_outcome(about, result, self._accepted, self._sent)
        else:
            self.part.outcomes.append((index, about, result))

    def _message(self, index: int, entry: Entry, opened: Seal | None, stamp: int) -> None:
        fields = entry.fields
        direction, verdict = fields["direction"], fields.get("verdict")
        if direction not in (entries.IN, entries.OUT):
            raise LogError("log.entry", f"its direction is {direction!r:.40}")
        if direction == entries.IN and not isinstance(verdict, dict):
            raise LogError("log.entry", "it lacks a verdict")
        self.part.messages += 1
        self.part.judged.setdefault(fields["registry"], index)
        if opened is None:
            return
        outcome = entries.ACCEPTED if verdict is None else verdict.get("outcome")
        if direction == entries.OUT:
            self._number(index, opened.attributes)
            self._sent.add(index)
        elif outcome == entries.ACCEPTED:
            self._accepted.add(index)
        if outcome in (entries.ACCEPTED, entries.DUPLICATE):
            self._say(index, opened, stamp)
        self._check_body(index, fields.get("received", opened.attributes.datahash))

    def _number(self, index: int, sealed: Attributes) -> None:
        peer, number = sealed.recipient or "*", int(sealed.sequence)
        last = self._last.get(peer)
        self._last[peer] = number
        if last is None:
            self._first[peer] = number, index
        elif number != last + 1:
            why = wrong_number(last, number, peer)
            self.find(ORDER, f"entry {index}", LogError("log.sequence", why))

    def _say(self, index: int, opened: Seal, stamp: int) -> None:
        sealed, at = opened.attributes, opened.issued_at
        said = (opened.chain, sealed.source, sealed.registry, stamp)
        found = self._said.get(said)
        if found is None:
            self._said[said] = [1, index, at, at]
            return
        found[0] += 1
        if at < found[2]:
            found[2] = at
        elif at > found[3]:
            found[3] = at

    def _check_body(self, index: int, expected: object) -> None:
        kept = self._body
        if kept is not None and kept[0] < index:
            kept = self._no_more_bodies(index)
        if kept is None or kept[0] != index:
            self.part.bodiless.append(index)
            return
        self._body = next(self._bodies, None)
        self.part.bodies += 1
        try:
            if data_hash(kept[1], kept[2]) != expected:
                why = "its body or salt is not the one whose digest is logged"
                raise LogError("log.body", why)
        except XRoadError as error:
            self.find(BODIES, f"entry {index}", error)

    def _no_more_bodies(self, before: int) -> _Body | None:
        """Whatever lies before this entry and was not asked for belongs to no sealed message.

        Gives the one that comes next.
        """
        while self._body is not None and self._body[0] < before:
            why = "it has a body, and no seal over one"
            self.find(BODIES, f"entry {self._body[0]}", LogError("log.body", why))
            self._body = next(self._bodies, None)
        return self._body


def _adopted(entry: Entry) -> tuple[str, int, str]:
    root, instance = entry.fields.get("root", 0), entry.fields.get("instance", "")
    if type(root) is not int or type(instance) is not str:
        raise LogError("log.entry", "its root is no number, or its instance no text")
    return entry.fields["registry"], root, instance


def _root(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree over these hashes, a power of two of them."""
    row = list(hashes)
    while len(row) > 1:
        row = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
