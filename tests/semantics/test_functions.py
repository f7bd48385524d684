"""The closed list of functions: what each gives, what it has no answer for, what undoes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.semantics.functions import KINDS, fault, implementation, inverse, result_types
from xroad_lite.semantics.names import XSD
from xroad_lite.semantics.values import Function


def function(name: str, **parameters: Any) -> Function:
    """A function with its parameters; ``source`` stands for ``from``."""
    named = {{"source": "from"}.get(key, key): value for key, value in parameters.items()}
    return Function(name, tuple(sorted(named.items())))


def call(made: Function, value: Any) -> Any:
    """What the function gives, with a table of one code."""
    return implementation(made, lambda source, target: {"m": "M"})(value)


@pytest.mark.parametrize(
    ("made", "value", "expected"),
    [
        (function("join", sep=" "), ["Ana", "", None, "Luz"], "Ana Luz"),
        (function("join", sep=" "), ["", None], None),
        (function("split", sep="-"), "a-b-", ["a", "b", ""]),
        (function("split", sep="-"), "", None),
        (function("template", pattern="{2}, {1}"), ["Ana", "Rojas"], "Rojas, Ana"),
        (function("template", pattern="{2}, {1}"), ["Ana", None], None),
        (function("template", pattern="{1}{1}"), ["{1}"], "{1}{1}"),
        (function("dateform", source="DD/MM/YYYY", to="YYYY-MM-DD"), "28/02/2024", "2024-02-28"),
        (function("dateform", source="DD/MM/YYYY", to="YYYY-MM-DD"), "30/02/2024", None),
        (function("dateform", source="DD/MM/YYYY", to="YYYY-MM-DD"), "28/02/2024\n", None),
        (function("dateform", source="YYYYMMDD", to="MM.YYYY"), "20240228", "02.2024"),
        (function("dateform", source="YYYY-MM", to="YYYY"), "2024-13", None),
        (function("dateform", source="YYYY-MM-DD", to="YYYY-MM-DD"), "2024-W01-1", None),
        (function("dateform", source="YYYY-MM-DD", to="YYYY-MM-DD"), "0000-01-01", None),
        (function("dateform", source="YYYY-MM-DD", to="YYYY-MM-DD"), "2024-02-٢٨", None),
        (function("dateform", source="YYYY-MM-DD", to="YYYY-MM-DD"), 20240228, None),
        (function("dateof"), "2015-02-14T23:30:00-05:00", "2015-02-14"),
        (function("dateof"), "2015-02", None),
        (function("lookup", source="s", to="t"), "m", "M"),
        (function("lookup", source="s", to="t"), "q", None),
        (function("constant", value=True), "anything", True),
        (function("unit", factor="0.001"), 2500, 2.5),
        (function("unit", factor="0.1"), 3, 0.3),
        (function("unit", factor="1.8", offset="32"), 100, 212),
        (function("unit", factor="1.8", inverse=True, offset="32"), 212, 100),
        (function("unit", factor="2"), True, None),
        (function("unit", factor="2"), "2", None),
        (function("unit", factor="2"), float("nan"), None),
        (function("cast", to=XSD + "integer"), "42", 42),
        (function("cast", to=XSD + "integer"), "-0", None),
        (function("cast", to=XSD + "integer"), "1e3", None),
        (function("cast", to=XSD + "integer"), "9" * 5000, None),
        (function("cast", to=XSD + "decimal"), "1.5", 1.5),
        (function("cast", to=XSD + "decimal"), "1.50", None),
        (function("cast", to=XSD + "boolean"), "true", True),
        (function("cast", to=XSD + "boolean"), "True", None),
        (function("cast", to=XSD + "string"), False, "false"),
        (function("cast", to=XSD + "string"), 1.5, "1.5"),
        (function("cast", to=XSD + "string"), 10**30, None),
    ],
)
def test_what_each_function_gives(made: Function, value: Any, expected: Any) -> None:
    """One line for each function and for each thing it has no answer for."""
    found = call(made, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("made", "arguments", "said"),
    [
        (function("eval"), 1, "no function"),
        (function("join"), 1, "lacks sep"),
        (function("dateof", sep=""), 1, "takes no sep"),
        (function("dateof"), 2, "takes one path"),
        (function("split", sep=""), 1, "empty separator"),
        (function("cast", to="x"), 1, "no way"),
        (function("dateform", source="YYYY", to="YYYY-MM"), 1, "not read"),
        (function("dateform", source="YYYYYYYY", to="YYYY"), 1, "not read"),
        (function("unit", factor="0"), 1, "zero"),
        (function("unit", factor="x"), 1, "no number"),
        (function("template", pattern="{1}"), 2, "each of its 2"),
        (function("constant", value=float("inf")), 1, "JSON"),
    ],
)
def test_functions_that_cannot_be(made: Function, arguments: int, said: str) -> None:
    """A function outside the list, or with parameters that make no sense, is named."""
    assert said in fault(made, arguments)


INVERTIBLE = {
    function("join", sep="|"): st.lists(st.text("ab", min_size=1), min_size=1),
    function("split", sep="|"): st.text("ab|", min_size=1).filter(
        lambda text: "||" not in text and text.strip("|") == text
    ),
    function("dateform", source="DD/MM/YYYY", to="YYYY-MM-DD"): st.dates().map(
        lambda d: f"{d.day:02}/{d.month:02}/{d.year:04}"
    ),
    function("unit", factor="1000", offset="0"): st.integers(-(10**9), 10**9),
}


@pytest.mark.parametrize("made", INVERTIBLE, ids=lambda made: made.name)
@given(data=st.data())
def test_inverses_undo(made: Function, data: st.DataObject) -> None:
    """What a function gives, its inverse takes back, on the values that the function admits."""
    value = data.draw(INVERTIBLE[made])
    back = inverse(made)
    assert back is not None
    assert call(back, call(made, value)) == value


def test_lossy_functions_have_no_inverse() -> None:
    """Constants, templates and dates of moments cannot be undone."""
    assert inverse(function("dateof")) is None
    assert inverse(function("constant", value=1)) is None
    assert inverse(function("template", pattern="{1}")) is None
    assert inverse(function("join", sep="")) is None
    assert inverse(function("dateform", source="YYYY-MM-DD", to="YYYY")) is None


def test_every_function_says_what_type_it_gives() -> None:
    """Types decide where a value may stand."""
    assert {name for name, kind in KINDS.items() if not kind.derived} == {
        "join",
        "split",
        "template",
        "dateform",
        "dateof",
        "lookup",
        "constant",
        "unit",
        "cast",
    }
    assert result_types(function("constant", value=True)) == {"boolean"}
    assert result_types(function("constant", value=3)) == {"integer"}
    assert result_types(function("cast", to=XSD + "decimal")) == {"number"}
    assert result_types(function("join", sep="")) == {"string"}
