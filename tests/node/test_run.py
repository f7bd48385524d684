"""How long ``run`` runs: until it is idle and told to end, or for so long, however busy it is."""

from xroad_lite.testing import BIRTH


def test_a_busy_node_ends_when_its_time_is_over(two):
    """Of more messages than one round takes, some wait for the next run."""
    handled = []
    two.civil.subscribe("health.birth")(lambda message: handled.append(message.id))
    sent = [two.health.publish("health.birth", BIRTH) for _ in range(250)]
    while two.health.step():
        pass
    asked = []
    two.civil.run(until=lambda: bool(asked.append(1)), seconds=0)
    assert len(handled) < len(sent)
    assert not asked
    two.civil.run(until=lambda: True)
    assert handled == sent


def test_an_idle_node_waits_no_longer_than_its_time(two):
    """Where ``until`` never says so."""
    two.civil.run(until=lambda: False, seconds=0.01)
    two.civil.run(seconds=0.01)
