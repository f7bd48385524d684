"""Registration of schema versions in a source directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.errors import IdentifierError, RegistryError, SchemaError
from xroad_lite.stewardship.schema_sources import SchemaSource
from xroad_lite.stewardship.schemas import propose, register_version, set_status

OWNER = "DEMO/GOV/CIVIL"
TYPE = "citizens.visit"


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


CLOSED = {"additionalProperties": False}
ONE = _object("name", name={"type": "string"}) | CLOSED
WIDER = _object("name", name={"type": "string"}, nickname={"type": "string"}) | CLOSED
BREAKING = _object("name", "age", name={"type": "string"}, age={"type": "integer"}) | CLOSED


def test_first_version_makes_the_subject(tmp_path: Path) -> None:
    """A new type gets its folder, its subject.yaml and version 1."""
    made = register_version(tmp_path, TYPE, ONE, "json", owner=OWNER, title={"en": "Visits"})
    assert (made.version, made.status) == (1, "active")
    assert made.path == tmp_path / "schemas/citizens/visit/1.json"
    assert (tmp_path / "schemas/citizens/visit/subject.yaml").read_text() == (
        "type: citizens.visit\nkind: json\ncompatibility: BACKWARD\nowner: DEMO/GOV/CIVIL\n"
        'title:\n  en: Visits\nversions:\n  "1": {status: active}\n'
    )
    assert json.loads(made.path.read_bytes()) == ONE


def test_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    """A steward's own layout of a file is not touched."""
    text = b'{"type":   "object"}\n\n'
    made = register_version(tmp_path, TYPE, text, "json", owner=OWNER)
    assert made.path.read_bytes() == text


def test_same_content_is_not_registered_again(tmp_path: Path) -> None:
    """Registering twice gives the version that is there; the order of keys does not matter."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    again = register_version(tmp_path, TYPE, dict(reversed(ONE.items())), "json")
    assert again.version == 1
    assert SchemaSource(tmp_path).known(TYPE).versions.keys() == {"1"}


def test_incompatible_version_is_refused_and_nothing_written(tmp_path: Path) -> None:
    """A version that breaks the subject's mode leaves the directory as it was."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    with pytest.raises(SchemaError, match=r"version 2 of citizens\.visit breaks BACKWARD") as error:
        register_version(tmp_path, TYPE, BREAKING, "json")
    assert error.value.code == "schema.incompatible"
    assert before == {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    proposal = propose(tmp_path, TYPE, BREAKING, "json")
    assert {one.path for one in proposal.findings} == {""}
    assert proposal.against == (1,)


def test_transitive_mode_looks_at_all_versions_in_use(tmp_path: Path) -> None:
    """BACKWARD_TRANSITIVE compares with every version but drafts and retired ones."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER, mode="BACKWARD_TRANSITIVE")
    register_version(tmp_path, TYPE, WIDER, "json")
    assert propose(tmp_path, TYPE, {"type": "object"}, "json").against == (1, 2)
    set_status(tmp_path, TYPE, 1, "deprecated")
    set_status(tmp_path, TYPE, 1, "retired")
    assert propose(tmp_path, TYPE, {"type": "object"}, "json").against == (2,)


def test_a_draft_is_replaced_until_it_is_active(tmp_path: Path) -> None:
    """A draft may break the mode and may change; it becomes active only if it keeps the mode."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    assert register_version(tmp_path, TYPE, BREAKING, "json", status="draft").version == 2
    with pytest.raises(SchemaError, match="breaks BACKWARD"):
        set_status(tmp_path, TYPE, 2, "active")
    assert register_version(tmp_path, TYPE, WIDER, "json", status="draft").version == 2
    assert set_status(tmp_path, TYPE, 2, "active").status == "active"
    assert SchemaSource(tmp_path).version(TYPE, 2).document == WIDER


def test_life_goes_forward(tmp_path: Path) -> None:
    """An active version is not retired before it was deprecated, and nothing comes back from it."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    with pytest.raises(SchemaError, match="it can become deprecated, not retired"):
        set_status(tmp_path, TYPE, 1, "retired")
    set_status(tmp_path, TYPE, 1, "deprecated")
    set_status(tmp_path, TYPE, 1, "retired")
    with pytest.raises(SchemaError, match="it can become nothing else"):
        set_status(tmp_path, TYPE, 1, "active")


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (
            '  "1": {status: active}  # by law\n# the end\n',
            '  "1": {status: active}  # by law\n  "2": {status: active}\n# the end\n',
        ),
        ('  "1":\n    status: active\n', '  "1":\n    status: active\n  "2": {status: active}\n'),
        (
            '    "1": {status: active}\nnote: last\n',
            '    "1": {status: active}\n    "2": {status: active}\nnote: last\n',
        ),
        ('  "1": {status: active}', '  "1": {status: active}\n  "2": {status: active}\n'),
        (' {"1": {status: active}}\n', ' {"1": {status: active}, "2": {status: active}}\n'),
    ],
)
def test_subject_changes_in_one_place(tmp_path: Path, versions: str, expected: str) -> None:
    """A new version is one new line; comments, order and layout of the others stay."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    path = tmp_path / "schemas/citizens/visit/subject.yaml"
    head = (
        "# Visits\ntype: citizens.visit\nkind: json\nowner: DEMO/GOV/CIVIL\ntitle: {en: Visits}\n"
    )
    block = "versions:" + ("" if versions.startswith(" {") else "\n")
    path.write_text(head + block + versions)
    register_version(tmp_path, TYPE, WIDER, "json")
    assert path.read_text() == head + block + expected
    set_status(tmp_path, TYPE, 1, "deprecated")
    assert path.read_text() == head + block + expected.replace("active", "deprecated", 1)


def test_a_file_put_there_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    """A file of the next number with another content is somebody's work, and stays."""
    made = register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    stray = made.path.with_name("2.json")
    stray.write_text('{"type": "array"}')
    with pytest.raises(SchemaError, match="is there with another content"):
        register_version(tmp_path, TYPE, WIDER, "json")
    stray.write_text(json.dumps(WIDER))
    assert register_version(tmp_path, TYPE, stray.read_bytes(), "json").version == 2


@pytest.mark.parametrize(
    ("type_", "document", "kind", "error", "code"),
    [
        ("Citizens.Visit", ONE, "json", IdentifierError, "identifier.message_type"),
        (TYPE, {"type": "objekt"}, "json", SchemaError, "schema.invalid"),
        (
            TYPE,
            {"$ref": "https://example.com/x"},
            "json",
            SchemaError,
            "schema.unresolved_reference",
        ),
        (TYPE, b'{"a": 1, "a": 2}', "json", RegistryError, "registry.json"),
        (TYPE, {"type": "objekt"}, "avro", SchemaError, "schema.unresolved_reference"),
        ("xroad.replies", ONE, "json", SchemaError, "schema.reserved"),
    ],
)
def test_what_cannot_be_registered(
    tmp_path: Path, type_: str, document: Any, kind: str, error: type[Exception], code: str
) -> None:
    """Bad names, schemas, references and bytes are refused, each by its own code."""
    with pytest.raises(error) as raised:
        register_version(tmp_path, type_, document, kind, owner=OWNER)
    assert raised.value.code == code  # type: ignore[attr-defined]
    assert not (tmp_path / "schemas").exists()


def test_a_line_of_versions_is_of_one_kind(tmp_path: Path) -> None:
    """An Avro schema cannot follow a JSON Schema, and a new type needs an owner."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    with pytest.raises(SchemaError, match="has versions in JSON Schema, and this one is Avro"):
        register_version(tmp_path, TYPE, "string", "avro")
    with pytest.raises(SchemaError, match="nobody owns it yet"):
        register_version(tmp_path, "citizens.other", ONE, "json")


def test_references_lead_to_other_files(tmp_path: Path) -> None:
    """A schema may name another by domain/name/version, an Avro schema a type of another file."""
    register_version(tmp_path, TYPE, ONE, "json", owner=OWNER)
    made = register_version(
        tmp_path, "citizens.tour", {"items": {"$ref": "citizens/visit/1"}}, "json", owner=OWNER
    )
    assert made.version == 1
    place = {"type": "record", "name": "Place", "namespace": "c", "fields": []}
    register_version(tmp_path, "citizens.place", place, "avro", owner=OWNER)
    trip = {"type": "record", "name": "Trip", "fields": [{"name": "to", "type": "c.Place"}]}
    assert register_version(tmp_path, "citizens.trip", trip, "avro", owner=OWNER).version == 1
