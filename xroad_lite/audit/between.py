"""Two parties' logs held against each other: what one sent, the other has, or its absence is named.

Does not verify either log: ``log verify`` does. What is missing is settled by what the other party
itself sealed or saw, where it did.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from xroad_lite import times
from xroad_lite.audit import differences
from xroad_lite.audit.differences import Difference, Held, Kind
from xroad_lite.audit.opening import Bundle, Log
from xroad_lite.audit.sides import EVERYBODY, Progress, Side, index_tables, opened, read_side
from xroad_lite.envelope import verify_seal
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.receipts import RECEIVED, REFUSED

WITHIN_SECONDS = 3600.0
_BEST = {entries.ACCEPTED: 0, entries.DUPLICATE: 1}
_PAIRS = (
    "SELECT s.idx, s.peer, s.number, s.id, s.type, s.at, s.signature, s.body,"
    " r.idx, r.signature, r.body, r.outcome, r.step, r.code"
    " FROM messages s LEFT JOIN messages r ON r.side = ? AND r.sent = 0 AND r.key = s.key"
    " WHERE s.side = ? AND s.sent = 1 ORDER BY s.idx, r.idx"
)
_ALONE = (
    "SELECT r.idx, r.peer, r.number, r.id, r.type, r.at, r.outcome, r.code FROM messages r"
    " WHERE r.side = ? AND r.sent = 0 AND NOT EXISTS (SELECT 1 FROM messages s"
    " WHERE s.side = ? AND s.sent = 1 AND s.key = r.key) ORDER BY r.idx"
)
_NUMBERS = (
    "SELECT number, count(DISTINCT key), min(id), max(id) FROM messages WHERE peer = ?"
    " AND ((side = ? AND sent = 1) OR (side = ? AND sent = 0"
    " AND outcome IN ('accepted', 'duplicate'))) GROUP BY number ORDER BY number"
)
_TOLD = (
    "SELECT t.idx, t.state, s.id, s.idx FROM messages t JOIN messages s"
    " ON s.side = t.side AND s.sent = 1 AND s.id = t.about"
    " WHERE t.side = ? AND t.sent = 0 AND t.state IS NOT NULL AND t.outcome = 'accepted'"
    " ORDER BY t.idx"
)


class _Pair(NamedTuple):
    """A message that was sent, and the best of what came under the same seal, if anything did."""

    entry: int
    peer: str
    number: int
    id: str
    type: str
    at: float
    signature: str
    body: bytes | None
    came: int | None
    came_signature: str | None
    came_body: bytes | None
    outcome: str | None
    step: int | None
    code: str | None


class _Alone(NamedTuple):
    """A message that came, and is not in the log of who is said to have sent it."""

    entry: int
    peer: str
    number: int
    id: str
    type: str
    at: float
    outcome: str
    code: str | None


def hold(
    evidence: tuple[Log | Bundle, Log | Bundle],
    progress: Progress = lambda *_: None,
    within: float = WITHIN_SECONDS,
) -> Held:
    """Hold two parties' logs or bundles against each other.

    What did not come ``within`` so many seconds is lost; before, it may be on its way.
    ``LogError`` if both are of one party, or if nothing says whose one is.
    """
    first, second = (Side.of(number, one) for number, one in enumerate(evidence))
    if first.subsystem == second.subsystem:
        raise LogError(
            "log.one_party",
            f"both are logs of {first.subsystem}: expected those of two parties",
            hint="to verify one log: xroad-lite log verify LOG",
        )
    found = Held((first.subsystem, second.subsystem))
    with closing(opened()) as table:
        ways = (
            _Way(table, first, second, within, second.seen(first)),
            _Way(table, second, first, within, first.seen(second)),
        )
        for way, before in zip(ways, (0, first.size), strict=True):
            way.read(progress, before, first.size + second.size)
        index_tables(table)
        for way in ways:
            way.compare(found)
    found.unproven = first.unproven, second.unproven
    return found


@dataclass(slots=True)
class _Way:
    """All that went from one party to the other."""

    table: sqlite3.Connection
    sender: Side
    receiver: Side
    within: float
    seen: Sequence[Checkpoint]
    """What the receiver saw of the sender's log."""
    _agreed: list[int] = field(default_factory=list)
    """The sizes of those that are this very log's."""

    def read(self, progress: Progress, before: int, of: int) -> None:
        """Take in the sender's log."""
        sizes = [one.size for one in self.seen]
        read_side(
            self.table,
            self.sender,
            self.receiver.subsystem,
            sizes,
            lambda done, _: progress(before + done, of),
        )

    def compare(self, found: Held) -> None:
        """Say what differs."""
        source = self.sender.subsystem
        for one in self._views():
            found.add(one)
        rows = self.table.execute(_PAIRS, (self.receiver.number, self.sender.number))
        for _, alike in groupby(map(_Pair._make, rows), key=lambda pair: pair.entry):
            pair = min(alike, key=lambda one: _BEST.get(one.outcome or "", 2))
            found.sent[source] += 1
            found.received[source] += pair.came is not None
            for one in self._pair(pair):
                found.add(one)
        for one in (*self._unmatched(), *self._numbered(), *self._told()):
            found.add(one)

    def _say(self, kind: Kind, said: dict[str, Any] | None = None, **more: Any) -> Difference:
        text = kind.text.format(**(said or {}))
        parties = self.sender.subsystem, self.receiver.subsystem
        return Difference(kind.name, kind.verdict, *parties, text, **more)

    def _one(self, sql: str, *values: object) -> Any:
        row = self.table.execute(sql, values).fetchone()
        return None if row is None else row[0]

    # the sender's log as the receiver saw it

    def _views(self) -> Iterator[Difference]:
        for one in self.seen if self.sender.whole else ():
            root = self.sender.roots.get(one.size)
            if root is None:
                yield self._say(differences.SET_BACK, {"size": self.sender.size, "seen": one.size})
            elif root != one.root:
                yield self._say(differences.VIEWS, {"size": one.size})
            else:
                self._agreed.append(one.size)

    # what was sent

    def _pair(self, pair: _Pair) -> Iterator[Difference]:
        about: dict[str, Any] = {
            "number": pair.number,
            "id": pair.id,
            "type": pair.type,
            "sent": pair.entry,
            "received": pair.came,
        }
        if pair.came is None:
            yield self._say(*self._absence(pair), **about)
        elif pair.signature != pair.came_signature:
            yield self._say(differences.SIGNATURE, **about)
        elif pair.outcome not in _BEST:
            step = f" by check {pair.step}" if pair.step else ""
            yield self._say(differences.REFUSED, {"step": step, "code": pair.code}, **about)
        elif pair.body is None or pair.came_body is None:
            kept = ((self.sender, pair.body), (self.receiver, pair.came_body))
            who = " and ".join(side.subsystem for side, body in kept if body is None)
            yield self._say(differences.BODILESS, {"who": who}, **about)
        elif pair.body != pair.came_body:
            yield self._say(differences.BODY, **about)

    def _absence(self, pair: _Pair) -> tuple[Kind, dict[str, Any]]:
        """Why it is not in the receiver's log, as far as the two logs tell."""
        receiver, known = self.receiver, {"known": self._known(pair.entry)}
        answer = self._answer(pair)
        if answer is not None and receiver.whole:
            return differences.OMITTED, {"answer": answer}
        if pair.entry in self.sender.waiting:
            return differences.WAITING, {}
        if entries.EXPIRED in self._outcomes(self.sender, pair.entry):
            return differences.EXPIRED, {}
        if not receiver.whole:
            return differences.NOT_CHOSEN, {}
        if pair.at > receiver.last:
            return differences.ENDS, {"at": times.to_text(receiver.last)}
        if pair.peer == EVERYBODY:
            return differences.NOT_HEARD, {}
        after = self._after(pair)
        if after is None and pair.at + self.within > receiver.last:
            return differences.ON_ITS_WAY, known
        why = "nor anything after it" if after is None else f"number {after} came after it"
        return differences.ABSENT, {"why": why, **known}

    def _known(self, index: int) -> str:
        """What beside the sender's word shows that it is in the sender's log."""
        size = next((size for size in sorted(self._agreed) if size > index), None)
        if size is not None:
            who = self.receiver.subsystem
            return f"{who} saw the sender's log with it, in a checkpoint of {size} entries"
        cosigned = self.sender.cosigned(index)
        if cosigned is not None:
            return f"{cosigned[1]} cosigned the sender's checkpoint of {cosigned[0]} entries"
        return "that it was logged is the sender's word"

    def _after(self, pair: _Pair) -> int | None:
        sql = (
            "SELECT min(number) FROM messages WHERE side = ? AND sent = 0 AND peer = ?"
            " AND number > ? AND outcome IN ('accepted', 'duplicate')"
        )
        found: int | None = self._one(sql, self.receiver.number, pair.peer, pair.number)
        return found

    def _answer(self, pair: _Pair) -> int | None:
        """The sender's entry with an answer or a receipt for this very seal."""
        sql = (
            "SELECT idx, hash FROM messages WHERE side = ? AND about = ? AND sent = 0"
            " AND outcome = 'accepted' ORDER BY idx"
        )
        rows = self.table.execute(sql, (self.sender.number, pair.id)).fetchall()
        identity = self.sender.seal(pair.entry).identity if rows else None
        return next((index for index, hash_ in rows if hash_ == identity), None)

    def _outcomes(self, side: Side, index: int) -> set[str]:
        sql = "SELECT outcome FROM outcomes WHERE side = ? AND idx = ?"
        return {row[0] for row in self.table.execute(sql, (side.number, index))}

    # what came, and was not sent

    def _unmatched(self) -> Iterator[Difference]:
        rows = self.table.execute(_ALONE, (self.receiver.number, self.sender.number))
        for one in map(_Alone._make, rows):
            yield self._say(
                *self._origin(one),
                number=one.number,
                id=one.id,
                type=one.type,
                received=one.entry,
            )

    def _origin(self, one: _Alone) -> tuple[Kind, dict[str, Any]]:
        """Why it is not in the sender's log."""
        if one.outcome not in _BEST:
            return differences.STRANGER, {"code": one.code}
        try:
            verify_seal(self.receiver.seal(one.entry))
        except XRoadError as error:
            return differences.FORGED, {"why": error.message}
        if not self.sender.whole:
            return differences.NOT_CHOSEN, {}
        if one.number > self._last(one.peer) and one.at >= self.sender.last:
            return differences.ENDS, {"at": times.to_text(self.sender.last)}
        return differences.UNLOGGED, {}

    # numbers

    def _last(self, peer: str) -> int:
        """The highest number in the sender's log."""
        sql = "SELECT max(number) FROM messages WHERE side = ? AND sent = 1 AND peer = ?"
        return self._one(sql, self.sender.number, peer) or 0

    def _numbered(self) -> Iterator[Difference]:
        for peer in (self.receiver.subsystem, EVERYBODY):
            before, end = 0, self._last(peer) if self.sender.whole else 0
            values = (peer, self.sender.number, self.receiver.number)
            for number, seals, low, high in self.table.execute(_NUMBERS, values):
                if seals > 1:
                    said = {"number": number, "low": low, "high": high}
                    yield self._say(differences.TWICE, said, number=number)
                if before + 1 < number <= end:
                    first, last = before + 1, number - 1
                    which = f"{first}" if first == last else f"{first} to {last}"
                    yield self._say(differences.NUMBER, {"which": which}, number=first)
                before = number

    # what receipts say

    def _told(self) -> Iterator[Difference]:
        """The receiver's receipts, as the sender has them, against the receiver's own log."""
        if not self.receiver.whole:
            return
        sql = "SELECT idx, outcome FROM messages WHERE side = ? AND sent = 0 AND id = ?"
        for receipt, state, id, index in self.table.execute(_TOLD, (self.sender.number,)):
            came = self.table.execute(sql, (self.receiver.number, id)).fetchall()
            if came and not self._agrees(state, came):  # what never came was told of before
                said = {"state": state, "receipt": receipt}
                yield self._say(
                    differences.CONTRADICTED, said, id=id, sent=index, received=came[0][0]
                )

    def _agrees(self, state: str, came: Sequence[tuple[int, str]]) -> bool:
        if state == RECEIVED:
            return any(outcome in _BEST for _, outcome in came)
        if state == REFUSED:
            return any(outcome == entries.REFUSED for _, outcome in came)
        return any(state in self._outcomes(self.receiver, index) for index, _ in came)
