"""Reads all of a store: what is wrong, and what is only derived from the entries and so can be made
anew; with a pen it makes that anew as it goes. Never writes an entry, and verifies no signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xroad_lite.envelope import certificate_digests, data_hash
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.archive.files import digest
from xroad_lite.messagelog.archive.segments import segments
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.upkeep.chunks import Chunk, chunks
from xroad_lite.messagelog.upkeep.findings import Finding, Report
from xroad_lite.messagelog.upkeep.tree_check import TreeCheck, Verdict

_SENT, _ACCEPTED, _BODILESS = 1, 2, 4
_BESIDE = {
    "xl_hashes": "tree hashes",
    "xl_bodies": "a body",
    "xl_messages": "search columns",
    "xl_outbox": "a row of the outbox",
    "xl_sent": "a time of sending",
    "xl_inbox": "a row of the inbox",
}
"""What lies beside an entry, under its index."""

Progress = Callable[[int, int], None]


def fsck(store: Store, progress: Progress | None = None) -> Report:
    """Check an open store, as it is at this moment."""
    with store.moment():
        return _Check(store, correct=False, progress=progress or (lambda *_: None)).run()


def correct(store: Store, progress: Progress | None = None) -> Report:
    """The same, in the caller's transaction, and make anew what is derived; gives what was found.

    Whether checkpoints agree with what was made, the report says: the caller decides.
    """
    return _Check(store, correct=True, progress=progress or (lambda *_: None)).run()


def damage(store: Store) -> list[str]:
    """What sqlite itself finds wrong with the file: pages that cannot be read, broken trees."""
    try:
        rows = store.query("PRAGMA integrity_check(20)")
    except LogError as error:
        return [error.message]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def only_indexes(found: Iterable[str]) -> bool:
    """Whether sqlite's findings are about its indexes alone, which it can make anew."""
    return all("index" in one and "btree" not in one.lower() for one in found)


class _Check:
    def __init__(self, store: Store, *, correct: bool, progress: Progress) -> None:
        self._store, self._correct, self._progress = store, correct, progress
        self._found = Report()
        self._tree = TreeCheck()
        self._end = self._last_entry() + 1
        self._flags = bytearray(self._end)
        self._certificates: dict[str, bytes] = {}
        self._last = {entries.OUT: dict[str, int](), entries.IN: dict[str, int]()}
        self._heads: dict[int, list[bytes]] = {}
        """Roots that checkpoints say, by size."""

    def run(self) -> Report:
        self._read_damage()
        self._read_certificates()
        self._read_checkpoints()
        self._read_archive()
        self._check_heads(0)
        for chunk in chunks(self._store, self._end):
            for index in range(chunk.first, chunk.end):
                self._entry(index, chunk)
                self._check_heads(index + 1)
            self._progress(chunk.end, self._end)
        self._check_end()
        self._found.entries, self._found.root = self._end, self._tree.root().hex()
        return self._found

    # what is looked at

    def _last_entry(self) -> int:
        """The last entry there is, in the log or its archive; hashes alone do not count."""
        rows = self._store.query("SELECT max(idx) FROM xl_entries")
        moved = max((one.end for one in segments(self._store)), default=0)
        return max(-1 if rows[0][0] is None else int(rows[0][0]), moved - 1)

    def _add(self, entry: int | None, code: str, message: str, *, derived: bool = False) -> None:
        self._found.add(Finding(entry, code, message, derived))

    def _replace(self, table: str, *row: object) -> None:
        if self._correct:
            self._store.insert(table, *row, verb="INSERT OR REPLACE")

    # beside the entries

    def _read_damage(self) -> None:
        found = damage(self._store)
        for one in found:
            self._add(None, "log.damaged", f"sqlite says: {one}", derived=only_indexes(found))
        if found and self._correct:
            self._store.execute("REINDEX")

    def _read_certificates(self) -> None:
        for name, der in self._store.certificates().items():
            if not isinstance(der, bytes) or thumbprint(der) != name:
                self._add(None, "log.certificate", f"the certificate {name} was changed")
            self._certificates[name] = der

    def _read_checkpoints(self) -> None:
        for kept in CheckpointTable(self._store).all():
            head = kept.checkpoint
            self._heads.setdefault(head.size, []).append(head.root)
        self._found.checkpoints = sum(map(len, self._heads.values()))

    def _read_archive(self) -> None:
        folder = self._store.path.parent
        for one in segments(self._store):
            self._found.archived += one.end - one.first
            path = folder / one.file
            if not path.is_file():
                self._add(None, "log.archive_missing", f"{one.name}: there is no {path}")
            elif digest(path) != one.sha256:
                self._add(None, "log.archive", f"{one.name}: {path} was changed")

    # entries

    def _entry(self, index: int, chunk: Chunk) -> None:
        leaf = chunk.leaf(index)
        self._check_tree(index, leaf, chunk)
        if leaf is None:
            self._add(index, "log.gap", "is gone")
            return
        try:
            entry = entries.read(leaf)
            if entry.kind == "message":
                self._message(index, entry, chunk)
            elif entry.kind == "outcome":
                self._outcome(entry)
            elif entry.kind == "erasure":
                self._erasure(entry)
        except XRoadError as error:
            self._add(index, error.code, error.message)

    def _check_tree(self, index: int, leaf: bytes | None, chunk: Chunk) -> None:
        hashed = None if leaf is None else merkle.leaf_hash(leaf)
        verdict, right = self._tree.add(hashed, chunk.hashes(index), chunk.hashes(index + 1))
        if verdict is Verdict.REBUILD:
            self._add(index, "log.tree", "its tree hashes are missing or wrong", derived=True)
            self._replace("xl_hashes", index, b"".join(right))
        elif verdict is not Verdict.GOOD:
            self._add(index, "log.tree", verdict.value)

    def _message(self, index: int, entry: entries.Entry, chunk: Chunk) -> None:
        if not entry.proven:
            return
        for name in certificate_digests(entry.fields["header"]):
            if name not in self._certificates:
                raise LogError("log.certificate", f"its certificate {name} is gone")
        sealed = entry.attributes()
        direction = entry.fields["direction"]
        result = (entry.fields.get("verdict") or {}).get("outcome")
        names = ("id", "source", "recipient", "type", "subject", "inreplyto")
        row = (index, direction, *(sealed.get(name) for name in names), result)
        if chunk.messages.get(index) != row:
            self._add(index, "log.index", "its search columns are missing or wrong", derived=True)
            self._replace("xl_messages", *row)
        if direction == entries.OUT:
            self._flags[index] |= _SENT
            self._count(entries.OUT, sealed.get("recipient", "*"), sealed["sequence"])
        elif result == entries.ACCEPTED:
            self._flags[index] |= _ACCEPTED
            self._count(entries.IN, sealed["source"], sealed["sequence"])
        self._body(index, entry.fields.get("received", sealed["datahash"]), chunk)

    def _count(self, direction: str, peer: str, sequence: str) -> None:
        last = self._last[direction]
        last[peer] = max(last.get(peer, 0), int(sequence))

    def _body(self, index: int, expected: str, chunk: Chunk) -> None:
        stored = chunk.body(index)
        if stored is None:
            self._flags[index] |= _BODILESS
            return
        self._found.bodies += 1
        if data_hash(*stored) != expected:
            raise LogError("log.body", "its body or salt is not the one whose digest is logged")

    def _outcome(self, entry: entries.Entry) -> None:
        about = entry.fields["entry"]
        if not 0 <= about < self._end or not self._flags[about] & (_ACCEPTED | _SENT):
            raise LogError("log.outcome", f"it is about entry {about}, which is no such message")

    def _erasure(self, entry: entries.Entry) -> None:
        for one in entry.fields["entries"]:
            if isinstance(one, int) and 0 <= one < self._end and self._flags[one] & _BODILESS:
                self._flags[one] &= ~_BODILESS
                self._found.erased += 1

    # the end

    def _check_heads(self, size: int) -> None:
        for root in self._heads.pop(size, ()):
            if root != self._tree.root():
                self._add(
                    None,
                    "log.checkpoint",
                    f"the first {size} entries are not those of which a checkpoint was signed",
                )

    def _check_end(self) -> None:
        for index, flags in enumerate(self._flags):
            if flags & _BODILESS:
                self._add(index, "log.body", "its body is gone, and no entry says it was erased")
        for size in self._heads:
            self._add(
                None,
                "log.truncated",
                f"a checkpoint was signed over {size} entries: the log has {self._end}",
            )
        self._check_tail(kept=bool(self._heads))
        self._check_sequences()

    def _check_tail(self, *, kept: bool) -> None:
        """What lies beside entries that are not there: nothing was ever said of them."""
        there = {name for (name,) in self._store.query("SELECT name FROM sqlite_master")}
        for table, what in _BESIDE.items():
            if table not in there:  # a log of before, opened for reading
                continue
            sql = f"SELECT count(*), min(idx) FROM {table} WHERE idx >= ?"  # noqa: S608
            count, first = self._store.query(sql, (self._end,))[0]
            if count:
                text = f"there is {what}, but no entry ({count} such)"
                self._add(first, "log.torn", text, derived=not kept)
                if self._correct and not kept:
                    self._store.execute(f"DELETE FROM {table} WHERE idx >= ?", (self._end,))  # noqa: S608

    def _check_sequences(self) -> None:
        rows = self._store.query("SELECT direction, peer, last FROM xl_sequences")
        stored = {(direction, peer): last for direction, peer, last in rows}
        for direction, known in self._last.items():
            for peer, last in known.items():
                if stored.get((direction, peer), 0) < last:
                    text = f"the number of the last message {_TO[direction]} {peer} is not {last}"
                    self._add(None, "log.sequence", text, derived=True)
                    self._replace("xl_sequences", direction, peer, last)
        for (direction, peer), last in stored.items():
            if last > self._last.get(direction, {}).get(peer, 0):
                text = f"the message number {last} {_TO.get(direction, direction)} {peer} is gone"
                self._add(None, "log.truncated", text)


_TO = {entries.OUT: "to", entries.IN: "from"}
