"""Which attributes of a schema's messages name a person."""

from __future__ import annotations

from typing import Any

import pytest

from xroad_lite.schema.persons import Persons, persons

BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "x-personal": True},
        "case": {"type": "string"},
        "people": {"type": "array", "items": {"$ref": "#/$defs/person"}},
        "a/b": {"type": "object", "x-personal": True, "properties": {"c": {"type": "string"}}},
    },
    "$defs": {"person": {"type": "object", "properties": {"id": {"x-personal": True}}}},
}
AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Body",
    "fields": [
        {"name": "code", "type": "string", "x-personal": True},
        {"name": "case", "type": "string"},
        {"name": "people", "type": {"type": "array", "items": "string"}, "x-personal": True},
    ],
}


@pytest.mark.parametrize(
    ("said", "subject", "userid"),
    [
        ({}, False, False),
        ({"x-subject": "/code"}, True, True),
        ({"x-subject": "/case"}, False, False),
        ({"x-subject": "/people/0/id"}, True, True),
        ({"x-subject": "/a~1b/c"}, True, True),
        ({"x-subject": "/unheard"}, True, True),
        ({"x-subject": "no pointer"}, True, True),
        ({"x-subject": True}, True, True),
        ({"x-subject": False}, False, False),
        ({"x-subject": "/code", "x-userid": False}, True, False),
        ({"x-userid": True}, False, True),
        ({"x-subject": "/case", "x-userid": "/code"}, False, True),
    ],
)
def test_the_schema_says_who_is_named(said: dict[str, Any], subject: bool, userid: bool) -> None:
    """A pointer is personal where its field is, and where there is no such field; or in a word."""
    found = persons(BODY | said, "json")
    assert (found.subject, found.userid, found.any) == (subject, userid, subject or userid)


def test_avro_says_it_on_the_record() -> None:
    """With the same words."""
    assert persons(AVRO | {"x-subject": "/code"}, "avro").subject
    assert persons(AVRO | {"x-subject": "/people/1"}, "avro").subject
    assert not persons(AVRO | {"x-subject": "/case"}, "avro").any
    assert not persons(["null", "string"], "avro").any
    assert not persons(True, "json").any


@pytest.mark.parametrize(
    ("pointer", "value", "found"),
    [
        ("/code", {"code": "1-9"}, "1-9"),
        ("/people/1/id", {"people": [{"id": "a"}, {"id": "b"}]}, "b"),
        ("/people/x", {"people": [1]}, None),
        ("/people/5/id", {"people": []}, None),
        ("/a~1b/c", {"a/b": {"c": "d"}}, "d"),
        ("/code", {"code": 7}, None),
        ("/code", ["code"], None),
    ],
)
def test_the_subject_is_found_in_a_body(pointer: str, value: Any, found: str | None) -> None:
    """Where it is a text; nothing else can be a subject."""
    assert persons(BODY | {"x-subject": pointer}, "json").subject_in(value) == found
    assert Persons().subject_in("text") is None
