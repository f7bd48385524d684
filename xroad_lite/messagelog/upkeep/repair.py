"""Repairs a log's file: saves what is readable of a damaged one, makes anew what is derived.

Never writes an entry, and never throws anything away: the file as it was stays beside the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xroad_lite.errors import LogError
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.upkeep.backup import copy_file
from xroad_lite.messagelog.upkeep.findings import Report
from xroad_lite.messagelog.upkeep.fsck import (
    Progress,
    correct,
    damage,
    fsck,
    only_indexes,
)
from xroad_lite.messagelog.upkeep.salvage import Salvaged, salvage

_BESIDE = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did, or would do."""

    before: Report | None
    """What was found; None where the file could not be read well enough."""
    after: Report | None
    """What is left; None where nothing was done."""
    kept: Path | None = None
    """The log's file as it was."""
    saved: Salvaged | None = None
    """What was saved of a damaged file."""
    damage: tuple[str, ...] = ()
    """What sqlite says of a damaged file."""


def repair(log: Path, *, apply: bool, stamp: str, progress: Progress | None = None) -> Repair:
    """Look what a repair would do, or do it; nobody else may have the log open then.

    ``stamp`` goes into the name under which the file as it was is kept.
    """
    found = _damage(log)
    if found:
        return _salvaged(log, found, stamp, progress) if apply else Repair(None, None, damage=found)
    before = _report(log, progress)
    if not apply or not before.derived:
        return Repair(before, None)
    kept = log.with_name(f"{log.name}.before-repair-{stamp}")
    copy_file(log, kept, lambda *_: None)
    _correct(log, progress)
    return Repair(before, _report(log, progress), kept)


def _damage(log: Path) -> tuple[str, ...]:
    """What sqlite finds in the file that it cannot make anew itself."""
    try:
        store = Store(log, readonly=True)
    except LogError as error:
        if error.code == "log.store":
            return (error.message,)
        raise
    try:
        found = damage(store)
    finally:
        store.close()
    return () if only_indexes(found) else tuple(found)


def _report(log: Path, progress: Progress | None) -> Report:
    store = Store(log, readonly=True)
    try:
        return fsck(store, progress=progress)
    finally:
        store.close()


def _correct(log: Path, progress: Progress | None) -> None:
    store = Store(log)
    try:
        with store.transaction():
            found = correct(store, progress)
            contradicted = [one for one in found.findings if one.code == "log.checkpoint"]
            if contradicted:
                raise LogError(
                    "log.checkpoint",
                    f"{contradicted[0].message}: nothing was repaired, since hashes made anew "
                    "would hide that",
                    hint="restore a backup: docs/log.md",
                )
    finally:
        store.close()


def _salvaged(log: Path, found: tuple[str, ...], stamp: str, progress: Progress | None) -> Repair:
    fresh = log.with_name(f".{log.name}.salvaged")
    saved = salvage(log, fresh)
    _correct(fresh, progress)
    kept = log.with_name(f"{log.name}.damaged-{stamp}")
    for suffix in _BESIDE:
        beside = log.with_name(log.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    fresh.rename(log)
    for suffix in _BESIDE[1:]:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    return Repair(None, _report(log, progress), kept, saved, found)
