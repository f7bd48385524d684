"""A verdict of "compatible" never has a counterexample, as far as a search can tell."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from schema_pairs import VALUES, pair

from xroad_lite.errors import SchemaError
from xroad_lite.schema import check_compatibility, compile_schema

# the long form, for `make soak`: XROAD_LITE_SOAK_PAIRS=20000
PLAIN = "250" if os.environ.get("CI") == "true" else "100"
PAIRS = int(os.environ.get("XROAD_LITE_SOAK_PAIRS", PLAIN))


def counterexamples(reader: Any, writer: Any) -> list[Any]:
    """Values that the writer's schema accepts and the reader's refuses."""
    read, write = compile_schema(reader, "json"), compile_schema(writer, "json")
    return [value for value in VALUES if write.is_valid(value) and not read.is_valid(value)]


@pytest.mark.timeout(max(120, PAIRS // 10))
@settings(
    max_examples=PAIRS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(0, 2**40))
def test_compatible_means_no_counterexample(seed: int) -> None:
    """What we say one reads of the other it reads, for every value that we can think of."""
    first, second = pair(Random(seed))
    for reader, writer in ((first, second), (second, first)):
        try:
            found = check_compatibility(reader, writer, "json", "BACKWARD")
        except SchemaError:
            event("no schema")
            continue
        event("incompatible" if found else "compatible")
        examples = counterexamples(reader, writer)
        assert found or not examples, examples[:3]
        if found and not examples:
            event("incompatible without example: " + found[0].change)
