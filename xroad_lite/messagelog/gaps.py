"""Which sealed sequence numbers never arrived, and what the sender's own log says of them.

Does not ask anybody: the other party's log comes in. A number is settled by a checkpoint of that
log which this node had seen, or else by the log's own word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.entries import Entry
from xroad_lite.messagelog.store import Store

EVERYBODY = "*"
SENT, WAITING, EXPIRED, ABSENT = "sent", "waiting", "expired", "absent"
"""What became of a number: sent and not received; not sent yet; never sent; in no entry."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that came, with its number: entry, Unix time, and whether it was accepted."""

    number: int
    index: int
    at: float
    accepted: bool


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
    """What became of one missing number, by the sender's log."""

    number: int
    state: str
    entry: int | None
    """Its entry in the sender's log."""
    by: int | None
    """Size of the checkpoint, seen here, under which that entry is proved; None: by its word."""
    id: str = ""
    type: str = ""


def arrived(log: Iterable[tuple[int, Entry]]) -> dict[tuple[str, str], list[Arrived]]:
    """What came, by source and recipient, in the order of the numbers; each number once."""
    found: dict[tuple[str, str], dict[int, Arrived]] = {}
    for index, entry in log:
        if entry.kind != "message" or entry.fields["direction"] != entries.IN or not entry.proven:
            continue
        sealed = entry.attributes()
        of = found.setdefault((sealed["source"], sealed.get("recipient", EVERYBODY)), {})
        accepted = entry.fields["verdict"].get("outcome") == entries.ACCEPTED
        number = int(sealed["sequence"])
        if number not in of or (accepted and not of[number].accepted):
            of[number] = Arrived(number, index, entry.at, accepted)
    return {key: [of[number] for number in sorted(of)] for key, of in found.items()}


def gaps(log: Iterable[tuple[int, Entry]]) -> Iterator[Gap]:
    """The numbers that are missing before one that came, by source."""
    for (source, recipient), came in sorted(arrived(log).items()):
        before: Arrived | None = None
        for one in came:
            expected = 1 if before is None else before.number + 1
            if one.number > expected:
                yield Gap(source, recipient, expected, one.number - 1, before, one)
            before = one


class OtherLog:
    """The log of the party that sent, and the checkpoints of it that were seen here."""

    def __init__(self, store: Store, seen: Iterable[Checkpoint]) -> None:
        """``LogError`` ``log.split_view`` when it is not the log whose checkpoints were seen."""
        self._store = store
        self._seen = sorted(seen, key=lambda one: one.size)
        self._check_seen()
        self._numbers: dict[tuple[str, int], int] = {}
        self._expired: set[int] = set()
        self._waiting = {row[0] for row in store.query("SELECT idx FROM xl_outbox")}
        for index, entry in read_all(store):
            if entry.kind == "outcome" and entry.fields["outcome"] == entries.EXPIRED:
                self._expired.add(entry.fields["entry"])
            elif entry.proven and entry.fields["direction"] == entries.OUT:
                sealed = entry.attributes()
                to = sealed.get("recipient", EVERYBODY)
                self._numbers[to, int(sealed["sequence"])] = index

    def settle(self, gap: Gap) -> list[Settled]:
        """What became of each number of a gap."""
        return [self._settle(gap.recipient, one) for one in range(gap.first, gap.last + 1)]

    def after(self, recipient: str, last: int) -> list[Settled]:
        """The numbers after the ``last`` that came, of which no gap can tell."""
        later = (number for to, number in self._numbers if to == recipient and number > last)
        return [self._settle(recipient, number) for number in sorted(later)]

    def _settle(self, recipient: str, number: int) -> Settled:
        index = self._numbers.get((recipient, number))
        if index is None:
            return Settled(number, ABSENT, None, self._seen[-1].size if self._seen else None)
        state = SENT
        if index in self._expired:
            state = EXPIRED
        elif index in self._waiting:
            state = WAITING
        by = next((one for one in self._seen if one.size > index), None)
        if by is not None:
            self._prove(index, by)
        sealed = self._store.entry(index).attributes()
        size = None if by is None else by.size
        return Settled(number, state, index, size, sealed["id"], sealed["type"])

    def _prove(self, index: int, under: Checkpoint) -> None:
        proof = merkle.inclusion_proof(index, under.size, self._store.read_hash)
        leaf = merkle.leaf_hash(self._store.leaf(index))
        merkle.verify_inclusion(index, under.size, leaf, proof, under.root)

    def _check_seen(self) -> None:
        size = self._store.size
        for seen in self._seen:
            if size < seen.size or merkle.root(seen.size, self._store.read_hash) != seen.root:
                raise LogError(
                    "log.split_view",
                    f"{self._store.path} is not the log that said of itself, when it was seen "
                    f"here, that it had {seen.size} entries: it has {size}, and other ones",
                    hint="ask its party for the log that it showed; keep both: they are the proof",
                )


def read_all(store: Store) -> Iterator[tuple[int, Entry]]:
    """Every entry of a log, read."""
    for index, leaf in store.entries():
        yield index, entries.read(leaf)


def source_of(store: Store) -> str | None:
    """Whose log it is, by what it sent; None of one that sent nothing."""
    rows = store.query("SELECT source FROM xl_messages WHERE direction = 'out' LIMIT 1")
    return str(rows[0][0]) if rows else None
