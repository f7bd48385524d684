"""A projection keeps what an agreement allows, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema, missing_for_projection, project

BODY = {
    "id": "7",
    "name": [{"family": "Soto", "given": ["Ana"]}, {"given": ["Eva"]}, "odd"],
    "address": {"city": "Lota", "line": "Calle 1"},
    "a/b": 1,
}


def kept(*fields: str) -> Any:
    """The body with only these fields."""
    return project({}, "json", BODY, fields)


def test_only_allowed_fields_are_kept() -> None:
    """Whole objects, single fields and fields of every item are kept, with their parents."""
    assert kept("/id", "/address") == {"id": "7", "address": BODY["address"]}
    assert kept("/name/*/family") == {"name": [{"family": "Soto"}, {}]}
    assert kept("/name/0/family") == kept("/name/*/family")
    assert kept("/name/*/family", "/name/3/given/*") == {
        "name": [{"family": "Soto", "given": ["Ana"]}, {"given": ["Eva"]}]
    }
    assert kept("/a~1b") == {"a/b": 1}
    assert kept("") == BODY


def test_nothing_allowed_keeps_nothing() -> None:
    """No fields, and fields that the body lacks, leave an empty body."""
    assert kept() == {}
    assert kept("/none", "/id/deeper") == {}
    assert project({}, "json", [1], []) == []
    assert project({}, "json", "text", ["/a"]) is None


def test_a_wider_field_wins() -> None:
    """A pointer to an object keeps it whole beside a pointer into it."""
    assert kept("/address", "/address/city") == {"address": BODY["address"]}


def test_a_pointer_begins_with_a_slash() -> None:
    """A field that is no JSON Pointer is refused."""
    with pytest.raises(SchemaError, match=r"schema\.pointer"):
        kept("name")


VALUES = st.recursive(
    st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
FIELDS = st.lists(
    st.lists(st.sampled_from(["a", "b", "*", "0"]), max_size=3).map(
        lambda parts: "".join("/" + part for part in parts)
    ),
    max_size=4,
)


@settings(deadline=None)
@given(VALUES, FIELDS)
def test_projection_is_pure_and_idempotent(value: Any, fields: list[str]) -> None:
    """Projecting twice is projecting once, and the value stays as it was."""
    before = copy.deepcopy(value)
    once = project({}, "json", value, fields)
    assert compile_schema({}, "json").project(value, fields) == once
    assert project({}, "json", once, fields) == once
    assert value == before


def test_required_fields_that_would_be_removed_are_named() -> None:
    """The schema's required fields are followed along references, allOf and items."""
    schema = {
        "required": ["id", "name"],
        "allOf": [{"required": ["kind"]}],
        "properties": {"name": {"type": "array", "items": {"$ref": "#/$defs/name"}}},
        "$defs": {"name": {"required": ["family", "given"]}},
    }
    assert missing_for_projection(schema, ["/name/*/family"]) == (
        "/id",
        "/kind",
        "/name/*/given",
    )
    assert missing_for_projection(schema, ["/id", "/kind", "/name"]) == ()
    assert missing_for_projection(True, ["/id"]) == ()
