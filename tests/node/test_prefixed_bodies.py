"""Bodies with Confluent's wire prefix, from a node to a subscription, and in a replay."""

from __future__ import annotations

from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.testing import BIRTH, CIVIL


def replayed(two):
    """The differences that a replay of the Civil Registry's log finds."""
    folder = RegistryFolder(two.instance.folder / "registry")
    return replay_log(two.civil.store, folder, CIVIL).differences


def test_a_subscription_may_ask_for_it(two):
    """With and without prefix the handler gets the same body."""
    seen = []

    @two.civil.subscribe("health.birth", confluent_prefix=True)
    def on_birth(message):
        seen.append(message.body)

    two.health.publish("health.birth", BIRTH, confluent_prefix=True)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert seen == [BIRTH, BIRTH]
    bodies = [two.health.store.body(index) for index in range(two.health.store.size)]
    assert sum(body[1].startswith(b"\0") for body in bodies if body) == 1
    assert not replayed(two)


def test_it_is_read_again_from_the_log(two):
    """What was accepted with a prefix is read again, should the judgement be forgotten."""
    seen = []

    @two.civil.subscribe("health.birth", confluent_prefix=True)
    def on_birth(message):
        seen.append(message.body)

    two.health.publish("health.birth", BIRTH, confluent_prefix=True)
    two.health.step()
    two.civil._receiver.pump(two.clock())
    two.civil._receiver.judged.clear()
    two.settle()
    assert seen == [BIRTH]


def test_others_refuse_it(two):
    """Without asking, check 8 refuses a body with a prefix; a replay says the same."""
    two.civil.subscribe("health.birth")(lambda message: None)
    two.health.publish("health.birth", BIRTH, confluent_prefix=True)
    two.settle()
    assert two.civil.status()["counters"]["received.refused"] == 1
    assert not replayed(two)
