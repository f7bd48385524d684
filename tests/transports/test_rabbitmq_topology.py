"""The plan of a broker that follows from routes, without a broker."""

from __future__ import annotations

import json
import re
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import ConfigurationError, TransportError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import REPLIES
from xroad_lite.transports.rabbitmq import names
from xroad_lite.transports.rabbitmq.drift import compare, lines, read_definitions
from xroad_lite.transports.rabbitmq.topology import Binding, Plan, Route, plan

HEALTH, CIVIL = "CL/GOV/HEALTH/births", "CL/GOV/CIVIL/births"
BIRTH = "health.birth"
CODES = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8
).filter(lambda code: code == code.strip() and code not in (".", ".."))


def test_a_route_becomes_what_it_needs() -> None:
    """Exchanges and users for both, a queue for the receiver, a binding; nobody may configure."""
    made = plan([Route(HEALTH, CIVIL, BIRTH)])
    queue = "CL.GOV.CIVIL.births.health.birth"
    assert made.exchanges == ("CL.GOV.CIVIL.births", "CL.GOV.HEALTH.births", "xroad.dead")
    assert made.queues == (queue, "xroad.dead")
    assert made.bindings[0] == Binding("CL.GOV.HEALTH.births", queue, queue)
    assert made.users == ("CL.GOV.CIVIL.births", "CL.GOV.HEALTH.births")
    assert {one.configure for one in made.permissions} == {"^$"}


def test_open_data_has_a_key_of_its_own() -> None:
    """An open route is bound for directed and for open messages."""
    made = plan([Route(HEALTH, CIVIL, BIRTH, open=True)])
    assert {one.key for one in made.bindings} == {
        "CL.GOV.CIVIL.births.health.birth",
        "open.health.birth",
        "#",
    }


def test_the_order_of_routes_does_not_matter() -> None:
    """The plan is a function of the set of routes."""
    routes = [
        Route(HEALTH, CIVIL, BIRTH),
        Route(CIVIL, HEALTH, REPLIES),
        Route(CIVIL, CIVIL, BIRTH),
    ]
    assert len({plan(one) for one in permutations(routes)}) == 1
    assert plan(routes) == plan(routes + routes)


@given(st.tuples(CODES, CODES, CODES), st.tuples(CODES, CODES, CODES))
def test_patterns_match_the_own_names_alone(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """A user's patterns match its exchange and queues, and those of nobody else."""
    first, second = (str(SubsystemId("X", *codes)) for codes in (one, other))
    made = plan([Route(first, second, BIRTH), Route(second, first, BIRTH)])
    for permission in made.permissions:
        own = permission.user
        written = [name for name in made.exchanges if re.search(permission.write, name)]
        read = [name for name in made.queues if re.search(permission.read, name)]
        assert written == [own]
        assert read == [f"{own}.health.birth"]
        assert not re.search(permission.write, "")
        assert not re.search(permission.read, "amq.default")


@pytest.mark.parametrize(
    ("short", "long"),
    [("CIV", "CIVIL"), ("CIVIL", "CIVIL.x"), ("A", "A.main.health"), ("%", "%25"), ("a", "A")],
)
def test_a_prefix_of_a_name_opens_nothing(short: str, long: str) -> None:
    """No pattern of the shorter name matches a name of the longer, nor the other way round."""
    one, other = (str(SubsystemId("X", "GOV", code, "main")) for code in (short, long))
    made = plan([Route(one, other, BIRTH), Route(other, one, BIRTH)])
    for permission in made.permissions:
        assert len([n for n in made.exchanges if re.search(permission.write, n)]) == 1
        assert len([n for n in made.queues if re.search(permission.read, n)]) == 1


def test_policies_cover_the_queues() -> None:
    """Each queue but that of dead letters is under the policy with the delivery limit."""
    made = plan([Route(HEALTH, CIVIL, BIRTH), Route(CIVIL, HEALTH, REPLIES)])
    (dead, queues) = made.policies
    assert [n for n in made.queues if re.search(queues.pattern, n)] == list(made.queues[:-1])
    assert [n for n in made.queues if re.search(dead.pattern, n)] == ["xroad.dead"]
    assert not [n for n in made.exchanges if re.search(queues.pattern, n)]
    assert dict(queues.definition)["dead-letter-strategy"] == "at-least-once"


def test_a_long_name_is_refused() -> None:
    """Percent-encoding may make a name too long for a broker: the plan says so."""
    long = str(SubsystemId("X", "GOV", "ñ" * 50, "main"))
    with pytest.raises(ConfigurationError, match="at most 255") as refused:
        plan([Route(HEALTH, long, BIRTH)])
    assert refused.value.code == "transport.name_too_long"


def test_keys_of_open_data_are_no_queue_names() -> None:
    """``open.`` has fewer words than any queue has."""
    assert names.routing_key(None, BIRTH) == "open.health.birth"
    assert names.queue_name(CIVIL, BIRTH).count(".") == 5


def exported(made: Plan) -> dict[str, object]:
    """What a broker that is as planned exports (the parts that are read)."""
    host = {"vhost": "/", "durable": True, "auto_delete": False}
    arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
    dead = {"x-queue-type": "quorum"}
    return json.loads(made.definitions([{"name": n, "tags": []} for n in made.users])) | {
        "exchanges": [host | {"name": n, "type": "topic", "arguments": {}} for n in made.exchanges],
        "queues": [
            host | {"name": n, "arguments": dead if n == names.DEAD else arguments}
            for n in made.queues
        ],
        "bindings": [
            {
                "vhost": "/",
                "source": one.exchange,
                "destination": one.queue,
                "destination_type": "queue",
                "routing_key": one.key,
            }
            for one in made.bindings
        ],
    }


def test_no_drift_where_all_is_as_planned() -> None:
    """A broker that holds the plan has no drift."""
    made = plan([Route(HEALTH, CIVIL, BIRTH)])
    found = read_definitions(json.dumps(exported(made)), "/")
    assert not compare(made, found)
    assert compare(made, found).lines() == []


def test_drift_names_what_is_missing_and_what_is_too_much() -> None:
    """Each kind of thing is found when it is missing, and when nobody asked for it."""
    small, large = (
        plan([Route(HEALTH, CIVIL, BIRTH)]),
        plan([Route(HEALTH, CIVIL, BIRTH), Route(CIVIL, "CL/GOV/TAX/x", BIRTH)]),
    )
    missing = compare(large, read_definitions(json.dumps(exported(small)), "/"))
    surplus = compare(small, read_definitions(json.dumps(exported(large)), "/"))
    assert lines(missing.missing) == lines(surplus.surplus)
    assert [line.split()[0] for line in lines(missing.missing)] == [
        "exchange",
        "queue",
        "binding",
        "user",
        "permission",
    ]
    assert all(line.startswith("+ ") for line in missing.lines())


def test_drift_names_what_was_declared_otherwise() -> None:
    """A classic queue, or an exchange with an alternate, cannot be changed in place."""
    made = plan([Route(HEALTH, CIVIL, BIRTH)])
    document = exported(made)
    document["queues"][0]["arguments"] = {"x-queue-type": "classic"}
    document["exchanges"][0]["arguments"] = {"alternate-exchange": "elsewhere"}
    document["bindings"][0]["destination_type"] = "exchange"
    drift = compare(made, read_definitions(json.dumps(document), "/"))
    assert drift.wrong == (made.exchanges[0], made.queues[0])
    assert [line[0] for line in drift.lines()] == ["+", "-", "!", "!"]


def test_other_virtual_hosts_and_administrators_are_not_ours() -> None:
    """What lies in another virtual host, and users with tags, are not looked at."""
    document = {
        "users": [{"name": "guest", "tags": ["administrator"], "password_hash": "x"}],
        "permissions": [{"user": "guest", "vhost": "/", "configure": "", "write": "", "read": ""}],
        "queues": [{"name": "theirs", "vhost": "other", "arguments": {}}],
    }
    assert lines(read_definitions(json.dumps(document), "/").plan) == []


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"users": [1]}', '{"queues": [{}]}'])
def test_definitions_that_cannot_be_read(text: str) -> None:
    """Whatever ``rabbitmqctl`` prints instead of definitions is an error of ours."""
    with pytest.raises(TransportError) as refused:
        read_definitions(text, "/")
    assert refused.value.code == "transport.definitions"
