"""The data tracker, asked by a portal through two running gateways."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pairs import Pair
from rooms import Rooms, emptied

from xroad_lite.testing import BIRTH, PURPOSE

PERSON = "B-2026-0007"


@pytest.fixture(scope="module")
def two(in_rooms: tuple[Rooms, Pair]) -> Pair:
    """Health is the portal; the Civil Registry has got two births of one person, one of another."""
    two = emptied(in_rooms[1])
    for person in (PERSON, "B-2", PERSON):
        published(two, person)
    return two


def published(two: Pair, person: str) -> None:
    """A birth of a person, handled by the Civil Registry's system."""
    birth = {**BIRTH, "identifier": [{**BIRTH["identifier"][0], "value": person}]}
    births = "/api/v1/messages/health.birth"
    headers = {"ce-subject": person, "ce-purpose": PURPOSE}
    assert two.consumer.http.post(births, json=birth, headers=headers).status_code == 202
    (found,) = two.provider.http.get(births, params={"wait": 20}).json()["messages"]
    two.provider.http.post(f"{births}/{found['entry']}/acknowledge")


def usages(two: Pair, service: str = "echo", user: str = PERSON, **query: Any) -> httpx.Response:
    """What the portal gets for a person."""
    params = {"userCode": PERSON, **query}
    headers = {"X-Road-UserId": user} if user else {}
    return two.call(f"{service}/findUsage", params=params, headers=headers)


def test_who_used_a_persons_data(two: Pair) -> None:
    """All uses of this person's and no other's, the latest first, in the protocol's fields."""
    found = usages(two).json()
    assert found["totalUsages"] == 2
    assert [sorted(one) for one in found["usages"]] == [
        ["action", "logtime", "receiverCode", "receiverName", "receiverSystem"]
    ] * 2
    assert found["usages"][0]["logtime"] > found["usages"][1]["logtime"]
    assert {one["receiverCode"] for one in found["usages"]} == {"CIVIL"}
    assert {one["receiverSystem"] for one in found["usages"]} == {"Civil Registry"}
    assert all("health.birth" in one["action"] for one in found["usages"])
    assert usages(two, user="B-3", userCode="B-3").json() == {"totalUsages": 0, "usages": []}


def test_pages_and_periods(two: Pair) -> None:
    """``offset`` leaves out so many; the total is that of the period."""
    newest, oldest = usages(two).json()["usages"]
    assert usages(two, limit=1).json() == {"totalUsages": 2, "usages": [newest]}
    assert usages(two, limit=1, offset=1).json() == {"totalUsages": 2, "usages": [oldest]}
    assert usages(two, offset=2).json() == {"totalUsages": 2, "usages": []}
    assert usages(two, limit=0).json() == {"totalUsages": 2, "usages": []}
    since = usages(two, periodStart=newest["logtime"]).json()
    assert since == {"totalUsages": 1, "usages": [newest]}
    until = usages(two, periodEnd=newest["logtime"].removesuffix("Z")).json()
    assert until == {"totalUsages": 1, "usages": [oldest]}
    assert usages(two, periodEnd="2020-01-01T00:00:00+02:00").json()["totalUsages"] == 0


def test_on_behalf_of_the_person_alone(two: Pair) -> None:
    """Who asks is told of themselves; of others only where representation is allowed."""
    assert usages(two, user="B-2").status_code == 400
    assert usages(two, user="").status_code == 400
    assert usages(two, "described", user="B-2").json()["totalUsages"] == 2
    prefixed = usages(two, "described", user=f"EE{PERSON}", userCode=f"EE{PERSON}")
    assert prefixed.json()["totalUsages"] == 2


def test_only_the_portal(two: Pair) -> None:
    """Whoever has an agreement and is not in the list is refused as X-Road does it."""
    refused = usages(two, "öäå")
    assert refused.headers["x-road-error"] == "server.serverproxy.access_denied"


@pytest.mark.parametrize(
    "query",
    [
        {"userCode": ""},
        {"offset": "-1"},
        {"limit": "x"},
        {"limit": "99999999999"},
        {"periodStart": "yesterday"},
        {"periodStart": "2026-02-30T00:00:00Z"},
        {"surprise": "1"},
        {"limit": ["1", "2"]},
    ],
)
def test_wrong_questions(two: Pair, query: dict[str, Any]) -> None:
    """400, and why."""
    answer = usages(two, **query)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


def test_a_time_before_all_times(two: Pair) -> None:
    """It has no year in UTC, and is one all the same."""
    assert usages(two, periodEnd="0001-01-01T00:00:00+14:00").json()["totalUsages"] == 0


def test_heartbeat_and_period(two: Pair) -> None:
    """Whether it works, and from when on there are usages."""
    assert two.call("echo/heartbeat").json()["status"] == "OK"
    period = two.call("echo/usagePeriod").json()
    assert period.keys() == {"periodStart"}
    assert period["periodStart"] < usages(two).json()["usages"][-1]["logtime"]
    assert two.call("echo/else").status_code == 404
    assert two.call("echo/heartbeat", "POST", content=b"x").status_code == 405


def test_asking_is_no_use(two: Pair) -> None:
    """A person's own questions are not told as uses of their data."""
    before = usages(two).json()
    assert usages(two).json() == before
