"""Our own API: publish, read by polling and as events, acknowledge, ask and answer."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pairs import Pair, Running

from xroad_lite.testing import BIRTH, CIVIL, PURPOSE

BIRTHS = "/api/v1/messages/health.birth"
CORRECTIONS = "/api/v1/messages/citizens.person"
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "apellidos": "Rojas",
}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def publish(two: Pair, **headers: str) -> str:
    """A birth at Health's; gives its id."""
    answer = two.consumer.http.post(BIRTHS, json=BIRTH, headers=headers)
    assert answer.status_code == 202, answer.text
    event: str = answer.json()["id"]
    return event


def read(two: Pair, **more: Any) -> list[dict[str, Any]]:
    """What the Civil Registry's system gets, waiting for it if need be."""
    answer = two.provider.http.get(BIRTHS, params={"wait": 20, "limit": 100}, **more)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def read_event(two: Pair, event: str) -> dict[str, Any]:
    """One event: what another test published may still be on its way before it."""
    while True:
        for one in read(two):
            if one["message"]["id"] == event:
                return one
            acknowledge(two, one)


def acknowledge(two: Pair, *messages: dict[str, Any]) -> None:
    """They are handled."""
    for one in messages:
        assert two.provider.http.post(f"{BIRTHS}/{one['entry']}/acknowledge").status_code == 204


@pytest.fixture(autouse=True)
def _nothing_left(two: Pair) -> None:
    """Each test begins with nothing to read."""
    while True:
        answer = two.provider.http.get(BIRTHS, params={"limit": 100})
        if answer.status_code == 204:
            return
        acknowledge(two, *answer.json()["messages"])


def test_published_read_and_acknowledged(two: Pair) -> None:
    """Once, with what its sender said of it."""
    headers = {"ce-purpose": PURPOSE, "x-road-issue": "case-7", "traceparent": TRACE}
    event = publish(two, **headers, **{"ce-time": "2026-01-31T12:00:00Z"})
    found = read_event(two, event)
    message = found["message"]
    assert message["data"] == BIRTH
    assert message["id"] == event
    assert (message["specversion"], message["type"]) == ("1.0", "health.birth")
    assert (message["purpose"], message["issue"]) == (PURPOSE, "case-7")
    assert (message["traceparent"], message["time"]) == (TRACE, "2026-01-31T12:00:00.000Z")
    assert (found["attempt"], found["losses"]) == (1, [])
    assert two.provider.http.get(BIRTHS).status_code == 204  # it is out, to us
    acknowledge(two, found)
    again = two.provider.http.post(f"{BIRTHS}/{found['entry']}/acknowledge")
    assert (again.status_code, again.json()["code"]) == (409, "request.not_taken")


def test_in_the_callers_terms(two: Pair) -> None:
    """``Accept-Profile`` names the schema to read as, by name, version or address."""
    publish(two)
    (first,) = read(two, headers={"Accept-Profile": "citizens.person"})
    assert "apellidos" in first["message"]["data"] or first["losses"]
    two.provider.http.post(f"{BIRTHS}/{first['entry']}/reject", json={"code": "x.y", "retry": True})
    (again,) = read(
        two,
        headers={"Accept-Profile": "<https://demo.xroad-lite.example/schemas/citizens/person/1>"},
    )
    assert again["message"]["data"] != BIRTH
    assert again["attempt"] == 2
    acknowledge(two, again)


@pytest.mark.parametrize(
    ("terms", "code"),
    [("no.such", "config.reads"), ("citizens.birth-registered", "semantics.unreadable")],
)
def test_terms_in_which_it_cannot_be_read(two: Pair, terms: str, code: str) -> None:
    """Told, and the message is not lost: others may read it in other terms."""
    publish(two)
    (found,) = read(two)
    two.provider.http.post(f"{BIRTHS}/{found['entry']}/reject", json={"code": "x.y", "retry": True})
    answer = two.provider.http.get(BIRTHS, params={"wait": 20}, headers={"Accept-Profile": terms})
    assert (answer.status_code, answer.json()["code"]) == (406, code)
    (found,) = read(two)
    assert found["attempt"] == 2
    acknowledge(two, found)


def test_events_come_as_they_are_published(two: Pair) -> None:
    """Server-sent events: one after the other, and what is not acknowledged comes again later."""
    with two.provider.http.stream("GET", f"{BIRTHS}/events", timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == ": here"
        events = [publish(two) for _ in range(3)]
        found = []
        while len(found) < 3:
            line = next(lines)
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
    assert [one["message"]["id"] for one in found] == events
    acknowledge(two, *found)


def test_who_goes_away_keeps_nothing(two: Pair) -> None:
    """A client that hangs up while it waits does not take what comes after."""
    with pytest.raises(httpx.ReadTimeout):
        two.provider.http.get(BIRTHS, params={"wait": 20}, timeout=0.3)
    event = publish(two)
    (found,) = read(two)
    assert (found["message"]["id"], found["attempt"]) == (event, 1)
    acknowledge(two, found)


def test_rejected_is_a_dead_letter(two: Pair) -> None:
    """It comes no more; the operator sees why."""
    publish(two)
    (found,) = read(two)
    rejected = {"code": "registry.closed", "message": "no such book"}
    answer = two.provider.http.post(f"{BIRTHS}/{found['entry']}/reject", json=rejected)
    assert answer.status_code == 204
    assert two.provider.http.get(BIRTHS).status_code == 204
    dead = 'xroad_lite_node_waiting{subsystem="DEMO/GOV/CIVIL/registry",where="dead"} 1.0'
    assert dead in two.provider.http.get("/metrics").text


def until_logged(running: Running, request_id: str) -> None:
    """A line is written once the answer is sent."""
    ends = time.monotonic() + 20
    while request_id not in running.log.read_text():
        assert time.monotonic() < ends, running.log.read_text()
        time.sleep(0.01)


def answering(two: Pair, body: object, status: int) -> dict[str, Any]:
    """Take the next correction that is asked for, and answer it; gives the message."""
    found = two.provider.http.get(CORRECTIONS, params={"wait": 20})
    (asked,) = found.json()["messages"]
    reply = two.provider.http.post(f"{CORRECTIONS}/{asked['entry']}/reply", json=body)
    assert reply.status_code == status, reply.text
    return {**asked, "reply": reply}


def test_asked_and_answered(two: Pair) -> None:
    """A system asks through one gateway, another answers through the other."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(answering, two, {**PERSON, "apellidos": "Soto"}, 204)
        got = two.consumer.http.post(
            f"/api/v1/requests/{CIVIL}/citizens.person",
            json=PERSON,
            headers={"traceparent": TRACE},
        )
        assert asked.result()["message"]["data"] == PERSON
    assert got.status_code == 200, got.text
    assert got.json()["message"]["data"]["apellidos"] == "Soto"
    assert got.headers["traceparent"] == TRACE


def test_an_answer_that_is_wrong_may_be_given_again(two: Pair) -> None:
    """It is refused at once, with the check that every receiver would refuse it by."""
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(
            two.consumer.http.post, f"/api/v1/requests/{CIVIL}/citizens.person", json=PERSON
        )
        asked = answering(two, {"no": "person"}, 422)
        assert asked["reply"].json()["checks"] == [
            {"number": 8, "name": "schema", "verdict": "refused"}
        ]
        rejected = {"code": "person.unknown", "message": "nobody has this code"}
        two.provider.http.post(f"{CORRECTIONS}/{asked['entry']}/reject", json=rejected)
        got = asking.result()
    assert (got.status_code, got.json()["code"]) == (502, "request.refused")
    assert got.json()["answer"] == rejected


def test_nobody_answers(two: Pair) -> None:
    """In the time that the asker has."""
    answer = two.consumer.http.post(
        f"/api/v1/requests/{CIVIL}/citizens.person?timeout=0.2", json=PERSON
    )
    assert (answer.status_code, answer.json()["code"]) == (504, "request.timeout")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/api/v1/messages/no-type", 400, "identifier.message_type"),
        ("POST", "/api/v1/messages/no.such", 422, "schema.unknown"),
        ("POST", "/api/v1/messages/citizens.person", 403, "policy.no_agreement"),
        ("POST", f"/api/v1/requests/{CIVIL}/health.birth", 403, "policy.no_agreement"),
        ("POST", "/api/v1/requests/NOBODY/citizens.person", 404, "http.no_such_path"),
        ("POST", "/api/v1/requests/A/B/C/%20/citizens.person", 400, "identifier.segment"),
        ("GET", "/api/v1/messages/tax.taxpayer", 403, "policy.no_agreement"),
        ("GET", f"{BIRTHS}?wait=-1", 400, "http.parameter"),
        ("GET", f"{BIRTHS}?wait=61", 400, "http.parameter"),
        ("GET", f"{BIRTHS}?limit=x", 400, "http.parameter"),
        ("POST", f"{BIRTHS}/7/reply", 409, "http.no_request"),
        ("POST", f"{BIRTHS}/99999999999999999999/acknowledge", 404, "http.no_such_entry"),
        ("POST", f"{BIRTHS}/x/acknowledge", 404, "http.no_such_path"),
        ("PUT", BIRTHS, 405, "http.method"),
        ("GET", "/api/v1", 404, "http.no_such_path"),
        ("GET", "/api/v2/messages/a.b", 404, "http.no_such_path"),
    ],
)
def test_problems(two: Pair, method: str, path: str, status: int, code: str) -> None:
    """RFC 9457, each with a code, and the id under which the log has it."""
    running = two.provider if method == "GET" or "reply" in path else two.consumer
    body = PERSON if "citizens" in path else BIRTH
    answer = running.http.request(method, path, json=None if method == "GET" else body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:xroad-lite:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    until_logged(running, answer.headers["x-request-id"])


def test_health_and_metrics(two: Pair) -> None:
    """What a supervisor and Prometheus ask for."""
    assert two.consumer.http.get("/health/live").json() == {"status": "up"}
    ready = two.consumer.http.get("/health/ready").json()
    assert ready == {"status": "ready", "nodes": {"DEMO/GOV/HEALTH/births": "ready"}}
    text = two.consumer.http.get("/metrics").text
    for name in (
        'xroad_lite_http_requests_total{interface="api",method="POST",status="2xx"}',
        "xroad_lite_http_request_seconds_bucket",
        'xroad_lite_node_ready{subsystem="DEMO/GOV/HEALTH/births"} 1.0',
        "xroad_lite_log_entries_total",
        "xroad_lite_log_oldest_unstamped_seconds{",
        "xroad_lite_log_checkpoint_entries{",
    ):
        assert name in text
    assert two.consumer.http.post("/health/live").status_code == 405


def test_logs_hold_no_message(two: Pair) -> None:
    """A line per request, for programs; neither bodies nor queries nor headers."""
    publish(two, **{"x-road-userid": "secret-user"})
    acknowledge(two, *read(two))
    last = two.consumer.http.get(f"{BIRTHS}?limit=77")
    until_logged(two.consumer, last.headers["x-request-id"])
    lines = [json.loads(line) for line in two.consumer.log.read_text().splitlines()]
    assert {"request", "interface", "method", "status", "milliseconds", "caller"} <= set(lines[-1])
    text = two.consumer.log.read_text() + two.provider.log.read_text()
    assert not any(secret in text for secret in ("secret-user", "Rojas", "limit=77"))
