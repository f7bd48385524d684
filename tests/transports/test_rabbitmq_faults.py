"""What goes wrong between a node and its broker: nothing is lost, and order holds per lane.

The long forms, and what tests/faults holds of whole nodes too, run with XROAD_LITE_CHAOS=1 from the
seed in XROAD_LITE_CHAOS_SEED.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broker import Broker, start_broker
from outbox import Inbox, Outbox
from proxy import Proxy
from worlds import LANE, RabbitWorld, arrivals, outcomes, parcel, seals, send, until

from xroad_lite.transports.contract import REPLIES, Outcome
from xroad_lite.transports.rabbitmq.publisher import Window

CHAOS = os.environ.get("XROAD_LITE_CHAOS") == "1"
SEED = int(os.environ.get("XROAD_LITE_CHAOS_SEED", "1"))
LANES = [LANE, REPLIES]
long = pytest.mark.skipif(not CHAOS, reason="long: runs with XROAD_LITE_CHAOS=1 (make chaos)")


@pytest.fixture(scope="module", autouse=True)
def settled(broker: Broker) -> Iterator[RabbitWorld]:
    """Queues that were declared long before a broker is killed.

    RabbitMQ 3.10 keeps for three seconds in memory which log a new quorum queue has: killed before
    that, it starts the queue with an empty one (docs/rabbitmq.md).
    """
    with RabbitWorld(broker.url) as world:
        for lane in LANES:
            world.allow("A", "B", lane)
        yield world


@pytest.fixture
def own(broker: Broker) -> Iterator[RabbitWorld]:
    """Subsystems on the broker that these tests may harm."""
    with RabbitWorld(broker.url) as world:
        for lane in LANES:
            world.allow("A", "B", lane)
        yield world


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    """A way to the broker that goes wrong on demand."""
    with Proxy(broker.port) as proxy:
        yield proxy


def run(outbox: Outbox, inbox: Inbox, until_: Callable[[], bool], seconds: float = 60.0) -> None:
    """Send and receive until ``until_`` says so."""

    def step() -> bool:
        outbox.step()
        inbox.step()
        return until_()

    try:
        until(step, seconds)
    except AssertionError:
        left = sorted(outbox.confirmed - inbox.seen)[:5], len(outbox.confirmed), len(inbox.seen)
        statuses = outbox.transport.status(), inbox.transport.status()
        pytest.fail(f"not in time: {left} {outbox.counts} {statuses}")


def pair(
    world: RabbitWorld, url: str = "", size: int = 1000, **settings: object
) -> tuple[Outbox, Inbox]:
    """A sender, with ``settings``, and a receiver, by way of ``url``."""
    url = url or world.url
    a, b = world.open("A", url=url, **settings), world.open("B", url=url)
    b.listen(LANES)
    return Outbox(a, world.name("B"), LANES, size), Inbox(b)


def finish(outbox: Outbox, inbox: Inbox, seconds: float = 60.0) -> None:
    """Run to the end: all is confirmed, all has arrived, in order."""
    run(outbox, inbox, lambda: outbox.done and inbox.seen == outbox.confirmed, seconds)
    assert inbox.in_order()


def test_the_whole_window_is_lost_with_its_connection(own: RabbitWorld, proxy: Proxy) -> None:
    """Parcels between publish and confirm are LOST in order, and so is what is handed over
    before that has been seen; sent again they are confirmed."""
    a = own.open("A", url=proxy.url)
    send(a, parcel(0, own.name("B")))
    proxy.hold_replies = True
    a.send([parcel(tag, own.name("B")) for tag in range(1, 101)])
    until(lambda: a.status()["unconfirmed"] == 100)
    proxy.cut()
    until(lambda: a.status()["unconfirmed"] == 0)
    a.send([parcel(101, own.name("B"))])
    found = outcomes(a, 101)
    assert list(found.items()) == [(tag, Outcome.LOST) for tag in range(1, 102)]
    proxy.hold_replies = False
    again = send(a, *(parcel(tag, own.name("B")) for tag in range(1, 102)))
    assert set(again.values()) == {Outcome.CONFIRMED}


def test_cuts_delays_and_half_closes(own: RabbitWorld, proxy: Proxy) -> None:
    """Under load the connections are cut and half-closed again and again."""
    chance = random.Random(SEED)
    outbox, inbox = pair(own, proxy.url)
    run(outbox, inbox, lambda: bool(inbox.transport.status()["connected"]))
    for _ in range(40 if CHAOS else 6):
        outbox.add(500)
        proxy.delay = chance.choice([0.0, 0.0, 0.005])
        proxy.hold_replies = chance.random() < 0.3
        ends = time.monotonic() + chance.uniform(0.02, 0.4)
        run(outbox, inbox, lambda ends=ends: time.monotonic() > ends)  # type: ignore[misc]
        chance.choice([proxy.cut, proxy.half_close])()
        proxy.hold_replies = False
    proxy.delay = 0.0
    finish(outbox, inbox)
    assert outbox.counts[Outcome.LOST] > 0


def test_a_broker_that_is_away_is_waited_for(own: RabbitWorld, proxy: Proxy) -> None:
    """Parcels are taken up to a bound while nobody answers, and go out afterwards."""
    proxy.refuse = True
    a = own.open("A", url=proxy.url, window=Window(backlog=300))
    a.send([parcel(tag, own.name("B")) for tag in range(300)])
    with pytest.raises(Exception, match="there is room for 0") as full:
        a.send([parcel(300, own.name("B"))])
    assert full.value.code == "transport.full"  # type: ignore[attr-defined]
    status = a.status()
    assert (status["connected"], status["room"]) == (False, 0)
    proxy.refuse = False
    assert set(outcomes(a, 300).values()) == {Outcome.CONFIRMED}
    assert a.status()["room"] == 300


def test_the_next_host_is_tried(own: RabbitWorld, broker: Broker) -> None:
    """Of several hosts, one that answers is found."""
    url = f"amqp://guest:guest@127.0.0.1:1,127.0.0.1:2,127.0.0.1:{broker.port}/%2F"
    a = own.open("A", url=url)
    assert send(a, parcel(1, own.name("B"))) == {1: Outcome.CONFIRMED}
    assert a.status()["host"] == f"127.0.0.1:{broker.port}"


def test_acknowledgements_of_an_old_connection_do_no_harm(own: RabbitWorld, proxy: Proxy) -> None:
    """After a cut old tags are passed over, the messages come again under new ones."""
    a, b = own.open("A"), own.open("B", url=proxy.url)
    b.listen(LANES)
    send(a, *(parcel(tag, own.name("B")) for tag in range(3)))
    old = [one.tag for one in arrivals(b, 3, acknowledge=False)]
    proxy.cut()
    new = arrivals(b, 3, acknowledge=False)
    b.acknowledge(old)
    assert min(one.tag for one in new) > max(old)
    proxy.cut()
    assert seals(arrivals(b, 3)) == seals(new)


def test_an_error_of_our_own_is_survived(own: RabbitWorld) -> None:
    """The I/O thread connects again after an exception that nobody expected."""
    a, b = own.open("A"), own.open("B")
    b.listen(LANES)
    send(a, parcel(1, own.name("B")))
    arrivals(b, 1)
    for transport in (a, b):
        transport._loop.add_callback_threadsafe(lambda: 1 // 0)  # type: ignore[attr-defined]
    until(lambda: not (a.status()["connected"] and b.status()["connected"]))
    until(lambda: bool(a.status()["connected"] and b.status()["connected"]))
    assert send(a, parcel(2, own.name("B"))) == {2: Outcome.CONFIRMED}
    assert seals(arrivals(b, 1)) == [b"seal 2"]


def test_a_queue_that_is_deleted_and_made_again(own: RabbitWorld) -> None:
    """The receiver says which queue is missing, and goes on when it is there again."""
    a, b = own.open("A"), own.open("B")
    b.listen(LANES)
    send(a, parcel(1, own.name("B")))
    arrivals(b, 1)
    (queue, _) = (
        name for name in own.plan.queues if name.endswith("birth") or name == "xroad.dead"
    )
    with own.client() as connection:
        connection.channel().queue_delete(queue)
    until(lambda: queue in str(b.status()["missing"]))
    assert send(a, parcel(2, own.name("B"))) == {2: Outcome.UNROUTABLE}
    own.allow("A", "B")
    assert send(a, parcel(2, own.name("B"))) == {2: Outcome.CONFIRMED}
    assert seals(arrivals(b, 1)) == [b"seal 2"]


def test_a_parcel_that_the_broker_objects_to_does_not_stop_the_others(
    broker: Broker, own: RabbitWorld
) -> None:
    """A body beyond the broker's own limit closes the channel each time: it alone is REJECTED."""
    broker.evaluate("application:set_env(rabbit, max_message_size, 100000)")
    try:
        outbox, inbox = pair(own)
        poison = parcel(10_000, own.name("B"), body=b"x" * 200_000)
        outbox.add(50)
        outbox.step()
        outbox.transport.send([poison])
        outbox.add(50)
        found: list[tuple[int, Outcome]] = []
        while (10_000, Outcome.REJECTED) not in found:
            outbox.transport.wait(1)
            found += outbox.transport.outcomes()
            again = sorted({tag for tag, outcome in found if outcome is Outcome.LOST})
            outbox.confirmed |= {tag for tag, what in found if what is Outcome.CONFIRMED}
            found = [one for one in found if one[1] is Outcome.REJECTED]
            outbox.transport.send(
                [poison if tag == 10_000 else outbox.parcel(tag) for tag in again]
            )
        finish(outbox, inbox)
    finally:
        broker.evaluate("application:set_env(rabbit, max_message_size, 134217728)")


@long
def test_a_memory_alarm_is_back_pressure(broker: Broker, own: RabbitWorld) -> None:
    """Status says blocked, a bounded number of parcels waits; receiving goes on, then sending."""
    outbox, inbox = pair(own, size=10_000, window=Window(backlog=1000))
    outbox.add(100)
    finish(outbox, inbox)
    broker.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        outbox.add(2000)
        run(outbox, inbox, lambda: bool(outbox.transport.status()["blocked"]))
        run(outbox, inbox, lambda: outbox.transport.status()["room"] == 0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ends = time.monotonic() + 1
        run(outbox, inbox, lambda: time.monotonic() > ends)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
        assert "no memory" in str(outbox.transport.status()["detail"])
        assert inbox.seen >= outbox.confirmed
    finally:
        broker.ctl("set_vm_memory_high_watermark", "0.4")
    finish(outbox, inbox)


@long
def test_the_broker_is_killed_under_load(broker: Broker, settled: RabbitWorld) -> None:
    """SIGKILL while messages are on the way: after the restart every one of them arrives."""
    chance = random.Random(SEED)
    outbox, inbox = pair(settled)
    for _ in range(5 if CHAOS else 1):
        target = len(inbox.seen) + chance.randrange(500, 3000)
        outbox.add(5000)
        run(outbox, inbox, lambda target=target: len(inbox.seen) > target)  # type: ignore[misc]
        broker.kill()
        outbox.add(1000)
        ends = time.monotonic() + 0.5
        run(outbox, inbox, lambda ends=ends: time.monotonic() > ends)  # type: ignore[misc]
        assert not outbox.done
        assert not outbox.transport.status()["connected"]
        broker.start()
        finish(outbox, inbox)
    assert outbox.counts[Outcome.LOST] > 0


@long
def test_a_node_of_three_is_killed_under_load(tmp_path: Path) -> None:
    """One of a cluster's nodes is killed, then another after the first is back: publishing goes on
    within ten seconds, and nothing is lost."""
    chance = random.Random(SEED)
    first = start_broker(tmp_path / "0")
    cluster = [first]
    try:
        mapper = int(first.environment["ERL_EPMD_PORT"])
        for number in (1, 2):
            one = start_broker(tmp_path / str(number), mapper_port=mapper, cookie_of=first)
            cluster.append(one)
            one.ctl("stop_app")
            one.ctl("join_cluster", first.name)
            one.ctl("start_app")
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in cluster)
        with RabbitWorld(f"amqp://guest:guest@{hosts}/%2F") as world:
            for lane in LANES:
                world.allow("A", "B", lane)
            outbox, inbox = pair(world)
            time.sleep(5)
            for round_ in range(3):
                outbox.add(5000)
                run(outbox, inbox, lambda: len(outbox.confirmed) % 5000 > 1000)
                port = str(outbox.transport.status()["host"]).rpartition(":")[2]
                named = next(one for one in cluster if one.port == int(port))
                victim = chance.choice([named, cluster[round_ % 3]])
                victim.kill()
                confirmed, begun = len(outbox.confirmed), time.monotonic()
                run(outbox, inbox, lambda n=confirmed: len(outbox.confirmed) > n + 1000)  # type: ignore[misc]
                assert time.monotonic() - begun < 10
                finish(outbox, inbox)
                victim.start()
                time.sleep(5)
    finally:
        for one in reversed(cluster):
            one.stop()
