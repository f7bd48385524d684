"""``vocab check`` and ``vocab score`` as a person types them, each with its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from xroad_lite.cli import app

GOOD = """
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix a: <https://example.org/a#> .
<https://example.org/a> a owl:Ontology ; dct:title "A"@en ; dct:license <https://example.org/l> .
a:Thing a owl:Class ; rdfs:label "thing"@en ; skos:definition "A thing."@en .
"""


def run(*words: str) -> Result:
    """A command in 80 columns."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})


def source(folder: Path, turtle: str) -> str:
    """A source directory with one vocabulary and one schema."""
    (folder / "vocabularies").mkdir()
    (folder / "vocabularies" / "a.ttl").write_text(turtle, "utf-8")
    (folder / "schemas/d/n").mkdir(parents=True)
    document = {"type": "object", "properties": {"x": {"type": "string"}}}
    (folder / "schemas/d/n/1.json").write_text(json.dumps(document), "utf-8")
    return str(folder)


def test_check_of_a_good_source(tmp_path: Path) -> None:
    """Exit code 0, and one line."""
    result = run("vocab", "check", source(tmp_path, GOOD))
    assert result.exit_code == 0
    assert result.stdout == "vocabularies and mappings: 1 files, 0 findings, 0 wrong\n"


def test_check_in_the_languages_of_the_instance(tmp_path: Path) -> None:
    """Those of its title in instance.yaml; ``--language`` says otherwise."""
    folder = source(tmp_path, GOOD)
    (tmp_path / "instance.yaml").write_text(
        "instance: X\nbase: https://x.example/\ntitle: {es: X}\nauthorities: [a.pem]\n", "utf-8"
    )
    result = run("vocab", "check", folder, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["findings"][-1] == {
        "path": "vocabularies/a.ttl",
        "line": 8,
        "column": 1,
        "code": "semantics.label_gap",
        "severity": "wrong",
        "message": "Thing has no label in es",
        "hint": 'write rdfs:label, or skos:prefLabel for a code, "…"@es',
    }
    assert run("vocab", "check", folder, "--language", "en").exit_code == 0


def test_check_of_one_file_names_its_line(tmp_path: Path) -> None:
    """What is no Turtle is told with file and line; the file may lie anywhere."""
    file = tmp_path / "b.ttl"
    file.write_text("@prefix a: <https://example.org/a#> .\na:x a a:y ,, .\n", "utf-8")
    result = run("vocab", "check", str(file))
    assert result.exit_code == 1
    assert "vocabularies/b.ttl\n      2:1  wrong   is not Turtle" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """A control character in an IRI is shown as one that cannot be shown."""
    file = tmp_path / "b.ttl"
    file.write_text(GOOD + "<https://example.org/a#\\u001b[31mred> a owl:Class .", "utf-8")
    result = run("vocab", "check", str(file))
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\N{REPLACEMENT CHARACTER}[31mred has no label" in result.stdout


@pytest.mark.parametrize(
    ("name", "code"), [("a.txt", "config.source"), ("big.ttl", "registry.too_large")]
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, name: str, code: str) -> None:
    """Another ending, or 100 MB: an error that says so, and nothing is read into memory."""
    with (tmp_path / name).open("wb") as file:
        file.truncate(100 * 2**20)
    result = run("vocab", "check", str(tmp_path / name), "--json")
    assert result.exit_code in (2, 3)
    assert json.loads(result.stdout)["error"]["code"] == code


def test_score_of_a_source(tmp_path: Path) -> None:
    """The share of each schema and of all; ``--min`` makes it a gate."""
    folder = source(tmp_path, GOOD)
    assert run("vocab", "score", folder).exit_code == 0
    result = run("vocab", "score", folder, "--min", "0.9", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["ok"], found["share"], found["below"]) == (False, 0.0, ["d/n/1"])
    assert found["schemas"][0]["unbound"] == [
        {"pointer": "/x", "reason": "no term", "nearest": None}
    ]


def test_the_bundled_schemas_score_what_the_documentation_says() -> None:
    """All but FHIR's kind, id and extensions, and the bus's own messages, which bind nothing."""
    found = json.loads(run("vocab", "score", "--json").stdout)
    shares = {one["schema"]: one["share"] for one in found["schemas"]}
    own = {name for name in shares if name.startswith("xroad/")}
    assert {name for name, share in shares.items() if share < 1} == {"health/birth/1"} | own
    assert all(shares[name] == 0 for name in own)
