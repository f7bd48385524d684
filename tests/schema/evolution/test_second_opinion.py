"""Another validator, which shares no code with ours, judges bodies alike."""

from __future__ import annotations

from random import Random
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_pairs import DRAFT_07, VALUES, pair
from sharing import examples

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema

EXACT = [value for value in VALUES if "00000" not in str(value)]
"""Without the integers that the other library divides as floats, and so inexactly."""


def second_opinion(schema: dict[str, Any]) -> Any:
    """A validator of the pure Python library; formats are left out, as each knows its own."""
    if schema.get("$schema") == DRAFT_07:
        return jsonschema.Draft7Validator(schema)
    return jsonschema.Draft202012Validator(schema)


@settings(max_examples=examples(60), deadline=None, database=None)
@given(st.integers(0, 2**40))
def test_bodies_are_judged_alike(seed: int) -> None:
    """Random schemas accept and refuse the same values in both libraries."""
    random = Random(seed)
    schema, _ = pair(random)
    text = str(schema)
    if "'format'" in text or "'dependencies'" in text:  # ours keeps dependencies in 2020-12 too
        return
    try:
        ours = compile_schema(schema, "json")
    except SchemaError:
        return
    other = second_opinion(schema)
    for value in random.sample(EXACT, 60):
        assert ours.is_valid(value) is other.is_valid(value), value
        assert (ours.validate(value) == []) is ours.is_valid(value)
