"""One party's evidence, read into a table of what it sent to another party and got from it.

Does not compare. The table is a file of sqlite's that vanishes, so that memory does not grow with
the logs.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from xroad_lite import strict_json
from xroad_lite.audit.opening import Bundle, Log
from xroad_lite.envelope import RECEIPT_TYPE, Seal
from xroad_lite.envelope.logged import LoggedSeals
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog import checkpoints, entries, merkle
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import layout
from xroad_lite.messagelog.evidence.parts import Source
from xroad_lite.messagelog.notes import COSIGNATURE, Note, Verifier
from xroad_lite.messagelog.seen import SeenTable

Progress = Callable[[int, int], None]
EVERYBODY = "*"
_TABLES = """
CREATE TABLE messages (
    side INTEGER, idx INTEGER, sent INTEGER, key BLOB, signature TEXT, peer TEXT, number INTEGER,
    id TEXT, type TEXT, at REAL, body BLOB, outcome TEXT, step INTEGER, code TEXT,
    about TEXT, hash TEXT, state TEXT);
CREATE TABLE outcomes (side INTEGER, idx INTEGER, outcome TEXT);
"""
_MESSAGE = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INDEXES = """
CREATE INDEX by_key ON messages (side, sent, key);
CREATE INDEX by_number ON messages (side, sent, peer, number);
CREATE INDEX by_about ON messages (side, about) WHERE about IS NOT NULL;
CREATE INDEX by_entry ON outcomes (side, idx);
"""


@dataclass(slots=True)
class Side:
    """A party, its evidence, and what is known of it when it has been read."""

    number: int
    evidence: Log | Bundle
    subsystem: str
    source: Source
    waiting: frozenset[int] = frozenset()
    """Entries that were not sent yet, of a log that can tell."""
    roots: dict[int, bytes] = field(default_factory=dict)
    """At the sizes that the other party saw of it."""
    last: float = 0.0
    """Time of its newest entry, Unix seconds."""
    unproven: int = 0
    """What came without a seal that holds: nobody can say whose it was."""
    _cosigned: list[tuple[int, str]] | None = None

    @classmethod
    def of(cls, number: int, evidence: Log | Bundle) -> Side:
        """A party's evidence; ``LogError`` if nothing in it says whose it is."""
        found = cls(number, evidence, owner(evidence), evidence.source)
        if isinstance(evidence, Log):
            rows = evidence.store.query("SELECT idx FROM xl_outbox")
            found.waiting = frozenset(row[0] for row in rows)
        return found

    @property
    def origin(self) -> str:
        """Its name in checkpoints."""
        return url_path(SubsystemId.parse(self.subsystem))

    @property
    def name(self) -> str:
        """Where it lies."""
        return str(self.evidence.path)

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self.source.size

    @property
    def whole(self) -> bool:
        """Whether all of them are here."""
        return self.source.whole

    def seal(self, index: int) -> Seal:
        """The seal of a message, read."""
        ((_, leaf),) = self.source.leaves(index, index + 1)
        fields = entries.read(leaf).fields
        read = LoggedSeals(self.source.certificates).read
        return read(fields["header"], fields["payload"], fields["signature"])

    def notes(self) -> list[Note]:
        """Its checkpoints, the smallest first."""
        evidence = self.evidence
        if isinstance(evidence, Log):
            return evidence.checkpoints()
        paths = {layout.CHECKPOINT, *evidence.below(layout.CHECKPOINTS)} & set(evidence.paths)
        found = [evidence.note(path) for path in paths]
        return sorted(found, key=lambda one: Checkpoint.read(one).size)

    def seen(self, other: Side) -> list[Checkpoint]:
        """The checkpoints of the other's log that this party held for true, the smallest first.

        A log has kept them; of a bundle's party they are those that it cosigned.
        """
        if isinstance(self.evidence, Log):
            held = SeenTable(self.evidence.store).held(other.origin)
            return [one.checkpoint for one in held]
        listed = self.evidence.keys()
        keys = [Verifier(one.name, COSIGNATURE, one.public) for one in listed]
        return [
            Checkpoint.read(note) for note in other.notes() if any(_cosigned(note, k) for k in keys)
        ]

    def cosigned(self, index: int) -> tuple[int, str] | None:
        """The smallest checkpoint with the entry that bears another's cosignature, and whose.

        Only said: ``log verify`` checks it.
        """
        if self._cosigned is None:
            self._cosigned = [
                (Checkpoint.read(note).size, note.signatures[1].name)
                for note in self.notes()
                if len(note.signatures) > 1
            ]
        return next((one for one in self._cosigned if one[0] > index), None)


def owner(evidence: Log | Bundle) -> str:
    """Whose log it is, by its checkpoints, or by what it sent or got."""
    if isinstance(evidence, Bundle):
        return str(SubsystemId.parse(evidence.manifest.log))
    store = evidence.store
    if (kept := CheckpointTable(store).newest()) is not None:
        return str(SubsystemId.parse(kept.checkpoint.origin))
    for index, leaf in store.entries():
        entry = entries.read_at(index, leaf)
        side = "source" if entry.fields.get("direction") == entries.OUT else "recipient"
        refused = (entry.fields.get("verdict") or {}).get("outcome") == entries.REFUSED
        if side in (sealed := entry.attributes()) and not refused:  # it may be for somebody else
            return sealed[side]
    raise LogError(
        "log.whose",
        f"nothing in {evidence.path} says whose log it is: it has no checkpoint, has sent nothing "
        "and got nothing",
        hint="make a checkpoint (docs/checkpoints.md), or name another log",
    )


def opened() -> sqlite3.Connection:
    """An empty table on disk, which is gone when it is closed."""
    table = sqlite3.connect("", isolation_level=None)
    table.executescript(_TABLES)
    return table


def read_side(
    table: sqlite3.Connection, side: Side, other: str, sizes: Sequence[int], progress: Progress
) -> None:
    """Take in what a party sent to the other and got from it, and its roots at ``sizes``."""
    source, edge, wanted = side.source, merkle.Edge(), set(sizes)
    for first, last in source.ranges():
        table.execute("BEGIN")
        bodies = _Bodies(source.bodies(first, last))
        for index, leaf in source.leaves(first, last):
            entry = _read(side, index, leaf)
            side.last = max(side.last, entry.at)
            _take(table, side, other, index, entry, bodies)
            if wanted and side.whole:
                edge.add(merkle.leaf_hash(leaf))
                if index + 1 in wanted:
                    side.roots[index + 1] = edge.root()
        table.execute("COMMIT")
        progress(last, side.size)


def index_tables(table: sqlite3.Connection) -> None:
    """Make the indexes, after both sides were read."""
    table.executescript(_INDEXES)


class _Bodies:
    """Bodies in the order of their entries."""

    def __init__(self, kept: Iterator[tuple[int, bytes, bytes]]) -> None:
        self._kept = kept
        self._next = next(kept, None)

    def at(self, index: int) -> tuple[bytes, bytes] | None:
        while self._next is not None and self._next[0] < index:
            self._next = next(self._kept, None)
        if self._next is None or self._next[0] != index:
            return None
        return self._next[1:]


def _read(side: Side, index: int, leaf: bytes) -> entries.Entry:
    try:
        return entries.read_at(index, leaf)
    except LogError as error:
        place = f"{side.evidence.path}: {error.message}"
        raise LogError(error.code, place, hint=error.hint) from None


def _take(
    table: sqlite3.Connection,
    side: Side,
    other: str,
    index: int,
    entry: entries.Entry,
    bodies: _Bodies,
) -> None:
    fields = entry.fields
    if entry.kind == "outcome":
        ended = (side.number, fields["entry"], fields["outcome"])
        table.execute("INSERT INTO outcomes VALUES (?, ?, ?)", ended)
    if entry.kind != "message":
        return
    if not entry.proven:
        side.unproven += 1
        return
    sealed, sent = entry.attributes(), fields["direction"] == entries.OUT
    peer = sealed.get("recipient", EVERYBODY)
    if (peer if sent else sealed["source"]) not in (other, EVERYBODY):
        return
    verdict, body = fields.get("verdict") or {}, bodies.at(index)
    key = hashlib.sha256(f"{fields['header']}\n{fields['payload']}".encode()).digest()
    row = (
        side.number,
        index,
        sent,
        key,
        fields["signature"],
        peer,
        int(sealed["sequence"]),
        sealed["id"],
        sealed["type"],
        entry.at,
        None if body is None else hashlib.sha256(b"".join(body)).digest(),
        verdict.get("outcome"),
        verdict.get("check"),
        verdict.get("code"),
        sealed.get("inreplyto"),
        sealed.get("requesthash"),
        _state(sealed, body),
    )
    table.execute(_MESSAGE, row)


def _state(sealed: dict[str, str], body: tuple[bytes, bytes] | None) -> str | None:
    """What a receipt says; None of what is none, or cannot be read."""
    if sealed["type"] != RECEIPT_TYPE or body is None or "datacommit" in sealed:
        return None
    try:
        said = strict_json.loads(body[1])
    except strict_json.StrictJSONError:
        return None
    state = said.get("state") if isinstance(said, dict) else None
    return state if isinstance(state, str) else None


def _cosigned(note: Note, key: Verifier) -> bool:
    try:
        return checkpoints.cosigned_at(note, key) >= 0
    except XRoadError:
        return False
