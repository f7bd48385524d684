"""The compatibility cases that Karapace's unit tests state, where their file is beside us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.schema import check_compatibility, compile_schema

CASES = Path(__file__).parents[4] / "shared/data/karapace-compatibility.json"
KINDS = {"avro": "avro", "jsonschema": "json"}
OURS = [
    # argued in docs/compatibility.md: the field that is added says nothing of its value
    ({"type": "object", "properties": {"a": {}}}, {"type": "object"}, {"a": "anything"}),
]


def stated(kind: str) -> list[dict[str, Any]]:
    """The cases of one kind."""
    if not CASES.exists():
        pytest.skip("Karapace's cases are not beside this checkout (shared/data)")
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    return [case for case in cases if KINDS[case["kind"]] == kind]


def differing(kind: str) -> list[tuple[Any, Any]]:
    """Reader and writer of each case that we judge otherwise."""
    return [
        (case["reader"], case["writer"])
        for case in stated(kind)
        if (check_compatibility(case["reader"], case["writer"], kind, "BACKWARD") == [])
        is not case["compatible"]
    ]


def test_avro_is_judged_as_stated() -> None:
    """All cases of Avro, without exception."""
    assert differing("avro") == []


def test_json_schema_is_judged_as_stated_or_argued() -> None:
    """All cases of JSON Schema but those that the documentation argues, at most one in twenty."""
    different = differing("json")
    assert all(any(pair == (r, w) for r, w, _ in OURS) for pair in different)
    assert len(different) <= len(stated("json")) / 20


@pytest.mark.parametrize(("reader", "writer", "body"), OURS)
def test_the_argued_cases_hold(reader: Any, writer: Any, body: Any) -> None:
    """The body of each argument is accepted by both, and the proof stands."""
    assert compile_schema(reader, "json").is_valid(body)
    assert compile_schema(writer, "json").is_valid(body)
    assert check_compatibility(reader, writer, "json", "BACKWARD") == []
