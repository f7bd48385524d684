"""Writes a large registry source, as a country has one: members, schemas, agreements, vocabularies.

``python tests/registry/large_source.py FOLDER [MEMBERS] [SCHEMAS]``, then ``xroad-lite registry
check FOLDER``. Deterministic: the same numbers give the same files, but for the certificate.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from xroad_lite.stewardship import Authority, bundled_files

TYPES_PER_DOMAIN = 50


def write_source(
    folder: Path, *, members: int = 1000, schemas: int = 5000, now: float | None = None
) -> None:
    """Write ``members`` institutions and ``schemas`` message types, a fifth of them in Avro.

    Every member answers for some types, has two subsystems, one service and two agreements.
    """
    now = time.time() if now is None else now
    _write(folder, "authorities/one.pem", Authority.create("Large", now=now).pem)
    _write(
        folder,
        "instance.yaml",
        "instance: XX\nbase: https://xx.example/\ntitle: {en: A large one, es: Una grande}\n"
        "authorities: [authorities/one.pem]\n",
    )
    _write(folder, "vocabularies/purposes.yaml", bundled_files()["vocabularies/purposes.yaml"])
    types = [f"d{number // TYPES_PER_DOMAIN}.t{number}" for number in range(schemas)]
    for number, type_ in enumerate(types):
        _schema(folder, number, type_, f"XX/GOV/M{number % members}", types)
    for domain in sorted({type_.partition(".")[0] for type_ in types}):
        _vocabulary(folder, domain)
    for number in range(members):
        _member(folder, number, types)
        _agreements(folder, number, members, types)


def _schema(folder: Path, number: int, type_: str, owner: str, types: list[str]) -> None:
    domain, _, name = type_.partition(".")
    kind = "avro" if number % 5 == 4 else "json"
    below = f"schemas/{domain}/{name}"
    _write(
        folder,
        f"{below}/subject.yaml",
        f"type: {type_}\nkind: {kind}\ncompatibility: BACKWARD\nowner: {owner}\n"
        f"title:\n  en: Type {number}\n  es: Tipo {number}\nversions:\n"
        '  "1": {status: active}\n',
    )
    document = _avro(domain, name) if kind == "avro" else _json(number, domain, name, types)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    _write(folder, f"{below}/1.{'avsc' if kind == 'avro' else 'json'}", text)


def _json(number: int, domain: str, name: str, types: list[str]) -> object:
    properties: dict[str, object] = {
        f"field{index}": {
            "title": f"Field {index}",
            "x-title": {"en": f"Field {index}", "es": f"Campo {index}"},
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
        }
        for index in range(8)
    }
    properties["identifier"] = {"title": "Identifier", "type": "string", "pattern": "^[A-Z0-9-]+$"}
    properties["born"] = {"title": "Born", "type": "string", "format": "date"}
    properties["items"] = {"type": "array", "items": {"$ref": "#/$defs/item"}}
    if number % 10 == 0 and number >= 10 and number % TYPES_PER_DOMAIN:
        properties["earlier"] = {"$ref": f"{types[number - 10].partition('.')[2]}/1"}
        properties["earlier"] = {"$ref": f"https://xx.example/schemas/{domain}/t{number - 10}/1"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{domain}/{name}/1",
        "title": f"Type {number}",
        "type": "object",
        "required": ["identifier", "born"],
        "additionalProperties": False,
        "properties": properties,
        "$defs": {"item": {"type": "object", "properties": {"code": {"enum": ["a", "b", "c"]}}}},
        "x-jsonld-context": {
            "v": f"https://xx.example/vocabularies/{domain}#",
            "identifier": "v:term0",
            "born": "v:term1",
        },
    }


def _avro(domain: str, name: str) -> object:
    fields = [{"name": f"field{index}", "type": ["null", "string"], "default": None}
              for index in range(8)]  # fmt: skip
    identifier = {"name": "identifier", "type": "string"}
    return {
        "type": "record",
        "name": name,
        "namespace": f"xx.{domain}",
        "fields": [identifier, *fields],
    }


def _vocabulary(folder: Path, domain: str) -> None:
    lines = [
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .",
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .",
        f"@prefix v: <https://xx.example/vocabularies/{domain}#> .",
    ]
    lines += [
        f"v:term{index} a owl:DatatypeProperty ;\n"
        f'    rdfs:label "Term {index}"@en , "Término {index}"@es ;\n'
        f'    skos:definition "What term {index} says."@en , "Lo que dice el término."@es .'
        for index in range(30)
    ]
    _write(folder, f"vocabularies/{domain}.ttl", "\n".join(lines) + "\n")


def _member(folder: Path, number: int, types: list[str]) -> None:
    asked, answered = types[number % len(types)], types[(number + 1) % len(types)]
    text = (
        f"member: XX/GOV/M{number}\nname:\n  en: Institution {number}\n  es: Institución {number}\n"
        f"contact: datos@m{number}.gob.example\nsubsystems:\n"
    )
    for index, code in enumerate(("registry", "office")):
        digest = f"{number * 2 + index:064x}"
        text += (
            f"  - code: {code}\n    title: {{en: {code.title()}, es: Oficina}}\n"
            f"    certificates:\n      - sha256: {digest!r}\n"
        )
        if code == "registry":
            text += (
                f"    services:\n      - code: ask\n        request: {asked}\n"
                f"        response: {answered}\n        title: {{en: Ask, es: Preguntar}}\n"
            )
    _write(folder, f"members/{number // 100:02d}/m{number}.yaml", text)


def _agreements(folder: Path, number: int, members: int, types: list[str]) -> None:
    other = (number + 1) % members
    for name, operation in (("sends", "publish"), ("asks", "request")):
        type_ = types[number % len(types)]
        pointers = "[/identifier, /field0]" if _is_avro(number % len(types)) else (
            "[/identifier, /born, /items/*/code]"
        )  # fmt: skip
        text = (
            f"agreement: m{number}-{name}\nversion: 1\n"
            f"title: {{en: Agreement {number}, es: Convenio {number}}}\n"
            f"provider: XX/GOV/M{number}/registry\nconsumer: XX/GOV/M{other}/office\n"
            f"operation: {operation}\ntypes: [{type_}]\n"
            "purposes: [https://w3id.org/dpv#FulfilmentOfObligation]\n"
            "legal_basis:\n  text: {en: Act 1, es: Ley 1}\n  iri: https://law.example/1\n"
            f"fields:\n  {type_}: {pointers}\n"
            "period:\n  from: 2026-01-01T00:00:00Z\n  until: 2090-01-01T00:00:00Z\n"
        )
        _write(folder, f"agreements/{number // 100:02d}/m{number}-{name}-1.yaml", text)


def _is_avro(number: int) -> bool:
    return number % 5 == 4


def _write(folder: Path, path: str, content: str | bytes) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    counts = [int(one) for one in sys.argv[2:4]]
    write_source(Path(sys.argv[1]), **dict(zip(("members", "schemas"), counts, strict=False)))
