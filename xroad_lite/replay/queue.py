"""A queue of replays as a worker reads it, message by message; handles none of them itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xroad_lite.envelope import Replayed, read_replay
from xroad_lite.transports.replays import ReplayQueue, open_replays


@contextmanager
def replays(uri: str, queue: str, *, base: Path = Path()) -> Iterator[Iterator[Replayed]]:
    """The replays that lie in a queue, until it is empty; ``uri`` as in ``open_transport``.

    Each is taken off the queue when the next one is asked for, so what was not finished comes
    again. ``TransportError`` when the queue is out of reach, ``SealError`` for what is no replay.
    """
    opened = open_replays(uri, queue, base=base)
    try:
        yield _each(opened)
    finally:
        opened.close()


def _each(queue: ReplayQueue) -> Iterator[Replayed]:
    while found := queue.take(1):  # more would wait for as long as those before them take
        yield read_replay(found[0].seal, found[0].salt, found[0].body)
        queue.done([found[0].tag])
