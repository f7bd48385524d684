"""Measures the transport over RabbitMQ beside raw pika, in one run; does not measure a node.

    python bench/rabbitmq.py [--url amqp://…] [--messages 20000]

A body of 1 KB and a seal of 1.5 KB, quorum queues with a single active consumer, publisher confirms
with at most 1,000 in flight, in turn: publishing alone, and publisher and consumer as two
processes. Raw pika does what a careful program does with ``SelectConnection``, and no more.
Without ``--url`` a broker is started (Debian's package rabbitmq-server).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "transports")]

from broker import start_broker  # noqa: E402

from xroad_lite.identifiers import SubsystemId  # noqa: E402
from xroad_lite.transports.contract import Outcome, Parcel  # noqa: E402
from xroad_lite.transports.rabbitmq import names  # noqa: E402
from xroad_lite.transports.rabbitmq.administration import declare  # noqa: E402
from xroad_lite.transports.rabbitmq.topology import Route, plan  # noqa: E402
from xroad_lite.transports.rabbitmq.transport import RabbitTransport  # noqa: E402

SENDER, RECEIVER, LANE = "XX/GOV/A/bench", "XX/GOV/B/bench", "bench.message"
WINDOW, BATCH, PREFETCH = 1_000, 200, 256
BODY, SEAL, SALT = b"b" * 1024, b"s" * 1536, b"t" * 32
ATTRIBUTES = {
    "id": "01936d3e-0000-7000-8000-000000000000",
    "source": SENDER,
    "recipient": RECEIVER,
    "type": LANE,
    "time": "2026-01-31T12:00:00.000Z",
    "datacontenttype": "application/json",
    "sequence": "0000000000000001",
}
EXCHANGE, QUEUE = names.exchange_name(SENDER), names.queue_name(RECEIVER, LANE)


def publish_ours(url: str, count: int) -> None:
    """Publish and wait for all confirms, through the transport."""
    transport = RabbitTransport(url, SubsystemId.parse(SENDER))
    sent = confirmed = 0
    while confirmed < count:
        while sent < count and sent - confirmed < 2 * WINDOW:
            size = min(BATCH, count - sent)
            transport.send(
                [
                    Parcel(sent + n, RECEIVER, LANE, SEAL, SALT, BODY, lambda: ATTRIBUTES)
                    for n in range(size)
                ]
            )
            sent += size
        transport.wait(1)
        outcomes = transport.outcomes()
        if any(outcome is not Outcome.CONFIRMED for _, outcome in outcomes):
            raise SystemExit("a parcel was not confirmed")
        confirmed += len(outcomes)
    transport.close()


def consume_ours(url: str, count: int) -> None:
    """Receive and acknowledge, through the transport."""
    transport = RabbitTransport(url, SubsystemId.parse(RECEIVER))
    transport.listen([LANE])
    received = 0
    while received < count:
        transport.wait(1)
        found = transport.receive(PREFETCH)
        transport.acknowledge([one.tag for one in found])
        received += len(found)
    transport.close()


class RawPublisher:
    """Raw pika: confirms in flight, as its own examples do it."""

    def __init__(self, url: str, count: int) -> None:
        self.count, self.sent, self.confirmed = count, 0, 0
        self.channel: Any = None
        headers = {"seal": SEAL, "salt": SALT}
        headers |= {f"ce-{k}": v for k, v in ATTRIBUTES.items() if k != "datacontenttype"}
        self.properties = pika.BasicProperties(
            content_type="application/json",
            headers=headers,
            delivery_mode=2,
            message_id=ATTRIBUTES["id"],
            type=LANE,
        )
        self.connection = pika.SelectConnection(
            pika.URLParameters(url), on_open_callback=self.opened, on_close_callback=self.closed
        )
        self.connection.ioloop.start()

    def opened(self, connection: Any) -> None:
        """Connected."""
        connection.channel(on_open_callback=self.ready)

    def ready(self, channel: Any) -> None:
        """A channel is there."""
        self.channel = channel
        channel.confirm_delivery(self.confirm, lambda _: self.pump())

    def pump(self) -> None:
        """Fill the window."""
        while self.sent < self.count and self.sent - self.confirmed < WINDOW:
            self.channel.basic_publish(EXCHANGE, QUEUE, BODY, self.properties, mandatory=True)
            self.sent += 1

    def confirm(self, frame: Any) -> None:
        """Count confirms; with ``multiple`` all up to the tag."""
        self.confirmed = max(self.confirmed, frame.method.delivery_tag)
        if self.confirmed >= self.count:
            self.connection.close()
        else:
            self.pump()

    def closed(self, connection: Any, _reason: Any) -> None:
        """Finished."""
        connection.ioloop.stop()


class RawConsumer:
    """Raw pika: a prefetch and one acknowledgement for every 50 messages."""

    def __init__(self, url: str, count: int) -> None:
        self.count, self.received = count, 0
        self.connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.ready),
            on_close_callback=lambda connection, _: connection.ioloop.stop(),
        )
        self.connection.ioloop.start()

    def ready(self, channel: Any) -> None:
        """A channel is there."""
        channel.basic_qos(
            prefetch_count=PREFETCH, callback=lambda _: channel.basic_consume(QUEUE, self.deliver)
        )

    def deliver(self, channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        """Take seal and salt, as a receiver must."""
        headers = properties.headers
        if headers["seal"] != SEAL or headers["salt"] != SALT:
            raise SystemExit("not what was sent")
        self.received += 1
        if self.received % 50 == 0 or self.received == self.count:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if self.received == self.count:
            self.connection.close()


def fresh(url: str) -> None:
    """An empty topology."""
    made = plan([Route(SENDER, RECEIVER, LANE)])
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().queue_delete(QUEUE)
    declare(made, url)


def timed(*calls: Callable[[], Any]) -> float:
    """Run each call in a process of its own; seconds until all have ended."""
    processes = [multiprocessing.get_context("fork").Process(target=call) for call in calls]
    begun = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a process ended with {process.exitcode}")
    return time.perf_counter() - begun


def measure(url: str, count: int, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Messages a second, and microseconds of CPU for each in our processes: medians."""
    cases: dict[str, tuple[Callable[[], Any], ...]] = {
        "pika publish": (lambda: RawPublisher(url, count),),
        "xroad_lite publish": (lambda: publish_ours(url, count),),
        "pika end to end": (lambda: RawConsumer(url, count), lambda: RawPublisher(url, count)),
        "xroad_lite end to end": (
            lambda: consume_ours(url, count),
            lambda: publish_ours(url, count),
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    costs: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, calls in cases.items():
            fresh(url)
            before = os.times()
            rates[name].append(count / timed(*calls))
            after = os.times()
            used = after.children_user + after.children_system
            used -= before.children_user + before.children_system
            costs[name].append(used / count * 1e6)
    return _medians(rates), _medians(costs)


def _medians(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(found) for name, found in values.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="a broker whose administrator this is; else one is started")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = None if given.url else start_broker(Path(folder) / "broker")
        try:
            url = given.url or (broker.url if broker else "")
            rates, costs = measure(url, given.messages, given.rounds)
        finally:
            if broker:
                broker.stop()
    ratios = {
        "publish": rates["xroad_lite publish"] / rates["pika publish"],
        "end to end": rates["xroad_lite end to end"] / rates["pika end to end"],
    }
    if given.json:
        sys.stdout.write(json.dumps({"messages_per_second": rates, "ratios": ratios}) + "\n")
        return
    for name, rate in rates.items():
        sys.stdout.write(f"{name:24} {rate:10,.0f} messages/s, {costs[name]:5.0f} us of CPU each\n")
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name:24} {ratio:10.2f} x raw pika\n")


if __name__ == "__main__":
    main()
