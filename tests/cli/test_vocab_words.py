"""What stewards ask of vocabularies: explain, path, map, report; each with its exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.semantics import load_vocabulary
from xroad_lite.stewardship.publication import bundled_files

BASE = "https://demo.xroad-lite.example/vocabularies/"


def ask(*arguments: str) -> tuple[dict[str, Any], int]:
    """A command with ``--json``, in this process: its object and its exit code."""
    done = CliRunner().invoke(app, ["vocab", *arguments, "--json"])
    return json.loads(done.stdout), done.exit_code


def say(*arguments: str) -> tuple[str, int]:
    """A command as a person sees it in 80 columns: its text and its exit code."""
    done = CliRunner().invoke(app, ["vocab", *arguments], env={"COLUMNS": "80"})
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "written" not in line)
    return done.stdout, done.exit_code


@pytest.fixture(scope="module")
def unmapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled citizens and tax, without anything that leads from one to the other."""
    folder = tmp_path_factory.mktemp("unmapped")
    for path, data in bundled_files().items():
        wanted = path.startswith(("schemas/citizens", "schemas/tax", "vocabularies/citizens.ttl"))
        if wanted or path == "vocabularies/tax.ttl":
            text = data.decode()
            if path.endswith("tax.ttl"):
                text = text.replace("owl:equivalentProperty", "<urn:not-said>")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    "name", ["fechaNacimiento", "citizens.person#/fechaNacimiento", "fecha de nacimiento"]
)
def test_explain_a_field_by_any_of_its_names(name: str) -> None:
    """A key, a place in a schema, a label: the term, its labels, its users, its mappings."""
    found, code = ask("explain", name)
    [one] = [e for e in found["explanations"] if e["iri"] == f"{BASE}citizens#fechaNacimiento"]
    assert code == 0
    assert dict(one["term"]["labels"])["en"] == "date of birth"
    assert {"schema": "citizens/person/1", "pointer": "/fechaNacimiento"} in one["used_by"]
    assert any("dateform" in saying["says"] for saying in one["mappings"])
    text, _ = say("explain", name)
    assert "fecha de nacimiento" in text


def test_explain_a_code_and_what_is_unbound() -> None:
    """A code says its list and its matches; a field without a meaning says why it has none."""
    text, _ = say("explain", "http://hl7.org/fhir/administrative-gender#male")
    assert "sexo-M" in text
    found, _ = ask("explain", "health/birth#/resourceType")
    assert "no meaning" in found["explanations"][0]["note"]


def test_explain_what_nobody_calls_so() -> None:
    """The error names what is written alike."""
    refused, code = ask("explain", "fechaNacimento")
    assert (refused["error"]["code"], code) == ("semantics.unknown_name", 1)
    assert "fechaNacimiento" in refused["error"]["hint"]
    refused, code = ask("report", "citizens.persona", "tax.taxpayer")
    assert "citizens/person" in refused["error"]["message"]


def test_path_between_fields_and_between_terms() -> None:
    """Fields go the way of their translation; terms go from cell to cell; no way is exit code 1."""
    found, code = ask("path", "health/birth#/gender", "citizens/person#/sexo")
    assert (found["paths"][0]["kind"], code) == ("exact", 0)
    assert "lookup" in found["paths"][0]["steps"][1]
    found, _ = ask("path", "http://hl7.org/fhir/Patient.birthDate", f"{BASE}welfare#childBorn")
    assert [link["relation"] for link in found["paths"][0]["links"]] == ["=", "="]
    text, code = say("path", "health/birth#/active", "citizens/person#/sexo")
    assert code == 1
    assert "read from /gender instead" in text


def test_report_in_words_in_json_and_as_a_picture(tmp_path: Path) -> None:
    """Every status with its fields; a required field without a source is exit code 1."""
    text, code = say("report", "health/birth", "citizens/person")
    assert code == 0
    assert text.index("exact (") < text.index("narrowed (") < text.index("missing (")
    page = tmp_path / "page.html"
    found, code = ask("report", "citizens/person", "citizens/birth-registered", "--html", str(page))
    assert (found["ok"], found["missing_required"], code) == (False, ["/fechaInscripcion"], 1)
    assert page.read_text("utf-8").startswith("<!doctype html>")
    own = tmp_path / "own.json"
    own.write_bytes(bundled_files()["schemas/citizens/person/1.json"])
    found, code = ask("report", "health/birth", str(own))
    assert (found["target"], code) == ("own.json", 0)


def test_map_proposes_what_is_meant_and_adopts_nothing(unmapped: Path, tmp_path: Path) -> None:
    """Nine of ten are right; a cell is used when its mark is deleted, and not before."""
    file = tmp_path / "citizens--tax.ttl"
    arguments = ("map", "citizens", "tax", "--source", str(unmapped))
    found, code = ask(*arguments, "--yes-above", "0.7", "--output", str(file))
    pairs = {
        one["left"].partition("#")[2]: one["right"].partition("#")[2] for one in found["proposals"]
    }
    assert code == 0
    right = {
        "calle": "streetAddress",
        "codigoPostal": "postalCode",
        "fechaNacimiento": "dateOfBirth",
        "nombres": "firstNames",
        "apellidos": "lastName",
    }
    assert right.items() <= pairs.items()
    assert all(one["taken"] == (one["confidence"] >= 0.7) for one in found["proposals"])
    files = {
        f"vocabularies/{name}.ttl": (unmapped / f"vocabularies/{name}.ttl").read_bytes()
        for name in ("citizens", "tax")
    }
    proposed = file.read_bytes()
    marked = load_vocabulary({**files, "vocabularies/mappings/m.ttl": proposed})
    assert not [cell for cell in marked.cells if cell.file.endswith("m.ttl")]
    assert all("no steward has adopted it" in fault.detail for fault in marked.faults)
    adopted = proposed.replace(b"xm:proposed true", b"xm:rank 1")
    used = load_vocabulary({**files, "vocabularies/mappings/m.ttl": adopted})
    assert len([cell for cell in used.cells if cell.file.endswith("m.ttl")]) >= len(right)
    again, code = ask(*arguments, "--output", str(file))
    assert (again["error"]["code"], code) == ("config.output", 2)


def test_map_leaves_out_what_is_mapped() -> None:
    """Between mapped vocabularies little is proposed, and what is mapped is counted."""
    found, _ = ask("map", "citizens", "welfare")
    assert found["already_mapped"] >= 15
    refused, code = ask("map", "citizens", "nowhere")
    assert (refused["error"]["code"], code) == ("semantics.unknown_vocabulary", 1)


def test_map_asks_on_a_terminal(unmapped: Path, tmp_path: Path, program: Path) -> None:
    """Each proposal is asked about: yes, no, broader; enough ends the questions."""
    file = tmp_path / "asked.ttl"
    command = [str(program / "xroad-lite"), "vocab", "map", "citizens", "tax"]
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*command, "--source", str(unmapped), "--output", str(file)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )
    os.write(ours, b"y\nn\n<\nq\n")
    said, _ = running.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert b"2 taken" in said
    text = file.read_text("utf-8")
    assert text.count("xm:proposed true") == 2 + 1  # two cells, and the comment at the top
    assert 'align:relation "<"' in text
