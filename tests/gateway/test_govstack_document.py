"""GovStack's own OpenAPI document, held against the running gateway by schemathesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from pairs import Pair, Running
from rooms import Rooms, drained, emptied
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from xroad_lite.testing import BIRTH, CIVIL, HEALTH

DOCUMENT = Path(__file__).parents[3] / "shared/data/govstack/GovStack_IM_PubSub_API.yaml"
EXAMPLES = int(os.environ.get("XROAD_LITE_SOAK_HTTP", "3"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
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
    schema = schemathesis.openapi.from_path(DOCUMENT)
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        tried.add(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Any) -> None:
            in_a_room(case, client)
            answer = case.call(base_url=running.url, timeout=30)
            case.validate_response(answer, checks=CHECKS)

        given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))(check)()
        with suppress(Unsatisfiable):  # where nothing can be asked for wrongly
            given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(check)()
    assert len(tried) == 14
    assert '"bug"' not in running.log.read_text()
