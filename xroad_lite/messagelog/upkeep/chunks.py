"""Entries of a store, some at a time, with all that lies beside them; judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xroad_lite.errors import LogError
from xroad_lite.messagelog.store import Store, split_hashes

AT_ONCE = 1000
_LARGE_BYTES = 65_536
"""Bodies from here on are read one by one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Entries ``first`` up to ``end`` as they are stored; what is missing, is missing here."""

    store: Store
    first: int
    end: int
    leaves: dict[int, object]
    rows: dict[int, bytes]
    """Tree hashes, also those of the entry after the last."""
    messages: dict[int, tuple[Any, ...]]
    bodies: dict[int, tuple[bytes, bytes]]

    def leaf(self, index: int) -> bytes | None:
        """The bytes of an entry; None if it is gone, or no bytes lie in its place."""
        found = self.leaves.get(index)
        return found if isinstance(found, bytes) else None

    def hashes(self, index: int) -> list[bytes]:
        """The stored tree hashes of an entry."""
        return split_hashes(self.rows.get(index, b""))

    def body(self, index: int) -> tuple[bytes, bytes] | None:
        """Salt and body, if they are kept."""
        salt, body = self.bodies.get(index, (b"", b""))
        return (salt, body) if salt and body else self.store.body(index)


def chunks(store: Store, size: int) -> Iterator[Chunk]:
    """The first ``size`` entries of a store."""
    for first in range(0, size, AT_ONCE):
        end = min(first + AT_ONCE, size)
        yield Chunk(
            store,
            first,
            end,
            _leaves(store, first, end),
            dict(_rows(store, "idx, CAST(hashes AS BLOB) FROM xl_hashes", first, end + 1)),
            {row[0]: row for row in _rows(store, "* FROM xl_messages", first, end)},
            {row[0]: row[1:] for row in _rows(store, _BODIES, first, end)},
        )


_BODIES = f"idx, salt, CASE WHEN length(body) < {_LARGE_BYTES} THEN body END FROM xl_bodies"


def _leaves(store: Store, first: int, end: int) -> dict[int, object]:
    try:
        return dict(store.leaves(first, end))
    except LogError:  # said of the segment already
        return dict(_rows(store, "idx, leaf FROM xl_entries", first, end))


def _rows(store: Store, what: str, first: int, end: int) -> list[tuple[Any, ...]]:
    return store.query(f"SELECT {what} WHERE idx >= ? AND idx < ?", (first, end))
