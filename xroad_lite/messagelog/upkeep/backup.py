"""A copy of a log while its node runs: one moment of it, checked, with its segment files.

Does not stop writers, and keeps nothing beside the copy.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xroad_lite.errors import LogError
from xroad_lite.messagelog.archive.files import digest, settle
from xroad_lite.messagelog.archive.segments import segments
from xroad_lite.messagelog.store import Store

_PAGES = 2000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied."""

    file: Path
    entries: int
    root: str
    """Over these entries, hexadecimal."""
    bytes: int
    segments: int
    """How many segment files lie beside it."""
    copied: int
    """How many of them were not there yet."""


def backup(log: Path, folder: Path, progress: Progress | None = None) -> Backup:
    """Copy the log at this moment to ``folder``, which has no such log yet.

    A folder of an earlier backup's segment files may be used again by giving it a log of another
    name: those that are there are not copied again. ``LogError`` if the copy is not the same.
    """
    file = folder / log.name
    if file.exists():
        raise LogError(
            "log.backup_exists",
            f"{file} exists: a backup is not written over",
            hint="name a new folder, or remove what is there",
        )
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        copy_file(log, part, progress or (lambda *_: None))
    except LogError:
        part.unlink(missing_ok=True)
        raise
    part.replace(file)
    store = Store(file, readonly=True)
    try:
        copied = _copy_segments(log.parent, folder, store)
        return Backup(
            file,
            store.size,
            store.root().hex(),
            file.stat().st_size,
            len(segments(store)),
            copied,
        )
    finally:
        store.close()


def copy_file(log: Path, target: Path, progress: Progress) -> None:
    """Copy a log's file as it is at this moment, to the disk, and let sqlite check the copy."""
    try:
        source = sqlite3.connect(f"{log.resolve().as_uri()}?mode=ro", uri=True)
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            # One read transaction around all steps: else each write of the node starts it anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                copy,
                pages=_PAGES,
                progress=lambda _, left, total: progress(total - left, total),
                sleep=0,
            )
            copy.execute("PRAGMA journal_mode=DELETE")
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            copy.close()
            source.close()
    except sqlite3.Error as error:
        raise LogError("log.backup", f"cannot copy {log} to {target}: {error}") from None
    if found != "ok":
        raise LogError("log.damaged", f"{log}: sqlite says: {found}", hint="xroad-lite log repair")
    settle(target)


def _copy_segments(home: Path, folder: Path, store: Store) -> int:
    """Those below the log's folder; others are named by a place that the copy shares."""
    copied = 0
    for one in segments(store):
        if Path(one.file).is_absolute():
            continue
        source, target = home / one.file, folder / one.file
        if target.is_file() and digest(target) == one.sha256:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, part)
        except OSError as error:
            raise LogError("log.backup", f"cannot copy {source}: {error.strerror}") from None
        if digest(part) != one.sha256:
            part.unlink()
            raise LogError("log.archive", f"{source} was changed", hint="see: xroad-lite log fsck")
        settle(part)
        part.replace(target)
        copied += 1
    return copied
