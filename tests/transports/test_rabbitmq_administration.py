"""Plans made so on a real broker, and what its users may then do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from broker import Broker, BrokerError
from pika import BasicProperties
from pika.exceptions import ChannelClosedByBroker
from worlds import LANE, RabbitWorld, arrivals, nothing_arrives, parcel, send, until

from xroad_lite.errors import TransportError
from xroad_lite.transports.contract import Outcome
from xroad_lite.transports.rabbitmq import names
from xroad_lite.transports.rabbitmq.administration import apply, declare, drift, rabbitmqctl
from xroad_lite.transports.rabbitmq.topology import Limits, Plan, Route, plan

MINE, PREFIX, VICTIM = "CIVIL", "CIV", "CIVILIAN"


class Instance(RabbitWorld):
    """Three subsystems with broker users of their own."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker.url)
        self.broker = broker
        self.codes = (MINE, PREFIX, VICTIM)
        self._routes = [
            Route(self.name(MINE), self.name(PREFIX), LANE),
            Route(self.name(PREFIX), self.name(MINE), LANE),
            Route(self.name(PREFIX), self.name(VICTIM), LANE),
        ]

    def exchange(self, code: str) -> str:
        """The exchange (and broker user) of a subsystem."""
        return names.exchange_name(self.name(code))

    def queue(self, code: str) -> str:
        """The queue of a subsystem."""
        return names.queue_name(self.name(code), LANE)

    def apply(self, made: Plan | None = None, control: Any = None) -> Any:
        """Make the broker as planned."""
        passwords = {self.exchange(code): f"pass {code}" for code in self.codes}
        control = control or self.broker.ctl
        return apply(made or self.plan, self.url, control, passwords=passwords)

    def url_of(self, code: str) -> str:
        """The address that a node of this subsystem has."""
        return self.broker.url_for(quote(self.exchange(code)), quote(f"pass {code}"))

    def depth(self, code: str) -> int:
        """How many messages lie in the queue of a subsystem."""
        with self.client() as connection:
            reply = connection.channel().queue_declare(self.queue(code), passive=True)
            return int(reply.method.message_count)


@pytest.fixture(scope="module")
def instance(broker: Broker) -> Iterator[Instance]:
    """The instance, applied."""
    with Instance(broker) as instance:
        first = instance.apply()
        assert len(first.lines()) > 10
        yield instance


def test_applying_twice_changes_nothing(instance: Instance) -> None:
    """A second ``apply`` finds nothing missing, passwords included, and only looks."""
    calls: list[tuple[str, ...]] = []

    def control(*arguments: str, input: str | None = None) -> str:
        calls.append(arguments)
        return instance.broker.ctl(*arguments, input=input)

    assert instance.apply(control=control).missing == Plan()
    assert calls == [("export_definitions", "-")]


def test_nodes_work_with_these_rights(instance: Instance) -> None:
    """Publishing, receiving and checking the topology needs no right to configure."""
    a = instance.open(PREFIX, url=instance.url_of(PREFIX))
    b = instance.open(MINE, url=instance.url_of(MINE))
    b.listen([LANE])
    assert send(a, parcel(1, instance.name(MINE))) == {1: Outcome.CONFIRMED}
    assert len(arrivals(b, 1)) == 1
    assert LANE in b.status()["queued"]  # type: ignore[operator]
    assert a.status()["missing"] == []


def consume(instance: Instance, channel: Any) -> None:
    """Read another's queue."""
    next(channel.consume(instance.queue(VICTIM), inactivity_timeout=1))


FORBIDDEN: dict[str, Callable[[Instance, Any], object]] = {
    "read another's queue": consume,
    "get from another's queue": lambda i, c: c.basic_get(i.queue(VICTIM)),
    "read a queue whose name begins alike": lambda i, c: c.basic_get(i.queue(PREFIX)),
    "purge another's queue": lambda i, c: c.queue_purge(i.queue(VICTIM)),
    "delete another's queue": lambda i, c: c.queue_delete(i.queue(VICTIM)),
    "delete the own queue": lambda i, c: c.queue_delete(i.queue(MINE)),
    "write to another's exchange": lambda i, c: c.basic_publish(
        i.exchange(VICTIM), i.queue(PREFIX), b""
    ),
    "write to an exchange whose name begins alike": lambda i, c: c.basic_publish(
        i.exchange(PREFIX), i.queue(VICTIM), b""
    ),
    "write to the default exchange": lambda i, c: c.basic_publish("", i.queue(VICTIM), b""),
    "write to amq.topic": lambda i, c: c.basic_publish("amq.topic", i.queue(VICTIM), b""),
    "write to the exchange of dead letters": lambda i, c: c.basic_publish("xroad.dead", "x", b""),
    "bind the own queue elsewhere": lambda i, c: c.queue_bind(
        i.queue(MINE), i.exchange(VICTIM), "#"
    ),
    "bind another's queue to the own exchange": lambda i, c: c.queue_bind(
        i.queue(VICTIM), i.exchange(MINE), "#"
    ),
    "bind exchanges": lambda i, c: c.exchange_bind(i.exchange(MINE), i.exchange(VICTIM), "#"),
    "declare an alternate exchange": lambda i, c: c.exchange_declare(
        i.exchange(MINE) + ".more.lanes",
        "topic",
        arguments={"alternate-exchange": i.exchange(VICTIM)},
    ),
    "declare a queue": lambda i, c: c.queue_declare(i.exchange(MINE) + ".more.lanes"),
    "declare a queue without a name": lambda i, c: c.queue_declare("", exclusive=True),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_a_broker_user_may_not(instance: Instance, deed: str) -> None:
    """The broker refuses, with 403, what is not a node's business."""
    with instance.client(instance.url_of(MINE)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as refused:
            FORBIDDEN[deed](instance, channel)
        assert refused.value.reply_code == 403


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_copies_do_not_reach_a_queue_without_a_route(instance: Instance, header: str) -> None:
    """``CC`` and ``BCC`` add routing keys on the own exchange, where only own routes are bound."""
    before = instance.depth(VICTIM)
    with instance.client(instance.url_of(MINE)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        copies = {header: [instance.queue(VICTIM), "#", "open.citizens.birth"]}
        properties = BasicProperties(headers=copies, reply_to=instance.queue(VICTIM))
        channel.basic_publish(instance.exchange(MINE), instance.queue(PREFIX), b"", properties)
    assert instance.depth(VICTIM) == before


def test_a_node_of_another_name_gets_nowhere(instance: Instance) -> None:
    """A node that calls itself another with its own broker user is refused, and says why."""
    liar = instance.open(VICTIM, url=instance.url_of(MINE))
    liar.listen([LANE])
    liar.send([parcel(1, instance.name(PREFIX))])
    until(lambda: "403" in str(liar.status()["detail"]))
    nothing_arrives(liar)
    assert Outcome.CONFIRMED not in dict(liar.outcomes()).values()


def test_a_wrong_password_is_said(instance: Instance) -> None:
    """Status names the refusal, without the password."""
    wrong = instance.open(
        MINE, url=instance.broker.url_for(quote(instance.exchange(MINE)), "hidden")
    )
    until(lambda: "Authentication" in str(wrong.status()["detail"]))
    assert "hidden" not in str(wrong.status())
    assert wrong.status()["connected"] is False


def test_a_withdrawn_route_is_taken_away(instance: Instance) -> None:
    """Without its route a binding goes; the queue stays and is named; the rest still works."""
    fewer = plan(instance._routes[:2])
    before = instance.apply(fewer)
    victims = instance.queue(VICTIM)
    assert [one.queue for one in before.surplus.bindings] == [victims]
    left = drift(fewer, instance.broker.ctl)
    assert left.surplus.bindings == left.surplus.permissions == ()
    assert victims in left.surplus.queues
    a = instance.open(PREFIX, url=instance.url_of(PREFIX))
    found = send(a, parcel(1, instance.name(VICTIM)), parcel(2, instance.name(MINE)))
    assert found == {1: Outcome.UNROUTABLE, 2: Outcome.CONFIRMED}
    instance.apply()


def test_a_full_queue_rejects_its_own_messages_alone(instance: Instance) -> None:
    """At its bound a queue refuses what is sent to it; other recipients are served."""
    made = plan(instance._routes, limits=Limits(max_length=5))
    instance.apply(made)
    a = instance.open(PREFIX, url=instance.url_of(PREFIX))
    found: list[Outcome] = []

    def rejected() -> bool:  # the policy takes a moment to reach the queue
        found.extend(send(a, parcel(1, instance.name(VICTIM))).values())
        return found[-1] is Outcome.REJECTED

    until(rejected)
    assert send(a, parcel(2, instance.name(MINE))) == {2: Outcome.CONFIRMED}


def test_a_broker_that_refuses_is_an_error_of_ours(instance: Instance) -> None:
    """No user, no right, no broker: each is a ``TransportError``."""
    wanted = plan([Route(instance.name("X"), instance.name("Y"), LANE)])
    for url in (instance.url_of(MINE), instance.broker.url_for("no", "body"), "amqp://127.0.0.1:1"):
        with pytest.raises(TransportError) as refused:
            declare(wanted, url)
        assert refused.value.code == "transport.broker_refused"


def test_a_command_that_fails_is_an_error_of_ours() -> None:
    """``rabbitmqctl`` that is absent or fails is a ``TransportError``."""
    for command in (["/no/such/command"], ["false"]):
        with pytest.raises(TransportError) as refused:
            rabbitmqctl(command)("status")
        assert refused.value.code == "transport.rabbitmqctl"


def test_the_broker_of_these_tests_says_what_failed(broker: Broker) -> None:
    """A failing ``rabbitmqctl`` does not pass in silence."""
    with pytest.raises(BrokerError, match="no_such_user"):
        broker.ctl("list_user_permissions", "nobody")
