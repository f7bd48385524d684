"""Two agencies on a broker, which these tests alone may kill; holds no test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker

from xroad_lite import Message
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import routes
from xroad_lite.testing import BIRTH, TwoAgencies, two_agencies
from xroad_lite.transports.rabbitmq.administration import declare
from xroad_lite.transports.rabbitmq.topology import plan


class Running:
    """Both nodes at work in threads, and what the receiver's handler did, in its own table."""

    def __init__(self, world: TwoAgencies) -> None:
        self.world = world
        self.fail: set[str] = set()
        with world.civil.transaction() as effects:
            effects.sql(
                "CREATE TABLE IF NOT EXISTS seen (number INTEGER PRIMARY KEY, value TEXT UNIQUE,"
                " subject TEXT)"
            )
        world.civil.subscribe("health.birth")(self._handle)
        self._threads = [
            threading.Thread(target=node.run, daemon=True) for node in (world.health, world.civil)
        ]
        for one in self._threads:
            one.start()

    def _handle(self, message: Message) -> None:
        value = message.body["identifier"][0]["value"]
        if value in self.fail:
            raise ValueError(f"{value} cannot be handled")
        message.sql("INSERT INTO seen (value, subject) VALUES (?, ?)", (value, message.subject))

    def publish(self, first: int, last: int, subjects: int = 7) -> None:
        """Publish births numbered ``first`` to ``last``, in transactions of twenty."""
        for start in range(first, last, 20):
            with self.world.health.transaction() as effects:
                for number in range(start, min(start + 20, last)):
                    record = BIRTH | {"identifier": [{"value": f"B-{number:06d}"}]}
                    effects.publish("health.birth", record, subject=f"s-{number % subjects}")

    def seen(self) -> list[tuple[str, str]]:
        """Value and subject of what was handled, in the order it was."""
        return self.world.civil.store.query("SELECT value, subject FROM seen ORDER BY number")

    def await_seen(self, count: int, seconds: float) -> None:
        """Wait until ``count`` were handled."""
        ends = threading.Event()
        for _ in range(int(seconds * 20)):
            if len(self.seen()) >= count:
                return
            ends.wait(0.05)
        raise AssertionError(
            f"{len(self.seen())} of {count} were handled in {seconds} s: "
            f"{self.world.health.status()} {self.world.civil.status()}"
        )

    def check(self, count: int) -> None:
        """All once, in order per subject, and both logs verify."""
        seen = self.seen()
        assert sorted(value for value, _ in seen) == [f"B-{n:06d}" for n in range(count)]
        for subject in {one for _, one in seen}:
            values = [value for value, one in seen if one == subject]
            assert values == sorted(values), subject
        for node in (self.world.health, self.world.civil):
            found = verify_log(node.store)
            assert found.ok, found.findings[:3]


@pytest.fixture
def running(broker: Broker, tmp_path: Path) -> Iterator[Running]:
    """The two agencies at work on the broker, with real clocks and a virtual host."""
    if broker.process is None:
        broker.start()
    url = broker.add_host(tmp_path.name)
    with two_agencies(tmp_path / "world", clock=time.time, transport=url) as world:
        registry = RegistryFolder(world.instance.folder / "registry")
        declare(plan(routes(registry.newest(), time.time())), url)
        yield Running(world)
