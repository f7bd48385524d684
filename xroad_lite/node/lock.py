"""One process per log; does not open the log itself."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from xroad_lite.errors import LogError


def take_lock(log: Path) -> IO[bytes]:
    """The log's one writer, until the file is closed: two with one identity would fork its history.

    ``LogError`` ``log.locked`` while another process has it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    lock = log.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LogError(
            "log.locked",
            f"another process has the log {log} open",
            hint="stop it, or give this node a log of its own",
        ) from None
    return lock
