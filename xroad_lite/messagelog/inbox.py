"""What arrived here: ids accepted, messages that wait for their handler, dead and undecided ones.

Does not run handlers. Retry, order and dead letters live here and not in the broker, so they share
the transactions of the log.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from xroad_lite.envelope import Seal, parse_seal
from xroad_lite.messagelog import correspondence, entries
from xroad_lite.messagelog.receipts import ReceiptTables, Told
from xroad_lite.messagelog.store import Store

PENDING, DEAD = "pending", "dead"
_LENT = 3
"""Of ``running``: somebody outside has it."""


class Incoming(NamedTuple):
    """One accepted message that waits, or lies dead: its log entry, and its attempts so far."""

    index: int  # type: ignore[assignment]  # no row is searched as a tuple is
    subscription: str
    source: str
    subject: str | None
    attempts: int
    crashes: int
    suspect: bool
    """Whether the process ended while this one, among others, was being handled."""
    expires: float | None

    @property
    def attempt(self) -> int:
        """Which attempt it would be now, from 1; one that may have ended the process counts."""
        return self.attempts + self.crashes + self.suspect + 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An accepted message that its handler could not handle, kept until somebody decides."""

    index: int
    subscription: str
    source: str
    subject: str | None
    attempts: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A message that no check could judge yet, exactly as it came."""

    number: int
    lane: str
    order: str
    """What it holds up: later messages of the same key and source."""
    seal: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    body: bytes = field(repr=False)
    missing: str | None


class Inbox:
    """The rows behind ``Node.run``; each method is one transaction, or part of the caller's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accepting: dict[tuple[str, str, str], Seal] = {}
        """In the open transaction."""
        self._newest: dict[str, str] = {}
        """By source, an id that no accepted one is beyond."""
        self.holding = True
        """Whether anything may be undecided; ``undecided_count`` makes sure."""

    def accepted(self, subscription: str, source: str, message_id: str) -> str | None:
        """The identity of the seal that was accepted under this id, if one was.

        Ids sort by time (UUIDv7): mostly one is beyond all accepted ones, and not looked up.
        """
        if message_id > self._newest_of(source):
            return None
        here = self._accepting.get((subscription, source, message_id))
        if here is not None:
            return here.identity
        entry = correspondence.accepted(self._store, subscription, source, message_id)
        return None if entry is None else parse_seal(self._store.seal(entry)).identity

    def _newest_of(self, source: str) -> str:
        newest = self._newest.get(source)
        if newest is None:
            newest = self._newest[source] = correspondence.newest_id(self._store)
        return newest

    def accept(self, opened: Seal) -> None:
        """In the transaction that logs a message as accepted: no other comes under its id."""
        sealed = opened.attributes
        if not self._accepting:
            self._store.then(self._accepted)
        self._accepting[(sealed.type, sealed.source, sealed.id)] = opened
        if sealed.id > self._newest_of(sealed.source):
            self._newest[sealed.source] = sealed.id

    def _accepted(self, kept: bool) -> None:  # noqa: ARG002
        """By now they are in the table, or rolled back."""
        self._accepting.clear()

    def add(
        self,
        index: int,
        subscription: str,
        source: str,
        subject: str | None,
        expires: float | None,
        lent: float | None = None,
    ) -> None:
        """Queue log entry ``index`` for its handler; until Unix time ``lent`` somebody has it."""
        running, next_at = (0, 0.0) if lent is None else (_LENT, lent)
        with self._store.transaction():
            self._store.insert(
                "xl_inbox",
                index,
                subscription,
                source,
                subject,
                PENDING,
                running,
                0,
                0,
                next_at,
                expires,
                None,
                None,
            )

    def due(self, now: float, limit: int, subscriptions: Collection[str]) -> list[Incoming]:
        """Messages to handle now, oldest first, none before an earlier one of source and subject.

        A message without subject has no place in an order, and waits for none. What is of none of
        the ``subscriptions`` stays, and is in nobody's way.
        """
        rows = self._store.query(
            "SELECT idx, subscription, source, subject, attempts, crashes, running = 2, expires"
            " FROM xl_inbox i WHERE subscription IN (SELECT value FROM json_each(?))"
            " AND state = 'pending' AND next_at <= ? AND NOT EXISTS (SELECT 1 FROM xl_inbox e"
            " WHERE e.source = i.source AND e.subject = i.subject AND e.idx < i.idx"
            " AND e.state = 'pending' AND e.next_at > 0 AND e.next_at > ?) ORDER BY idx LIMIT ?",
            (json.dumps(list(subscriptions)), now, now, limit),
        )
        return [*map(Incoming._make, rows)]

    def next_due(self, now: float) -> float | None:
        """When the first message that is parked after ``now`` is due, Unix seconds."""
        rows = self._store.query(
            "SELECT min(next_at) FROM xl_inbox WHERE state = 'pending' AND next_at > ?", (now,)
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def started(self, indexes: list[int]) -> None:
        """Mark them before their handlers run: whichever ends the process will be among them."""
        with self._store.transaction(durable=False):
            rows = [(index,) for index in indexes]
            self._store.many("UPDATE xl_inbox SET running = 1 WHERE idx = ?", rows)

    def lend(self, lent: list[tuple[int, int, float]]) -> None:
        """Somebody outside has these: index, attempts so far, and until when."""
        rows = [(attempts, until, index) for index, attempts, until in lent]
        with self._store.transaction():
            self._store.many(
                "UPDATE xl_inbox SET running = 3, attempts = ?, next_at = ? WHERE idx = ?", rows
            )

    def returned(self, index: int) -> None:
        """Nobody has it any more, as if nobody had ever had it."""
        self._store.execute("UPDATE xl_inbox SET running = 0, next_at = 0 WHERE idx = ?", (index,))

    def recover(self) -> None:
        """After a start: what was running when the process ended is handled alone from now on.

        What was lent is nobody's.
        """
        self._store.execute("UPDATE xl_inbox SET running = 2 WHERE running = 1")
        self._store.execute("UPDATE xl_inbox SET running = 0, next_at = 0 WHERE running = 3")

    def crashing(self, index: int) -> None:
        """Count a crash of a suspect before it runs; ``retry`` and ``done`` clear it."""
        self._store.execute("UPDATE xl_inbox SET crashes = crashes + 1 WHERE idx = ?", (index,))

    def retry(self, index: int, next_at: float, code: str, message: str) -> None:
        """Park the message, and what follows it, until ``next_at``."""
        self._store.execute(
            "UPDATE xl_inbox SET running = 0, attempts = attempts + 1, next_at = ?, code = ?,"
            " message = ? WHERE idx = ?",
            (next_at, code, message, index),
        )

    def bury(self, index: int, code: str, message: str) -> None:
        """Make the message a dead letter; what follows it goes on."""
        self._store.execute(
            "UPDATE xl_inbox SET state = 'dead', running = 0, attempts = attempts + 1, code = ?,"
            " message = ? WHERE idx = ?",
            (code, message, index),
        )

    def done(self, *indexes: int) -> None:
        """Handled, expired or dropped: they wait no more."""
        self._store.delete("xl_inbox", indexes)

    def dead_letters(self) -> list[DeadLetter]:
        """All dead letters, oldest first."""
        rows = self._store.query(
            "SELECT idx, subscription, source, subject, attempts, code, message FROM xl_inbox"
            " WHERE state = 'dead' ORDER BY idx"
        )
        return [DeadLetter(*row) for row in rows]

    def any_dead(self) -> bool:
        """Whether there is any dead letter."""
        return bool(self._store.query("SELECT 1 FROM xl_inbox WHERE state = 'dead' LIMIT 1"))

    def dead_before(self, row: Incoming) -> list[int]:
        """Entries of dead letters that stand before this message in its order."""
        rows = self._store.query(
            "SELECT idx FROM xl_inbox WHERE state = 'dead' AND source = ? AND subject = ?"
            " AND idx < ? ORDER BY idx",
            (row.source, row.subject, row.index),
        )
        return [int(one[0]) for one in rows]

    def revive(self, index: int) -> bool:
        """Let a dead letter be handled again, from its first attempt; False if there is none."""
        return bool(
            self._store.execute(
                "UPDATE xl_inbox SET state = 'pending', attempts = 0, crashes = 0, next_at = 0"
                " WHERE idx = ? AND state = 'dead'",
                (index,),
            )
        )

    def drop(self, letter: DeadLetter, leaf: bytes) -> None:
        """Give a dead letter up; ``leaf`` is the log entry that says so."""
        with self._store.transaction():
            self._store.append(leaf)
            self.done(letter.index)
            receipts = ReceiptTables(self._store)
            receipts.create()
            receipts.owe_outcome(letter.index, Told(entries.DROPPED, entries.read(leaf).at))

    def __len__(self) -> int:
        rows = self._store.query("SELECT count(*) FROM xl_inbox WHERE state = 'pending'")
        return int(rows[0][0])

    def hold(
        self,
        lane: str,
        source: str,
        content: tuple[bytes, bytes, bytes],
        code: str,
        missing: str | None,
        next_at: float,
    ) -> None:
        """Keep (seal, salt, body) that cannot be judged yet."""
        self.holding = True
        self._store.execute(
            "INSERT INTO xl_undecided (lane, source, seal, salt, body, code, missing, next_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (lane, source, *content, code, missing, next_at),
        )

    def held(self, prefix: str) -> int:
        """How many are undecided whose order begins with ``prefix``."""
        rows = self._store.query(
            "SELECT count(*) FROM xl_undecided WHERE substr(source, 1, ?) = ?",
            (len(prefix), prefix),
            table="xl_undecided",
        )
        return int(rows[0][0])

    def holds(self, source: str) -> bool:
        """Whether something of this source is undecided, so that what follows must wait too."""
        sql = "SELECT 1 FROM xl_undecided WHERE source = ? LIMIT 1"
        rows = self._store.query(sql, (source,), table="xl_undecided")
        return bool(rows)

    def undecided(self, now: float) -> list[Undecided]:
        """What is to be judged again now, in the order it came."""
        rows = self._store.query(
            "SELECT number, lane, source, seal, salt, body, missing FROM xl_undecided u"
            " WHERE NOT EXISTS (SELECT 1 FROM xl_undecided e WHERE e.source = u.source"
            " AND e.number <= u.number AND e.next_at > ?) ORDER BY number LIMIT 100",
            (now,),
        )
        return [Undecided(*row) for row in rows]

    def undecided_count(self) -> int:
        """How many messages are undecided."""
        rows = self._store.query("SELECT count(*) FROM xl_undecided", table="xl_undecided")
        self.holding = rows[0][0] > 0
        return int(rows[0][0])

    def still_undecided(self, number: int, code: str, missing: str | None, next_at: float) -> None:
        """Judge it again at ``next_at``."""
        self._store.execute(
            "UPDATE xl_undecided SET code = ?, missing = ?, next_at = ? WHERE number = ?",
            (code, missing, next_at, number),
        )

    def decided(self, number: int) -> None:
        """It has its verdict, and is in the log."""
        self._store.execute("DELETE FROM xl_undecided WHERE number = ?", (number,))
