"""A replay queue on a RabbitMQ, through the default exchange; no node's user has a right there.

Blocks until the broker has answered; between two calls any time may pass. A replay's AMQP type is
``xroad.replay``, and no ``ce-`` header stands beside it: a consumer that knows no seals takes it
for no event either.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker, UnroutableError

from xroad_lite.envelope import Replayed
from xroad_lite.errors import TransportError
from xroad_lite.transports.contract import Delivery
from xroad_lite.transports.rabbitmq.administration import connected
from xroad_lite.transports.rabbitmq.link import describe
from xroad_lite.transports.replays import LANE

_NOT_FOUND = 404
_HOSTILE = struct.error, ValueError, OverflowError, RecursionError, OSError
"""What pika raises over headers that it cannot read."""


class RabbitReplays:
    """The queue ``name`` as the user in ``uri`` sees it; a quorum queue is made if it is missing.

    ``TransportError`` when the broker is out of reach, or does not allow it.
    """

    def __init__(self, uri: str, name: str, *, base: Path = Path()) -> None:
        self._name = name
        with ExitStack() as undo:
            self._connection = undo.enter_context(connected(uri, base, patient=True))
            with self._allowed():
                self._channel = self._opened()
            self._undo = undo.pop_all()

    def put(self, replays: Sequence[Replayed]) -> None:
        """See ``ReplayQueue``."""
        with self._allowed():
            for one in replays:
                self._channel.basic_publish(
                    "", self._name, one.body, properties=_properties(one), mandatory=True
                )

    def take(self, limit: int) -> list[Delivery]:
        """See ``ReplayQueue``."""
        with self._allowed():
            return list(self._taken(limit))

    def done(self, tags: Sequence[int]) -> None:
        """See ``ReplayQueue``."""
        with self._allowed():
            for tag in tags:
                self._channel.basic_ack(tag)

    def close(self) -> None:
        """See ``ReplayQueue``."""
        self._undo.close()

    def _opened(self) -> Any:
        channel = self._connection.channel()
        try:
            channel.queue_declare(self._name, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND:
                raise
            channel = self._connection.channel()
            channel.queue_declare(self._name, durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        return channel

    def _taken(self, limit: int) -> Iterator[Delivery]:
        for _ in range(limit):
            method, properties, body = self._channel.basic_get(self._name)
            if method is None:
                return
            seal, salt = (_bytes(properties, name) for name in ("seal", "salt"))
            yield Delivery(method.delivery_tag, LANE, seal, salt, body)

    @contextmanager
    def _allowed(self) -> Iterator[None]:
        try:
            yield
        except UnroutableError:
            raise TransportError(
                "transport.no_queue", f"the queue {self._name} is gone: nothing more was put there"
            ) from None
        except (AMQPError, *_HOSTILE) as error:
            raise TransportError(
                "transport.broker_refused",
                f"the broker does not let this user use the queue {self._name}: {describe(error)}",
                hint="give the address of a user who may: --transport amqp://USER:PASSWORD@HOST",
            ) from None


def _properties(one: Replayed) -> Any:
    sealed = one.attributes
    return pika.BasicProperties(
        content_type=sealed.datacontenttype,
        delivery_mode=2,
        type=LANE,
        headers={"seal": one.marked(), "salt": one.salt, "replay-of": sealed.id},
    )


def _bytes(properties: Any, name: str) -> bytes:
    found = (properties.headers or {}).get(name, b"")
    return found if isinstance(found, bytes) else str(found).encode()
