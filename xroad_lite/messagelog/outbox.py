"""What is sealed and logged here and not yet confirmed by the transport; does not send it."""

from __future__ import annotations

import math
from collections import deque
from itertools import islice
from typing import NamedTuple

from xroad_lite.messagelog.store import Store

WAITING = "waiting"
_RECOUNT = 4096
_FORGOTTEN_AT_ONCE = 20_000
_REMEMBERED = 4096


class Outgoing(NamedTuple):
    """One outbox row: the log entry that it sends, and where."""

    index: int  # type: ignore[assignment]  # no row is searched as a tuple is
    recipient: str | None
    lane: str
    attempts: int


class Outbox:
    """The rows, in order. A (recipient, lane) is held back whole while its first row waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted = len(self)
        self._added = 0
        self._adding: list[Outgoing] = []
        """In the open transaction."""
        self._lately: deque[Outgoing] = deque(maxlen=_REMEMBERED)
        """What was added and committed of late, in the order of the table."""
        self._known_from = math.inf
        """All beyond this entry are in ``_lately``, unless it was too many."""
        self._highest = -1
        """The last entry that was added in its turn."""
        self._too_many = False
        self._held_back = True
        """Whether any row may be held back; ``next_due`` makes sure."""

    def add(
        self, index: int, recipient: str | None, lane: str, expires: float | None = None
    ) -> None:
        """Queue log entry ``index``; once is enough. ``expires`` is Unix seconds."""
        with self._store.transaction():
            row = (index, recipient, lane, WAITING, 0, 0, expires)
            self._store.insert("xl_outbox", *row, verb="INSERT OR IGNORE")
            self._counted += 1
            self._added += 1
            if not self._adding:
                self._store.then(self._ended)
            if index <= self._highest:  # sent again: its place is before what memory has
                self._known_from = math.inf
            self._highest = max(self._highest, index)
            self._adding.append(Outgoing(index, recipient, lane, 0))

    def _ended(self, kept: bool) -> None:
        """The transaction has ended in which rows were added, in whatever thread."""
        adding, self._adding = self._adding, []
        if kept:
            self._too_many |= len(self._lately) + len(adding) > _REMEMBERED
            self._lately += adding

    def due(self, after: int, now: float, limit: int) -> list[Outgoing]:
        """Rows beyond index ``after`` whose route is not held back, oldest first.

        The table is not asked as long as memory has them all and none is held back.
        """
        if self._held_back or self._too_many or after < self._known_from:
            return self._look(after, now, limit)
        while self._lately and self._lately[0].index <= after:
            self._known_from = self._lately.popleft().index
        return list(islice(self._lately, limit))

    def _look(self, after: int, now: float, limit: int) -> list[Outgoing]:
        """Ask the table; what is added meanwhile is in it, or will be in memory.

        While anything is held back, rows that are not due stand beyond what is found.
        """
        self._too_many = False
        self._lately.clear()
        rows = self._store.query(
            "SELECT idx, recipient, lane, attempts FROM xl_outbox o WHERE idx > ? AND next_at <= ?"
            " AND NOT EXISTS (SELECT 1 FROM xl_outbox e WHERE e.next_at > 0 AND e.next_at > ?"
            " AND e.lane = o.lane AND e.recipient IS o.recipient AND e.idx < o.idx)"
            " ORDER BY idx LIMIT ?",
            (after, now, now, limit),
        )
        seen = max(after, rows[-1][0]) if rows else after
        self._known_from = math.inf if self._held_back or len(rows) == limit else seen
        return [Outgoing._make(row) for row in rows]

    def confirmed(self, indexes: list[int], at: float | None = None) -> None:
        """Forget these: they are durable on the other side since Unix time ``at``, or given up."""
        told = at is not None and indexes  # what is given up may let others go on
        self._known_from = max(self._known_from, *indexes) if told else math.inf
        with self._store.transaction():
            for index in indexes if at is not None else ():
                self._store.insert("xl_sent", index, at, verb="INSERT OR REPLACE")
            self._store.delete("xl_outbox", indexes)
            self._counted -= len(indexes)

    def forget_sent(self, before: float) -> None:
        """Forget when the oldest messages were confirmed, if that was before this time."""
        self._store.execute(
            "DELETE FROM xl_sent WHERE at < ? AND idx IN"
            " (SELECT idx FROM xl_sent ORDER BY idx LIMIT ?)",
            (before, _FORGOTTEN_AT_ONCE),
        )

    def expired(self, now: float) -> list[tuple[int, int]]:
        """Entry and attempts of rows that nobody would accept any more."""
        return self._store.query(
            "SELECT idx, attempts FROM xl_outbox WHERE expires IS NOT NULL AND expires < ?"
            " ORDER BY idx LIMIT 1000",
            (now,),
        )

    def postponed(self, index: int, state: str, next_at: float) -> None:
        """Say why a row was not taken, and when to try it again."""
        self._held_back, self._known_from = True, math.inf
        self._store.execute(
            "UPDATE xl_outbox SET state = ?, attempts = attempts + 1, next_at = ? WHERE idx = ?",
            (state, next_at, index),
        )

    def next_due(self, now: float) -> float | None:
        """When the first row that is held back after ``now`` may be tried again, Unix seconds."""
        rows = self._store.query("SELECT min(next_at) FROM xl_outbox WHERE next_at > ?", (now,))
        self._held_back = rows[0][0] is not None
        return None if rows[0][0] is None else float(rows[0][0])

    def has_room(self, rows: int, limit: int) -> bool:
        """Whether ``rows`` more stay within ``limit``.

        Counting is dear and rollbacks are rare: what was counted along is believed for a while,
        and never when it would refuse.
        """
        if self._added >= _RECOUNT or self._counted + rows > limit:
            self._counted, self._added = len(self), 0
        return self._counted + rows <= limit

    def __len__(self) -> int:
        return int(self._store.query("SELECT count(*) FROM xl_outbox")[0][0])

    def status(self) -> dict[str, object]:
        """How many wait, by state, and the oldest entry's index."""
        by_state = dict(self._store.query("SELECT state, count(*) FROM xl_outbox GROUP BY state"))
        oldest = self._store.query("SELECT min(idx) FROM xl_outbox")[0][0]
        return {"waiting": sum(by_state.values()), "states": by_state, "oldest_entry": oldest}
