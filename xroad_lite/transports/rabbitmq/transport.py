"""The transport over RabbitMQ, as ``contract`` asks for it; does not declare anything on a broker.

A thread of its own does all input and output: one connection publishes, one receives (under a
memory alarm the broker stops reading from whoever publishes, and acknowledgements must still pass).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pika.adapters.select_connection import IOLoop

from xroad_lite import times
from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import MAX_BODY_BYTES, Delivery, Outcome, Parcel
from xroad_lite.transports.rabbitmq.address import parse_address
from xroad_lite.transports.rabbitmq.consumer import Consumer
from xroad_lite.transports.rabbitmq.letters import written
from xroad_lite.transports.rabbitmq.publisher import Publisher, Window

RECEIVE_MEMORY = 256 * 1_048_576
_CLOSE_SECONDS = 2.0
_log = logging.getLogger(__name__)


class RabbitTransport:
    """A broker as one subsystem sees it.

    ``uri`` is read by ``parse_address`` (``ConfigurationError``), files in it are below ``base``.
    ``max_body`` is the largest body in bytes, ``window`` how much may be on the way out,
    ``receive_memory`` how many bytes of deliveries may wait for their acknowledgement. Returns at
    once; ``status`` says whether the broker is there.
    """

    def __init__(
        self,
        uri: str,
        me: SubsystemId,
        *,
        base: Path = Path(),
        max_body: int = MAX_BODY_BYTES,
        window: Window | None = None,
        receive_memory: int = RECEIVE_MEMORY,
    ) -> None:
        address = parse_address(uri, base=base)
        self._max_body = max_body
        self._signal = threading.Event()
        self._loop = IOLoop()
        notify = self._signal.set
        self._publisher = Publisher(self._loop, address, str(me), window or Window(), notify)
        self._consumer = Consumer(
            self._loop, address, str(me), max_body=max_body, memory=receive_memory, notify=notify
        )
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"amqp {me}", daemon=True)
        self._soon(self._publisher.start)
        self._thread.start()

    def listen(self, lanes: Iterable[str]) -> None:
        """Receive from these lanes' queues; one that is missing is waited for."""
        self._soon(self._consumer.listen(sorted(set(lanes))))

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Hand over parcels: all, or none with ``transport.too_large`` or ``transport.full``."""
        self._publisher.hand_over([written(parcel, self._max_body) for parcel in parcels])
        self._soon(self._publisher.pump)

    def outcomes(self) -> list[tuple[int, Outcome]]:
        """The outcomes since the last call; the broker's confirms decide them."""
        return self._publisher.take_outcomes()

    def receive(self, limit: int) -> list[Delivery]:
        """The next deliveries of this connection."""
        deliveries = self._consumer.take(limit)
        if self._consumer.waiting:
            self._signal.set()
        return deliveries

    def acknowledge(self, tags: Sequence[int]) -> None:
        """Tell the broker to forget these; tags of an earlier connection are passed over."""
        if tags:
            self._soon(lambda: self._consumer.acknowledge(tags))

    def wait(self, timeout: float) -> None:
        """Return when there is a delivery, an outcome, a change, or ``wake`` was called."""
        self._signal.wait(timeout)
        self._signal.clear()

    def wake(self) -> None:
        """End a ``wait`` in another thread."""
        if not self._signal.is_set():  # no lock for each of many
            self._signal.set()

    def status(self) -> dict[str, object]:
        """Both connections, what is on the way, how full the queues are, what is missing."""
        publisher, consumer = self._publisher, self._consumer
        state = publisher.state
        missing = [*filter(None, [publisher.missing]), *map(_missing, consumer.missing.items())]
        listening = consumer.state.connected or consumer.ended
        return {
            "connected": state.connected and listening,
            "detail": self._detail(missing),
            "blocked": state.blocked,
            "host": state.host,
            "since": times.to_text(state.since),
            "unconfirmed": publisher.unconfirmed,
            "room": publisher.room,
            "queued": consumer.depths,
            "received": consumer.waiting,
            "missing": missing,
        }

    def _detail(self, missing: list[str]) -> str:
        states = [self._publisher.state, self._consumer.state]
        if not all(one.connected for one in states[: 1 if self._consumer.ended else 2]):
            troubles = [one.trouble for one in states if one.trouble]
            return "; ".join(dict.fromkeys(troubles)) or "connecting"
        if missing:
            return f"{', '.join(missing)}; run: xroad-lite broker apply"
        if states[0].blocked:
            return f"{states[0].host} has no memory or disk left: it takes no messages for now"
        return f"connected to {states[0].host}"

    def close(self) -> None:
        """Close both connections; takes at most two seconds."""
        if not self._closing:
            self._closing = True
            self._soon(self._end)
            self._thread.join(_CLOSE_SECONDS + 1.0)

    def _soon(self, call: Callable[[], None]) -> None:
        self._loop.add_callback_threadsafe(call)

    def _run(self) -> None:
        while not self._closing:
            try:
                self._loop.start()
            except Exception:  # noqa: BLE001 - the thread must outlive whatever a callback raises
                _log.exception("the I/O thread starts again after an error of its own")
                time.sleep(0.1)
                self._soon(self._publisher.recover)
                self._soon(self._consumer.recover)
        self._loop.close()

    def _end(self) -> None:
        self._publisher.end()
        self._consumer.end()
        ends = time.monotonic() + _CLOSE_SECONDS
        self._await_end(ends)

    def _await_end(self, ends: float) -> None:
        ended = self._publisher.ended and self._consumer.ended
        if ended or time.monotonic() > ends:
            self._loop.stop()
        else:
            self._loop.call_later(0.01, lambda: self._await_end(ends))


def _missing(entry: tuple[str, str]) -> str:
    return f"queue {entry[0]}: {entry[1]}"
