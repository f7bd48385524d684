"""Moves closed segments out of a log that may be in use; never the hashes, so proofs stay whole.

Each step can be cut off at any point and is taken up again: a segment is written, read back, and
recorded; only then do its leaves and bodies leave the log, a few at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xroad_lite.envelope import certificate_digests
from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.archive import files
from xroad_lite.messagelog.archive.segments import Segment, segments
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note
from xroad_lite.messagelog.store import Store

_AT_ONCE = 500
Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""


def closed(store: Store, ends: Sequence[int], checkpoint: Note) -> list[tuple[int, int]]:
    """First and end of the segments that a checkpoint over the log seals, and not moved yet.

    ``LogError`` if the checkpoint is not one of this log.
    """
    sealed = Checkpoint.read(checkpoint)
    if sealed.size > store.size or merkle.root(sealed.size, store.read_hash) != sealed.root:
        raise LogError(
            "log.checkpoint",
            f"the checkpoint over {sealed.size} entries is not one of this log of {store.size}",
            hint="see what is wrong with: xroad-lite log fsck",
        )
    first = start(store)
    within = [end for end in ends if first < end <= sealed.size]
    return list(zip([first, *within], within, strict=False))


def start(store: Store) -> int:
    """The first entry that no segment holds yet."""
    return max((one.end for one in segments(store)), default=0)


def sizes(store: Store, first: int) -> Iterator[int]:
    """Bytes of leaf and body of each entry that lies in the log, from ``first`` on."""
    sql = (
        "SELECT length(leaf) + coalesce(length(body), 0) FROM xl_entries LEFT JOIN xl_bodies"
        " USING (idx) WHERE idx >= ? AND idx < ? ORDER BY idx"
    )
    for at in range(first, store.size, _AT_ONCE):
        yield from (row[0] for row in store.query(sql, (at, at + _AT_ONCE)))


def archive(
    store: Store,
    folder: Path,
    ends: Sequence[int],
    checkpoint: Note,
    now: float,
    progress: Progress | None = None,
) -> list[Segment]:
    """Move the closed segments to files in ``folder``; gives those moved now.

    Also ends what an earlier call began. ``LogError`` if an entry is not the one of the tree: then
    its segment stays where it is.
    """
    tell = progress or (lambda *_: None)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        for one in segments(store):
            _move(store, one, lambda *_: None)
        moved = []
        for first, end in closed(store, ends, checkpoint):
            one = _recorded(store, _write(store, folder, first, end), first, end, checkpoint, now)
            _move(store, one, tell)
            moved.append(one)
    if moved:
        store.settle()
    return moved


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(store: Store, folder: Path, first: int, end: int) -> Path:
    """Write the file and read it back."""
    path = folder / f"{first:012d}-{end:012d}.sqlite3"
    digests: set[str] = set()
    with files.writing(path) as file:
        head = {"format": "1", "log": store.path.name, "first": str(first), "end": str(end)}
        file.executemany("INSERT INTO segment VALUES (?, ?)", head.items())
        for at in range(first, end, _AT_ONCE):
            leaves = store.leaves(at, min(at + _AT_ONCE, end))
            file.executemany("INSERT INTO entries VALUES (?, ?)", leaves)
            file.executemany("INSERT INTO hashes VALUES (?, ?)", _hashes(store, leaves))
            file.executemany("INSERT INTO bodies VALUES (?, ?)", _bodies(store, dict(leaves)))
            digests.update(*(map(_certificates, (leaf for _, leaf in leaves))))
        named = store.certificates(sorted(digests)) if digests else {}
        file.executemany("INSERT INTO certificates VALUES (?, ?)", named.items())
    _read_back(store, path, first, end)
    path.chmod(0o444)
    return path


def _hashes(store: Store, leaves: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    return [(index, b"".join(store.hashes(index))) for index, _ in leaves]


def _bodies(store: Store, leaves: dict[int, bytes]) -> list[tuple[int, bytes]]:
    sql = "SELECT idx, salt, body FROM xl_bodies WHERE idx >= ? AND idx <= ? AND salt <> x''"
    rows = store.query(sql, (min(leaves), max(leaves)))
    return [(index, files.sealed(salt, leaves[index], body)) for index, salt, body in rows]


def _certificates(leaf: bytes) -> Sequence[str]:
    entry = entries.read(leaf)
    return certificate_digests(entry.fields["header"]) if entry.proven else ()


def _read_back(store: Store, path: Path, first: int, end: int) -> None:
    file = files.SegmentFile(path)
    try:
        for at in range(first, end, _AT_ONCE):
            stop = min(at + _AT_ONCE, end)
            leaves = file.leaves(at, stop)
            if [index for index, _ in leaves] != list(range(at, stop)):
                raise LogError("log.archive", f"{path} does not hold what was written to it")
            for index, leaf in leaves:
                if store.hashes(index)[:1] != [merkle.leaf_hash(leaf)]:
                    raise LogError(
                        "log.tree",
                        f"entry {index} is not the one of the tree, and is not moved",
                        hint="see what is wrong with: xroad-lite log fsck",
                    )
    finally:
        file.close()


def _recorded(
    store: Store, path: Path, first: int, end: int, checkpoint: Note, now: float
) -> Segment:
    home = store.path.resolve().parent
    place = path.resolve()
    file = str(place.relative_to(home) if place.is_relative_to(home) else place)
    found = Segment(first, end, file, files.digest(path), str(checkpoint), now)
    store.execute(
        "INSERT INTO xl_segments VALUES (?, ?, ?, ?, ?, ?)",
        (first, end, file, found.sha256, found.checkpoint, now),
    )
    return found


def _move(store: Store, one: Segment, progress: Progress) -> None:
    """Take a recorded segment's leaves and bodies out of the log."""
    left = "SELECT min(idx) FROM xl_entries WHERE idx < ?"
    while (at := store.query(left, (one.end,))[0][0]) is not None:
        stop = min(at + _AT_ONCE, one.end)
        with store.transaction():
            within = (at, stop)
            store.execute("UPDATE xl_bodies SET body = x'' WHERE idx >= ? AND idx < ?", within)
            store.execute("DELETE FROM xl_entries WHERE idx >= ? AND idx < ?", within)
        progress(stop - one.first, one.end - one.first)
