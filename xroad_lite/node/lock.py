"""One process per log; does not open the log itself."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from xroad_lite.errors import LogError
from xroad_lite.messagelog.lease import this_process

_T = TypeVar("_T")
_AGAIN_SECONDS = 0.5


def take_lock(log: Path) -> IO[bytes]:
    """The log's one writer, until the file is closed: two with one identity would fork its history.

    ``LogError`` ``log.locked`` while another process has it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    lock = log.with_suffix(".lock").open("a+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        who = lock.read(200).decode("utf-8", "replace").strip() or "another process"
        lock.close()
        raise LogError(
            "log.locked",
            f"{who} has the log {log} open",
            hint="stop it, or give this node a log of its own; a standby opens the node with "
            "standby=True, and waits",
        ) from None
    lock.truncate(0)
    lock.write(this_process().encode())
    lock.flush()
    return lock


def until_free(opened: Callable[[], _T], talk: Callable[[str], object] | None = None) -> _T:
    """What ``opened`` gives, tried again and again while another process keeps the log."""
    said = False
    while True:
        try:
            return opened()
        except LogError as error:
            if error.code not in ("log.locked", "log.held"):
                raise
            if talk is not None and not said:
                talk(f"standing by: {error.message}")
            said = True
        time.sleep(_AGAIN_SECONDS)
