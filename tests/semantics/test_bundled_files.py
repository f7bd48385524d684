"""The bundled schemas and vocabularies keep the house's promises to stewards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from semantic_cases import BOUND, OWN, ROOT, bundled, schema, vocabulary

from xroad_lite.identifiers import MemberId, MessageType
from xroad_lite.semantics.names import SKOS

EVERY = (*BOUND, *OWN, "xroad/error")


def _described(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, inner in document.get("properties", {}).items():
        if isinstance(inner, dict):
            yield key, inner
            yield from _described(inner)
            yield from _described(inner.get("items", {}))


@pytest.mark.parametrize("name", EVERY)
def test_schemas_are_schemas_with_words_in_two_languages(name: str) -> None:
    """Valid 2020-12, a relative ``$id``, every property titled in English and Spanish."""
    document = schema(name)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"] == f"{name}/1"
    for key, inner in [(name, document), *_described(document)]:
        assert {"en", "es"} <= set(inner["x-title"]), key
        assert inner["title"] == inner["x-title"]["en"]


@pytest.mark.parametrize("name", EVERY)
def test_subjects_name_their_schemas(name: str) -> None:
    """Type, owner and versions of each subject are well formed and belong to its folder."""
    folder = ROOT / "schemas" / name
    subject = yaml.safe_load((folder / "subject.yaml").read_text("utf-8"))
    assert MessageType.parse(subject["type"]).subject == name
    assert MemberId.parse(subject["owner"]).instance == "DEMO"
    assert subject["kind"] == "json"
    assert set(subject["versions"]) == {path.stem for path in folder.glob("*.json")}


def test_no_cell_of_the_bundled_mappings_is_at_fault() -> None:
    """Everything that stands in the bundled files is used."""
    assert vocabulary().faults == ()


@pytest.mark.parametrize("name", OWN)
def test_new_domains_speak_three_languages_and_give_examples(name: str) -> None:
    """Portuguese too, in every title; two examples that the schema itself accepts."""
    document = schema(name)
    for key, inner in [(name, document), *_described(document)]:
        assert set(inner["x-title"]) == {"en", "es", "pt"}, key
    valid = jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())
    assert len(document["examples"]) >= 2
    for example in document["examples"]:
        valid.validate(example)


def test_every_bundled_term_has_labels_in_three_languages() -> None:
    """English, Spanish and Portuguese, for terms, schemes and codes alike."""
    for term in vocabulary().terms.values():
        assert {"en", "es", "pt"} == {language for language, _ in term.labels}, term.iri


@pytest.mark.parametrize("name", [*BOUND, *OWN])
def test_every_field_of_a_bound_schema_has_a_meaning(name: str) -> None:
    """Only FHIR's kind, id and extensions are left unbound, on purpose."""
    unbound = {f.pointer for f in bundled(name, name).report.source if f.status == "unbound"}
    purpose = {"/resourceType", "/id", "/extension", "/modifierExtension"}
    assert unbound == (purpose if name == "health/birth" else set())


@pytest.mark.parametrize("name", [*BOUND, *OWN])
def test_code_lists_hold_the_codes_of_their_schemes(name: str) -> None:
    """What a schema enumerates is what its concept scheme has as notations."""
    for key, inner in _described(schema(name)):
        if "x-codelist" in inner:
            assert set(inner["enum"]) == set(vocabulary().notations[inner["x-codelist"]]), key
            assert SKOS + "ConceptScheme" in vocabulary().terms[inner["x-codelist"]].kinds
