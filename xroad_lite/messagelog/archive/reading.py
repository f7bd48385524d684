"""Reads entries and bodies back from the segments that a log has moved; changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from xroad_lite.messagelog.archive.files import SegmentFile, opened
from xroad_lite.messagelog.archive.segments import Segment

_OPEN_FILES = 8


class Archive:
    """The moved part of one log; files are opened when something in them is asked for."""

    def __init__(self, folder: Path, segments: Callable[[], Sequence[Segment]]) -> None:
        self._folder = folder
        self._segments = segments
        self._open: OrderedDict[str, SegmentFile] = OrderedDict()

    def leaves(self, first: int, end: int) -> list[tuple[int, bytes]]:
        """Index and leaf of those entries from ``first`` up to ``end`` that were moved.

        ``LogError`` ``log.archive_missing`` if their file is not there.
        """
        found: list[tuple[int, bytes]] = []
        for one in self._segments():
            if one.first < end and first < one.end:
                found += self.file(one).leaves(max(first, one.first), min(end, one.end))
        return found

    def body(self, index: int, salt: bytes) -> bytes | None:
        """The body of a moved entry, given its salt; None if it was never moved."""
        for one in self._segments():
            if one.first <= index < one.end:
                file = self.file(one)
                kept = file.bodies(index, index + 1)
                ((_, leaf),) = file.leaves(index, index + 1)
                return opened(salt, leaf, kept[index]) if kept else None
        return None

    def file(self, segment: Segment) -> SegmentFile:
        """A segment's file, open."""
        file = self._open.pop(segment.file, None)
        if file is None:
            file = SegmentFile(self._folder / segment.file)
        self._open[segment.file] = file
        if len(self._open) > _OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        return file

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].close()
