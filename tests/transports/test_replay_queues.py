"""Queues of replays, on each transport: apart from every node's, and read only by who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from broker import Broker
from worlds import RabbitWorld

from xroad_lite.envelope import Replayed, parse_seal, seal_all
from xroad_lite.errors import ConfigurationError, SealError, TransportError
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import KeySigner
from xroad_lite.replay.queue import replays
from xroad_lite.testing import CIVIL, HEALTH
from xroad_lite.transports.rabbitmq.drift import read_definitions
from xroad_lite.transports.replays import LANE, ReplayQueue, open_replays

AT = "2026-09-21T00:00:00.000Z"
VERDICT = {"outcome": "accepted", "checks": ["passed"] * 9}


@pytest.fixture(params=["embedded", "rabbitmq"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A transport's address."""
    if request.param == "rabbitmq":
        return str(request.getfixturevalue("amqp_url"))
    return f"embedded:{tmp_path}/bus.sqlite3"


@pytest.fixture
def name(place: str) -> Iterator[str]:
    """A queue of this test's."""
    made = f"replay.{uuid4().hex}"
    yield made
    if place.startswith("amqp"):
        with RabbitWorld(place).client() as connection:
            connection.channel().queue_delete(made)


@pytest.fixture
def opened(place: str, name: str) -> Iterator[Callable[[], ReplayQueue]]:
    """The queue, as often as it is asked for."""
    every: list[ReplayQueue] = []

    def open_one() -> ReplayQueue:
        every.append(open_replays(place, name))
        return every[-1]

    yield open_one
    for one in every:
        one.close()


def recorded(signer: KeySigner, number: int, **more: str) -> Replayed:
    """A message of a log, whose body is its number."""
    values = {
        "specversion": "1.0",
        "profile": "1",
        "id": new_message_id(1_790_000_000 + number),
        "source": HEALTH,
        "type": "health.birth",
        "time": AT,
        "datacontenttype": "application/json",
        "dataschema": "https://demo.example/schemas/health/birth/1",
        "recipient": CIVIL,
        "sequence": f"{number:016d}",
        "agreement": "https://demo.example/agreements/births/1",
        "purpose": "https://w3id.org/dpv#Purpose",
        "registry": f"1:{'A' * 43}",
        **more,
    }
    sealed = seal_all([(values, b"%d" % number)], signer, issued_at=1_790_000_000)[0]
    return Replayed(
        CIVIL, number, AT, VERDICT, AT, parse_seal(sealed.seal), sealed.salt, sealed.body
    )


def test_what_is_put_is_read_as_it_was(
    place: str, name: str, opened: Callable[[], ReplayQueue], es256: KeySigner
) -> None:
    """In order, marked, with the verdict; and gone when it was worked through."""
    put = [recorded(es256, number) for number in range(5)]
    opened().put(put)
    with replays(place, name) as found:
        assert list(found) == put
    with replays(place, name) as found:
        assert list(found) == []


def test_what_is_not_done_comes_again(
    place: str, name: str, opened: Callable[[], ReplayQueue], es256: KeySigner
) -> None:
    """A worker that ends in the midst of one finds it again."""
    opened().put([recorded(es256, number) for number in range(3)])
    with replays(place, name) as found:
        assert [next(found).entry, next(found).entry] == [0, 1]
    with replays(place, name) as found:
        assert [one.entry for one in found] == [1, 2]


def test_the_largest_seal_is_not_cut(
    place: str, name: str, opened: Callable[[], ReplayQueue], es256: KeySigner
) -> None:
    """Sixteen attributes of 255 bytes, and a verdict that has much to say."""
    more = {f"x{n:02d}": "é" * 127 for n in range(16)}
    verdict = VERDICT | {"message": "é" * 1000}
    put = replace(recorded(es256, 1, **more), verdict=verdict)
    opened().put([put])
    with replays(place, name) as found:
        assert list(found) == [put]


def test_what_is_no_replay_is_said_and_kept(
    place: str, name: str, opened: Callable[[], ReplayQueue], es256: KeySigner
) -> None:
    """A seal without a mark has no place in such a queue: nobody takes it for a replay."""

    class Bare(Replayed):
        """What somebody put there who does not know the form."""

        def marked(self) -> bytes:
            """No mark."""
            return self.seal

    one = recorded(es256, 1)
    opened().put([Bare(one.log, 1, AT, VERDICT, AT, one.opened, one.salt, one.body)])
    for _ in range(2):
        with replays(place, name) as found, pytest.raises(SealError, match="no replay"):
            list(found)


@pytest.mark.parametrize(
    "wrong",
    ["civil", "replay.", "replay.a.b", "DEMO.GOV.CIVIL.registry.health.birth", "xroad.dead"],
)
def test_no_nodes_queue_is_a_replay_queue(tmp_path: Path, wrong: str) -> None:
    """Its name says what it is: nothing is put where a node reads."""
    with pytest.raises(ConfigurationError) as caught:
        open_replays(f"embedded:{tmp_path}/bus.sqlite3", wrong)
    assert caught.value.code == "config.replay_queue"
    with pytest.raises(ConfigurationError) as caught:
        open_replays("ftp://somewhere", "replay.civil")
    assert caught.value.code == "config.transport"


def test_a_plain_client_sees_payload_verdict_and_mark(
    rabbit: RabbitWorld, es256: KeySigner
) -> None:
    """Whatever language it is written in; and no CloudEvents attribute that looks like an event."""
    queue = f"replay.{uuid4().hex}"
    put = open_replays(rabbit.url, queue)
    one = recorded(es256, 3)
    put.put([one])
    put.close()
    with rabbit.client() as connection:
        channel = connection.channel()
        _, properties, body = channel.basic_get(queue, auto_ack=True)
        channel.queue_delete(queue)
    assert (properties.type, properties.content_type, body) == (LANE, "application/json", b"3")
    assert not [one for one in properties.headers if one.startswith("ce-")]
    assert properties.headers["seal"] == one.marked()
    assert properties.headers["replay-of"] == one.attributes.id


def test_a_worker_may_take_its_time(broker: Broker) -> None:
    """Between two messages hours may pass: no heartbeat is missed, since there is none."""
    name = f"replay.{uuid4().hex}"
    queue = open_replays(broker.url, name)
    try:
        table = broker.ctl("list_connections", "timeout", "client_properties")
    finally:
        queue._channel.queue_delete(name)
        queue.close()
    (line,) = [one for one in table.splitlines() if "an operator" in one]
    assert line.split()[0] == "0"


def test_a_nodes_user_has_no_right_to_it(broker: Broker) -> None:
    """It writes its own exchange alone: what it is told is what to do."""
    broker.ctl("add_user", "careful", "careful")
    broker.ctl("set_permissions", "careful", "^$", "^T$", "^T$")
    try:
        with pytest.raises(TransportError) as caught:
            open_replays(broker.url_for("careful", "careful"), "replay.civil")
    finally:
        broker.ctl("delete_user", "careful")
    assert caught.value.code == "transport.broker_refused"
    assert "--transport" in caught.value.hint


def test_a_replay_queue_is_no_drift() -> None:
    """It is an operator's, for a while: a broker with one is as planned."""
    host = '"vhost": "/", "durable": true, "auto_delete": false'
    queues = ",".join(
        f'{{"name": "{one}", {host}, "arguments": {{}}}}' for one in ("replay.x", "y")
    )
    found = read_definitions(f'{{"queues": [{queues}]}}', "/")
    assert found.wrong == ("y",)
    assert found.plan.queues == ()
