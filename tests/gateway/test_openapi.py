"""The OpenAPI document of the running gateway: valid, and every answer is one that it documents."""

from __future__ import annotations

from typing import Any

import pytest
from documented import tried
from openapi_spec_validator import validate
from pairs import Pair, Running


def test_the_document_is_valid(two: Pair) -> None:
    """OpenAPI 3.1, by a validator that is not ours."""
    validate(two.consumer.http.get("/openapi.json").json())


def in_haste(case: Any) -> None:
    """So that nothing is waited for, and more is tried than a caller who is nobody."""
    if isinstance(case.query, dict):
        case.query.pop("wait", None)
        case.query["timeout"] = "0.05"
    if case.headers and case.headers.get("X-Road-Client", "")[:1] > "E":
        del case.headers["X-Road-Client"]


@pytest.mark.parametrize("side", ["consumer", "provider"])
def test_every_answer_is_documented(two: Pair, side: str) -> None:
    """Schemathesis, over all operations but the endless stream: no server error, nothing unsaid."""
    running: Running = getattr(two, side)
    import schemathesis

    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    assert tried(schema, running, in_haste, skip="/events") == 9
