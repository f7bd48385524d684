"""Asks a broker which exchanges or queues exist, without any right to make them; changes nothing.

A passive declaration of what is absent closes its channel, so each question may need a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xroad_lite.transports.rabbitmq.connection import BoundedConnection

Answer = int | str
"""Messages in a queue (0 for an exchange), or the broker's reason why there is none."""


class Probe:
    """Asks about ``names`` one by one and calls ``on_done`` once with all answers."""

    def __init__(
        self,
        connection: BoundedConnection,
        kind: str,
        names: Sequence[str],
        on_done: Callable[[dict[str, Answer]], None],
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._names = list(names)
        self._answers: dict[str, Answer] = {}
        self._on_done = on_done
        self._open()

    def _open(self) -> None:
        if self._connection.is_open:
            self._connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        self._ask(channel)

    def _ask(self, channel: Any) -> None:
        left = [name for name in self._names if name not in self._answers]
        if not left:
            channel.close()
            return
        declare = channel.queue_declare if self._kind == "queue" else channel.exchange_declare
        declare(left[0], passive=True, callback=lambda reply: self._found(channel, left[0], reply))

    def _found(self, channel: Any, name: str, reply: Any) -> None:
        self._answers[name] = getattr(reply.method, "message_count", 0)
        self._ask(channel)

    def _closed(self, _channel: Any, error: Any) -> None:
        left = [name for name in self._names if name not in self._answers]
        if not left:
            self._on_done(self._answers)
        elif self._connection.is_open and getattr(error, "reply_code", 0) in (403, 404):
            self._answers[left[0]] = f"{error.reply_code} {error.reply_text}"
            if len(left) == 1:
                self._on_done(self._answers)
            else:
                self._open()
