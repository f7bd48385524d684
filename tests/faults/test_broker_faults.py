"""Whole nodes on a real broker that fails: nothing lost, every effect once, order per subject."""

import os
import random
import time

import pika
import pytest
from chaos import CHAOS

from xroad_lite.errors import TransportError
from xroad_lite.testing import CIVIL, HEALTH
from xroad_lite.transports.rabbitmq import names

SEED = int(os.environ.get("XROAD_LITE_CHAOS_SEED", "7"))
COUNT = 3000 if CHAOS else 200


def test_queues_and_connections_killed_under_load(broker, running):
    """They come back from disk and from their nodes: all arrive, once, in order."""
    host = running.world.health.settings.transport.rpartition("/")[2]
    queues = (
        f'[whereis(element(1, amqqueue:get_pid(Q))) || Q <- rabbit_amqqueue:list(<<"{host}">>)]'
    )
    draw = random.Random(SEED)
    for part in range(2):
        running.publish(part * COUNT // 2, (part + 1) * COUNT // 2)
        time.sleep(draw.uniform(0.0, 0.2))
        assert "true" in broker.evaluate(f"[exit(One, kill) || One <- {queues}, is_pid(One)]")
        broker.evaluate("[exit(One, kill) || One <- rabbit_networking:local_connections()]")
    running.await_seen(COUNT, 90)
    running.check(COUNT)


@pytest.mark.long
def test_broker_killed_under_load(broker, running):
    """SIGKILL at random moments while messages flow: all arrive, once, in order."""
    draw = random.Random(SEED)
    for part in range(6 if CHAOS else 1):
        size = COUNT // (6 if CHAOS else 1)
        running.publish(part * size, (part + 1) * size)
        time.sleep(draw.uniform(0.0, 0.4))
        broker.kill()
        time.sleep(draw.uniform(0.0, 1.0))
        broker.start()
    running.await_seen(COUNT, 90)
    running.check(COUNT)


@pytest.mark.long
def test_broker_away_while_publishing(broker, running):
    """Publishing succeeds into the outbox while there is no broker; all is delivered after.

    At its bound the outbox refuses, names its limit, and nothing is half done.
    """
    broker.kill()
    count = 10_000 if CHAOS else COUNT
    began = time.monotonic()
    running.publish(0, count)
    if CHAOS:
        time.sleep(max(0.0, 60 - (time.monotonic() - began)))
    status = running.world.health.status()
    assert status["outbox"]["waiting"] == count
    assert not status["transport"]["connected"]
    running.world.health._sender._limit = count + 50
    with pytest.raises(TransportError, match=f"limit is {count + 50}") as caught:
        running.publish(count, count + 100)
    assert caught.value.code == "transport.outbox_full"
    count += 40  # two transactions of twenty found room
    assert running.world.health.status()["outbox"]["waiting"] == count
    broker.start()
    running.await_seen(count, 120)
    running.check(count)


@pytest.mark.long
def test_memory_alarm_is_back_pressure(broker, running):
    """Under an alarm the broker takes nothing: the outbox holds it, bounded, and status says so."""
    running.publish(0, 20)
    running.await_seen(20, 30)
    broker.ctl("set_vm_memory_high_watermark", "absolute", "1")
    running.publish(20, 60)
    time.sleep(1.5)
    status = running.world.health.status()
    assert status["transport"]["blocked"], status
    assert status["outbox"]["waiting"] > 0
    broker.ctl("set_vm_memory_high_watermark", "0.4")
    running.await_seen(60, 60)
    running.check(60)


def test_handler_that_fails_on_one_in_a_hundred(running):
    """Those end among the dead letters with their reason; the rest passes, in order."""
    count = 200
    running.fail = {f"B-{number:06d}" for number in range(0, count, 100)}
    running.world.civil._dispatcher._retry = running.world.civil.settings.retry.model_copy(
        update={"attempts": 3, "first": 0.05}
    )
    running.publish(0, count)
    running.await_seen(count - len(running.fail), 60)
    ends = time.monotonic() + 20
    while running.world.civil.status()["dead"] < len(running.fail) and time.monotonic() < ends:
        time.sleep(0.05)
    letters = running.world.civil._dispatcher.inbox.dead_letters()
    assert len(letters) == len(running.fail)
    assert all("cannot be handled" in one.message for one in letters)
    seen = running.seen()
    for subject in {one for _, one in seen}:
        values = [value for value, one in seen if one == subject]
        assert values == sorted(values)


@pytest.mark.long
def test_garbage_in_the_queue_stops_nobody(broker, running):
    """What a hostile client writes is refused under a quota; what is behind it arrives."""
    queue = names.queue_name(CIVIL, "health.birth")
    exchange = names.exchange_name(HEALTH)
    draw = random.Random(SEED)
    url = running.world.health.settings.transport
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()  # so all of it is in the queue before what is behind it
    for number in range(2500):
        headers = {
            "seal": draw.randbytes(draw.randrange(100)),
            "salt": draw.randbytes(draw.randrange(64)),
            "x": "y" * draw.randrange(200),
        }
        if number % 3 == 0:
            headers = None
        properties = pika.BasicProperties(headers=headers)
        channel.basic_publish(exchange, queue, draw.randbytes(50), properties)
    connection.close()
    running.publish(0, 40)
    running.await_seen(40, 60)
    running.check(40)
    status = running.world.civil.status()
    assert status["counters"]["received.refused"] == 2500
    assert status["log_entries"] < 1200
    assert status["counters"]["unproven.not_logged"] == 1500
