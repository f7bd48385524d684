"""Which sealed sequence numbers never arrived, and what the sender's own log says of them.

Does not ask anybody: the other party's log comes in, a node's own or a bundle's. A number is
settled by a checkpoint of that log which this node had seen, or else by the log's own word.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.entries import Entry
from xroad_lite.messagelog.evidence.parts import Source

EVERYBODY = "*"
_IDENTITY, _FRESHNESS, _PASSED = 2, 4, ["passed"] * 2
"""Checks 3 and 4, of the nine of a verdict, both passed."""
SENT, WAITING, EXPIRED, ABSENT = "sent", "waiting", "expired", "absent"
"""What became of a number: sent and not received; not sent yet; never sent; in no entry."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that came, with its number: entry, Unix time, and whether it was accepted."""

    number: int
    index: int
    at: float
    accepted: bool


Came = Mapping[tuple[str, str], Sequence[Arrived]]
"""What came, by source and recipient, in the order of the numbers."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers ``first`` to ``last`` of a source to a recipient, which did not come."""

    source: str
    recipient: str
    first: int
    last: int
    before: Arrived | None
    """What came with the number before; None at the beginning."""
    after: Arrived


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one missing number, or of some in a row, by the sender's log."""

    number: int
    last: int
    """The last of them: the same number, but where many are absent."""
    state: str
    entry: int | None
    """Its entry in the sender's log."""
    by: int | None
    """Size of the checkpoint, seen here, under which that is proved; None: by the log's word."""
    id: str = ""
    type: str = ""


def arrived(source: Source, me: str | None, name: str = "it") -> Came:
    """What came to ``me``, or to everybody; each number once. ``name`` is the log's, for people.

    Of what was refused that counts which its source has sealed by the registry: anybody can seal
    under another's name, and lay into our queue what is for somebody else.
    ``LogError`` ``log.not_whole`` of chosen entries: nobody can say what is missing of them.
    """
    if not source.whole:
        raise not_whole(name)
    found: dict[tuple[str, str], dict[int, Arrived]] = {}
    for index, entry, _ in _read(source):
        if entry.kind != "message" or entry.fields["direction"] != entries.IN or not entry.proven:
            continue
        sealed, checks = entry.attributes(), entry.fields["verdict"]["checks"]
        recipient = sealed.get("recipient", EVERYBODY)
        if recipient not in (me, EVERYBODY) or checks[_IDENTITY:_FRESHNESS] != _PASSED:
            continue
        of = found.setdefault((sealed["source"], recipient), {})
        accepted = entry.fields["verdict"].get("outcome") == entries.ACCEPTED
        number = int(sealed["sequence"])
        if number not in of or (accepted and not of[number].accepted):
            of[number] = Arrived(number, index, entry.at, accepted)
    return {key: [of[number] for number in sorted(of)] for key, of in found.items()}


def gaps(came: Came) -> Iterator[Gap]:
    """The numbers that are missing before one that came, by source."""
    for (source, recipient), ones in sorted(came.items()):
        before: Arrived | None = None
        for one in ones:
            expected = 1 if before is None else before.number + 1
            if one.number > expected:
                yield Gap(source, recipient, expected, one.number - 1, before, one)
            before = one


class OtherLog:
    """The log of the party that sent, and the checkpoints of it that were seen here."""

    def __init__(
        self, source: Source, seen: Iterable[Checkpoint], waiting: Iterable[int], name: str
    ) -> None:
        """``waiting`` are entries that it has not sent yet, where it can tell; ``name`` is for
        people. ``LogError`` ``log.split_view`` when it is not the log whose checkpoints were seen,
        ``log.not_whole`` of chosen entries.
        """
        if not source.whole:
            raise not_whole(name)
        self._source = source
        self._seen = sorted(seen, key=lambda one: one.size)
        self._waiting = set(waiting)
        self._expired: set[int] = set()
        self._entries: dict[str, dict[int, int]] = {}
        """By recipient, the entry of each number."""
        roots = self._read({one.size for one in self._seen})
        self._numbers = {to: sorted(found) for to, found in self._entries.items()}
        for one in self._seen:
            if roots.get(one.size) != one.root:
                raise LogError(
                    "log.split_view",
                    f"{name} is not the log that said of itself, when it was seen here, that it "
                    f"had {one.size} entries: it has {source.size}, and other ones",
                    hint="ask its party for the log that it showed; keep both: they are the proof",
                )

    def settle(self, gap: Gap) -> list[Settled]:
        """What became of the numbers of a gap; those in no entry come as rows of them."""
        return self._between(gap.recipient, gap.first, gap.last)

    def after(self, recipient: str, last: int) -> list[Settled]:
        """The numbers after the ``last`` that came, of which no gap can tell."""
        known = self._numbers.get(recipient)
        return self._between(recipient, last + 1, known[-1]) if known else []

    def _read(self, sizes: set[int]) -> dict[int, bytes]:
        """Take in what it sent, and give its roots at these sizes, made of the very entries."""
        edge, roots = merkle.Edge(), {}
        for index, entry, leaf in _read(self._source):
            edge.add(merkle.leaf_hash(leaf))
            if index + 1 in sizes:
                roots[index + 1] = edge.root()
            if entry.kind == "outcome" and entry.fields["outcome"] == entries.EXPIRED:
                self._expired.add(entry.fields["entry"])
            elif (entry.kind, entry.fields.get("direction")) == ("message", entries.OUT):
                sealed = entry.attributes()
                to = sealed.get("recipient", EVERYBODY)
                self._entries.setdefault(to, {})[int(sealed["sequence"])] = index
        return roots

    def _between(self, recipient: str, first: int, last: int) -> list[Settled]:
        known, found, expected = self._numbers.get(recipient, []), [], first
        for number in known[bisect_left(known, first) : bisect_right(known, last)]:
            found += self._absent(expected, number - 1)
            found.append(self._found(number, self._entries[recipient][number]))
            expected = number + 1
        return found + self._absent(expected, last)

    def _absent(self, first: int, last: int) -> list[Settled]:
        by = self._seen[-1].size if self._seen else None
        return [Settled(first, last, ABSENT, None, by)] if first <= last else []

    def _found(self, number: int, index: int) -> Settled:
        state = SENT
        if index in self._expired:
            state = EXPIRED
        elif index in self._waiting:
            state = WAITING
        by = next((one.size for one in self._seen if one.size > index), None)
        ((_, leaf),) = self._source.leaves(index, index + 1)
        sealed = entries.read(leaf).attributes()
        return Settled(number, number, state, index, by, sealed["id"], sealed["type"])


def not_whole(name: str) -> LogError:
    """That chosen entries say nothing of what is missing."""
    return LogError(
        "log.not_whole",
        f"{name} holds chosen entries: what is missing in it may only not have been chosen",
        hint="take the log, or a bundle of all of it: xroad-lite log export --all OUT",
    )


def _read(source: Source) -> Iterator[tuple[int, Entry, bytes]]:
    for first, last in source.ranges():
        for index, leaf in source.leaves(first, last):
            yield index, entries.read_at(index, leaf), leaf
