"""Replays on a real RabbitMQ: a worker reads them, live nodes refuse them, marked or not."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pika
import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.envelope import read_replay
from xroad_lite.messagelog import Store
from xroad_lite.testing import CIVIL
from xroad_lite.transports.rabbitmq import names
from xroad_lite.transports.replays import LANE

if TYPE_CHECKING:
    from tests.faults.conftest import Running

QUEUE = "replay.civil"


@pytest.fixture
def url(running: Running) -> str:
    """The address of the broker's administrator, at the virtual host of the test."""
    return running.world.health.settings.transport


def replayed(running: Running, url: str) -> dict[str, Any]:
    """What the command says of the running node's log."""
    folder = str(running.world.civil.settings.folder)
    words = ["--node", folder, "--to", "queue", "--queue", QUEUE, "--transport", url, "--json"]
    done = CliRunner().invoke(app, ["log", "replay", *words])
    assert done.exit_code == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def counted(running: Running, name: str, count: int) -> None:
    """Wait until the Civil Registry has counted so many."""
    for _ in range(400):
        if running.world.civil.store.counters().get(name, 0) >= count:
            return
        threading.Event().wait(0.05)
    raise AssertionError(running.world.civil.status())


def test_a_recorded_message_again(running: Running, url: str) -> None:
    """A worker sees payload, verdict and mark; a live node takes none of it.

    Laid into its queue it is refused by check 1, without its mark it is a duplicate; the handler
    saw each once, and the log verifies.
    """
    running.publish(0, 3)
    running.await_seen(3, 30)
    assert replayed(running, url)["handled"] == 3
    parameters = pika.URLParameters(url)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        letters = [channel.basic_get(QUEUE, auto_ack=True) for _ in range(3)]
        assert channel.basic_get(QUEUE)[0] is None
        live = names.queue_name(CIVIL, "health.birth")
        for _, properties, body in letters:
            assert properties.type == LANE
            headers = {name: properties.headers[name] for name in ("seal", "salt")}
            one = read_replay(*headers.values(), body)
            one.check()
            assert one.verdict["outcome"] == "accepted"
            assert json.loads(body)["identifier"][0]["value"].startswith("B-")
            for seal in (headers["seal"], one.seal):
                forged = pika.BasicProperties(headers=headers | {"seal": seal}, delivery_mode=2)
                channel.basic_publish("", live, body, forged)
    counted(running, "received.refused", 3)
    counted(running, "received.duplicate", 3)
    store = Store(running.world.civil.store.path, readonly=True)
    said = [store.entry(index).fields.get("verdict") for index in range(store.size)]
    codes = [(one["outcome"], one.get("code")) for one in said if one is not None]
    assert codes.count(("refused", "envelope.replay")) == 3
    assert codes.count(("accepted", None)) == 3
    assert len(codes) == 6
    running.check(3)
