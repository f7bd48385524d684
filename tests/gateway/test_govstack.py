"""GovStack's publish/subscribe API against running gateways: push, pull, proposals, restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pairs import Pair, Reply, Seen, gateway, provider, ready
from rooms import MEMBER, RETRY, ROOM, Rooms, by_civil, by_health, emptied
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.testing import BIRTH, CIVIL, HEALTH


@pytest.fixture
def two(in_rooms: tuple[Rooms, Pair]) -> Iterator[Pair]:
    """Both gateways, with no subscription and nothing to read."""
    yield emptied(in_rooms[1])
    emptied(in_rooms[1])


@pytest.fixture
def rooms(in_rooms: tuple[Rooms, Pair]) -> Rooms:
    """Where their nodes are."""
    return in_rooms[0]


def publish(two: Pair, event: dict[str, Any] = BIRTH) -> str:
    """A birth; gives its id."""
    answer = by_health(two, "POST", "/pub/v1/birth", json={"eventType": "birth", "event": event})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def subscribe(two: Pair, delivery: str = "PULL", **options: Any) -> dict[str, Any]:
    """The Civil Registry wants births."""
    wanted = {"eventType": "birth", "delivery": delivery, "options": options}
    answer = by_civil(two, "POST", "/api/v1/subs/birth", json=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until(found: Callable[[], Any]) -> Any:
    """What a question gives, once it gives something."""
    ends = time.monotonic() + 30
    while not (value := found()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    return value


def pulled(two: Pair) -> dict[str, Any]:
    """The next event, once there is one."""

    def one() -> Any:
        answer = by_civil(two, "GET", "/pull/v1/birth")
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    found: dict[str, Any] = until(one)
    return found


def acknowledged(two: Pair, event: str) -> int:
    """The status of an acknowledgement."""
    return by_civil(two, "DELETE", f"/pull/v1/birth/{event}").status_code


def dead(two: Pair) -> float:
    """How many dead letters the Civil Registry has."""
    text = two.provider.http.get("/metrics").text
    (line,) = [one for one in text.splitlines() if 'where="dead"' in one]
    return float(line.rpartition(" ")[2])


def test_subscribed_published_pulled_acknowledged(two: Pair) -> None:
    """The same event until it is acknowledged, in order, with who published it."""
    made = subscribe(two, TTL=600, FIFO=True)
    assert made["subscriberId"]["applicationCode"] == "registry"
    assert made["state"] == "active"
    events = [publish(two), publish(two, {**BIRTH, "gender": "male"})]
    first = pulled(two)
    assert first["id"] == events[0]
    assert first["event"] == BIRTH
    assert first["eventType"] == "birth"
    assert first["publisherId"] == {
        "instanceId": "DEMO",
        "memberClass": "GOV",
        "memberCode": "HEALTH",
        "applicationCode": "births",
    }
    assert pulled(two) == first
    assert acknowledged(two, events[1]) == 404  # not before the one that is older
    assert acknowledged(two, events[0]) == 204
    assert acknowledged(two, events[0]) == 404
    second = pulled(two)
    assert (second["id"], second["event"]["gender"]) == (events[1], "male")
    assert second["sequence"] > first["sequence"]
    assert acknowledged(two, events[1]) == 204
    assert by_civil(two, "GET", "/pull/v1/birth").status_code == 404


def test_the_publisher_sees_its_event(two: Pair) -> None:
    """By id, and only who published it; what has gone out is not stopped."""
    event = publish(two)
    found = by_health(two, "GET", f"/pub/v1/birth/{event}")
    assert found.status_code == 200
    assert found.json()["event"] == BIRTH
    assert by_civil(two, "GET", f"/pub/v1/birth/{event}").status_code == 404
    status = f"/pub/v1/birth/{event}"
    until(lambda: by_health(two, "GET", status).json()["status"] == "sent")
    assert by_health(two, "DELETE", status).status_code == 404
    subscribe(two)
    assert acknowledged(two, pulled(two)["id"]) == 204


def test_subscriptions_are_kept_changed_and_cancelled(two: Pair) -> None:
    """As GovStack's document has it, one per event type, and nobody sees another's."""
    assert by_civil(two, "GET", "/api/v1/subs").status_code == 404
    made = subscribe(two)
    assert made["options"] == {"TTL": 3600, "FIFO": False}
    again = by_civil(two, "POST", "/api/v1/subs/birth", json={"eventType": "birth"})
    assert again.status_code == 409
    change = {"eventType": "birth", "options": {"TTL": 60}}
    changed = by_civil(two, "PATCH", "/api/v1/subs/birth", json=change)
    assert changed.status_code == 201
    assert changed.json() == {**made, "options": {"TTL": 60, "FIFO": False}}
    assert by_civil(two, "GET", "/api/v1/subs").json() == [changed.json()]
    assert by_civil(two, "GET", "/api/v1/subs/birth").json() == changed.json()
    assert by_health(two, "GET", "/api/v1/subs").status_code == 404
    assert by_civil(two, "DELETE", "/api/v1/subs/birth").status_code == 204
    assert by_civil(two, "GET", "/api/v1/subs/birth").status_code == 404
    assert by_civil(two, "GET", "/pull/v1/birth").status_code == 404


def told(rooms: Rooms, *words: str) -> Any:
    """What ``xroad-lite gateway`` says beside the Civil Registry's node."""
    command = ["gateway", *words, "--node", str(rooms.civil_folder), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said.pop("ok")
    return said


def failing(times: int) -> Callable[[Seen], Reply]:
    """A subscriber that fails so often, and then takes what comes."""
    left = iter(range(times))
    return lambda _: (500 if next(left, None) is not None else 204, [], b"")


@pytest.mark.parametrize("fifo", [False, True])
def test_pushed_again_until_it_is_taken(two: Pair, fifo: bool) -> None:
    """A POST of the event, tried again; in FIFO nothing overtakes."""
    two.service.answer = failing(2)
    subscribe(two, "PUSH", FIFO=fifo)
    events = [publish(two) for _ in range(3)]
    until(lambda: len(two.service.seen) == 5)
    got = [json.loads(one.body)["id"] for one in two.service.seen]
    assert set(got) == set(events)
    assert {(one.method, one.target) for one in two.service.seen} == {("POST", "/events")}
    if fifo:
        assert got == [events[0], events[0], *events]
    assert by_civil(two, "GET", "/pull/v1/birth").status_code == 409


@pytest.mark.parametrize("fifo", [False, True])
def test_never_taken_is_a_dead_letter(two: Pair, fifo: bool) -> None:
    """GovStack drops it; here it is kept, with the reason, and what follows goes on."""
    before = dead(two)
    two.service.answer = lambda _: (503, [], b"busy")
    subscribe(two, "PUSH", FIFO=fifo)
    publish(two)
    until(lambda: dead(two) == before + 1)
    assert len(two.service.seen) == RETRY["attempts"]
    two.service.answer = lambda _: (200, [], b"")
    last = publish(two)
    until(lambda: any(last.encode() in one.body for one in two.service.seen))


def test_redirects_are_not_followed(two: Pair) -> None:
    """A subscriber cannot send the gateway elsewhere."""
    two.service.answer = lambda _: (307, [("Location", "/elsewhere")], b"")
    before = dead(two)
    subscribe(two, "PUSH")
    publish(two)
    until(lambda: dead(two) == before + 1)
    assert {one.target for one in two.service.seen} == {"/events"}


def test_too_old_is_a_dead_letter(two: Pair) -> None:
    """Beyond its TTL an event is delivered no more, and not lost either."""
    before = dead(two)
    subscribe(two, TTL=1)
    publish(two)
    pulled(two)
    until(lambda: by_civil(two, "GET", "/pull/v1/birth").status_code == 404)
    assert dead(two) == before + 1


def test_what_no_agreement_allows_is_proposed(two: Pair, rooms: Rooms) -> None:
    """A wish waits for the steward; whether the type exists is not told."""
    folder = rooms.civil_folder / "govstack/proposals/DEMO_GOV_CIVIL_registry"
    for room, event_type in (("citizens", "person"), ("citizens", "noSuchThing")):
        path = f"{MEMBER}/{room}/api/v1/subs/{event_type}"
        body = {"eventType": event_type, "delivery": "PULL"}
        answer = by_civil(two, "POST", path, json=body)
        assert (answer.status_code, answer.json()["state"]) == (200, "proposed")
        assert by_civil(two, "GET", f"{MEMBER}/{room}/pull/v1/{event_type}").status_code == 404
    proposed = json.loads((folder / "subscription-citizens.no-such-thing.json").read_bytes())
    assert proposed["path"] == "agreements/citizens-no-such-thing-1.yaml"
    assert proposed["document"]["consumer"] == CIVIL
    said = told(rooms, "proposals")
    names = [f"{one['kind']}:{one['type']}" for one in said["proposals"]]
    assert {"subscription:citizens.no-such-thing", "subscription:citizens.person"} <= set(names)
    assert told(rooms, "proposals", "subscription:citizens.no-such-thing") == proposed
    for event_type in ("person", "noSuchThing"):
        path = f"{MEMBER}/citizens/api/v1/subs/{event_type}"
        assert by_civil(two, "DELETE", path).status_code == 204
    assert not list(folder.glob("subscription-*"))


def test_event_types(two: Pair, rooms: Rooms) -> None:
    """Those that concern the caller; a new one is proposed, and can be withdrawn."""
    assert by_civil(two, "GET", "/api/v1/eventType").json() == ["birth"]
    shown = by_civil(two, "GET", "/api/v1/eventType/birth").json()
    assert shown["eventType"] == "birth"
    assert "resourceType" in shown["schema"]["properties"]
    tax = f"{MEMBER}/tax/api/v1/eventType"
    assert by_civil(two, "GET", tax).status_code == 204
    assert by_civil(two, "GET", f"{tax}/taxpayer").status_code == 204
    new = {"eventType": "newStillbirth", "schema": {"type": "object"}}
    answer = by_health(two, "POST", "/api/v1/eventType", json=new)
    assert answer.json() == {"eventType": "newStillbirth", "state": "proposed"}
    folder = rooms.made.node_folder(HEALTH) / "govstack/proposals/DEMO_GOV_HEALTH_births"
    (file,) = folder.glob("event-type-*")
    assert json.loads(file.read_bytes())["path"] == "schemas/health/new-stillbirth/1.json"
    assert by_health(two, "POST", "/api/v1/eventType", json=new).status_code == 409
    known = {"eventType": "birth", "schema": {"type": "object"}}
    assert by_health(two, "POST", "/api/v1/eventType", json=known).status_code == 409
    wrong = {"eventType": "other", "schema": {"type": "no such"}}
    assert by_health(two, "POST", "/api/v1/eventType", json=wrong).status_code == 400
    assert by_health(two, "DELETE", "/api/v1/eventType/newStillbirth").status_code == 204
    assert by_health(two, "DELETE", "/api/v1/eventType/newStillbirth").status_code == 404
    assert by_health(two, "DELETE", "/api/v1/eventType/birth").status_code == 404
    assert (folder / "retirement-health.birth.json").exists()


def deep(levels: int) -> dict[str, Any]:
    """A schema in a schema in a schema."""
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"not": found}
    return found


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/pub/v1/birth", {"eventType": "other", "event": BIRTH}, 400),
        ("POST", "/pub/v1/birth", {"eventType": "birth", "event": []}, 400),
        ("POST", "/pub/v1/birth", {"eventType": "birth", "event": {"no": "birth"}}, 400),
        ("POST", "/pub/v1/birth", [], 400),
        ("POST", "/pub/v1/no%2Fbirth", {"eventType": "no/birth", "event": {}}, 400),
        ("POST", "/pub/v1/unknown", {"eventType": "unknown", "event": {}}, 404),
        ("POST", "/r1/DEMO/GOV/NOBODY/health/pub/v1/birth", {"eventType": "birth"}, 404),
        ("POST", "/r1/XX/GOV/CIVIL/health/pub/v1/birth", {"eventType": "birth"}, 404),
        ("GET", "/pub/v1/birth/no-id", None, 404),
        ("GET", "/pub/v1/birth", None, 405),
        ("GET", "/no/such/path", None, 404),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "delivery": "FAX"}, 400),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "options": {"TTL": 0}}, 400),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "options": {"TTL": True}}, 400),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "options": {"FIFO": 1}}, 400),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "options": []}, 400),
        ("POST", "/api/v1/subs/birth", {"eventType": "birth", "delivery": "PUSH"}, 400),
        ("PATCH", "/api/v1/subs/birth", {"eventType": "birth"}, 404),
        ("POST", "/api/v1/eventType", {"eventType": "x", "schema": {"$schema": []}}, 400),
        ("POST", "/api/v1/eventType", {"eventType": "x", "schema": deep(195)}, 400),
        ("POST", "/api/v1/eventType", {"eventType": "x" * 80, "schema": {}}, 400),
        ("POST", "/api/v1/eventType", {"eventType": "../x", "schema": {}}, 400),
        ("POST", "/api/v1/eventType", {"eventType": "x", "schema": {"title": "x" * 70_000}}, 400),
        ("DELETE", "/pull/v1/birth/x", None, 404),
        ("GET", "/pull/v1/%FF", None, 404),
    ],
)
def test_problems(two: Pair, method: str, path: str, body: Any, status: int) -> None:
    """Each by a status of GovStack's document, as problem details. Health has no push address."""
    answer = by_health(two, method, path, json=body)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_is_somebody_else_sees_nothing(two: Pair) -> None:
    """Another's name, no name, two names: never another's events."""
    subscribe(two)
    event = publish(two)
    for headers in ({"X-GovStack-Client": HEALTH}, {"X-GovStack-Client": "x"}, {}):
        answer = two.provider.http.get(f"{ROOM}/pull/v1/birth", headers=headers)
        assert answer.status_code in (404, 409), answer.text
    names = [("X-GovStack-Client", CIVIL), ("X-GovStack-Client", CIVIL)]
    assert two.provider.http.get(f"{ROOM}/pull/v1/birth", headers=names).status_code == 409
    assert pulled(two)["id"] == event
    assert acknowledged(two, event) == 204


def test_restarts_lose_nothing(tmp_path: Path) -> None:
    """Subscriptions, what was pulled and not acknowledged, what is to be pushed: all of it."""
    with provider() as service:
        rooms = Rooms(tmp_path, service)
        with gateway(rooms.made.node_folder(HEALTH)) as health:
            with ready(rooms.start_civil()) as (civil,):
                two = Pair(health, civil, service, rooms.made)
                made = subscribe(two)
                events = [publish(two) for _ in range(3)]
                assert pulled(two)["id"] == events[0]
                until(lambda: civil_waits(two) == 3)
                civil.process.kill()
                civil.process.wait()
                civil.process.returncode = 0  # it was our doing
            events.append(publish(two))
            with ready(rooms.start_civil()) as (civil,):
                two = Pair(health, civil, service, rooms.made)
                assert by_civil(two, "GET", "/api/v1/subs").json() == [made]
                assert acknowledged(two, events[0]) == 204
                assert pulled(two)["id"] == events[1]
                pushed = {"eventType": "birth", "delivery": "PUSH"}
                changed = by_civil(two, "PATCH", "/api/v1/subs/birth", json=pushed)
                assert changed.status_code == 201
                until(lambda: len(service.seen) == 3)
                got = {json.loads(one.body)["id"] for one in service.seen}
                assert got == set(events[1:])
                until(lambda: civil_waits(two) == 0)  # the last answers are noted, too
                nobody_receives(two)


def nobody_receives(two: Pair) -> None:
    """What is cancelled stays outside the node, and comes when somebody subscribes again."""
    assert by_civil(two, "DELETE", "/api/v1/subs/birth").status_code == 204
    event = publish(two)
    until(lambda: by_health(two, "GET", f"/pub/v1/birth/{event}").json()["status"] == "sent")
    assert two.call("echo/heartbeat").status_code == 200  # what was sent later has arrived
    assert civil_waits(two) == 0
    subscribe(two)
    assert pulled(two)["id"] == event


def civil_waits(two: Pair) -> float:
    """How many messages are in the Civil Registry's inbox."""
    text = two.provider.http.get("/metrics").text
    (line,) = [one for one in text.splitlines() if 'where="inbox"' in one]
    return float(line.rpartition(" ")[2])
