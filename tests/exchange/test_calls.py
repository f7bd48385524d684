"""Calls of REST services: what a seal says of them, what a body says, and that both agree."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import CIVIL_MEMBER, NOW, PERSONS, Instance, assert_accepted, judged

from xroad_lite.envelope import Sealed, seal
from xroad_lite.errors import PolicyError, RefusedError
from xroad_lite.exchange import Draft, Judgement, prepare, seal_ready
from xroad_lite.exchange.calls import called, sealed_call
from xroad_lite.identifiers import new_message_id
from xroad_lite.policy import Call
from xroad_lite.registry import Snapshot
from xroad_lite.registry.models import REST_REQUEST, REST_RESPONSE
from xroad_lite.testing import CIVIL, HEALTH

BASE = f"/r1/{CIVIL}/people"
LISTED = [{"method": "GET", "path": "/persons/*"}, {"method": "*", "path": "/open/**"}]


@pytest.fixture(scope="module")
def offered(instance: Instance) -> Snapshot:
    """The Civil Registry has a REST service, of which Health may call some."""
    services = [
        {"code": "people", "endpoints": [{"method": "*", "path": "/**"}]},
        {"code": "secrets", "endpoints": [{"method": "*", "path": "/**"}]},
    ]

    def serve(member: dict[str, Any]) -> None:
        member["subsystems"][0]["services"] = services

    def agree(agreement: dict[str, Any]) -> None:
        agreement |= {"types": [REST_REQUEST], "endpoints": {"people": LISTED}}

    edits = {CIVIL_MEMBER: serve, PERSONS: agree}
    return instance.snapshot(4, edits, published=NOW - 60)


def draft(method: str, path: str, **more: Any) -> Draft:
    """A call that Health wants to make."""
    body = {"method": method, "path": path, "headers": [], **more}
    return Draft("request", REST_REQUEST, body, recipient=CIVIL, expires=NOW + 30)


def body_of(method: str, path: str) -> bytes:
    """A call as bytes, never checked by its sender."""
    return json.dumps({"method": method, "path": path, "headers": []}).encode()


def said(
    instance: Instance,
    snapshot: Snapshot,
    asked: Draft,
    *,
    body: bytes | None = None,
    **changed: Any,
) -> Sealed:
    """A call as Health seals it, its attributes or body changed before."""
    (ready,) = prepare(asked, snapshot, HEALTH, NOW, new_message_id(NOW))
    signer = instance.signers[HEALTH]
    honest = seal_ready([(ready, 1)], signer, now=NOW)[0]
    attributes = replace(honest.opened.attributes, **changed)
    return seal(attributes, honest.body if body is None else body, signer, issued_at=int(NOW))


def sent(instance: Instance, snapshot: Snapshot, asked: Draft, **changed: Any) -> Judgement:
    """What the Civil Registry says of a call."""
    return judged(said(instance, snapshot, asked, **changed), snapshot)


def test_a_seal_names_the_endpoint_and_not_the_path(instance: Instance, offered: Snapshot) -> None:
    """A path names people: it is in the body alone, which can be erased."""
    sealed = said(instance, offered, draft("GET", f"{BASE}/persons/EX-1"))
    assert sealed.opened.attributes.endpoint == "people GET /persons/*"
    assert b"EX-1" not in sealed.opened.attributes.to_json()


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", f"{BASE}/persons/1", "policy.endpoint"),
        ("GET", f"{BASE}/persons", "policy.endpoint"),
        ("GET", f"{BASE}/persons/1/2", "policy.endpoint"),
        ("GET", f"{BASE}/persons/..", "policy.endpoint"),
        ("GET", f"{BASE}/persons/%2e%2e", "policy.endpoint"),
        ("GET", f"{BASE}/open/a%2F..%2F..%2Fpersons", "policy.endpoint"),
        ("GET", f"/r1/{CIVIL}/secrets/persons/1", "policy.endpoint"),
        ("GET", f"/r1/{HEALTH}/people/persons/1", "policy.call"),
        ("GET", f"/r1/{CIVIL}", "policy.call"),
        ("GET", f"/r1/{CIVIL}/%ff/persons/1", "policy.call"),
    ],
)
def test_what_is_not_listed_is_not_sealed(
    offered: Snapshot, method: str, path: str, code: str
) -> None:
    """The sender's own check 6 refuses what every receiver would refuse."""
    with pytest.raises(RefusedError) as refused:
        prepare(draft(method, path), offered, HEALTH, NOW, "0190c8f0-0000-7000-8000-000000000000")
    assert (refused.value.check, refused.value.code) == (6, code)


def test_a_listed_call_passes(instance: Instance, offered: Snapshot) -> None:
    """Both sides find it under the endpoint that the seal names."""
    found = sent(instance, offered, draft("DELETE", f"{BASE}/open/a/b/c"))
    assert_accepted(found)
    assert found.operation == "request"


@pytest.mark.parametrize(
    ("endpoint", "check"),
    [
        (None, 6),
        ("people", 6),
        ("people GET /**", 6),
        ("people POST /persons/*", 6),
        ("secrets GET /persons/*", 6),
        ("people GET /persons/7", 6),
        ("people * /open/**", 8),
    ],
)
def test_a_seal_that_names_another_endpoint_is_refused(
    instance: Instance, offered: Snapshot, endpoint: str | None, check: int
) -> None:
    """One that is not listed by check 6; one that is, and does not cover the body, by check 8."""
    found = sent(instance, offered, draft("GET", f"{BASE}/persons/7"), endpoint=endpoint)
    assert (found.verdict.check, found.verdict.code) == (check, "policy.endpoint")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", f"{BASE}/persons/7", "policy.endpoint"),
        ("GET", f"{BASE}/persons/7/8", "policy.endpoint"),
        ("GET", f"/r1/{CIVIL}/secrets/persons/7", "policy.endpoint"),
        ("GET", f"/r1/{HEALTH}/people/persons/7", "policy.call"),
    ],
)
def test_a_body_that_calls_something_else_is_refused(
    instance: Instance, offered: Snapshot, method: str, path: str, code: str
) -> None:
    """Who seals one endpoint and calls another is found out by check 8."""
    found = sent(instance, offered, draft("GET", f"{BASE}/persons/7"), body=body_of(method, path))
    assert (found.verdict.check, found.verdict.code) == (8, code)


def test_services_answer_with_their_type(offered: Snapshot) -> None:
    """Who lists endpoints is asked, and answers, by the types of REST."""
    party = offered.party(CIVIL)
    assert party is not None
    assert party.service(REST_REQUEST) == ("people", REST_RESPONSE)
    assert party.service("citizens.person-query") is None


def test_maintenance_of_one_service_is_not_that_of_its_neighbour(instance: Instance) -> None:
    """All services of endpoints are asked by one type: the call says which is meant."""
    closed = {"from": "2020-01-01T00:00:00Z"}
    both = [{"method": "*", "path": "/**"}]

    def serve(member: dict[str, Any]) -> None:
        member["subsystems"][0]["services"] = [
            {"code": "people", "endpoints": both},
            {"code": "closed", "endpoints": [dict(both[0])], "maintenance": [closed]},
        ]

    def agree(agreement: dict[str, Any]) -> None:
        agreement |= {
            "types": [REST_REQUEST],
            "endpoints": {"people": both, "closed": [dict(both[0])]},
        }

    snapshot = instance.snapshot(5, {CIVIL_MEMBER: serve, PERSONS: agree})
    event = "0190c8f0-0000-7000-8000-000000000000"
    assert prepare(draft("GET", f"{BASE}/a"), snapshot, HEALTH, NOW, event)
    with pytest.raises(RefusedError, match="in maintenance"):
        prepare(draft("GET", f"/r1/{CIVIL}/closed/a"), snapshot, HEALTH, NOW, event)


@given(st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=8)))
def test_a_path_is_read_or_refused(segments: list[str]) -> None:
    """Whatever the path is, it has three parts or our error."""
    with suppress(PolicyError):
        subsystem, service, below = called("/".join(segments))
        assert subsystem.count("/") == 3
        assert below == "" or below.startswith("/")
        assert "/" not in service or "%2" in "/".join(segments)


def test_identifiers_are_percent_encoded_apart() -> None:
    """As X-Road's own test does: a slash inside a segment, letters beyond ASCII."""
    path = "/r1/EE/BUSINESS/producer/s%2Fub/%C3%B6%C3%A4%C3%A5/path%3B/"
    assert called(path) == ("EE/BUSINESS/producer/s%2Fub", "öäå", "/path%3B/")
    assert called("/r1/EE/BUSINESS/producer/sub/echo")[2] == ""


def test_an_endpoint_reads_back(instance: Instance, offered: Snapshot) -> None:
    """The code of a service may hold what separates."""
    sealed = said(instance, offered, draft("GET", f"{BASE}/open/x"))
    assert sealed_call(sealed.opened.attributes) == Call("people", "*", "/open/**", by_rule=True)
