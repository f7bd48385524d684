"""The rows of ``doctor`` about what makes a log provable: key, trusted store, time stamps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xroad_lite import times
from xroad_lite.errors import XRoadError

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot


class Row(NamedTuple):
    """What was looked at, how it stands, and the command that repairs it."""

    what: str
    state: str
    found: str
    repair: str = ""


def log_rows(settings: Settings, snapshot: Snapshot, folder: Path) -> Iterator[Row]:
    """The rows of one node; what cannot be read is a row too."""
    try:
        yield from _key(settings, snapshot, folder)
        yield _trusted(settings)
        log = settings.path(settings.log)
        if log.is_file():
            from xroad_lite.messagelog import Store

            store = Store(log, readonly=True)
            try:
                yield from _stamps(store, snapshot)
                yield from _views(store)
            finally:
                store.close()
    except XRoadError as error:
        yield Row("log", "missing", error.message, error.hint)


def _key(settings: Settings, snapshot: Snapshot, folder: Path) -> Iterator[Row]:
    from xroad_lite.node.evidence import log_keys

    keys = log_keys(settings).verifiers()
    if not keys:
        make = f"xroad-lite keys new --use log --node {folder}"
        yield Row("key of the log", "optional", "none: no checkpoint is signed", make)
        return
    party = snapshot.party(settings.subsystem)
    listed = [key for key in keys if party and str(key) in party.subsystem.log_keys]
    repair = "" if listed else "add it to the subsystem's log_keys, then registry publish"
    yield Row(
        "key of the log listed in the registry",
        "good" if listed else "optional",
        (listed or keys)[-1].key_id.hex(),
        repair,
    )


def _trusted(settings: Settings) -> Row:
    from xroad_lite.messagelog.checkpoints import Checkpoint
    from xroad_lite.messagelog.trusted import TrustedStore
    from xroad_lite.node.checkpointing import NAME, read_trusted

    folder, log = settings.path(settings.trusted), settings.path(settings.log)
    note = read_trusted(TrustedStore(folder / NAME))
    found = "no checkpoint yet" if note is None else f"{Checkpoint.read(note).size} entries"
    if not folder.exists() or folder.stat().st_dev == log.parent.stat().st_dev:
        repair = "name a folder on another disk or machine as trusted in node.yaml"
        return Row("trusted store apart from the log", "optional", f"{found}, same disk", repair)
    return Row("trusted store apart from the log", "good", found)


def _stamps(store: Store, snapshot: Snapshot) -> Iterator[Row]:
    from xroad_lite.messagelog.stamps import StampTable, oldest_unstamped
    from xroad_lite.node.stamping import renew_at

    now, newest = time.time(), StampTable(store).newest()
    named = snapshot.instance.timestamping
    oldest = oldest_unstamped(store, newest.size if newest else 0)
    within = snapshot.instance.stamp_within
    if not named:
        yield Row("time stamps", "optional", "the instance names no authority")
    elif oldest is None:
        yield Row("time stamps", "good", f"all of {store.size} entries")
    else:
        late = within is not None and now - oldest[1] > times.duration(within)
        found = f"entry {oldest[0]}, of {times.to_text(oldest[1])[:19]}Z, is the oldest without"
        old = now - oldest[1] > 3600
        state = "missing" if late else "optional" if old else "good"
        yield Row("time stamps", state, found, "start the node, reach an authority" if old else "")
    if newest is not None:
        soon = now > renew_at(newest)
        repair = "xroad-lite log restamp" if soon else ""
        found = f"good until {times.to_text(newest.ends)[:10]}"
        state = "missing" if now > newest.ends else "optional" if soon else "good"
        yield Row("newest time stamp", state, found, repair)


def _views(store: Store) -> Iterator[Row]:
    from xroad_lite.messagelog.seen import SeenTable

    for origin in dict.fromkeys(one.origin for one in SeenTable(store).views()):
        found = f"{origin} showed two views of itself"
        yield Row("logs that tell one story", "missing", found, "xroad-lite log witness status")
