"""Rows become bodies and bodies rows, by paths; what does not fit is named."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xroad_lite.adapting.columns import Columns, plain
from xroad_lite.errors import ConfigurationError, RejectedError


def test_a_row_becomes_a_nested_body():
    """Paths nest, numbers are places in a list, constants stand in every body, None is left out."""
    columns = Columns.of(
        {
            "number": "identifier.0.value",
            "born": "birthDate",
            "second": "name.0.given.1",
            "first": "name.0.given.0",
            "order": {"to": "multipleBirthInteger", "as": "integer"},
            "died": "deceasedDateTime",
        },
        {"resourceType": "Patient", "identifier.0.system": "urn:b"},
    )
    row = {
        "number": "B-1",
        "born": dt.date(2026, 3, 14),
        "second": "Sofía",
        "first": "Elena",
        "order": "2",
        "died": None,
        "more": 1,
    }
    body = columns.body(row)
    assert body == {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:b", "value": "B-1"}],
        "birthDate": "2026-03-14",
        "name": [{"given": ["Elena", "Sofía"]}],
        "multipleBirthInteger": 2,
    }
    back = columns.row(body)
    assert back["second"] == "Sofía"
    assert back["died"] is None


def test_without_columns_every_column_is_its_own_path():
    """A view or a header can say it all."""
    assert Columns.of(None).body({"a.b": 1, "a.c.0": 2, "d": None}) == {"a": {"b": 1, "c": [2]}}


@pytest.mark.parametrize(
    ("kind", "given_", "expected"),
    [
        ("text", 7, "7"),
        ("text", Decimal("1.10"), "1.10"),
        ("integer", " 12 ", 12),
        ("integer", Decimal("12"), 12),
        ("number", "1.5", 1.5),
        ("number", "3", 3),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
        ("boolean", False, False),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", [1], [1]),
        ("date %d/%m/%Y", "14/03/2026", "2026-03-14"),
    ],
)
def test_kinds(kind, given_, expected):
    """Texts of files and numbers of databases become what the schema asks for."""
    found = Columns.of({"c": {"to": "x", "as": kind}}).body({"c": given_})["x"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("integer", "1.5"),
        ("integer", "١"),
        ("integer", "9" * 5000),
        ("number", "1e999"),
        ("number", "nan"),
        ("boolean", "maybe"),
        ("json", '{"a":1,"a":2}'),
        ("date %d/%m/%Y", "2026-03-14"),
    ],
)
def test_a_value_of_another_kind_is_named(kind, wrong):
    """The column, what was got and what was expected."""
    with pytest.raises(RejectedError, match=r"column c: got .* expected"):
        Columns.of({"c": {"to": "x", "as": kind}}).body({"c": wrong})


def test_a_row_without_a_column_is_refused():
    """A file of another form is not published with holes."""
    with pytest.raises(RejectedError, match="no column b: the row has a"):
        Columns.of({"b": "b"}).body({"a": 1})


@pytest.mark.parametrize(
    ("columns", "constants"),
    [
        ({"a": "x", "b": "x.y"}, None),
        ({"a": "x", "b": "x"}, None),
        ({"a": "x"}, {"x": 1}),
        ({"a": "x..y"}, None),
        ({"a": {"to": "x", "as": "colour"}}, None),
        ({"a": 7}, None),
    ],
)
def test_columns_that_cannot_work_are_refused_at_the_start(columns, constants):
    """Before a row is read."""
    with pytest.raises(ConfigurationError):
        Columns.of(columns, constants)


def test_headers_that_contradict_refuse_the_row():
    """Without columns the header is the mapping: it may be wrong too."""
    for row in ({"a": 1, "a.b": 2}, {"a.b": 1, "a": 2}):
        with pytest.raises(RejectedError):
            Columns.of(None).body(row)


def test_plain_values():
    """Times with an offset are told in UTC, exact numbers are numbers, bytes are base64."""
    moment = dt.datetime(2026, 3, 14, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=-3)))
    assert plain(moment) == "2026-03-14T13:00:00+00:00"
    assert (plain(Decimal("2")), plain(Decimal("2.5"))) == (2, 2.5)
    assert plain(memoryview(b"abc")) == "YWJj"


_NAMES = st.text("abc", min_size=1, max_size=2)


@settings(max_examples=25)
@given(st.dictionaries(_NAMES, st.one_of(st.integers(), _NAMES, st.booleans()), min_size=1))
def test_row_of_body_of_row_is_the_row(row):
    """The way back is exact where nothing is converted."""
    columns = Columns.of({name: f"deep.{number}.v" for number, name in enumerate(row)})
    assert columns.row(columns.body(row)) == row
