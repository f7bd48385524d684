"""A handler that takes long holds up neither what its node receives and sends, nor its answers."""

import threading
import time

import pytest

from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node.courier import Courier
from xroad_lite.testing import HEALTH

BIRTH = {"resourceType": "Patient", "identifier": [{"value": "B-1"}], "birthDate": "2026-03-14"}
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "apellidos": "Rojas",
}
ENOUGH = 20.0


def until(reached):
    """Wait for what another thread does."""
    ends = time.monotonic() + ENOUGH
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.002)


@pytest.fixture
def busy(two):
    """Civil at work in a thread, in the handler of its first birth until the event is set."""
    begun, go_on, handled = threading.Event(), threading.Event(), []
    two.health.subscribe("citizens.person")(lambda _: None)

    @two.civil.subscribe("health.birth")
    def handle(message):
        begun.set()
        if not handled:
            assert go_on.wait(ENOUGH)
        handled.append(message.subject)
        message.publish("citizens.person", PERSON, subject=message.subject)

    thread = threading.Thread(target=two.civil.run)
    thread.start()
    two.health.publish("health.birth", BIRTH, subject="1")
    two.health.step()
    assert begun.wait(ENOUGH)
    yield go_on, handled
    go_on.set()
    two.civil.close()
    thread.join()


def test_a_long_handler_holds_up_neither_receiving_nor_sending(two, busy):
    """What arrives is accepted, what is published is sent; each is handled once, in order."""
    go_on, handled = busy
    for number in range(2, 12):
        two.health.publish("health.birth", BIRTH, subject=str(number))
    two.health.step()
    two.civil.publish("citizens.person", PERSON)
    until(lambda: two.civil.status()["inbox"] == 11)
    until(lambda: two.civil.status()["outbox"]["waiting"] == 0)
    assert handled == []
    go_on.set()
    until(lambda: len(handled) == 11 and two.civil.status()["inbox"] == 0)
    assert handled == [str(number) for number in range(1, 12)]
    assert two.civil.status()["counters"]["handled"] == 11
    assert verify_log(two.civil.store).ok


def test_it_may_be_closed_at_any_moment(two, monkeypatch):
    """Also between a round that found nothing and the rest after it."""
    node, step = two.civil, two.civil.step

    def closed_after():
        found = step()
        closing = threading.Thread(target=node.close)
        closing.start()
        closing.join()
        return found

    monkeypatch.setattr(node, "step", closed_after)
    node.run()


def test_sql_may_not_begin_what_waits_for_others(two):
    """Within SQL the store is this thread's own: neither an answer nor a new lane can come."""
    with two.civil.transaction() as effects:
        effects.sql("SELECT 1")
        with pytest.raises(RuntimeError, match="before sql"):
            two.civil.request(HEALTH, "citizens.person-query", {"codigoPersonal": "EX-1"})
        with pytest.raises(RuntimeError, match="before sql"):
            two.civil.subscribe("health.birth")(print)


def test_a_courier_moves_while_handlers_run_and_ends():
    """However often they were quick before, and its thread ends with its context."""
    moved = threading.Event()
    with Courier(moved.set) as courier:
        for _ in range(100):
            with courier.handlers():
                pass
        with courier.handlers():
            assert moved.wait(ENOUGH)
    assert not [one for one in threading.enumerate() if one.name == "courier"]


def test_it_ends_whenever_it_is_told_to(monkeypatch):
    """Also at the moment at which it has waited and found nobody at work."""
    courier = Courier(lambda: None)
    clear = courier._handling.clear

    def ended_before():
        courier._ended.set()  # both as __exit__ does it
        courier._handling.set()
        clear()

    monkeypatch.setattr(courier._handling, "clear", ended_before)
    courier.__enter__()
    with courier.handlers():
        pass
    courier._thread.join(ENOUGH)
    assert not courier._thread.is_alive()
