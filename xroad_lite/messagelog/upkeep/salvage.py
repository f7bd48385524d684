"""Saves what can be read of a log's file whose pages are damaged, into a new one.

Does not judge what it saved, and leaves the damaged file as it is.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.upkeep.chunks import chunks

_FARTHEST = 1 << 26
"""How many rows beyond the last readable one are given up as the end of a table."""
_AT_ONCE = 1000
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was saved of a damaged file."""

    rows: dict[str, int]
    """How many, by table."""
    cut_off: int
    """Entries left out since they stood behind one that is lost with its hash."""


def salvage(log: Path, target: Path) -> Salvaged:
    """Copy every readable row of ``log`` to a new store at ``target``.

    ``LogError`` ``log.hopeless`` if not even the list of tables can be read.
    """
    damaged = sqlite3.connect(f"{log.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    target.unlink(missing_ok=True)
    store = Store(target)
    try:
        damaged.execute("PRAGMA writable_schema=ON")  # read on where the file is shorter than said
        saved = {}
        for name, sql in _tables(damaged):
            if not store.query("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)):
                store.execute(sql)
            if sql.lstrip().upper().startswith("CREATE TABLE"):
                saved[name] = _copy(damaged, store, name, sql)
        saved["xl_entries"] -= _drop_broken(store)
        cut = _cut_off(store)
    except sqlite3.DatabaseError as error:
        raise LogError(
            "log.hopeless",
            f"nothing can be read of {log}: {error}",
            hint="restore a backup: docs/log.md",
        ) from None
    finally:
        damaged.close()
        store.settle()
        store.close()
    return Salvaged(saved, cut)


def _tables(damaged: sqlite3.Connection) -> list[tuple[str, str]]:
    """Name and SQL of tables, then of their indexes; an adapter's own too."""
    return damaged.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        " ORDER BY type = 'table' DESC"
    ).fetchall()


def _copy(damaged: sqlite3.Connection, store: Store, name: str, sql: str) -> int:
    without = "WITHOUT ROWID" in sql.upper()
    count = 0
    with store.transaction():
        for row in (_both_ways if without else _by_number)(damaged, _quoted(name)):
            store.insert(_quoted(name), *row, verb="INSERT OR IGNORE")
            count += 1
            if count % _AT_ONCE == 0:
                store.flush()
    return count


def _drop_broken(store: Store) -> int:
    """Leave out entries of which only a part could be read; gives how many."""
    broken = [(index,) for index, leaf in store.entries() if not _is_whole(store, index, leaf)]
    with store.transaction():
        store.many("DELETE FROM xl_entries WHERE idx = ?", broken)
    return len(broken)


def _cut_off(store: Store) -> int:
    """Leave out what stands behind an entry that is lost with its hash: no tree can hold it.

    Not where a checkpoint was signed over it: then it stays as evidence, and nothing can follow.
    Gives how many.
    """
    size = store.size
    lost = (
        index
        for chunk in chunks(store, size)
        for index in range(chunk.first, chunk.end)
        if chunk.leaf(index) is None and not chunk.hashes(index)
    )
    first = next(lost, size)
    newest = CheckpointTable(store).newest()
    if newest is not None and newest.checkpoint.size > first:
        return 0
    with store.transaction():
        store.execute("DELETE FROM xl_hashes WHERE idx >= ?", (first,))
        return store.execute("DELETE FROM xl_entries WHERE idx >= ?", (first,))


def _is_whole(store: Store, index: int, leaf: object) -> bool:
    """Whether it is an entry, and the one that was hashed if its hash was saved."""
    if not isinstance(leaf, bytes):
        return False
    try:
        entries.read(leaf)
    except LogError:
        return False
    return store.hashes(index)[:1] in ([], [merkle.leaf_hash(leaf)])


def _by_number(damaged: sqlite3.Connection, name: str) -> Iterator[_Row]:
    """The rows of a table that is ordered by row number, stepping over what cannot be read."""
    sql = f"SELECT rowid, * FROM {name} WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    last: int | None = -1
    while last is not None:
        try:
            for number, *row in damaged.execute(sql, (last,)):
                if number <= last:  # pages that lead back
                    raise sqlite3.DatabaseError("out of order")
                last = number
                yield tuple(row)
        except sqlite3.DatabaseError:
            last = _readable_after(damaged, sql, last)
        else:
            return


def _readable_after(damaged: sqlite3.Connection, sql: str, last: int) -> int | None:
    """The least number beyond which a row can be read again; None if there seems to be none."""

    def reads(step: int) -> bool:
        try:
            row = damaged.execute(f"{sql} LIMIT 1", (last + step,)).fetchone()
        except sqlite3.DatabaseError:
            return False
        return row is None or row[0] > last + step

    step = 1
    while not reads(step):
        step *= 2
        if step > _FARTHEST:
            return None
    return last + bisect_left(range(step), True, lo=step // 2 + 1, key=reads)


def _both_ways(damaged: sqlite3.Connection, name: str) -> Iterator[_Row]:
    """The rows of any other table: from its beginning as far as it goes, then from its end."""
    columns = [row for row in damaged.execute(f"PRAGMA table_info({name})") if row[5]]
    keys = [_quoted(row[1]) for row in sorted(columns, key=lambda row: row[5])]
    for order in (", ".join(keys), ", ".join(f"{key} DESC" for key in keys)):
        try:
            yield from damaged.execute(f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608
        except sqlite3.DatabaseError:
            continue
        else:
            return


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
