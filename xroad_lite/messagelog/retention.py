"""How long bodies are kept, by which rule, and what holds them; erases what has had its time.

Does not read agreements: whoever logs a body says its rule. A hold lies beside the log and is never
deleted, only lifted, so that it can be told who stopped an erasure, when and why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from xroad_lite import times
from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.store import Store

QUARANTINE = "quarantine"
"""The rule of refused bodies, which nobody vouches for."""
WAITS = "it waits to be sent, handled or given up"
BATCH = 1000
"""Bodies that are erased in one transaction, and named in one entry."""
_UNSETTLED = "unsettled"

_TABLES = (
    "CREATE TABLE IF NOT EXISTS xl_rules (number INTEGER PRIMARY KEY, rule TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS xl_keep (idx INTEGER PRIMARY KEY, rule INTEGER NOT NULL,"
    " held INTEGER)",
    "CREATE INDEX IF NOT EXISTS xl_keep_held ON xl_keep (held) WHERE held IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS xl_keep_quarantine ON xl_keep (idx) WHERE rule = 0",
    "CREATE TABLE IF NOT EXISTS xl_holds (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL"
    " NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, id TEXT, subject TEXT, agreement TEXT,"
    " type TEXT, since REAL, until REAL, lifted_at REAL, lifted_by TEXT, lifted_reason TEXT)",
)
_THERE = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_keep'"
_DUE = (
    "SELECT b.idx, b.keep_until, coalesce(r.rule, 'quarantine'), k.held,"
    " EXISTS (SELECT 1 FROM xl_outbox o WHERE o.idx = b.idx)"
    " OR EXISTS (SELECT 1 FROM xl_inbox i WHERE i.idx = b.idx) AS waits"
    " FROM xl_bodies b LEFT JOIN xl_keep k ON k.idx = b.idx"
    " LEFT JOIN xl_rules r ON r.number = k.rule"
    " WHERE b.keep_until IS NOT NULL AND b.keep_until <= ?"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a body is erased: the quarantine, or the retention of an agreement's version."""

    text: str
    duration: str | None = None
    agreement: str | None = None

    @classmethod
    def of_agreement(cls, duration: str, agreement: str) -> Rule:
        """The rule of an agreement's version; ``agreement`` is its IRI."""
        return cls(f"retention {duration} {agreement}", duration, agreement)

    @classmethod
    def read(cls, text: str) -> Rule:
        """From an erasure entry's ``rule``; an unknown one is only its text."""
        word, _, rest = text.partition(" ")
        duration, _, agreement = rest.partition(" ")
        return cls(text, duration, agreement) if word == "retention" and agreement else cls(text)

    @property
    def number(self) -> int:
        """How the tables refer to it: the same for the same text, without asking them."""
        if self.text == QUARANTINE:
            return 0
        return int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:6]) + 1


@dataclass(frozen=True, slots=True)
class Scope:
    """Which messages a hold covers: those to which all that is said applies."""

    id: str | None = None
    subject: str | None = None
    """A person's code; what stands for it in seals is worked out when it is asked."""
    agreement: str | None = None
    """The IRI of a version, or of all of them without the version's number."""
    type: str | None = None
    since: float | None = None
    until: float | None = None
    """Unix seconds of the entry, ``until`` not included."""

    def covers(self, entry: entries.Entry, names: Collection[str]) -> bool:
        """Whether it covers a message; ``names`` are those of the subject in seals."""
        sealed = entry.attributes()
        return (
            (self.id is None or sealed.get("id") == self.id)
            and (self.subject is None or sealed.get("subject") in names)
            and (self.agreement is None or _is_version(sealed.get("agreement"), self.agreement))
            and (self.type is None or sealed.get("type") == self.type)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """That somebody stopped erasure: when, who and why; and who lifted that, if it was."""

    number: int
    at: float
    by: str
    reason: str
    scope: Scope
    lifted_at: float | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A body whose time has come at Unix time ``since``, and what keeps it, if something does."""

    entry: int
    since: float
    rule: Rule
    kept_by: str = ""


Names = Callable[[str], Collection[str]]
"""What stands for a person's code in seals: the code itself, and pseudonyms."""


def itself(code: str) -> Collection[str]:
    """The code alone, where no key for pseudonyms is at hand."""
    return (code,)


class Retention:
    """The rules and holds of an open store; of one that is read only and has none, nothing."""

    def __init__(self, store: Store, names: Names = itself) -> None:
        self._store = store
        self._names = names

    def create(self) -> None:
        """Make the tables, if they are not there."""
        if not self._there:
            with self._store.transaction():
                self._store.make(_TABLES)
                self._store.execute("INSERT INTO xl_rules VALUES (0, ?)", (QUARANTINE,))

    @property
    def _there(self) -> bool:
        return bool(self._store.query(_THERE)[0][0])

    def keep(self, entry: int, rule: Rule) -> None:
        """Say by which rule the body of an entry ends, in the transaction that logs it."""
        self._store.insert("xl_rules", rule.number, rule.text, verb="INSERT OR IGNORE")
        self._store.insert("xl_keep", entry, rule.number, None)

    def quarantined_bytes(self, beside: int) -> int:
        """How many bytes lie in quarantine, ``beside`` counted for each body."""
        sql = (
            "SELECT coalesce(sum(length(b.body) + ?), 0) FROM xl_keep k"
            " JOIN xl_bodies b ON b.idx = k.idx WHERE k.rule = 0"
        )
        return int(self._store.query(sql, (beside,))[0][0])

    def due(self, now: float) -> list[Due]:
        """Every body whose time has come, those that something keeps too; changes nothing."""
        if not self._there:
            return []
        active = self._active()
        found = []
        for entry, until, rule, _, waits in self._store.query(f"{_DUE} ORDER BY b.idx", (now,)):
            hold = self._held(entry, active)
            kept = f"hold {hold.number}: {hold.reason}" if hold else WAITS if waits else ""
            found.append(Due(entry, until, Rule.read(rule), kept))
        return found

    def erase(self, now: float) -> int:
        """Erase what is due and not held, and log it, each transaction some; gives how many.

        Salts go with their bodies, so that no digest can be guessed; an entry per rule says which.
        """
        self.create()
        erased, active = 0, self._active()
        while rows := self._due(now):
            with self._store.transaction():
                free = [row for row in rows if not self._hold(row[0], active)]
                self._erase([row[0] for row in free])
                for rule in dict.fromkeys(row[1] for row in free):
                    of_rule = [entry for entry, one in free if one == rule]
                    self._store.append(entries.erasure(now, of_rule, rule))
            erased += len(free)
        return erased

    def _due(self, now: float) -> list[tuple[int, str]]:
        free = f"{_DUE} AND k.held IS NULL AND NOT waits ORDER BY b.keep_until LIMIT ?"
        return [(row[0], row[2]) for row in self._store.query(free, (now, BATCH))]

    def _erase(self, indexes: Sequence[int]) -> None:
        """Empty them where they lie.

        To delete their rows would let sqlite move what lies beside them to other pages, and leave
        copies in the gaps of what is to be erased one day.
        """
        if indexes:
            rows = [(one,) for one in indexes]
            self._store.many(
                "UPDATE xl_bodies SET salt = x'', body = x'', keep_until = NULL WHERE idx = ?", rows
            )
            self._store.many("DELETE FROM xl_keep WHERE idx = ?", rows)
            if not self._store.query("SELECT 1 FROM xl_undecided LIMIT 1"):
                self._store.execute("DELETE FROM xl_undecided")  # clears its page, whole
            self._store.set_meta(_UNSETTLED, "1")

    def settle(self) -> bool:
        """Take what was erased out of the write-ahead log too; False while a reader is in its way.

        Outside a transaction. To be called again until it is True, also after a restart.
        """
        if self._store.meta(_UNSETTLED) != "1":
            return True
        busy = self._store.peek("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if not busy:
            self._store.set_meta(_UNSETTLED, "0")
        return not busy

    # holds

    def holds(self, *, lifted: bool = True) -> list[Hold]:
        """All of them, the oldest first; those in force alone unless ``lifted``."""
        if not self._there:
            return []
        rows = self._store.query("SELECT * FROM xl_holds ORDER BY number")
        found = [_hold(*row) for row in rows]
        return [one for one in found if lifted or one.lifted_at is None]

    def add_hold(self, scope: Scope, by: str, reason: str, now: float) -> Hold:
        """Stop the erasure of what ``scope`` covers, now and later; durable on return."""
        if scope == Scope():
            raise LogError(
                "log.hold",
                "a hold over everything: expected an id, subject, agreement, type or period",
                hint="xroad-lite log hold add --help",
            )
        with self._store.transaction():
            said = (scope.id, scope.subject, scope.agreement, scope.type, scope.since, scope.until)
            self._store.execute(
                "INSERT INTO xl_holds (at, by, reason, id, subject, agreement, type, since, until)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (now, by, reason, *said),
            )
            return self.holds()[-1]

    def lift_hold(self, number: int, by: str, reason: str, now: float) -> Hold:
        """End a hold; what it kept is erased when it is due. ``LogError`` if it is not in force."""
        with self._store.transaction():
            changed = self._store.execute(
                "UPDATE xl_holds SET lifted_at = ?, lifted_by = ?, lifted_reason = ?"
                " WHERE number = ? AND lifted_at IS NULL",
                (now, by, reason, number),
            )
            if not changed:
                raise LogError(
                    "log.no_hold",
                    f"there is no hold {number} in force",
                    hint="list them with: xroad-lite log hold list",
                )
            self._store.execute("UPDATE xl_keep SET held = NULL WHERE held = ?", (number,))
        return next(one for one in self.holds() if one.number == number)

    def _active(self) -> list[tuple[Hold, Collection[str]]]:
        """The holds in force, each with the names of its subject."""
        return [
            (one, self._names(one.scope.subject) if one.scope.subject else ())
            for one in self.holds(lifted=False)
        ]

    def _hold(self, entry: int, active: list[tuple[Hold, Collection[str]]]) -> bool:
        """Whether something holds a body; it is remembered, so that it is not asked again."""
        hold = self._held(entry, active)
        if hold is not None:
            self._store.execute(
                "INSERT INTO xl_keep VALUES (?, 0, ?)"
                " ON CONFLICT (idx) DO UPDATE SET held = excluded.held",
                (entry, hold.number),
            )
        return hold is not None

    def _held(self, entry: int, active: list[tuple[Hold, Collection[str]]]) -> Hold | None:
        if not active:
            return None
        read = self._store.entry(entry)
        return next((one for one, names in active if one.scope.covers(read, names)), None)


def erased_by(store: Store, first: int = 0) -> dict[int, tuple[float, Rule]]:
    """Of every erased body, by entry: when (Unix seconds) and by which rule, as the log says.

    Only what entries from ``first`` on say is read.
    """
    found: dict[int, tuple[float, Rule]] = {}
    for _, leaf in store.entries(first):
        if b'"erasure"' in leaf:
            entry = entries.read(leaf)
            if entry.kind == "erasure":
                rule = Rule.read(entry.fields["rule"])
                found |= dict.fromkeys(entry.fields["entries"], (entry.at, rule))
    return found


def _hold(number: int, at: float, by: str, reason: str, *said: Any) -> Hold:
    return Hold(number, at, by, reason, Scope(*said[:6]), *said[6:])


def kept_until(at: float, duration: str) -> float:
    """When the retention of a body that was logged at Unix time ``at`` has passed."""
    return at + times.duration(duration)


def _is_version(iri: str | None, agreement: str) -> bool:
    return iri is not None and (iri == agreement or iri.rpartition("/")[0] == agreement)
