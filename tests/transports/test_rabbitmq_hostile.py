"""What a hostile client can put into a queue does no harm, and what is behind it arrives."""

from __future__ import annotations

import threading

from hostile import garbage
from worlds import LANE, RabbitWorld, arrivals, nothing_arrives, parcel, seals, send

from xroad_lite.envelope import MAX_SEAL_BYTES
from xroad_lite.transports.contract import MAX_BODY_BYTES
from xroad_lite.transports.rabbitmq import names


def test_garbage_is_delivered_and_what_is_behind_it_too(rabbit: RabbitWorld) -> None:
    """Each piece of garbage becomes one delivery, bounded, on one and the same connection."""
    rabbit.allow("A", "B")
    before = threading.active_count()
    a, b = rabbit.open("A"), rabbit.open("B")
    pieces = garbage()
    exchange = names.exchange_name(rabbit.name("A"))
    key = names.routing_key(rabbit.name("B"), LANE)
    with rabbit.client() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for properties, body in pieces.values():
            channel.basic_publish(exchange, key, body, properties, mandatory=True)
    send(a, parcel(1, rabbit.name("B")))
    b.listen([LANE])
    found = arrivals(b, len(pieces) + 1, acknowledge=False)
    since = b.status()["since"]
    assert found[-1].seal == b"seal 1"
    by_name = dict(zip(pieces, found, strict=False))
    large = by_name.pop("a seal of 100,000 bytes")
    assert len(large.seal) == MAX_SEAL_BYTES + 1
    assert {one.seal for one in by_name.values()} == {b""}
    assert len(by_name["a body of five million bytes"].body) == MAX_BODY_BYTES + 1
    assert threading.active_count() < before + 10
    b.acknowledge([one.tag for one in found])
    send(a, parcel(2, rabbit.name("B")))
    assert seals(arrivals(b, 1)) == [b"seal 2"]
    assert b.status()["since"] == since
    b.close()
    again = rabbit.open("B")
    again.listen([LANE])
    nothing_arrives(again)
