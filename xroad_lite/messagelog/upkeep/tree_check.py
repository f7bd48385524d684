"""Holds entries against the stored hashes of their tree; tells a changed entry from a bad hash.

Does not read or write the store. A hash may be made anew, an entry never: where the tree's other
hashes speak for the stored one, it is the entry that was changed.
"""

from __future__ import annotations

from enum import Enum

from xroad_lite.messagelog.merkle import Edge, node_hash


class Verdict(Enum):
    """What is true of an entry and the hashes stored for it."""

    GOOD = "good"
    REBUILD = "the hashes are missing or wrong"
    CHANGED = "the entry is not the one that was hashed"
    LOST = "the entry is gone, and so is its hash"


class TreeCheck:
    """Grows the tree again, entry by entry."""

    def __init__(self) -> None:
        self._edge = Edge()
        self._left = b""
        self._broken = False
        """Whether a hash is lost: what lies above it can then only be taken as stored."""

    def add(
        self, leaf: bytes | None, stored: list[bytes], following: list[bytes]
    ) -> tuple[Verdict, list[bytes]]:
        """Judge the next entry by its ``leaf`` hash (None if the entry is gone).

        ``stored`` are its hashes in the store, ``following`` those of the entry after it. Gives
        the hashes that belong there.
        """
        taken = leaf if leaf is not None else next(iter(stored), None)
        if taken is None:
            self._broken = True
            return self._taken(Verdict.LOST, self._edge.completed(bytes(32)))
        right = self._edge.completed(taken)
        well = len(stored) == len(right)
        if stored == right or (self._broken and well and stored[0] == taken):
            return self._taken(Verdict.GOOD, stored)
        if well and stored[0] != taken and self._is_changed(taken, stored, following):
            return self._taken(Verdict.CHANGED, stored)
        return self._taken(Verdict.REBUILD, right)

    def _is_changed(self, taken: bytes, stored: list[bytes], following: list[bytes]) -> bool:
        """Whether the hash above was not made of this entry; where there is none, it is held so."""
        if len(stored) > 1:
            return stored[1] != node_hash(self._left, taken)
        return len(following) < 2 or following[1] != node_hash(taken, following[0])

    def _taken(self, verdict: Verdict, hashes: list[bytes]) -> tuple[Verdict, list[bytes]]:
        self._left = hashes[0]
        self._edge.take(hashes)
        return verdict, hashes

    def root(self) -> bytes:
        """Over the entries so far."""
        return self._edge.root()
