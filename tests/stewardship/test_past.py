"""A proposed schema against the bodies that really travelled."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.messagelog import Store
from xroad_lite.schema import compile_schema
from xroad_lite.stewardship.past import Travelled, Verdict, check_past, travelled
from xroad_lite.stewardship.schema_sources import SchemaSource
from xroad_lite.testing import BIRTH, PURPOSE, TwoAgencies, two_agencies


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoAgencies]:
    """Six births that travelled from Health to the Civil Registry."""
    with two_agencies(tmp_path_factory.mktemp("world")) as made:
        made.civil.subscribe("health.birth")(lambda _: None)
        for number in range(6):
            birth = deepcopy(BIRTH)
            birth["identifier"][0]["value"] = f"B-{number}"
            if number % 3 == 0:
                birth["name"][0]["given"] = ["A", "B", "C"]
            if number == 5:
                del birth["gender"]
            made.health.publish("health.birth", birth, purpose=PURPOSE)
        made.settle()
        yield made


def proposed(world: TwoAgencies, **changes: Any) -> Any:
    """The registered schema of births, changed."""
    source = SchemaSource(world.instance.source)
    document = deepcopy(source.version("health.birth", 1).document)
    for path, value in changes.items():
        document["properties"][path] |= value
    return document


def verdict(world: TwoAgencies, document: Any, *, node: str = "civil") -> Verdict:
    """What the log of a node says of it."""
    store = Store(world.instance.folder / "nodes" / node / "log.sqlite3", readonly=True)
    try:
        return check_past(travelled(store), "health.birth", compile_schema(document, "json"))
    finally:
        store.close()


@pytest.mark.parametrize("node", ["civil", "health"])
def test_the_registered_version_reads_all_that_travelled(world: TwoAgencies, node: str) -> None:
    """Both logs hold the six births, and none would be refused."""
    found = verdict(world, proposed(world), node=node)
    assert (found.messages, found.checked, found.refused, found.not_checkable) == (6, 6, 0, 0)
    assert found.reasons == []


def test_reasons_are_grouped_by_path_and_rule(world: TwoAgencies) -> None:
    """Each reason has its place without positions, its rule, a count, and one message's id."""
    document = proposed(world, gender={"enum": ["male"]})
    document["required"].append("gender")
    document["properties"]["name"]["items"]["properties"]["given"]["maxItems"] = 2
    found = verdict(world, document)
    assert (found.checked, found.refused) == (6, 6)
    assert [(one.path, one.rule, one.count) for one in found.reasons] == [
        ("/gender", "enum", 5),
        ("/name/*/given", "maxItems", 2),
        ("/gender", "required", 1),
    ]
    assert all(one.example for one in found.reasons)
    assert "(personal data)" in found.reasons[1].message


def test_other_types_do_not_count(world: TwoAgencies) -> None:
    """Only messages of the type that the version is of are looked at."""
    store = Store(world.instance.folder / "nodes/civil/log.sqlite3", readonly=True)
    found = check_past(travelled(store), "citizens.person", compile_schema(False, "json"))
    store.close()
    assert found.messages == 0


def test_what_cannot_be_checked_is_counted() -> None:
    """Erased, encrypted and unreadable bodies are neither good nor bad."""

    def message(data: bytes | None, content: str = "application/json") -> Travelled:
        return Travelled("id", "a.b", "https://x/schemas/a/b/1", content, data)

    messages = [
        message(None), message(b"ciphertext", "application/jose"), message(b"{"), message(b"{}")
    ]  # fmt: skip
    found = check_past(messages, "a.b", compile_schema({"type": "object"}, "json"))
    counts = (found.messages, found.checked, found.erased, found.encrypted, found.unreadable)
    assert counts == (4, 1, 1, 1, 1)


def test_avro_bodies_are_read_in_the_terms_of_the_new_version() -> None:
    """The writer's version gives the body; what the new one cannot resolve is refused."""

    def record(*fields: dict[str, Any]) -> dict[str, Any]:
        return {"type": "record", "name": "R", "fields": list(fields)}

    old = compile_schema(record({"name": "n", "type": "int"}), "avro")
    data = old.encode({"n": 7})
    messages = [Travelled("id", "a.b", "https://x/schemas/a/b/1", "avro/binary", data)]
    more = {"name": "m", "type": "string", "default": ""}
    wider = compile_schema(record({"name": "n", "type": "long"}, more), "avro")
    assert check_past(messages, "a.b", wider, lambda _: old).refused == 0
    other = compile_schema(record({"name": "n", "type": "string"}), "avro")
    found = check_past(messages, "a.b", other, lambda _: old)
    assert (found.refused, found.reasons[0].rule) == (1, "resolution")


def test_memory_stays_flat() -> None:
    """A hundred thousand different faults are kept as a bounded number of reasons."""

    def many() -> Iterator[Travelled]:
        for number in range(2_000):
            yield Travelled("id", "a.b", "", "application/json", b'{"f%d": 1}' % number)

    schema = compile_schema({"additionalProperties": {"type": "string"}}, "json")
    found = check_past(many(), "a.b", schema)
    assert (found.refused, len(found.reasons)) == (2_000, 500)


def test_a_message_without_body_is_erased(world: TwoAgencies, tmp_path: Path) -> None:
    """After a retention rule has run, the log still says how many there were."""
    store = Store(tmp_path / "log.sqlite3")
    live = Store(world.instance.folder / "nodes/civil/log.sqlite3", readonly=True)
    for _, leaf in live.entries():
        store.append(leaf)
    live.close()
    document = compile_schema(proposed(world), "json")
    found = check_past(travelled(store), "health.birth", document)
    store.close()
    assert (found.messages, found.checked, found.erased) == (6, 0, 6)
