"""The OpenAPI document of the running gateway: valid, and every answer is one that it documents."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from pairs import Pair, Running
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("XROAD_LITE_SOAK_HTTP", "3"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
GATEWAY_ANSWERS = (502, 503, 504)
"""What says that somebody else failed: documented, and no failure of the gateway's own."""


def schema_of(running: Running) -> Any:
    """The document as it is served."""
    return schemathesis.openapi.from_url(f"{running.url}/openapi.json")


def test_the_document_is_valid(two: Pair) -> None:
    """OpenAPI 3.1, by a validator that is not ours."""
    validate(two.consumer.http.get("/openapi.json").json())


@pytest.mark.parametrize("side", ["consumer", "provider"])
def test_every_answer_is_documented(two: Pair, side: str) -> None:
    """Schemathesis, over all operations but the endless stream: no server error, nothing unsaid."""
    running: Running = getattr(two, side)
    schema = schema_of(running)
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events"):
            continue
        tried.add(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Any) -> None:
            if isinstance(case.query, dict):
                case.query.pop("wait", None)
                case.query["timeout"] = "0.05"
            if case.headers and case.headers.get("X-Road-Client", "")[:1] > "E":
                del case.headers["X-Road-Client"]  # so that more than the caller is tried
            answer = case.call(timeout=30)
            checks = CHECKS[1:] if answer.status_code in GATEWAY_ANSWERS else CHECKS
            case.validate_response(answer, checks=checks)

        given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))(check)()
        with suppress(Unsatisfiable):  # where nothing can be asked for wrongly
            given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(check)()
    assert len(tried) == 9
    assert '"bug"' not in running.log.read_text()
