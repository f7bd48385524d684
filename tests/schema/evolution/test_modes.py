"""The modes of compatibility: which versions are compared, and in which direction."""

from __future__ import annotations

import pytest

from xroad_lite.schema import check_compatibility

NARROW, WIDE = {"type": "integer"}, {"type": "number"}


@pytest.mark.parametrize(
    ("mode", "new", "old", "compatible"),
    [
        ("NONE", NARROW, WIDE, True),
        ("BACKWARD", WIDE, NARROW, True),
        ("BACKWARD", NARROW, WIDE, False),
        ("FORWARD", WIDE, NARROW, False),
        ("FORWARD", NARROW, WIDE, True),
        ("FULL", NARROW, WIDE, False),
        ("FULL", WIDE, NARROW, False),
        ("FULL", NARROW, NARROW, True),
        ("BACKWARD", WIDE, [{"type": "string"}, NARROW], True),
        ("BACKWARD_TRANSITIVE", WIDE, [{"type": "string"}, NARROW], False),
        ("FORWARD_TRANSITIVE", NARROW, [{"type": ["string", "integer"]}, WIDE], True),
        ("FULL_TRANSITIVE", NARROW, [WIDE, NARROW], False),
        ("FULL", NARROW, [WIDE, NARROW], True),
        ("backward", WIDE, NARROW, True),
        ("FULL_TRANSITIVE", NARROW, [], True),
        ("BACKWARD", NARROW, [], True),
        ("BACKWARD_TRANSITIVE", WIDE, NARROW, True),
    ],
)
def test_modes_compare_what_they_say(mode: str, new: object, old: object, compatible: bool) -> None:
    """New reads old, old reads new, or both; the last version or all of them."""
    assert (check_compatibility(new, old, "json", mode) == []) is compatible


def test_a_finding_names_the_version() -> None:
    """Among several earlier versions the finding says which one."""
    (found,) = check_compatibility(
        WIDE, [{"type": "string"}, NARROW], "json", "BACKWARD_TRANSITIVE"
    )
    assert "earlier version 1 may hold other types than number" in found.message


def test_a_union_is_one_version_of_avro() -> None:
    """A list of types is a union, a list of versions of a record is not."""
    assert check_compatibility(["int", "string"], ["int", "string"], "avro", "BACKWARD") == []
    assert check_compatibility(["int"], ["int", "string"], "avro", "BACKWARD")
    versions = [
        {"type": "record", "name": "r", "fields": [{"name": name, "type": "int"}]}
        for name in ("a", "b")
    ]
    assert check_compatibility(versions[1], versions, "avro", "BACKWARD") == []
    assert check_compatibility(versions[1], versions, "avro", "BACKWARD_TRANSITIVE")
    assert check_compatibility("long", ["int", ["int", "long"]], "avro", "BACKWARD") == []


def test_unknown_words_are_misuse() -> None:
    """Kind and mode are chosen by the caller, not by data."""
    with pytest.raises(ValueError, match="unknown mode 'SIDEWAYS'"):
        check_compatibility(NARROW, WIDE, "json", "SIDEWAYS")
    with pytest.raises(ValueError, match="unknown kind of schema 'xml'"):
        check_compatibility(NARROW, WIDE, "xml", "FULL")
