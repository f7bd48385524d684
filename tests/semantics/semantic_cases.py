"""What the tests of semantics work on: the bundled files, and small worlds of a few lines."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.semantics import Translator, Vocabulary, load_vocabulary, translator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
BOUND = (
    "health/birth",
    "citizens/person",
    "citizens/birth-registered",
    "citizens/person-query",
    "welfare/allowance",
    "tax/taxpayer",
)
OWN = (
    "business/company",
    "citizens/civil-status",
    "customs/declaration",
    "education/enrolment",
    "housing/applicant",
    "justice/party",
    "public-works/contract",
    "tax/company",
    "tax/import-record",
)
"""Bound schemas with examples of their own; for the others patients are translated."""
PREFIXES = """
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix align: <http://knowledgeweb.semanticweb.org/heterogeneity/alignment#> .
@prefix xm: <https://xroad-lite.example/ns/mapping#> .
@prefix a: <https://example.org/a#> .
@prefix b: <https://example.org/b#> .
@prefix c: <https://example.org/c#> .
@prefix m: <https://example.org/m#> .
"""
IRIS = {letter: f"https://example.org/{letter}#" for letter in "abc"}


@cache
def schema(name: str) -> dict[str, Any]:
    """A bundled schema."""
    return json.loads((ROOT / "schemas" / name / "1.json").read_text("utf-8"))


@cache
def files() -> dict[str, bytes]:
    """The bundled vocabularies and mappings."""
    paths = sorted((ROOT / "vocabularies").glob("**/*.ttl"))
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


@cache
def vocabulary() -> Vocabulary:
    """The bundled vocabularies, loaded."""
    return load_vocabulary(files())


@cache
def bundled(source: str, target: str) -> Translator:
    """The translator between two bundled schemas."""
    return translator(schema(source), schema(target), vocabulary())


def patients(count: int | None = None) -> list[dict[str, Any]]:
    """Real patients: HL7's ten, then Synthea's; the test is skipped where they are not there."""
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there")
    everyone = _patients()
    return list(everyone if count is None else everyone[: 10 + count])


def messages(name: str, count: int) -> list[dict[str, Any]]:
    """Messages of a bundled schema: its own examples, or real patients in its words."""
    if name in OWN:
        return schema(name)["examples"][:count]
    found = patients(0)[:count]
    return [bundled("health/birth", name).apply(one).value for one in found]


@cache
def _patients() -> list[dict[str, Any]]:
    examples = [json.loads(p.read_bytes()) for p in sorted((SHARED / "fhir-r4").glob("*.json"))]
    lines = (SHARED / "synthea-patients.ndjson").read_text("utf-8").splitlines()
    return [*examples, *map(json.loads, lines)]


def terms(*names: str) -> str:
    """Turtle that declares properties, as ``a:x``."""
    return PREFIXES + "".join(f"{name} a rdf:Property .\n" for name in names)


def world(*turtles: str) -> Vocabulary:
    """A vocabulary from pieces of Turtle, the first without prefixes of its own getting them."""
    return load_vocabulary(world_files(*turtles))


def world_files(*turtles: str) -> dict[str, bytes]:
    """The files behind ``world``."""
    return {
        f"vocabularies/mappings/f{number}.ttl": (
            text if "@prefix" in text else PREFIXES + text
        ).encode()
        for number, text in enumerate(turtles)
    }


def record(letter: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object schema whose keys mean the terms of the same name in vocabulary ``letter``."""
    context: dict[str, Any] = {"@vocab": IRIS[letter]}
    for key, inner in properties.items():
        if isinstance(inner, dict) and inner.get("type") == "array" and not inner.get("x-set"):
            context[key] = {"@id": IRIS[letter] + key, "@container": "@list"}
    return {"type": "object", "x-jsonld-context": context, "properties": properties, **more}


def cell(source: str, target: str, relation: str = "=", *more: str, name: str = "") -> str:
    """One cell; ``source`` may be ``xm:args …``."""
    first = source if source.startswith("xm:args") else f"align:entity1 {source}"
    rest = "".join(f" ; {part}" for part in more)
    subject = f"m:{name}" if name else "[]"
    return (
        f"{subject} a align:Cell ; {first} ; align:entity2 {target} ; "
        f'align:relation "{relation}"{rest} .\n'
    )


TEXT = {"type": "string"}
