"""Which patterns include which: exact for the common part, and never wrong."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.schema import check_compatibility
from xroad_lite.schema.evolution.patterns import impossible
from xroad_lite.schema.evolution.texts import matches
from xroad_lite.schema.regular import Chars, read

SUBSETS = [
    ("^[A-Z]+$", "^[A-Z]{3}$"),
    ("a", "ab"),
    ("", "x"),
    (r"^\d{4}-\d{2}-\d{2}$", r"^20\d\d-(0[1-9]|1[0-2])-[0-3]\d$"),
    (r"\S", "^[a-z]{1,32}$"),
    ("^(a|b)*$", "^[ab]+$"),
    ("^[A-Z]{2}[0-9]{6}$", "^(CL|PE)[0-9]{6}$"),
    (r"^[^\s]+$", r"^\w+$"),
    (r"^a+?$", "^a{2,5}$"),
    (r"^(?:x|(?<n>y))$", "^x$"),
]


@pytest.mark.parametrize(("wide", "narrow"), SUBSETS)
def test_a_wider_pattern_includes_a_narrower(wide: str, narrow: str) -> None:
    """What matches the narrow one matches the wide one, and not the other way round."""
    assert impossible((narrow,), (wide,), 0, None)
    assert not impossible((wide,), (narrow,), 0, None)


def test_lengths_count_with_patterns() -> None:
    """A pattern may imply a length, and a length a pattern."""
    code, short = {"pattern": "^[A-Z]{3}$"}, {"maxLength": 3, "minLength": 3}
    assert check_compatibility({"type": "string", **short}, {"type": "string", **code}, "json",
                               "BACKWARD") == []  # fmt: skip
    assert impossible((), ("^[\\s\\S]{0,9}$",), 0, 9)
    added = check_compatibility({"pattern": "a*"}, {"type": "string"}, "json", "BACKWARD")
    assert [one.change for one in added] == ["pattern_changed"]  # even if every text matches it
    assert not impossible((), ("^.{0,9}$",), 0, 9)  # a dot is no line break


def test_what_is_not_read_is_included_by_itself_alone() -> None:
    """Unicode properties, flags and word borders are compared as texts."""
    for odd in (r"^\p{L}+$", "(?i)^a$", r"\bword\b", r"^\x41$", "^[a&&b]$"):
        assert read(odd) is None
        assert impossible((odd,), (odd,), 0, None)
        assert not impossible(("^x$",), (odd,), 0, None)


@pytest.mark.parametrize("sign", [*"dwsDWS.", "[^a]", r"[\s\S]", r"[^\w-]"])
def test_classes_hold_the_validator_s_characters(sign: str) -> None:
    """Every kind of character class is read as the validator of bodies reads it."""
    pattern = sign if sign.startswith(("[", ".")) else f"\\{sign}"
    found = read(pattern)
    assert isinstance(found, Chars)
    validator = jsonschema_rs.Draft202012Validator({"pattern": f"^{pattern}$"})
    points = [*range(0x3100), *range(0xFE00, 0x10000), 0x1F600, 0x10FFFF]
    for point in points:
        inside = any(low <= point <= high for low, high in found.ranges)
        assert inside is validator.is_valid(chr(point)), hex(point)


ATOMS = ["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$", "", "1", r"\s", "[a-c]"]
patterns = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}", "{0,1}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)
TEXTS = [
    "",
    "a",
    "b",
    "1",
    " ",
    "\n",
    "ab",
    "ba",
    "aa",
    "1a",
    "a\n",
    "abc",
    "aab",
    "111",
    "c1",
    "  ",
]


@given(patterns, patterns, st.integers(0, 2), st.integers(0, 4))
def test_impossible_means_that_no_text_fits(first: str, second: str, low: int, more: int) -> None:
    """A verdict never has a counterexample, with the length bounded and not."""
    for longest in (None, low + more):
        if impossible((first,), (second,), low, longest):
            fitting = [t for t in TEXTS if low <= len(t) and (longest is None or len(t) <= longest)]
            assert [t for t in fitting if matches(first, t) and not matches(second, t)] == []


def test_bombs_end() -> None:
    """What would need exponentially many states is given up, and stays incompatible."""
    assert not impossible(("(a|b)*a(a|b){14}$",), ("(a|b)*a(a|b){15}$",), 0, None)
    assert not impossible(
        ("((a{1,900}){1,900}){1,900}b",), ("((a{1,900}){1,900}){1,900}c",), 0, None
    )
