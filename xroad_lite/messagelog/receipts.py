"""Receipts that a node owes, awaits and has got, kept in its log's store; does not seal or judge.

What is owed commits with what it tells of, and is sealed afterwards: so each receipt is given
exactly once, whenever the process ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from xroad_lite.messagelog.store import Store

RECEIVED, REFUSED, NOT_SENT = "received", "refused", "not sent"
"""States beside the outcomes of ``entries``. The last is no receipt: it expired in the outbox."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS xl_receipts_owed (number INTEGER PRIMARY KEY, entry INTEGER"
    " NOT NULL, state TEXT NOT NULL, at REAL NOT NULL, failed INTEGER, code TEXT,"
    " next_at REAL, receipt INTEGER)",
    "CREATE INDEX IF NOT EXISTS xl_receipts_owed_entry ON xl_receipts_owed (entry)",
    "CREATE INDEX IF NOT EXISTS xl_receipts_owed_next ON xl_receipts_owed (next_at)"
    " WHERE next_at IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS xl_receipts_awaited (idx INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    " recipient TEXT NOT NULL, type TEXT NOT NULL, identity TEXT NOT NULL, agreement TEXT"
    " NOT NULL, purpose TEXT NOT NULL, sealed REAL NOT NULL, state TEXT)",
    "CREATE INDEX IF NOT EXISTS xl_receipts_awaited_id ON xl_receipts_awaited (id)",
    "CREATE INDEX IF NOT EXISTS xl_receipts_awaited_open ON xl_receipts_awaited (sealed)"
    " WHERE state IS NULL",
    "CREATE TABLE IF NOT EXISTS xl_receipts (receipt INTEGER PRIMARY KEY, idx INTEGER NOT NULL,"
    " state TEXT NOT NULL, at REAL NOT NULL, failed INTEGER, code TEXT)",
    "CREATE INDEX IF NOT EXISTS xl_receipts_idx ON xl_receipts (idx)",
)
_RANKS = {NOT_SENT: 0, REFUSED: 1, RECEIVED: 2, "handled": 4}
_OTHER_RANK = 3
_THERE = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_receipts'"
_MISSING = (
    " FROM xl_receipts_awaited a WHERE state IS NULL AND sealed < ?"
    " AND NOT EXISTS (SELECT 1 FROM xl_outbox o WHERE o.idx = a.idx)"
)


class Told(NamedTuple):
    """What a receipt says: a state, since when (Unix seconds), and which check refused, if so."""

    state: str
    at: float
    check: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A receipt that is still to be sealed, for the message at log entry ``entry``."""

    number: int
    entry: int
    told: Told


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of ours whose recipient owes us a receipt; ``sealed`` is Unix seconds."""

    entry: int
    id: str
    recipient: str
    type: str
    identity: str
    agreement: str
    purpose: str
    sealed: float
    state: str | None
    """The furthest that its receipts say; None while none came."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt given or got: its log entry, None while it is not sealed yet."""

    entry: int | None
    told: Told


class ReceiptTables:
    """The receipts of an open store; of one that is read only and has no tables, none."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the tables, if they are not there."""
        if not self._there:
            self._store.make(_TABLES)

    @property
    def _there(self) -> bool:
        return bool(self._store.query(_THERE)[0][0])

    # for what came in

    def owe(self, entry: int, told: Told) -> None:
        """Remember, in the open transaction, that a receipt is to be sealed for this entry."""
        row = (None, entry, told.state, told.at, told.check, told.code, told.at, None)
        self._store.insert("xl_receipts_owed", *row)

    def owe_outcome(self, entry: int, told: Told) -> bool:
        """The same for what became of an accepted message, if its agreement asks for receipts.

        It was accepted in an earlier transaction than this.
        """
        rows = self._store.peek("SELECT 1 FROM xl_receipts_owed WHERE entry = ? LIMIT 1", (entry,))
        if rows:
            self.owe(entry, told)
        return bool(rows)

    def any_owed(self) -> bool:
        """Whether any was ever owed."""
        return bool(self._store.query("SELECT 1 FROM xl_receipts_owed LIMIT 1"))

    def due(self, now: float, limit: int) -> list[Owed]:
        """What is to be sealed now, the oldest first."""
        rows = self._store.query(
            "SELECT number, entry, state, at, failed, code FROM xl_receipts_owed"
            " WHERE next_at <= ? ORDER BY number LIMIT ?",
            (now, limit),
        )
        return [Owed(number, entry, Told(*told)) for number, entry, *told in rows]

    def next_due(self) -> float | None:
        """When the next is to be sealed, Unix seconds."""
        rows = self._store.query(
            "SELECT min(next_at) FROM xl_receipts_owed WHERE next_at IS NOT NULL"
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def written(self, receipts: Sequence[tuple[int, int]]) -> None:
        """They are sealed, in the open transaction: log entry and number of each."""
        self._store.many(
            "UPDATE xl_receipts_owed SET receipt = ?, next_at = NULL WHERE number = ?", receipts
        )

    def later(self, number: int, next_at: float | None) -> None:
        """It cannot be sealed before ``next_at``; None if never."""
        self._store.execute(
            "UPDATE xl_receipts_owed SET next_at = ? WHERE number = ?", (next_at, number)
        )

    def given(self, entry: int) -> list[Receipt]:
        """The receipts that were given here for a message that came, in their order."""
        return self._read(
            "SELECT receipt, state, at, failed, code FROM xl_receipts_owed WHERE entry = ?"
            " AND (receipt IS NOT NULL OR next_at IS NOT NULL) ORDER BY number",
            entry,
        )

    # for what went out

    def wait_for(self, one: Waiting) -> None:
        """Remember a message, in the transaction that seals it, whose recipient owes a receipt."""
        self._store.insert(
            "xl_receipts_awaited",
            one.entry,
            one.id,
            one.recipient,
            one.type,
            one.identity,
            one.agreement,
            one.purpose,
            one.sealed,
            None,
        )

    def awaited(self, message_id: str) -> Waiting | None:
        """Our message with this id, if its agreement asks for receipts."""
        rows = self._store.query(
            "SELECT * FROM xl_receipts_awaited WHERE id = ? ORDER BY idx DESC LIMIT 1",
            (message_id,),
            table="xl_receipts_awaited",
        )
        return Waiting(*rows[0]) if rows else None

    def got(self, receipt: int, waiting: Waiting, told: Told) -> Waiting:
        """Log entry ``receipt`` is a receipt for a message of ours; gives how that stands by it.

        ``reached`` writes that, in the same transaction.
        """
        row = (receipt, waiting.entry, told.state, told.at, told.check, told.code)
        self._store.insert("xl_receipts", *row)
        return replace(waiting, state=_further(waiting.state, told.state))

    def reached(self, messages: Iterable[Waiting]) -> None:
        """How messages of ours stand by their receipts, in the open transaction."""
        rows = [(one.state, one.entry) for one in messages]
        if rows:
            self._store.many("UPDATE xl_receipts_awaited SET state = ? WHERE idx = ?", rows)

    def not_sent(self, entry: int) -> None:
        """Our message expired in the outbox: nobody owes anything for it."""
        self._store.execute(
            "UPDATE xl_receipts_awaited SET state = ? WHERE idx = ?", (NOT_SENT, entry)
        )

    def of(self, entry: int) -> list[Receipt]:
        """The receipts that came for our message at this entry, in their order."""
        return self._read(
            "SELECT receipt, state, at, failed, code FROM xl_receipts WHERE idx = ?"
            " ORDER BY receipt",
            entry,
        )

    def waiting(self, entry: int) -> Waiting | None:
        """Our message at this entry, if its agreement asks for receipts."""
        found = self._waiting("SELECT * FROM xl_receipts_awaited WHERE idx = ?", entry)
        return found[0] if found else None

    def all(self, after: int, limit: int, state: str | None = None) -> list[Waiting]:
        """Our messages beyond entry ``after`` whose agreement asks for receipts."""
        return self._waiting(
            "SELECT * FROM xl_receipts_awaited WHERE idx > ? AND (? IS NULL OR state = ?)"
            " ORDER BY idx LIMIT ?",
            after,
            state,
            state,
            limit,
        )

    def missing(self, before: float, limit: int) -> list[Waiting]:
        """Those that were sealed before this time and sent, and for which no receipt came."""
        return self._waiting(f"SELECT *{_MISSING} ORDER BY sealed LIMIT ?", before, limit)

    def status(self, before: float) -> dict[str, Any]:
        """How many are owed, awaited, and missing of what was sealed before this time."""
        if not self._there:
            return {"owed": 0, "awaited": 0, "missing": 0, "oldest_missing": None}
        (owed,) = self._store.query(
            "SELECT count(*) FROM xl_receipts_owed WHERE next_at IS NOT NULL"
        )[0]
        (awaited,) = self._store.query(
            "SELECT count(*) FROM xl_receipts_awaited WHERE state IS NULL"
        )[0]
        missing, oldest = self._store.query(
            f"SELECT count(*), min(sealed){_MISSING}",
            (before,),
        )[0]
        return {"owed": owed, "awaited": awaited, "missing": missing, "oldest_missing": oldest}

    def _waiting(self, sql: str, *values: object) -> list[Waiting]:
        return [Waiting(*row) for row in self._store.query(sql, values)] if self._there else []

    def _read(self, sql: str, entry: int) -> list[Receipt]:
        rows = self._store.query(sql, (entry,)) if self._there else []
        return [Receipt(index, Told(*told)) for index, *told in rows]


def _further(before: str | None, now: str) -> str:
    """Which of two states is the further one, whatever came first."""
    if before is None or _RANKS.get(now, _OTHER_RANK) >= _RANKS.get(before, _OTHER_RANK):
        return now
    return before
