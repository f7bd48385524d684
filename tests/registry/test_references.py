"""References by name, and the numbers that follow from a schema's content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xroad_lite.errors import RegistryError, SchemaError
from xroad_lite.registry import Snapshot, read_source
from xroad_lite.registry.models import Reference
from xroad_lite.registry.schema_ids import fingerprint, schema_guid, schema_id
from xroad_lite.registry.succession import check_succeeds
from xroad_lite.schema import compile_schema
from xroad_lite.stewardship import DevelopmentInstance, check_registry
from xroad_lite.stewardship.schema_sources import SchemaSource
from xroad_lite.stewardship.schemas import propose, register_version
from xroad_lite.testing import CIVIL

NOW = 1_790_000_000.0
OWNER = "DEMO/GOV/CIVIL"
STREET = {"type": "object", "required": ["street"], "properties": {"street": {"type": "string"}}}
NUMBERED = STREET | {"required": ["street", "number"]}
HOME = {
    "$id": "https://example.org/home.json",
    "type": "object",
    "properties": {
        "address": {"$ref": "address.json"},
        "$ref": {"const": {"$ref": "address.json"}},
    },
}
ADDRESS = {
    "type": "record",
    "name": "Address",
    "namespace": "gov",
    "fields": [
        {"name": "street", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["HOME", "WORK"]}},
    ],
}
PLAIN = {"type": "record", "name": "Plain", "fields": [{"name": "x", "type": "int"}]}
PERSON = {
    "type": "record",
    "name": "Person",
    "namespace": "civil",
    "fields": [
        {"name": "homes", "type": {"type": "array", "items": "gov.Address"}},
        {"name": "work", "type": ["null", "gov.Address"]},
        {"name": "kind", "type": "gov.Kind"},
        {"name": "plain", "type": "Plain"},
    ],
}


def ref(name: str, type_: str, version: int = 1) -> Reference:
    """A reference as ``subject.yaml`` lists it."""
    return Reference(name=name, type=type_, version=version)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source directory with one member."""
    instance = DevelopmentInstance(tmp_path, now=NOW)
    instance.add_subsystem(CIVIL, title={"en": "Civil Registry", "es": "Registro Civil"})
    return instance.source


def snapshot(source: Path) -> Snapshot:
    """What would be published."""
    files = read_source(source)
    return Snapshot.draft(files, published=NOW, expires=NOW + 1)


def register(source: Path, type_: str, document: Any, kind: str, *references: Reference) -> None:
    """Register a version of a type that Civil owns."""
    register_version(source, type_, document, kind, owner=OWNER, references=references)


def test_json_names_mean_the_version_that_was_named(source: Path) -> None:
    """A name in ``$ref`` leads to its version, also after another version of it is there."""
    register(source, "places.address", STREET, "json")
    register(source, "places.home", HOME, "json", ref("address.json", "places.address"))
    register_version(source, "places.address", NUMBERED, "json", mode="NONE", status="draft")
    found = snapshot(source).schema("https://demo.xroad-lite.example/schemas/places/home/1")
    assert found is not None
    assert found.written == HOME
    iri = "https://demo.xroad-lite.example/schemas/places/address/1"
    assert found.document["properties"]["address"] == {"$ref": iri}
    assert found.document["properties"]["$ref"] == {"const": {"$ref": "address.json"}}
    compiled = compile_schema(
        found.document, "json", resources=snapshot(source).schema_resources("json")
    )
    assert compiled.is_valid({"address": {"street": "Elm"}})
    assert not compiled.is_valid({"address": {}})


def test_avro_declarations_stand_where_they_are_used(source: Path) -> None:
    """Types of other documents are written once, at their first use, in their own namespace."""
    register(source, "places.address", ADDRESS, "avro")
    register(source, "places.plain", PLAIN, "avro")
    references = ref("gov.Address", "places.address"), ref("Plain", "places.plain")
    register(source, "places.person", PERSON, "avro", *references)
    found = snapshot(source).schema("https://demo.xroad-lite.example/schemas/places/person/1")
    assert found is not None
    assert found.references == references
    compiled = compile_schema(found.document, "avro")
    home = {"street": "Elm", "kind": "HOME"}
    value = {"homes": [home], "work": home, "kind": "WORK", "plain": {"x": 1}}
    assert compiled.decode(compiled.encode(value)) == value
    fields = {one["name"]: one["type"] for one in found.document["fields"]}
    assert fields["homes"]["items"]["name"] == "Address"
    assert fields["work"] == ["null", "gov.Address"]
    assert fields["kind"] == "gov.Kind"
    assert fields["plain"]["namespace"] == ""


def test_evolution_sees_what_the_references_mean(source: Path) -> None:
    """Two versions with one text are told apart, and compared, by what they refer to."""
    for type_, name in (("places.address", STREET), ("places.other", NUMBERED)):
        register(source, type_, name, "json")
    register(source, "places.home", HOME, "json", ref("address.json", "places.address"))
    named = (ref("address.json", "places.other"),)
    proposal = propose(source, "places.home", HOME, "json", references=named)
    assert proposal.same_as is None
    assert {one.path for one in proposal.findings} == {"/address"}
    named = (ref("address.json", "places.address"),)
    assert propose(source, "places.home", HOME, "json", references=named).same_as == 1


def test_a_reference_to_nothing_is_refused(source: Path) -> None:
    """What a version refers to must be registered, in its own kind."""
    register(source, "places.address", STREET, "json")
    with pytest.raises(SchemaError, match="schemas/places/nowhere/1' cannot be resolved"):
        register(source, "places.home", HOME, "json", ref("address.json", "places.nowhere"))
    for type_ in ("places.nowhere", "places.address"):
        with pytest.raises(RegistryError, match=f"{type_} version 1, which is not here"):
            register(source, "places.person", PERSON, "avro", ref("gov.Address", type_))
    assert not {"places.home", "places.person"} & set(SchemaSource(source).types())


def test_references_in_a_circle_are_refused(source: Path) -> None:
    """Two files that somebody made refer to each other end in an error, not in a loop."""
    for one, other in (("a", "b"), ("b", "a")):
        folder = source / "schemas" / "rings" / one
        folder.mkdir(parents=True)
        record = {"type": "record", "name": one, "fields": [{"name": "x", "type": other}]}
        (folder / "1.avsc").write_text(str(record).replace("'", '"'))
        (folder / "subject.yaml").write_text(
            f"type: rings.{one}\nkind: avro\nowner: {OWNER}\ntitle: {{}}\nversions:\n"
            f'  "1": {{status: active, references: [{{name: {other}, type: rings.{other},'
            " version: 1}]}\n"
        )
    with pytest.raises(RegistryError, match="refers to itself"):
        SchemaSource(source).version("rings.a", 1)
    assert "registry.reference" in {
        one.code for one in check_registry(read_source(source), now=NOW)
    }


def test_references_of_a_published_version_stay(source: Path) -> None:
    """To refer to something else is another version."""
    for type_ in ("places.address", "places.other"):
        register(source, type_, STREET, "json")
    register(source, "places.home", HOME, "json", ref("address.json", "places.address"))
    earlier = snapshot(source)
    path = source / "schemas/places/home/subject.yaml"
    path.write_text(path.read_text().replace("places.address", "places.other"))
    files = read_source(source)
    later = Snapshot.draft(files, version=2, published=NOW, expires=NOW + 1)
    with pytest.raises(RegistryError, match="published with other references"):
        check_succeeds(later, earlier)


def test_a_draft_keeps_its_references(source: Path) -> None:
    """A draft is not replaced by one that refers elsewhere without a word in subject.yaml."""
    for type_ in ("places.address", "places.other"):
        register(source, type_, STREET, "json")
    one, other = (ref("address.json", name) for name in ("places.address", "places.other"))
    register_version(
        source, "places.home", HOME, "json", owner=OWNER, status="draft", references=[one]
    )
    with pytest.raises(SchemaError, match="a draft with other references"):
        register_version(source, "places.home", HOME, "json", references=[other])
    assert register_version(source, "places.home", HOME, "json", references=[one]).version == 1


def test_numbers_follow_from_content() -> None:
    """Kind, document and references count; the order of keys does not. These values are final."""
    content = fingerprint("json", {"type": "object", "title": "Añil"}, [])
    assert content == fingerprint("json", {"title": "Añil", "type": "object"}, [])
    assert schema_id(content) == 380_891_319
    assert schema_guid(content) == "a97f8109-c3b4-8ea0-abf9-f05fceb3e8b5"
    references = [ref("a", "places.address"), ref("b", "places.other")]
    others = {
        fingerprint("avro", {"type": "object", "title": "Añil"}, []),
        fingerprint("json", {"type": "object", "title": "Anil"}, []),
        fingerprint("json", {"type": "object", "title": "Añil"}, references),
        fingerprint("json", {"type": "object", "title": "Añil"}, references[::-1]),
        fingerprint("json", {"type": "object", "title": "Añil"}, references[:1]),
    }
    assert len(others | {content}) == 5
    assert fingerprint("json", {"maximum": 10**40}, [])
    assert 1 <= schema_id(b"\0" * 32) <= schema_id(b"\xff" * 32) < 2**31


def test_two_contents_of_one_number_are_refused(source: Path) -> None:
    """The number before a body must mean one schema; these two come to the same."""
    register(source, "places.one", {"type": "object", "title": "Record 69069"}, "json")
    assert not check_registry(read_source(source), now=NOW)
    register(source, "places.two", {"type": "object", "title": "Record 69069"}, "json")
    assert not check_registry(read_source(source), now=NOW)
    register(source, "places.three", {"type": "object", "title": "Record 71727"}, "json")
    found = check_registry(read_source(source), now=NOW)
    assert [one.code for one in found] == ["registry.schema_id"]
    assert "change a word of its description" in found[0].message
