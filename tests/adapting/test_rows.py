"""Rows of CSV, NDJSON and XML: good ones come, bad ones say why, hostile files are bounded."""

import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xroad_lite.adapting.columns import Columns
from xroad_lite.adapting.rows import MAX_LINE, Row, read_rows, write_faults
from xroad_lite.errors import ConfigurationError


def read(data, form, **options):
    """All rows of some bytes."""
    return list(read_rows(io.BytesIO(data), form, **options))


def test_csv():
    """Quotes, empty fields, empty lines, a byte order mark, columns of ours."""
    data = '\ufeffa;b;#reason\r\n1;"x;\ny";old\r\n\r\n2;;\r\n'.encode()
    assert read(data, "csv", separator=";") == [
        Row(2, {"a": "1", "b": "x;\ny"}),
        Row(5, {"a": "2", "b": None}),
    ]
    assert read(b"", "csv") == read(b"a,b\n", "csv") == []
    assert read("a\nñ\n".encode("latin-1"), "csv", encoding="latin-1") == [Row(2, {"a": "ñ"})]


def test_bad_rows_of_csv_say_why():
    """Too many or few fields, bytes of another encoding, a quote in the middle; others come."""
    data = b'a,b\n1\n1,2,3\n\xff,2\n"x"y,2\n5,6\n'
    rows = read(data, "csv")
    assert [(row.line, bool(row.problem)) for row in rows] == [
        (2, True),
        (3, True),
        (4, True),
        (5, True),
        (6, False),
    ]
    assert "1 fields: the header has 2" in rows[0].problem
    assert rows[2].values["a"] == "\\xff"


def test_ndjson():
    """A line that is no object is a bad row; so is one that readers would not read alike."""
    data = b'{"a":1}\n\n[1]\n{"a":1,"a":2}\n{"a":\n{"a":{"b":2},"#line":3}'
    rows = read(data, "ndjson")
    assert [(row.line, row.problem is None) for row in rows] == [
        (1, True),
        (3, False),
        (4, False),
        (5, False),
        (6, True),
    ]
    assert rows[-1].values == {"a": {"b": 2}}


XML = b"""<?xml version="1.0"?><h:births xmlns:h="urn:h" xmlns="urn:h">
<birth number="1"><born>2026-03-14</born><name><given>Ada</given><given>Eva</given></name></birth>
<other><birth number="2"><born unit="day">2026-03-15</born><name><given>Ray</given></name>
</birth></other><birth number="3"/></h:births>"""


def test_xml():
    """An element a row, at any depth; names without their namespaces."""
    rows = read(XML, "xml", element="birth")
    assert [(row.line, row.values) for row in rows] == [
        (2, {"@number": "1", "born": "2026-03-14", "name": {"given": ["Ada", "Eva"]}}),
        (
            3,
            {
                "@number": "2",
                "born": {"@unit": "day", "#": "2026-03-15"},
                "name": {"given": "Ray"},
            },
        ),
        (4, {"@number": "3"}),
    ]
    columns = Columns.of({"@number": "id", "name.given.0": "first", "name.given.1": "second"})
    assert [columns.body(row.values, sparse=True) for row in rows] == [
        {"id": "1", "first": "Ada", "second": "Eva"},
        {"id": "2", "first": "Ray"},
        {"id": "3"},
    ]


LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "ha">' for n in range(12)
)


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (f"<!DOCTYPE a [{LAUGHS}]><a><r>&l11;</r></a>", "document type"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><r>&x;</r></a>', "document"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a><r>1</r></a>', "document type"),
        ("<a><r>&x;</r></a>", "undefined entity"),
        ("<a><r>" + "<b>" * 100_000, "nested deeper"),
        ("<a><r><b>" + "x" * (MAX_LINE + 1) + "</b></r></a>", "longer than"),
        ("<a><r><b>1</b></r><r>", "no element found"),
        ("", "no element found"),
    ],
)
def test_hostile_xml(hostile, said):
    """No entity is expanded, no address is asked, nothing grows without bound; rows before stay."""
    rows = read(hostile.encode(), "xml", element="r")
    assert said in rows[-1].problem
    assert "was not read" in rows[-1].problem
    assert all(row.problem is None for row in rows[:-1])


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_endless_line_is_bounded(form):
    """It is not read into memory whole."""
    rows = read(b"a\n" * (form == "csv") + b"x" * (3 * MAX_LINE), form)
    assert "longer than" in rows[-1].problem


def test_an_endless_quote_is_bounded():
    """A quote that is never closed swallows no more than one field's limit."""
    rows = read(b'a\n"' + b"x\n" * 70_000, "csv")
    assert "field larger than" in rows[0].problem


def test_a_header_with_a_column_twice_is_refused():
    """Which of the two is meant nobody knows."""
    assert "twice" in read(b"a,a\n1,2\n", "csv")[0].problem


def test_forms_are_checked():
    """An unknown form, and XML without an element."""
    for options in ({"form": "xls"}, {"form": "xml"}):
        with pytest.raises(ConfigurationError):
            read(b"", **options)


def test_faults_can_be_read_again():
    """What is written of bad rows is in the form of the file: correct it, and drop it again."""
    text, form = write_faults([Row(7, {"a": "1", "b": "x"}, "why, then?")], "csv", separator=";")
    assert (text, form) == ("#line;#reason;a;b\r\n7;why, then?;1;x\r\n", "csv")
    assert read(text.encode(), "csv", separator=";") == [Row(2, {"a": "1", "b": "x"})]
    text, form = write_faults([Row(7, {"a": {"b": 1}}, "why")], "xml")
    assert form == "ndjson"
    assert json.loads(text)["#line"] == 7
    assert read(text.encode(), "ndjson") == [Row(1, {"a": {"b": 1}})]


def test_a_header_that_is_no_csv_is_said():
    """A quote that ends too early in the first line: nothing of the file is read."""
    (row,) = read(b'"a"b,c\n1,2\n', "csv")
    assert "the header cannot be read" in row.problem


@example(b'""0', "csv")
@given(st.binary(max_size=300), st.sampled_from(["csv", "ndjson", "xml"]))
def test_any_bytes_end_in_rows(data, form):
    """Whatever a file holds, rows come out, and problems in words."""
    for row in read(data, form, element="r" if form == "xml" else None):
        assert isinstance(row.values, dict)
        json.dumps(row.values).encode()
