"""Ways for sealed messages from one node to another; none of them is trusted with anything.

``open_transport`` chooses by address. Does not retry or order: outbox and inbox do.
"""

from __future__ import annotations

from pathlib import Path

from xroad_lite.errors import ConfigurationError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import (
    MAX_BODY_BYTES,
    REPLIES,
    Delivery,
    Outcome,
    Parcel,
    Transport,
)

__all__ = [
    "MAX_BODY_BYTES",
    "REPLIES",
    "Delivery",
    "Outcome",
    "Parcel",
    "Transport",
    "open_transport",
]


def open_transport(
    uri: str, me: SubsystemId, *, base: Path, max_body: int = MAX_BODY_BYTES
) -> Transport:
    """The transport at ``uri`` for ``me``; relative paths are below ``base``; ``max_body``
    is the largest body in bytes that is read whole.

    ``embedded:FILE`` is the sqlite3 bus of one machine, ``amqp://…`` and ``amqps://…`` a RabbitMQ
    (docs/rabbitmq.md). ``ConfigurationError`` for other addresses.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "embedded" and rest:
        from xroad_lite.transports.embedded import EmbeddedTransport

        return EmbeddedTransport(base / rest, me, max_body=max_body)
    if scheme in ("amqp", "amqps"):
        from xroad_lite.transports.rabbitmq.transport import RabbitTransport

        return RabbitTransport(uri, me, base=base, max_body=max_body)
    raise ConfigurationError(
        "config.transport",
        f"got a transport address of the scheme {scheme!r}: expected embedded:FILE or amqp://…",
        hint="set transport in node.yaml",
    )
