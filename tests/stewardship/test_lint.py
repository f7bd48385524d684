"""The house rules for schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from xroad_lite.errors import SchemaError
from xroad_lite.semantics import Vocabulary, load_vocabulary
from xroad_lite.stewardship import bundled_files
from xroad_lite.stewardship.lint import Broken, lint
from xroad_lite.stewardship.lint_rules import RULES

FILES = bundled_files()
SCHEMAS = sorted(path for path in FILES if path.startswith("schemas/") and "subject" not in path)
LANGUAGES = ["en", "es"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The bundled vocabularies."""
    return load_vocabulary({p: data for p, data in FILES.items() if p.startswith("vocabularies/")})


def kind_of(path: str) -> str:
    """By the ending of a file."""
    return "avro" if path.endswith(".avsc") else "json"


@pytest.mark.parametrize("path", SCHEMAS)
def test_bundled_schemas_keep_the_house_rules(path: str, vocabulary: Vocabulary) -> None:
    """What comes with the package is named in English and Spanish and breaks no rule."""
    found = lint(
        json.loads(FILES[path]),
        kind_of(path),
        data=FILES[path],
        languages=LANGUAGES,
        vocabulary=vocabulary,
    )
    assert [str(one) for one in found] == []


def test_rules_have_names_and_reasons() -> None:
    """Each rule is named once, with the reason in a sentence."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.name.isalpha() and rule.reason.endswith(".") for rule in RULES)


TEXTS = {"title": "Visit", "description": "One visit."}
GOOD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **TEXTS,
    "type": "object",
    "additionalProperties": False,
    "required": ["visitDate"],
    "properties": {
        "visitDate": {**TEXTS, "type": "string", "format": "date"},
        "outcome": {**TEXTS, "type": "string", "enum": ["a", "b"], "x-codelist": "https://x/y"},
        "guests": {
            **TEXTS,
            "type": "array",
            "items": {"type": "object", "additionalProperties": True},
        },
    },
}


def _change(*steps: str | int, **words: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for step in steps:
            document = document[step]
        for word, value in words.items():
            if value is None:
                document.pop(word)
            else:
                document[word.replace("__", "-")] = value

    return change


FIELD = ("properties", "visitDate")
CASES: list[tuple[str, str, Callable[[Any], None]]] = [
    ("title", "/properties/visitDate", _change(*FIELD, title=None)),
    ("title", "", _change(title=" ")),
    ("description", "/properties/outcome", _change("properties", "outcome", description=None)),
    ("type", "/properties/visitDate", _change(*FIELD, type=None)),
    ("type", "/properties/guests", _change("properties", "guests", items=None)),
    ("date", "/properties/visitDate", _change(*FIELD, format=None)),
    ("date", "/properties/visitDate", _change("properties", visitDate={
        **TEXTS, "type": "integer"})),
    ("date", "/properties/outcome", _change("properties", outcome={
        **TEXTS, "type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"})),
    ("codelist", "/properties/outcome", _change("properties", "outcome", x__codelist=7)),
    ("personal", "/properties/birthPlace", _change("properties", birthPlace={
        **TEXTS, "type": "string"})),
    ("subject", "", _change("properties", "outcome", x__personal=True)),
    ("subject", "/x-subject", _change(x__subject="/nothing")),
    ("subject", "/x-userid", _change(x__userid=7)),
    ("closed", "", _change(additionalProperties=None)),
    ("closed", "/properties/guests/items", _change(
        "properties", "guests", "items", additionalProperties=None)),
    ("name", "/properties/the_outcome", _change("properties", the_outcome={
        **TEXTS, "type": "string"})),
    ("keyword", "/properties/visitDate/patern", _change(*FIELD, patern="x")),
    ("format", "/properties/outcome/format", _change("properties", "outcome", format="fecha")),
    ("required", "", _change(required=["visitdate"])),
    ("example", "/examples/0", _change(examples=[{"visitDate": "tomorrow"}])),
    ("example", "/properties/visitDate/default", _change(*FIELD, default="tomorrow")),
    ("dialect", "", lambda document: document.pop("$schema")),
    ("context", "", _change(x__jsonld__context="https://elsewhere.example")),
]  # fmt: skip


def broken(document: Any, **more: Any) -> list[Broken]:
    """The findings of a JSON Schema, with its lines."""
    return lint(document, "json", data=json.dumps(document, indent=1).encode(), **more)


def test_a_good_schema_breaks_nothing() -> None:
    """The schema of these cases keeps every rule."""
    assert broken(GOOD) == []


@pytest.mark.parametrize(("rule", "at", "change"), CASES)
def test_each_rule_finds_what_breaks_it(rule: str, at: str, change: Callable[[Any], None]) -> None:
    """One change breaks one rule, at its pointer and line, and no other."""
    document = deepcopy(GOOD)
    change(document)
    found = broken(document)
    assert [(one.rule, one.at) for one in found] == [(rule, at)], [str(one) for one in found]
    lines = json.dumps(document, indent=1).splitlines()
    if at:
        assert at.rpartition("/")[2] in lines[found[0].line - 1] or at.endswith(("/0", "/items"))


def test_every_language_of_the_instance_is_asked_for() -> None:
    """A title alone speaks the first language; the others stand in x-title."""
    messages = [one.message for one in broken(GOOD, languages=["en", "es"])]
    assert "has no title in es: write title, and x-title by language" in messages
    document = deepcopy(GOOD)
    for one in (document, *document["properties"].values()):
        one["x-title"] = one["x-description"] = {"es": "Visita"}
    assert broken(document, languages=["en", "es"]) == []


def test_codes_are_looked_up(vocabulary: Vocabulary) -> None:
    """A code list must be declared, and have the codes that the schema lists."""
    document = deepcopy(GOOD)
    outcome = document["properties"]["outcome"]
    assert "no vocabulary here declares" in broken(document, vocabulary=vocabulary)[0].message
    outcome["x-codelist"] = "https://demo.xroad-lite.example/vocabularies/citizens#codigosSexo"
    outcome["enum"] = ["F", "Q"]
    assert "does not have: Q" in broken(document, vocabulary=vocabulary)[0].message


def test_terms_are_looked_up(vocabulary: Vocabulary) -> None:
    """A misspelt term is named with the nearest known one."""
    document = deepcopy(GOOD)
    space = "https://demo.xroad-lite.example/vocabularies/citizens#"
    document["x-jsonld-context"] = {"visitDate": f"{space}fechaNacimento"}
    found = broken(document, vocabulary=vocabulary)
    assert [one.rule for one in found] == ["term", "codelist"]
    assert "fechaNacimiento" in found[0].message


def test_a_steward_says_why_a_rule_is_broken() -> None:
    """A reason in x-lint silences one rule at one place; an empty reason does not."""
    document = deepcopy(GOOD)
    del document["properties"]["visitDate"]["format"]
    document["properties"]["visitDate"]["x-lint"] = {"date": "often only the year is known"}
    assert broken(document) == []
    document["properties"]["visitDate"]["x-lint"] = {"date": ""}
    assert [one.rule for one in broken(document)] == ["date"]


def test_avro_keeps_the_rules_too() -> None:
    """Titles, dates, code lists, personal data and names of Avro records."""
    document = {
        "type": "record",
        "name": "Visit",
        "doc": "One visit.",
        "title": "Visit",
        "fields": [
            {"name": "visitDate", "type": "string", "title": "Day", "doc": "The day."},
            {"name": "outcome", "title": "Outcome", "doc": "How it ended.",
             "type": {"type": "enum", "name": "Outcome", "symbols": ["A", "B"]}},
            {"name": "email", "type": ["null", "string"], "title": "Mail", "doc": "Where to write.",
             "default": None},
            {"name": "the_end", "type": "long", "doc": "When it ended."},
        ],
    }  # fmt: skip
    found = lint(document, "avro", data=json.dumps(document, indent=1).encode())
    assert [(one.rule, one.path) for one in found] == [
        ("date", "/visitDate"),
        ("codelist", "/outcome"),
        ("personal", "/email"),
        ("title", "/the_end"),
        ("name", "/the_end"),
    ]


def test_what_does_not_compile_is_no_matter_of_style() -> None:
    """A wrong schema is an error, not a finding."""
    with pytest.raises(SchemaError):
        lint({"type": "objekt"}, "json")
