"""Receipts on a real broker: by the routes of the plan alone, once each, though it was killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from broker import Broker

from xroad_lite import Node
from xroad_lite.messagelog.receipts import ReceiptTables
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.stewardship import routes
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, two_agency_instance
from xroad_lite.transports.rabbitmq.administration import declare
from xroad_lite.transports.rabbitmq.topology import plan

pytestmark = pytest.mark.long

COUNT = 20
SECONDS = 90.0


@pytest.fixture
def world(broker: Broker, tmp_path: Path):
    """The two agencies on the broker, births with receipts, and nothing declared but the plan."""
    if broker.process is None:
        broker.start()
    url = broker.add_host(tmp_path.name)
    instance = two_agency_instance(tmp_path / "world", now=time.time() - 60, transport=url)
    file = instance.source / "agreements/births-1.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"receipt": True}))
    snapshot = instance.publish(time.time() - 30)
    declare(plan(routes(snapshot, time.time())), url)
    return instance


def test_each_message_is_receipted_once(broker: Broker, world) -> None:
    """Received and handled; the logs verify and replay."""
    with (
        Node.open(world.node_folder(HEALTH)) as health,
        Node.open(world.node_folder(CIVIL)) as civil,
    ):
        civil.subscribe("health.birth")(lambda _: None)
        tables = ReceiptTables(health.store)
        ends = time.monotonic() + SECONDS
        for number in range(COUNT):
            health.publish("health.birth", BIRTH, subject=f"s-{number % 3}")
        while not tables.all(-1, 1, "handled") and time.monotonic() < ends:
            work(health, civil)
        broker.kill()
        broker.start()
        while len(tables.all(-1, COUNT, "handled")) < COUNT and time.monotonic() < ends:
            work(health, civil)
        for one in tables.all(-1, COUNT):
            assert [each.told.state for each in tables.of(one.entry)] == ["received", "handled"]
        assert len(tables.all(-1, COUNT, "handled")) == COUNT, health.status()
        registry = RegistryFolder(world.folder / "registry")
        for node, me in ((health, HEALTH), (civil, CIVIL)):
            assert verify_log(node.store).findings == []
            assert replay_log(node.store, registry, me).equal


def work(*nodes: Node) -> None:
    """One round of each, and a moment for the broker if nobody had anything to do."""
    busy = [node.step() for node in nodes]
    if not any(busy):
        nodes[0]._transport.wait(0.05)
