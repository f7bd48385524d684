"""What the contract promises, told once and run on every transport."""

from __future__ import annotations

import threading
import time

import pytest
from worlds import (
    LANE,
    SALT,
    World,
    arrivals,
    nothing_arrives,
    outcomes,
    parcel,
    seals,
    send,
    until,
)

from xroad_lite.transports.contract import REPLIES, Outcome


def test_what_is_sent_arrives_as_it_was(world: World) -> None:
    """Seal, salt, body and lane come out as they went in."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    body = bytes(range(256)) * 10
    attributes = {"id": "one", "type": LANE, "source": world.name("A"), "subject": "niño"}
    sent = parcel(7, world.name("B"), seal=b"s" * 16_384, body=body, attributes=lambda: attributes)
    assert send(a, sent) == {7: Outcome.CONFIRMED}
    (found,) = arrivals(b, 1)
    assert (found.lane, found.seal, found.salt, found.body) == (LANE, sent.seal, SALT, body)


def test_order_holds_within_a_lane(world: World) -> None:
    """A thousand parcels, sent in several calls, arrive in the order they were sent."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    for start in range(0, 1000, 100):
        a.send([parcel(tag, world.name("B")) for tag in range(start, start + 100)])
    assert set(outcomes(a, 1000).values()) == {Outcome.CONFIRMED}
    assert seals(arrivals(b, 1000)) == [b"seal %d" % tag for tag in range(1000)]


def test_what_is_not_acknowledged_comes_again(world: World) -> None:
    """A receiver that goes away without acknowledging gets the rest again, in order."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, *(parcel(tag, world.name("B")) for tag in range(5)))
    found = arrivals(b, 5, acknowledge=False)
    b.acknowledge([found[0].tag, found[3].tag])
    b.close()
    again = world.open("B")
    again.listen([LANE])
    assert seals(arrivals(again, 3)) == [b"seal 1", b"seal 2", b"seal 4"]
    nothing_arrives(again)


def test_a_delivery_is_given_out_once_on_a_connection(world: World) -> None:
    """What was received and not acknowledged yet is not received again meanwhile."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, parcel(1, world.name("B")))
    arrivals(b, 1, acknowledge=False)
    nothing_arrives(b)


def test_listening_anew_brings_the_unacknowledged_again(world: World) -> None:
    """``listen`` a second time starts with what lies there."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, parcel(1, world.name("B")))
    arrivals(b, 1, acknowledge=False)
    b.listen([LANE])
    assert seals(arrivals(b, 1)) == [b"seal 1"]


def test_listening_to_nothing(world: World) -> None:
    """Who listens to a lane no more gets nothing of it; it waits until somebody does again."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, parcel(1, world.name("B")))
    arrivals(b, 1)
    b.listen([])
    send(a, parcel(2, world.name("B")))
    nothing_arrives(b)
    b.listen([LANE])
    assert seals(arrivals(b, 1)) == [b"seal 2"]


def test_what_was_under_way_when_listening_ended_is_not_given_out(world: World) -> None:
    """Deliveries that lie ready when the lanes change are of before: they come again, in order."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, *(parcel(tag, world.name("B")) for tag in range(5)))
    arrivals(b, 1)
    b.listen([])
    assert b.receive(10) == []
    b.listen([LANE])
    assert seals(arrivals(b, 4)) == [b"seal 1", b"seal 2", b"seal 3", b"seal 4"]


def test_no_queue_yet(world: World) -> None:
    """A directed parcel without a queue is UNROUTABLE; once there is one, it goes through."""
    world.allow("A", "C")
    a = world.open("A")
    sent = parcel(1, world.name("B"))
    assert send(a, sent) == {1: Outcome.UNROUTABLE}
    world.allow("A", "B")
    b = world.open("B")
    b.listen([LANE])
    assert send(a, sent) == {1: Outcome.CONFIRMED}
    assert seals(arrivals(b, 1)) == [b"seal 1"]


def test_unroutable_parcels_do_not_hide_among_others(world: World) -> None:
    """Each parcel of a mixed batch has its own outcome."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    mixed = [parcel(tag, world.name("B" if tag % 3 else "nobody")) for tag in range(90)]
    found = send(a, *mixed)
    lost = {tag for tag, outcome in found.items() if outcome is Outcome.UNROUTABLE}
    assert lost == set(range(0, 90, 3))
    assert len(arrivals(b, 60)) == 60


def test_lanes_are_apart(world: World) -> None:
    """A subsystem gets what was sent on the lanes it listens to, and no other's."""
    world.allow("A", "B")
    world.allow("A", "B", REPLIES)
    a, b, other = world.open("A"), world.open("B"), world.open("B")
    b.listen([LANE])
    other.listen([REPLIES])
    send(a, parcel(1, world.name("B")), parcel(2, world.name("B"), REPLIES))
    (first,) = arrivals(b, 1)
    (second,) = arrivals(other, 1)
    assert (first.lane, first.seal) == (LANE, b"seal 1")
    assert (second.lane, second.seal) == (REPLIES, b"seal 2")
    nothing_arrives(b)


def test_two_lanes_at_once(world: World) -> None:
    """One transport may listen to several lanes; each delivery says which."""
    world.allow("A", "B")
    world.allow("A", "B", REPLIES)
    a, b = world.open("A"), world.open("B")
    b.listen([LANE, REPLIES])
    send(a, *(parcel(tag, world.name("B"), [LANE, REPLIES][tag % 2]) for tag in range(10)))
    found = arrivals(b, 10)
    assert [one.seal for one in found if one.lane == LANE] == [
        b"seal %d" % tag for tag in range(0, 10, 2)
    ]


def test_open_data_goes_to_whoever_listens(world: World) -> None:
    """A parcel without recipient reaches every listener, and is CONFIRMED without any."""
    world.allow("A", "B", open=True)
    world.allow("A", "C", open=True)
    a, b, c = world.open("A"), world.open("B"), world.open("C")
    b.listen([LANE])
    c.listen([LANE])
    assert send(a, parcel(1, None), parcel(2, None, "weather.report")) == {
        1: Outcome.CONFIRMED,
        2: Outcome.CONFIRMED,
    }
    assert seals(arrivals(b, 1)) == seals(arrivals(c, 1)) == [b"seal 1"]


@pytest.mark.parametrize("code", ["CIVIL.x", "a b", "Año/Ñandú", "100%", "#", "*"])
def test_identifiers_of_all_kinds(world: World, code: str) -> None:
    """Dots, spaces, slashes, wildcards and letters beyond ASCII are names like any other."""
    world.allow("A", code)
    a, b = world.open("A"), world.open(code)
    b.listen([LANE])
    assert send(a, parcel(1, world.name(code))) == {1: Outcome.CONFIRMED}
    assert len(arrivals(b, 1)) == 1


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 1_048_576])
def test_bodies_of_all_sizes(world: World, size: int) -> None:
    """Empty bodies, bodies about the size of a frame, and the largest arrive whole."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, parcel(1, world.name("B"), body=b"x" * size), parcel(2, world.name("B")))
    first, second = arrivals(b, 2)
    assert first.body == b"x" * size
    assert second.body == b"body 2"


def test_a_body_beyond_the_limit_is_cut(world: World) -> None:
    """One byte more than the limit shows that a body is too large; the rest is not kept."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B", max_body=1000)
    b.listen([LANE])
    send(a, parcel(1, world.name("B"), body=b"x" * 300_000), parcel(2, world.name("B")))
    first, second = arrivals(b, 2)
    assert first.body == b"x" * 1001
    assert second.body == b"body 2"


def test_acknowledging_in_any_order(world: World) -> None:
    """Acknowledgements may come late, backwards, twice, and for tags nobody gave out."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, *(parcel(tag, world.name("B")) for tag in range(20)))
    tags = [one.tag for one in arrivals(b, 20, acknowledge=False)]
    b.acknowledge([])
    b.acknowledge(tags[10:][::-1])
    b.acknowledge([tags[12], 10**9])
    b.acknowledge(tags[:9])
    b.close()
    again = world.open("B")
    again.listen([LANE])
    assert seals(arrivals(again, 1)) == [b"seal 9"]
    nothing_arrives(again)


def test_receive_gives_no_more_than_asked(world: World) -> None:
    """``limit`` bounds what comes at once; nothing is left out."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, *(parcel(tag, world.name("B")) for tag in range(10)))
    until(lambda: bool(arrivals(b, 3)))
    assert seals(arrivals(b, 7)) == [b"seal %d" % tag for tag in range(3, 10)]


def test_wake_ends_a_wait(world: World) -> None:
    """Another thread ends a ``wait`` long before its time."""
    a = world.open("A")
    a.wait(0.1)
    woken = threading.Event()

    def wake() -> None:
        woken.set()
        a.wake()

    threading.Timer(0.1, wake).start()
    begun = time.monotonic()
    while not woken.is_set():
        a.wait(20)
    assert time.monotonic() - begun < 10


def test_wait_ends_when_something_arrives(world: World) -> None:
    """A receiver that waits needs not poll."""
    world.allow("A", "B")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    sending = threading.Timer(0.3, lambda: a.send([parcel(1, world.name("B"))]))
    sending.start()
    begun = time.monotonic()
    while not b.receive(1):
        b.wait(20)
    assert time.monotonic() - begun < 10
    sending.join()


def test_sending_nothing(world: World) -> None:
    """An empty batch has no outcome."""
    a = world.open("A")
    a.send([])
    assert a.outcomes() == []


def test_status_says_what_people_ask(world: World) -> None:
    """Connected or not, in words, and how full each queue is."""
    world.allow("A", "B")
    world.allow("B", "A")
    a, b = world.open("A"), world.open("B")
    b.listen([LANE])
    send(a, parcel(1, world.name("B")))
    until(lambda: bool(b.status()["connected"]))
    assert isinstance(b.status()["detail"], str)
    until(lambda: b.status()["queued"] == {LANE: 1})
