"""A confidential message on a real broker: its operator reads nothing in queues and files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from broker import Broker, queues

from xroad_lite import Node
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import routes
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, LAW, PURPOSE, two_agency_instance
from xroad_lite.transports.rabbitmq.administration import declare
from xroad_lite.transports.rabbitmq.topology import plan

pytestmark = pytest.mark.long

SECRET, OPEN = "Quetzalcoatl", "Ouroboros"
PERSON = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1", "apellidos": OPEN}
PERSON |= {"fechaNacimiento": "2026-03-14"}
SECONDS = 60.0


@pytest.fixture
def world(broker: Broker, tmp_path: Path):
    """The two agencies on the broker: births are confidential, persons are not."""
    if broker.process is None:
        broker.start()
    url = broker.add_host(tmp_path.name)
    instance = two_agency_instance(tmp_path / "world", now=time.time() - 60, transport=url)
    file = instance.source / "agreements/births-1.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"confidential": True}))
    instance.add_agreement(
        "registered",
        provider=CIVIL,
        consumer=HEALTH,
        operation="publish",
        types=["citizens.person"],
        purposes=[PURPOSE],
        title={"en": "Registered persons"},
        basis={"en": "Civil Registration Act"},
        basis_iri=LAW,
    )
    snapshot = instance.publish(time.time() - 30)
    assert RegistryFolder(instance.folder / "registry").newest().name == snapshot.name
    declare(plan(routes(snapshot, time.time())), url)
    return instance


def sent(node: Node, type_: str, body: object) -> None:
    """Publish, and wait until the broker has confirmed it."""
    node.publish(type_, body)
    ends = time.monotonic() + SECONDS
    while node.status()["outbox"]["waiting"] and time.monotonic() < ends:
        node.step()
        node._transport.wait(0.05)
    assert not node.status()["outbox"]["waiting"]


def files_with(folder: Path, text: str) -> list[str]:
    """The files below a folder that hold a text."""
    found = (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
    return [str(one) for one in found if text.encode() in one.read_bytes()]


def test_the_brokers_operator_reads_nothing(broker: Broker, world) -> None:
    """While it waits in the queue, on the broker's disk, and after it was handled."""
    spoken = BIRTH | {"name": [{"use": "official", "family": SECRET, "given": ["Elena"]}]}
    with Node.open(world.node_folder(HEALTH)) as health:
        sent(health, "health.birth", spoken)
        assert files_with(world.folder, SECRET) == []
    with Node.open(world.node_folder(CIVIL)) as civil:
        sent(civil, "citizens.person", PERSON)
        broker.terminate()
        assert files_with(broker.folder, OPEN)  # so the other would be found
        assert files_with(broker.folder, SECRET) == []
        broker.start()
        heard = []
        civil.subscribe("health.birth")(lambda message: heard.append(message.body))
        ends = time.monotonic() + SECONDS
        while not heard and time.monotonic() < ends:
            civil.step()
            civil._transport.wait(0.05)
        assert heard == [spoken]
        assert files_with(world.folder, SECRET) == []
    assert files_with(broker.folder, SECRET) == []
    assert queues(broker) is not None
