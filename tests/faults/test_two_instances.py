"""Two instances on one broker, each node with a user of its own: a birth and a question cross."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from broker import Broker
from two_instances import LEFT_CIVIL, LEFT_HEALTH, RIGHT_CIVIL, RIGHT_HEALTH, build

from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship.broker import shared_routes
from xroad_lite.testing import BIRTH
from xroad_lite.transports.rabbitmq.administration import apply, drift
from xroad_lite.transports.rabbitmq.names import exchange_name
from xroad_lite.transports.rabbitmq.topology import plan

pytestmark = pytest.mark.long

PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
}


def test_two_instances_share_a_broker(broker: Broker, tmp_path: Path) -> None:
    """As ``broker plan --shared`` says: names lie side by side, rights end at each node's own."""
    if broker.process is None:
        broker.start()
    administrator = broker.add_host(tmp_path.name)
    two = build(tmp_path / "world", now=time.time())
    newest = {
        name: RegistryFolder(one.folder / "registry").newest()
        for name, one in two.instances.items()
    }
    routes = shared_routes(newest["CL"], time.time(), {"PE": newest["PE"]})
    assert routes == shared_routes(newest["PE"], time.time(), {"CL": newest["CL"]})
    planned = plan(routes, virtual_host=tmp_path.name)
    users = {exchange_name(one): "secret" for one in (LEFT_HEALTH, RIGHT_CIVIL)}
    apply(planned, administrator, broker.ctl, passwords=users)
    left = drift(planned, broker.ctl).lines()  # users are the broker's, so other tests' are there
    assert [line for line in left if not line.startswith("- user ")] == []
    assert {exchange_name(one) for one in (LEFT_CIVIL, RIGHT_HEALTH)} <= set(planned.exchanges)
    for subsystem in (LEFT_HEALTH, RIGHT_CIVIL):
        user = exchange_name(subsystem)
        url = broker.url_for(quote(user), users[user]).replace("%2F", tmp_path.name)
        file = two.instances[subsystem[:2]].node_folder(subsystem) / "node.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"transport": url}))
    two.clock = time.time
    seen: list[str] = []
    health, civil = two.node(LEFT_HEALTH), two.node(RIGHT_CIVIL)
    civil.subscribe("health.birth")(lambda message: seen.append(message.source))
    civil.serve("citizens.person-query")(lambda _: PERSON)
    working = threading.Thread(target=civil.run)
    working.start()
    try:
        health.publish("health.birth", BIRTH)
        answer = health.request(RIGHT_CIVIL, "citizens.person-query", {"codigoPersonal": "EX-1"})
        assert (answer.source, answer.body) == (RIGHT_CIVIL, PERSON)
    finally:
        two.close()
        working.join()
    assert seen == [LEFT_HEALTH]
