"""Prints what schemas cost, in CPU time: python tests/schema/measure_speed.py."""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from xroad_lite.registry import Snapshot
from xroad_lite.schema import check_compatibility, compile_schema
from xroad_lite.stewardship import bundled_files

INSTANCE = b"instance: DEMO\nbase: https://demo.example/\ntitle: {en: Demo}\nauthorities: [a.pem]\n"


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{line}\n")


def fastest(work: Callable[[], object], times: int = 10) -> float:
    """Seconds of the fastest run."""
    best = float("inf")
    for _ in range(times):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def large(fields: int = 200) -> dict[str, Any]:
    """A schema with so many fields, of eight kinds."""
    kinds: list[dict[str, Any]] = [
        {"type": "string", "maxLength": 32},
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "date"},
        {"enum": ["a", "b", "c"]},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"$ref": "#/$defs/money"},
    ]
    money = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    named = {f"field{i}": copy.deepcopy(kinds[i % 8]) for i in range(fields)}
    return {
        "type": "object",
        "properties": named,
        "required": [f"field{i}" for i in range(0, fields, 3)],
        "additionalProperties": False,
        "$defs": {"money": money},
    }


def changed(old: dict[str, Any], share: int) -> dict[str, Any]:
    """The same with every so-many-th field narrowed."""
    new = copy.deepcopy(old)
    for number, said in enumerate(new["properties"].values()):
        if number % share == 0:
            said |= {"const": "x"}
    return new


def compatibility() -> None:
    """Two schemas of 200 fields, with and without findings."""
    old = large()
    for name, new in (
        ("a title", {**old, "title": "t"}),
        ("one field", changed(old, 200)),
        ("every tenth field", changed(old, 10)),
        ("every field", changed(old, 1)),
    ):
        for mode in ("BACKWARD", "FULL"):
            found = check_compatibility(new, old, "json", mode)
            spent = fastest(lambda: check_compatibility(new, old, "json", mode))  # noqa: B023
            say(f"check, {name} changed, {mode}, {len(found)} findings: {spent * 1000:.1f} ms")


def validation() -> None:
    """A record of about 1 KB."""
    files = bundled_files()
    schema = compile_schema(json.loads(files["schemas/citizens/birth-registered/1.json"]), "json")
    body = {
        "codigoPersonal": "11.111.111-1",
        "identificadorNacimiento": "B-2026-0001",
        "fechaNacimiento": "2026-03-14",
        "fechaInscripcion": "2026-03-15",
        "nombres": ["Elena", "Sofía"],
        "apellidos": "Rojas Muñoz",
        "nombreCompleto": "E" * 600,
        "sexo": "F",
        "domicilio": {"calle": "Calle Larga 123", "comuna": "Providencia", "region": "RM"},
    }
    assert schema.is_valid(body)
    spent = fastest(lambda: [schema.validate(body) for _ in range(20_000)], 5)
    say(f"validation of {len(json.dumps(body))} bytes: {20_000 / spent:,.0f}/s")


def many(count: int = 5_000) -> None:
    """A registry of thousands of schemas: opened, and one message checked."""
    files = {"instance.yaml": INSTANCE}
    text = json.dumps(large(10)).encode()
    for number in range(count):
        folder = f"schemas/domain/name{number}"
        files[f"{folder}/1.json"] = text
        files[f"{folder}/subject.yaml"] = (
            f"type: domain.name{number}\nkind: json\nowner: DEMO/GOV/A\ntitle: {{en: T}}\n"
            'versions:\n  "1": {status: active}\n'
        ).encode()
    begin = time.process_time()
    snapshot = Snapshot.draft(files)
    version = snapshot.schema("https://demo.example/schemas/domain/name7/1")
    assert version is not None
    compile_schema(version.document, "json", resources=snapshot.schema_resources("json"))
    first = time.process_time() - begin
    say(f"{count:,} schemas, until the first is compiled: {first:.2f} s")


if __name__ == "__main__":
    compatibility()
    validation()
    many()
