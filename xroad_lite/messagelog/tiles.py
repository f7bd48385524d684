"""A log as the files of C2SP tlog-tiles: where each lies and what it holds; writes and signs none.

Tiles of 256 hashes, of which the last of a level may be partial, and bundles of 256 entries, each
entry after its length in two bytes. ``verify`` needs nothing but those files and a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle

WIDTH = 256
_HEIGHT = 8


class Tile(NamedTuple):
    """One tile: its level, its number within it, and how many hashes it holds, 1 to 256."""

    level: int
    number: int
    width: int

    def path(self, kind: str = "") -> str:
        """Where it lies: ``tile/0/x001/067``; ``kind`` is ``entries`` for a bundle of them."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([*(f"x{one}" for one in parts[:-1]), parts[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{kind or self.level}/{name}{partial}"


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of hashes of a tree with ``size`` leaves, level by level."""
    level = 0
    while size:
        full, partial = divmod(size, WIDTH)
        for number in range(full):
            yield Tile(level, number, WIDTH)
        if partial:
            yield Tile(level, full, partial)
        level, size = level + 1, full


def bundles_of(size: int) -> Iterator[Tile]:
    """All bundles of entries; each has the place and width of a tile of level 0."""
    return (one for one in tiles_of(size) if one.level == 0)


def hashes(tile: Tile, read: merkle.Read) -> bytes:
    """A tile's bytes, from a store's hashes by position."""
    first, level = tile.number * WIDTH, tile.level * _HEIGHT
    return b"".join(read(merkle.position(level, first + at)) for at in range(tile.width))


def bundle(leaves: list[bytes]) -> bytes:
    """The bytes of a bundle of entries, each at most 65,535 bytes."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle; ``LogError`` unless there are exactly ``width`` and nothing else."""
    leaves = prefixed(data, 2, width)
    if leaves is None:
        raise LogError("log.bundle", f"a bundle of entries is broken: expected {width} entries")
    return leaves


def prefixed(data: bytes, prefix: int, width: int) -> list[bytes] | None:
    """``width`` pieces, each after its length in ``prefix`` bytes; None if it is anything else."""
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < width:
        start = at + prefix
        at = start + int.from_bytes(data[at:start], "big")
        found.append(data[start:at])
    return found if at == len(data) and len(found) == width else None


def verify(size: int, root: bytes, file: Callable[[str], bytes]) -> Iterator[tuple[int, bytes]]:
    """Every entry with its index, each bundle held against its tile, the tiles against ``root``.

    ``file`` gives a file's bytes by its path. ``LogError`` names the file that is not what the
    checkpoint says; an entry is given only after its bundle and all tiles above have been checked.
    """
    tiles = {one: _checked(one, file(one.path())) for one in tiles_of(size)}
    _check_levels(tiles)
    if merkle.root(size, _Within(tiles)) != root:
        raise LogError("log.root", f"the tiles are not those of the checkpoint over {size} entries")
    for one in bundles_of(size):
        path, hashes_of = one.path("entries"), tiles[one]
        for at, leaf in enumerate(read_bundle(file(path), one.width)):
            if merkle.leaf_hash(leaf) != hashes_of[at * 32 :][:32]:
                raise LogError("log.entry_changed", f"{path}: entry {at} is not the one logged")
            yield one.number * WIDTH + at, leaf


class _Within:
    """Reads tree hashes from tiles; those between two levels of tiles by hashing what is below."""

    def __init__(self, tiles: dict[Tile, bytes]) -> None:
        self._tiles = {(one.level, one.number): data for one, data in tiles.items()}

    def __call__(self, position: int) -> bytes:
        return self._at(*_place(position))

    def _at(self, level: int, number: int) -> bytes:
        if level % _HEIGHT == 0:
            data = self._tiles[level // _HEIGHT, number // WIDTH]
            return data[number % WIDTH * 32 :][:32]
        below = level - 1
        return merkle.node_hash(self._at(below, 2 * number), self._at(below, 2 * number + 1))


def _place(position: int) -> tuple[int, int]:
    """Level and number of the subtree that is stored at a position."""
    leaf, level = merkle.completing(position)
    return level, leaf >> level


def _checked(tile: Tile, data: bytes) -> bytes:
    if len(data) != tile.width * 32:
        raise LogError(
            "log.tile", f"{tile.path()} has {len(data)} bytes: expected {tile.width * 32}"
        )
    return data


def _check_levels(tiles: dict[Tile, bytes]) -> None:
    """Each hash of a higher tile is the one over the full tile below it."""
    for tile, data in tiles.items():
        for at in range(tile.width if tile.level else 0):
            below = Tile(tile.level - 1, tile.number * WIDTH + at, WIDTH)
            content = tiles[below]
            row = [content[start : start + 32] for start in range(0, len(content), 32)]
            while len(row) > 1:
                row = [merkle.node_hash(*row[pair : pair + 2]) for pair in range(0, len(row), 2)]
            if row[0] != data[at * 32 :][:32]:
                raise LogError("log.tile", f"{below.path()} is not what {tile.path()} says of it")
