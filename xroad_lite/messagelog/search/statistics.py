"""What a log holds, in numbers; reads the search index and the sizes of files."""

from __future__ import annotations

from dataclasses import dataclass

from xroad_lite.messagelog.archive.segments import segments
from xroad_lite.messagelog.search.index import Index
from xroad_lite.messagelog.store import Store


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts by name; ``bytes`` by what they are of."""

    entries: int
    root: str
    first: float | None
    """When the oldest message was logged, Unix seconds."""
    last: float | None
    kinds: dict[str, int]
    months: dict[str, int]
    """Entries, by month (UTC)."""
    messages: dict[str, int]
    """By direction and verdict."""
    ended: dict[str, int]
    """What became of accepted and sent ones."""
    refusals: dict[str, int]
    types: dict[str, int]
    parties: dict[str, int]
    """By who is at the other end."""
    bodies: int
    segments: int
    archived: int
    bytes: dict[str, int]


def statistics(store: Store, index: Index) -> Statistics:
    """Count everything, as of now."""
    moved = segments(store)
    first, last = index.query("SELECT min(at), max(at) FROM messages")[0]
    return Statistics(
        entries=store.size,
        root=store.root().hex(),
        first=first,
        last=last,
        kinds=_counted(index, "SELECT kind, sum(count) FROM kinds GROUP BY kind"),
        months=_counted(index, "SELECT month, sum(count) FROM kinds GROUP BY month"),
        messages=_counted(
            index, "SELECT direction || ' ' || verdict, count(*) FROM messages GROUP BY 1"
        ),
        ended=_grouped(index, "ended"),
        refusals=_grouped(index, "code"),
        types=_named(index, "type"),
        parties=_named(index, "peer"),
        bodies=int(store.query("SELECT count(*) FROM xl_bodies WHERE salt <> x''")[0][0]),
        segments=len(moved),
        archived=sum(one.end - one.first for one in moved),
        bytes=_bytes(store, index),
    )


def _counted(index: Index, sql: str) -> dict[str, int]:
    return dict(index.query(f"{sql} ORDER BY 1"))


def _grouped(index: Index, column: str) -> dict[str, int]:
    rows = index.query(
        f"SELECT {column}, count(*) FROM messages WHERE {column} IS NOT NULL"  # noqa: S608
        " GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return dict(rows)


def _named(index: Index, column: str) -> dict[str, int]:
    rows = index.query(
        f"SELECT name, count FROM (SELECT {column}, count(*) AS count FROM messages"  # noqa: S608
        f" WHERE {column} IS NOT NULL GROUP BY 1) JOIN names ON number = {column}"
        " ORDER BY count DESC, name"
    )
    return dict(rows)


def _bytes(store: Store, index: Index) -> dict[str, int]:
    home = store.path.parent
    pages, size, free = (
        int(store.query(f"PRAGMA {name}")[0][0])
        for name in ("page_count", "page_size", "freelist_count")
    )
    files = [home / one.file for one in segments(store)]
    sums = store.query("SELECT coalesce(sum(length(body)), 0) FROM xl_bodies")
    return {
        "leaves": int(index.query("SELECT coalesce(sum(bytes), 0) FROM kinds")[0][0]),
        "bodies in the log": int(sums[0][0]),
        "log file": pages * size,
        "free in it": free * size,
        "segment files": sum(one.stat().st_size for one in files if one.is_file()),
    }
