"""Queues of recorded messages that are shown again, apart from those that nodes read.

Their names begin with ``replay.``, as no node's does; nobody reads one who was not told to. Does
not look into what it carries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from xroad_lite.envelope import Replayed
from xroad_lite.envelope.replaying import MAX_MARKED_BYTES
from xroad_lite.errors import ConfigurationError
from xroad_lite.transports.contract import Delivery, Parcel
from xroad_lite.transports.embedded import EmbeddedTransport

LANE = "xroad.replay"
"""What stands as the type of a replay, whatever the type of the message."""
PREFIX = "replay."
_NAME = re.compile(r"replay\.[a-z0-9][a-z0-9_-]{0,100}", re.ASCII)
_MAX_BODY_BYTES = 64 * 1_048_576


class ReplayQueue(Protocol):
    """A durable queue of replays, for who puts there and for who reads it. At least once."""

    def put(self, replays: Sequence[Replayed]) -> None:
        """Lay these there, in order; durable when it returns. ``TransportError`` else."""
        ...

    def take(self, limit: int) -> list[Delivery]:
        """The next ones, at most ``limit``; the seal in them is marked (``read_replay``)."""
        ...

    def done(self, tags: Sequence[int]) -> None:
        """These need not come again."""
        ...

    def close(self) -> None:
        """Give back what is held; what is not done will come again."""
        ...


def open_replays(uri: str, name: str, *, base: Path = Path()) -> ReplayQueue:
    """The queue ``name`` at a transport's address (see ``open_transport``); made if it is missing.

    On a RabbitMQ the user must have the right to make, write or read it, which a node's has not.
    ``ConfigurationError`` for other addresses, and names that are no replay queue's.
    """
    check_name(name)
    scheme, _, rest = uri.partition(":")
    if scheme == "embedded" and rest:
        return EmbeddedReplays(base / rest, name)
    if scheme in ("amqp", "amqps"):
        from xroad_lite.transports.rabbitmq.replays import RabbitReplays

        return RabbitReplays(uri, name, base=base)
    raise ConfigurationError(
        "config.transport",
        f"got an address of the scheme {scheme!r}: expected embedded:FILE or amqp://…",
        hint="for example: --transport amqp://operator:PASSWORD@broker.example",
    )


def check_name(name: str) -> None:
    """``ConfigurationError`` unless it is a name of a replay queue."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            "config.replay_queue",
            f"got a queue {name!r:.80}: expected {PREFIX}NAME, of small letters, digits, - and _, "
            "as no node's queue is named",
            hint="for example: --queue replay.civil",
        )


class EmbeddedReplays:
    """In the bus file: a queue whose owner is no subsystem."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._bus = EmbeddedTransport(
            path, name, max_body=_MAX_BODY_BYTES, max_seal=MAX_MARKED_BYTES
        )
        self._bus.listen([LANE])

    def put(self, replays: Sequence[Replayed]) -> None:
        """See ``ReplayQueue``."""
        self._bus.send(
            [
                Parcel(tag, self._name, LANE, one.marked(), one.salt, one.body)
                for tag, one in enumerate(replays)
            ]
        )
        self._bus.outcomes()

    def take(self, limit: int) -> list[Delivery]:
        """See ``ReplayQueue``."""
        return self._bus.receive(limit)

    def done(self, tags: Sequence[int]) -> None:
        """See ``ReplayQueue``."""
        self._bus.acknowledge(tags)

    def close(self) -> None:
        """See ``ReplayQueue``."""
        self._bus.close()
