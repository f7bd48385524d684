"""Names of exchanges, queues and routing keys, from identifiers; does not know a broker.

A sender's exchange is its percent-encoded identifier (four words), a receiver's queue its own
identifier and the lane (six words). No word holds a dot, so that no name is another's prefix.
"""

from __future__ import annotations

from functools import lru_cache

from xroad_lite.errors import ConfigurationError
from xroad_lite.identifiers import MessageType, SubsystemId, percent_encoded

MAX_NAME_BYTES = 255
"""What AMQP 0-9-1 allows (a short string)."""

OPEN = "open"
"""The first word of the routing key of open data: ``open.<lane>``."""

DEAD = "xroad.dead"
"""The exchange and queue for what the broker itself gives up on."""


@lru_cache(maxsize=4096)
def exchange_name(sender: str) -> str:
    """The topic exchange that only ``sender`` (a subsystem's text form) writes to."""
    return _checked(percent_encoded(SubsystemId.parse(sender)))


@lru_cache(maxsize=4096)
def queue_name(receiver: str, lane: str) -> str:
    """The queue that only ``receiver`` reads; also the routing key of what is sent to it."""
    encoded = percent_encoded(SubsystemId.parse(receiver))
    return _checked(f"{encoded}.{percent_encoded(MessageType.parse(lane))}")


@lru_cache(maxsize=4096)
def routing_key(recipient: str | None, lane: str) -> str:
    """The routing key of a message to ``recipient``; of open data when it is None."""
    if recipient is None:
        return _checked(f"{OPEN}.{percent_encoded(MessageType.parse(lane))}")
    return queue_name(recipient, lane)


def is_subsystem(name: str) -> bool:
    """Whether an exchange or broker user is named like a subsystem's."""
    return name.count(".") == 3


def _checked(name: str) -> str:
    length = len(name.encode())
    if length > MAX_NAME_BYTES:
        raise ConfigurationError(
            "transport.name_too_long",
            f"the broker name {name[:60]}... has {length} bytes, percent-encoded: "
            f"at most {MAX_NAME_BYTES}",
            hint="choose a shorter subsystem or message type",
        )
    return name
