"""Check 8 and Confluent's wire prefix: 0x00, the schema's number in 4 bytes, then the body."""

from __future__ import annotations

import json

import pytest
import yaml
from judging import BIRTHS, NOW, Instance, assert_accepted, assert_refused, judged

from xroad_lite.exchange.wire_prefix import wire_prefix
from xroad_lite.registry import Snapshot
from xroad_lite.schema import compile_schema
from xroad_lite.testing import BIRTH

VISIT = {
    "type": "record",
    "name": "Visit",
    "fields": [
        {"name": "reason", "type": ["null", "string"]},
        {"name": "count", "type": "long"},
    ],
}
VALUES = [{"reason": None, "count": 7}, {"reason": "flu", "count": 0}]


@pytest.fixture(scope="module")
def with_avro(instance: Instance) -> Snapshot:
    """The registry with an Avro type that the births agreement covers too."""
    documents = dict(instance.documents)
    documents["schemas/health/visit/1.avsc"] = json.dumps(VISIT).encode()
    documents["schemas/health/visit/subject.yaml"] = (
        b"type: health.visit\nkind: avro\nowner: DEMO/GOV/HEALTH\ntitle: {en: Visits}\n"
        b'versions: {"1": {status: active}}\n'
    )
    agreement = yaml.safe_load(documents[BIRTHS])
    agreement["types"].append("health.visit")
    documents[BIRTHS] = yaml.safe_dump(agreement).encode()
    documents |= instance.approvals(documents)
    return Snapshot.draft(documents, published=NOW - 3600, expires=NOW + 3600)


def visit(instance, snapshot, body):
    """A sealed visit with this body."""
    return instance.birth(
        snapshot,
        body=body,
        type="health.visit",
        datacontenttype="avro/binary",
        dataschema=snapshot.schema_iri("health.visit", 1),
    )


def prefix_of(snapshot, type_):
    """The prefix of a type's version 1."""
    return wire_prefix(snapshot.schema(snapshot.schema_iri(type_, 1)))


def test_json_with_and_without_prefix(instance):
    """Where the prefix is asked for, the body behind it is read; a body alone is read too."""
    body = json.dumps(BIRTH).encode()
    for sent in (prefix_of(instance.first, "health.birth") + body, body):
        found = judged(instance.birth(body=sent), instance.first, prefixed=True)
        assert_accepted(found)
        assert found.value == BIRTH


def test_a_prefix_nobody_asked_for_is_refused(instance, with_avro):
    """The reason names the prefix, and the hint how to ask for it."""
    body = prefix_of(instance.first, "health.birth") + json.dumps(BIRTH).encode()
    found = judged(instance.birth(body=body), instance.first)
    assert_refused(found, 8, "schema.prefix_not_asked")
    assert "confluent_prefix=True" in found.verdict.hint
    visited = compile_schema(VISIT, "avro").encode(VALUES[0])
    body = prefix_of(with_avro, "health.visit") + visited
    assert_refused(
        judged(visit(instance, with_avro, body), with_avro), 8, "schema.prefix_not_asked"
    )


@pytest.mark.parametrize("prefixed", [True, False])
def test_the_number_of_another_schema_is_refused(prefixed, instance, with_avro):
    """The reason says which number was got and which the sealed version has."""
    expected = instance.first.schema(instance.first.schema_iri("health.birth", 1))
    other = prefix_of(instance.first, "citizens.person")
    got = int.from_bytes(other[1:])
    body = other + json.dumps(BIRTH).encode()
    found = judged(instance.birth(body=body), instance.first, prefixed=prefixed)
    assert_refused(found, 8, "schema.not_json")
    assert f"number {got}: expected {expected.id}, of {expected.iri}" in found.verdict.message
    body = other + compile_schema(VISIT, "avro").encode(VALUES[1])
    found = judged(visit(instance, with_avro, body), with_avro, prefixed=prefixed)
    assert_refused(found, 8, "schema.not_avro")
    assert f"schema number {got}: expected" in found.verdict.message


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("prefixed", [True, False])
def test_avro_bodies_that_begin_with_zero_are_whole_bodies(value, prefixed, instance, with_avro):
    """A null in a union is 0x00 too: without the sealed version's number it is no prefix."""
    body = compile_schema(VISIT, "avro").encode(value)
    assert body.startswith(b"\0") == (value["reason"] is None)
    found = judged(visit(instance, with_avro, body), with_avro, prefixed=prefixed)
    assert_accepted(found)
    assert found.value == value


@pytest.mark.parametrize("value", VALUES)
def test_avro_behind_a_prefix(value, instance, with_avro):
    """The very bytes that Confluent's serializer makes are read."""
    body = prefix_of(with_avro, "health.visit") + compile_schema(VISIT, "avro").encode(value)
    found = judged(visit(instance, with_avro, body), with_avro, prefixed=True)
    assert_accepted(found)
    assert found.value == value


@pytest.mark.parametrize("body", [b"\0", b"\0\0\0\0", b"\0" * 5, b"\0" * 400])
@pytest.mark.parametrize("prefixed", [True, False])
def test_zeros_are_refused(body, prefixed, instance):
    """Nothing but zeros is no body, and no error of Python's."""
    found = judged(instance.birth(body=body), instance.first, prefixed=prefixed)
    assert_refused(found, 8, "schema.not_json")


def test_an_invalid_body_behind_a_prefix_is_refused(instance):
    """The prefix changes nothing of what the schema asks."""
    body = prefix_of(instance.first, "health.birth") + b'{"type": 1}'
    found = judged(instance.birth(body=body), instance.first, prefixed=True)
    assert_refused(found, 8, "schema.invalid")
