"""Logs to be verified: a node's own, a whole one in a bundle, some entries of one in a bundle.

Does not verify; what cannot be read is a ``LogError`` that names the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from xroad_lite.errors import LogError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import tiles
from xroad_lite.messagelog.evidence import layout
from xroad_lite.messagelog.evidence.containers import Container
from xroad_lite.messagelog.evidence.manifest import Manifest
from xroad_lite.messagelog.evidence.parts import PART, ranges
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.tiles import WIDTH, Tile

_SALT_BYTES = 32
_AT_ONCE, _LARGE_BYTES = 64, 65_536
"""Bodies that are read together; larger ones one by one."""


class LogSource:
    """A node's own log."""

    whole = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self.size = store.size

    @cached_property
    def certificates(self) -> Mapping[str, bytes]:
        """See ``parts.Source``."""
        return self._store.certificates()

    def ranges(self) -> list[tuple[int, int]]:
        """See ``parts.Source``."""
        return ranges(self.size)

    def leaves(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """See ``parts.Source``."""
        found = self._store.leaves(first, last)
        if len(found) != last - first:
            raise LogError("log.gap", f"an entry between {first} and {last - 1} is missing")
        return found

    def hashes(self, first: int, last: int) -> bytes:
        """See ``parts.Source``."""
        rows = self._store.query(
            "SELECT substr(hashes, 1, 32) FROM xl_hashes WHERE idx >= ? AND idx < ? ORDER BY idx",
            (first, last),
        )
        return b"".join(row[0] for row in rows)

    def bodies(self, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """See ``parts.Source``."""
        for start in range(first, last, _AT_ONCE):
            for index, salt, body in self._store.query(
                "SELECT idx, salt, CASE WHEN length(body) < ? THEN body END FROM xl_bodies"
                " WHERE idx >= ? AND idx < ? ORDER BY idx",
                (_LARGE_BYTES, start, min(start + _AT_ONCE, last)),
            ):
                if body:
                    yield index, salt, body
                elif (kept := self._store.body(index)) is not None:
                    yield index, *kept


class _InBundle:
    def __init__(self, container: Container, manifest: Manifest) -> None:
        self._container = container
        self._manifest = manifest
        self._there = {one.path for one in manifest.files}
        self.size = manifest.size

    @cached_property
    def certificates(self) -> Mapping[str, bytes]:
        """See ``parts.Source``."""
        found = {}
        for path in sorted(self._there):
            if path.startswith(layout.CERTIFICATES):
                with suppress(LogError):  # the check of the files says which is missing
                    der = self._container.read(path)
                    found[thumbprint(der)] = der
        return found

    @cached_property
    def _own(self) -> set[str]:
        """The bodies that are in files of their own: of a whole log but the large ones."""
        return {path for path in self._there if path.endswith(layout.BODY)}

    def _own_body(self, index: int) -> tuple[int, bytes, bytes] | None:
        if not self._own or (path := layout.body(index)) not in self._own:
            return None
        return (index, *split_body(self._container.read(path)))


class BundleSource(_InBundle):
    """A whole log in a bundle: tiles of hashes, bundles of entries, packs of bodies."""

    whole = True

    def ranges(self) -> list[tuple[int, int]]:
        """See ``parts.Source``."""
        return ranges(self.size)

    def leaves(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """See ``parts.Source``."""
        found: list[tuple[int, bytes]] = []
        for tile in self._tiles(first, last):
            data = self._container.read(tile.path("entries"))
            try:
                leaves = tiles.read_bundle(data, tile.width)
            except LogError as error:
                raise LogError(error.code, f"{tile.path('entries')}: {error.message}") from None
            found += enumerate(leaves, tile.number * WIDTH)
        return [one for one in found if first <= one[0] < last]

    def hashes(self, first: int, last: int) -> bytes:
        """See ``parts.Source``."""
        return b"".join(self.tile(tile) for tile in self._tiles(first, last))

    def bodies(self, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """See ``parts.Source``."""
        for tile in self._tiles(first, last):
            for index, salted in enumerate(self._pack(tile), tile.number * WIDTH):
                own = self._own_body(index)
                if own is not None:
                    yield own
                elif salted:
                    yield index, *split_body(salted)

    def tile(self, tile: Tile) -> bytes:
        """A tile's hashes."""
        data = self._container.read(tile.path())
        if len(data) != tile.width * 32:
            raise LogError(
                "log.tile", f"{tile.path()} has {len(data)} bytes: expected {tile.width * 32}"
            )
        return data

    def _pack(self, tile: Tile) -> list[bytes]:
        """For each entry of a tile its body after its salt; empty where it is not here."""
        path = layout.pack(tile)
        if path not in self._there:
            return [b""] * tile.width
        return layout.read_pack(path, self._container.read(path), tile.width)

    def _tiles(self, first: int, last: int) -> Iterator[Tile]:
        for number in range(first // WIDTH, -(-last // WIDTH)):
            yield Tile(0, number, min(WIDTH, self.size - number * WIDTH))


class ChosenSource(_InBundle):
    """Some entries of a log, each in a file of its own."""

    whole = False

    @cached_property
    def _indexes(self) -> tuple[int, ...]:
        return tuple(sorted(set(self._manifest.entries or ())))

    def ranges(self) -> list[tuple[int, int]]:
        """See ``parts.Source``."""
        starts = sorted({index // PART * PART for index in self._indexes})
        return [(first, min(first + PART, self.size)) for first in starts]

    def leaves(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """See ``parts.Source``."""
        return [
            (index, self._container.read(layout.entry(index)))
            for index in self._indexes
            if first <= index < last
        ]

    def hashes(self, first: int, last: int) -> None:
        """See ``parts.Source``: each entry has a proof of its own."""

    def bodies(self, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """See ``parts.Source``."""
        for index in self._indexes:
            one = self._own_body(index) if first <= index < last else None
            if one is not None:
                yield one


def split_body(salted: bytes) -> tuple[bytes, bytes]:
    """Salt and body of a file that holds one after the other."""
    return salted[:_SALT_BYTES], salted[_SALT_BYTES:]
