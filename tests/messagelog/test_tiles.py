"""Tiles and bundles: paths as C2SP writes them, and every changed byte found."""

from __future__ import annotations

import pytest

from tests.messagelog.test_checkpoints import Tree
from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle, tiles
from xroad_lite.messagelog.tiles import Tile


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(1, 1234067, 256), "tile/1/x001/x234/067"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(0, 1000, 1), "tile/0/x001/000.p/1"),
    ],
)
def test_a_tile_lies_where_the_specification_says(tile: Tile, path: str) -> None:
    """Three digits an element, an x before all but the last, the width of a partial one."""
    assert tile.path() == path


def test_the_specifications_example_of_70_000_entries() -> None:
    """273 full tiles and one of 112, then one full and one of 17, then one of width 1."""
    widths: dict[int, list[int]] = {}
    for one in tiles.tiles_of(70_000):
        widths.setdefault(one.level, []).append(one.width)
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}
    assert list(tiles.tiles_of(256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]


def folder(tree: Tree) -> dict[str, bytes]:
    """The files of a tree."""
    size, read = len(tree.leaves), tree.hashes.__getitem__
    files = {one.path(): tiles.hashes(one, read) for one in tiles.tiles_of(size)}
    for one in tiles.bundles_of(size):
        start = one.number * tiles.WIDTH
        files[one.path("entries")] = tiles.bundle(tree.leaves[start : start + one.width])
    return files


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 700])
def test_entries_come_back_from_the_files_alone(size: int) -> None:
    """Files and a root suffice, whatever the size."""
    tree = Tree(size)
    root = merkle.root(size, tree.hashes.__getitem__)
    found = list(tiles.verify(size, root, folder(tree).__getitem__))
    assert found == list(enumerate(tree.leaves))


def test_every_file_that_was_changed_is_named() -> None:
    """A byte changed, cut off or added in any file ends in an error that names a file."""
    tree = Tree(600)
    root, files = merkle.root(600, tree.hashes.__getitem__), folder(tree)
    for path, data in files.items():
        for changed in (data[:-1], data + b"\0", data[:40] + bytes([data[40] ^ 1]) + data[41:]
                        if len(data) > 40 else bytes([data[0] ^ 1]) + data[1:]):  # fmt: skip
            with pytest.raises(LogError):
                list(tiles.verify(600, root, (files | {path: changed}).__getitem__))


def test_another_root_or_size_is_refused() -> None:
    """The checkpoint decides: the very same files under another head are not believed."""
    tree = Tree(300)
    files = folder(tree)
    with pytest.raises(LogError):
        list(tiles.verify(300, b"\0" * 32, files.__getitem__))


def test_hashes_of_every_store_position_are_found_within_tiles() -> None:
    """The place of a position is the inverse of the position of a place."""
    for level in range(6):
        for number in range(20):
            assert tiles._place(merkle.position(level, number)) == (level, number)
