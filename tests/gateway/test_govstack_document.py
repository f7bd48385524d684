"""GovStack's own OpenAPI document, held against the running gateway by schemathesis."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from documented import tried
from pairs import Pair, Running
from rooms import Rooms, drained, emptied

from xroad_lite.testing import BIRTH, CIVIL, HEALTH

DOCUMENT = Path(__file__).parents[3] / "shared/data/govstack/GovStack_IM_PubSub_API.yaml"
ROOM = {
    "instanceId": "DEMO",
    "memberClass": "GOV",
    "memberCode": "CIVIL",
    "applicationCode": "health",
}


@pytest.fixture(params=[HEALTH, CIVIL])
def asked(request: Any, in_rooms: tuple[Rooms, Pair]) -> Iterator[tuple[str, Running]]:
    """The publisher's gateway, or the subscriber's, which has an address to push to."""
    if not DOCUMENT.exists():
        pytest.skip("GovStack's document is not beside this checkout (shared/data/govstack)")
    two = emptied(in_rooms[1])
    yield request.param, two.consumer if request.param == HEALTH else two.provider
    drained(two)


def in_a_room(case: Any, client: str) -> None:
    """So that more is tried than paths that are nowhere; every other one has an event type."""
    known = len(repr(case.body)) % 2
    for name in case.path_parameters or {}:
        if name in ROOM and known:
            case.path_parameters[name] = ROOM[name]
        elif name == "eventType" and known:
            case.path_parameters[name] = "birth"
    if known and case.headers and "X-GovStack-Client" in case.headers:
        case.headers["X-GovStack-Client"] = client
    if known and isinstance(case.body, dict) and "eventType" in case.body:
        case.body["eventType"] = "birth"
        if "event" in case.body:
            case.body["event"] = BIRTH


def test_every_answer_is_documented(asked: tuple[str, Running]) -> None:
    """No server error, and nothing that GovStack's document does not say."""
    client, running = asked
    import schemathesis

    schema = schemathesis.openapi.from_path(DOCUMENT)
    assert tried(schema, running, partial(in_a_room, client=client)) == 14
