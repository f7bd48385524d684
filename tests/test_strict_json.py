"""JSON that no two readers can take differently: what is read is what was written, or refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite import strict_json
from xroad_lite.strict_json import MAX_DEPTH, StrictJSONError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
    max_leaves=20,
)


def same(one, other):
    """Equal, of the same types: true is not 1, and 1.0 is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(VALUES)
def test_any_value_reads_back(value):
    """Of any size, in our writing and in Python's, with and without escapes and spaces."""
    assert same(strict_json.loads(strict_json.dumps(value)), value)
    for ascii_only, indent in ((True, None), (False, 2), (True, 1)):
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
        assert same(strict_json.loads(text.encode()), value)


@given(VALUES)
def test_canonical_bytes_do_not_depend_on_order(value):
    """Two dictionaries with the same content have one canonical form."""
    try:
        canonical = strict_json.canonical(value)
    except TypeError:  # beyond 64 bits, which no document of ours holds
        return
    assert strict_json.canonical(json.loads(canonical)) == canonical


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_refused(data):
    """Nothing but our error comes out; what is read can be written."""
    try:
        value = strict_json.loads(data)
    except StrictJSONError:
        return
    assert same(strict_json.loads(strict_json.dumps(value)), value)


@given(st.dictionaries(TEXTS, st.integers(), min_size=1, max_size=4), st.data())
def test_a_repeated_key_is_refused_wherever_it_stands(value, data):
    """At the top or deep inside, with the same value or another, escaped or plain."""
    key = data.draw(st.sampled_from(sorted(value)))
    escaped = "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in key)
    again = data.draw(st.sampled_from([json.dumps(key), f'"{escaped}"']))
    text = json.dumps(value)[:-1] + f",{again}:{data.draw(st.integers(0, 3))}}}"
    for whole in (text, f"[{text}]", f'{{"a":[{{"b":{text}}}]}}'):
        with pytest.raises(StrictJSONError, match="twice"):
            strict_json.loads(whole.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"NaN",
        b"Infinity",
        b"[-Infinity]",
        b"1e999",
        b"-1e999",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x1",
        b"1_000",
        b"'a'",
        b"[1,]",
        b'{"a":1,}',
        b'{"a" 1}',
        b"{a:1}",
        b"// comment\n1",
        b"1 2",
        b"[1]\x00",
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\x80"',
        b'"a\nb"',
        b'"\\x"',
        b"\xef\xbb\xbf1",
        "[1]".encode("utf-16"),
        b"tru",
        b"True",
        b"9" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_strict_json_is_refused(data):
    """RFC 8259 and RFC 7493, with nothing added."""
    with pytest.raises(StrictJSONError):
        strict_json.loads(data)


def test_numbers_are_exact():
    """Integers of any size stay what they are; minus zero and exponents are what Python says."""
    for text in ("9007199254740993", "18446744073709551616", "-9223372036854775809", "1" * 4000):
        assert strict_json.loads(text.encode()) == int(text)
        assert strict_json.dumps(int(text)) == text.encode()
    assert type(strict_json.loads(b"18446744073709551616")) is int
    assert type(strict_json.loads(b"1.0")) is float
    assert strict_json.loads(b"1E2") == 100.0
    assert math.copysign(1, strict_json.loads(b"-0.0")) == -1


@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded(opens, closes):
    """Two hundred levels are read, one more is not, far more neither."""
    for depth, good in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5000, False), (90_000, False)):
        data = opens * depth + b"1" * (opens != b"[") + closes * depth
        if good:
            strict_json.loads(data)
        else:
            with pytest.raises(StrictJSONError, match=r"deeper|nested|JSON"):
                strict_json.loads(data)


def test_breadth_is_not_depth():
    """A flat document with many brackets is fine."""
    assert len(strict_json.loads(b"[" + b"[]," * 5000 + b"[]]")) == 5001


@pytest.mark.parametrize("value", [math.inf, {1, 2}, object(), b"bytes", "\ud800", 1j])
def test_what_json_cannot_hold_is_not_written(value):
    """Nor is anything that holds it."""
    for whole in ({"a": [value]}, [value, 2**70]):
        try:
            written = strict_json.dumps(whole)
        except StrictJSONError:
            continue
        assert b"null" in written  # orjson's word for what is no number


def test_not_even_deep_values_end_in_another_error():
    """Too deep to be written is our error too."""
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(StrictJSONError):
        strict_json.dumps(value)
    while value:
        value = value[0]
