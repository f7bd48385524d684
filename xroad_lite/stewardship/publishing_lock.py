"""One publisher at a time in a published registry's folder; the second waits, or says for whom.

Does not keep readers out: what they read is never changed, but for the time stamp, which is
replaced whole.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from xroad_lite.errors import RegistryError

WAIT_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.05
_FILE: Final = ".publishing"


@contextmanager
def publishing(folder: Path, *, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the folder until the block ends; wait at most ``seconds`` for another publisher.

    ``RegistryError`` ``registry.locked`` says who holds it. It is given back when its process
    ends, however that happens.
    """
    fresh = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _FILE).open("a+") as lock:
        _take(lock, folder, seconds)
        lock.seek(0)
        lock.truncate()
        lock.write(_who())
        lock.flush()
        try:
            yield
        finally:
            if fresh and [one.name for one in folder.iterdir()] == [_FILE]:  # nothing came of it
                (folder / _FILE).unlink()
                folder.rmdir()


def _take(lock: IO[str], folder: Path, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= ends:
                lock.seek(0)
                who = lock.read(200).strip() or "another process"
                raise RegistryError(
                    "registry.locked",
                    f"{who} is publishing in {folder}",
                    hint="wait until it has ended, and publish again",
                ) from None
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _who() -> str:
    since = datetime.now(UTC).strftime("%H:%M:%S UTC")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()}, since {since},"
