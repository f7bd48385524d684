"""The entries of a log or of a bundle in their order, each with its body; does not judge them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence.parts import Source
from xroad_lite.messagelog.evidence.sources import LogSource


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry; the body with its salt before it, None where there is none, or it is erased."""

    index: int
    entry: entries.Entry
    body: tuple[bytes, bytes] | None


def source_of(log: Store | Source) -> Source:
    """A log as it is read part by part."""
    return LogSource(log) if isinstance(log, Store) else log


def recorded(source: Source) -> Iterator[Recorded]:
    """Every entry that is here, in order."""
    for first, last in source.ranges():
        bodies = source.bodies(first, last)
        kept = next(bodies, None)
        for index, leaf in source.leaves(first, last):
            while kept is not None and kept[0] < index:
                kept = next(bodies, None)
            body = kept[1:] if kept is not None and kept[0] == index else None
            yield Recorded(index, entries.read_at(index, leaf), body)
