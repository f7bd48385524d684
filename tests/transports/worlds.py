"""Subsystems on a transport, so that one story can be told on each; holds no test."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import pika

from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import MAX_BODY_BYTES, Delivery, Outcome, Parcel, Transport
from xroad_lite.transports.embedded import EmbeddedTransport
from xroad_lite.transports.rabbitmq.address import parse_address
from xroad_lite.transports.rabbitmq.administration import declare
from xroad_lite.transports.rabbitmq.connection import parameters
from xroad_lite.transports.rabbitmq.topology import Plan, Route, plan
from xroad_lite.transports.rabbitmq.transport import RabbitTransport

LANE = "citizens.birth"
SALT = bytes(range(32))
_numbers = itertools.count(1)


class World:
    """Opens transports for subsystems and closes them at the end."""

    def __init__(self) -> None:
        self.instance = f"T{os.getpid()}-{next(_numbers)}"
        self._opened: list[Transport] = []

    def name(self, code: str) -> str:
        """The text form of a subsystem of this test."""
        return str(SubsystemId(self.instance, "GOV", code, "main"))

    def open(self, code: str, **settings: Any) -> Transport:
        """A transport for this subsystem; ``settings`` are of its constructor."""
        transport = self._open(SubsystemId(self.instance, "GOV", code, "main"), settings)
        self._opened.append(transport)
        return transport

    def _open(self, me: SubsystemId, settings: dict[str, Any]) -> Transport:
        raise NotImplementedError

    def allow(self, sender: str, recipient: str, lane: str = LANE, *, open: bool = False) -> None:
        """From now on the broker carries what ``sender`` sends to ``recipient``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for transport in self._opened:
            transport.close()


class EmbeddedWorld(World):
    """All subsystems on one bus file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def _open(self, me: SubsystemId, settings: dict[str, Any]) -> Transport:
        return EmbeddedTransport(self._path, me, max_body=settings.get("max_body", MAX_BODY_BYTES))


class RabbitWorld(World):
    """All subsystems on one broker; what was declared is deleted at the end."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._routes: list[Route] = []

    def _open(self, me: SubsystemId, settings: dict[str, Any]) -> Transport:
        return RabbitTransport(settings.pop("url", self.url), me, **settings)

    def allow(self, sender: str, recipient: str, lane: str = LANE, *, open: bool = False) -> None:
        """Declare what the route needs."""
        self._routes.append(Route(self.name(sender), self.name(recipient), lane, open))
        declare(self.plan, self.url)

    @property
    def plan(self) -> Plan:
        """What was declared so far."""
        return plan(self._routes)

    def client(self, url: str = "") -> Any:
        """A plain client of the broker, as anybody may write one."""
        address = parse_address(url or self.url)
        return pika.BlockingConnection(parameters(address, *address.hosts[0], "somebody"))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if not self._routes:
            return
        with self.client() as connection:
            channel = connection.channel()
            for queue in self.plan.queues[:-1]:
                channel.queue_delete(queue)
            for exchange in self.plan.exchanges[:-1]:
                channel.exchange_delete(exchange)


def parcel(tag: int, recipient: str | None, lane: str = LANE, **content: Any) -> Parcel:
    """A parcel whose seal and body name its tag, unless ``content`` says otherwise."""
    fields = {"seal": b"seal %d" % tag, "salt": SALT, "body": b"body %d" % tag} | content
    return Parcel(tag, recipient, lane, **fields)


def until(step: Callable[[], bool], seconds: float = 20.0) -> None:
    """Repeat ``step`` until it is true; fails after ``seconds``."""
    ends = time.monotonic() + seconds
    while not step():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


def outcomes(transport: Transport, count: int, seconds: float = 20.0) -> dict[int, Outcome]:
    """Wait for this many outcomes."""
    found: list[tuple[int, Outcome]] = []

    def step() -> bool:
        found.extend(transport.outcomes())
        return len(found) >= count

    until(step, seconds)
    assert len(found) == count
    return dict(found)


def send(transport: Transport, *parcels: Parcel) -> dict[int, Outcome]:
    """Send and wait for the outcomes."""
    transport.send(parcels)
    return outcomes(transport, len(parcels))


def arrivals(
    transport: Transport, count: int, *, seconds: float = 20.0, acknowledge: bool = True
) -> list[Delivery]:
    """Wait for this many deliveries."""
    found: list[Delivery] = []

    def step() -> bool:
        new = transport.receive(count - len(found))
        found.extend(new)
        if acknowledge:
            transport.acknowledge([one.tag for one in new])
        return len(found) >= count

    until(step, seconds)
    return found


def nothing_arrives(transport: Transport, seconds: float = 0.3) -> None:
    """Fail when something is delivered within ``seconds``."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert transport.receive(10) == []
        transport.wait(0.05)


def seals(deliveries: Sequence[Delivery]) -> list[bytes]:
    """The seals of these deliveries, in order."""
    return [one.seal for one in deliveries]
