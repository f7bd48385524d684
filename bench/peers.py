"""What a developer would pick instead: aio-pika, FastStream. They seal, log and check nothing.

Each publishes ``count`` bodies of about 1 KB to a quorum queue with confirms, 1,000 at a time, and
consumes them in a second process, acknowledging each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

AT_ONCE = 1000
QUEUE = {"x-queue-type": "quorum"}


def record(number: int) -> dict[str, Any]:
    """A birth of about 1 KB, as ours."""
    return {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": "urn:example", "value": f"B-{number}"}],
        "name": [{"use": "official", "family": "Rojas", "given": ["Elena", "Sofía"]}],
        "gender": "female",
        "birthDate": "2026-03-14",
        "text": {"div": "x" * 750},
    }


async def aio_publish(url: str, count: int) -> None:
    """aio-pika: gather 1,000 confirmed publishes at a time."""
    import aio_pika

    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue("bench.aio", durable=True, arguments=QUEUE)
    ready()
    for first in range(0, count, AT_ONCE):
        messages = [
            aio_pika.Message(
                json.dumps(record(number)).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
            )
            for number in range(first, min(first + AT_ONCE, count))
        ]
        await asyncio.gather(
            *(channel.default_exchange.publish(one, "bench.aio") for one in messages)
        )
    done()
    await connection.close()


async def aio_consume(url: str, count: int) -> None:
    """aio-pika: parse and acknowledge each."""
    import aio_pika

    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=256)
    queue = await channel.declare_queue("bench.aio", durable=True, arguments=QUEUE)
    ready()
    seen = 0
    async with queue.iterator() as messages:
        async for message in messages:
            json.loads(message.body)
            await message.ack()
            seen += 1
            if seen == count:
                break
    done()
    await connection.close()


def _faststream(url: str) -> tuple[Any, Any]:
    import logging

    from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue

    broker = RabbitBroker(url, logger=logging.getLogger("silent"))
    return broker, RabbitQueue("bench.fast", durable=True, queue_type=QueueType.QUORUM)


async def fast_publish(url: str, count: int) -> None:
    """FastStream: gather 1,000 publishes at a time."""
    broker, queue = _faststream(url)
    await broker.connect()
    await broker.declare_queue(queue)
    ready()
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        await asyncio.gather(
            *(broker.publish(record(number), queue, persist=True) for number in numbers)
        )
    done()
    await broker.stop()


async def fast_publish_each(url: str, count: int) -> None:
    """FastStream as its documentation shows it: each publish awaited before the next."""
    broker, queue = _faststream(url)
    await broker.connect()
    await broker.declare_queue(queue)
    ready()
    for number in range(count):
        await broker.publish(record(number), queue, persist=True)
    done()
    await broker.stop()


async def fast_consume(url: str, count: int) -> None:
    """FastStream: a subscriber with a pydantic model."""
    from pydantic import BaseModel

    class Birth(BaseModel):
        resourceType: str  # noqa: N815  FHIR's name
        identifier: list[dict[str, Any]]
        name: list[dict[str, Any]]
        gender: str
        birthDate: str  # noqa: N815  FHIR's name

    broker, queue = _faststream(url)
    handled = asyncio.Event()
    seen = 0

    @broker.subscriber(queue)
    async def handle(birth: Birth) -> None:  # noqa: ARG001  its type is what is read
        nonlocal seen
        seen += 1
        if seen == count:
            handled.set()

    await broker.start()
    ready()
    await handled.wait()
    done()
    await broker.stop()


_began = 0.0


def ready() -> None:
    """Tell the parent that all is imported and connected, and wait for its word to begin."""
    global _began
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    _began = time.process_time()


def done() -> None:
    """Tell the parent how many seconds of CPU all threads have used since it gave its word."""
    sys.stdout.write(f"{time.process_time() - _began}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    function, address, number = sys.argv[1:]
    asyncio.run(globals()[function](address, int(number)))
