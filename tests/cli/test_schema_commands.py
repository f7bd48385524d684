"""The steward's commands, as a person or a program types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app

CLOSED = {"type": "object", "additionalProperties": False}
OLD = {**CLOSED, "required": ["code"], "properties": {"code": {"type": "string", "maxLength": 9}}}
WIDER = {**OLD, "properties": {**OLD["properties"], "note": {"type": "string"}}}
BREAKING = {**WIDER, "required": ["code", "note"]}


def run(*arguments: Any) -> tuple[str, int]:
    """Run a command in this process; gives what it printed on stdout, and its exit code."""
    done = CliRunner().invoke(app, ["schema", *map(str, arguments)], env={"COLUMNS": "80"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.stdout, done.exit_code


def asked(*arguments: Any) -> tuple[dict[str, Any], int]:
    """The same with --json: the object and the exit code."""
    out, code = run(*arguments, "--json")
    return json.loads(out), code


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry's source directory, with one type of one version, to work in."""
    (tmp_path / "instance.yaml").write_text(
        "instance: DEMO\nbase: https://demo.example/\ntitle: {en: Demo, es: Demo}\n"
        "authorities: [a.pem]\n"
    )
    for name, document in (("old", OLD), ("wider", WIDER), ("breaking", BREAKING)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)
    made, code = asked("register", "old.json", "--type", "citizens.visit", "--owner", "DEMO/GOV/C")
    assert (made["version"], code) == (1, 0)
    return tmp_path


def test_a_version_goes_through_its_life(source: Path) -> None:
    """New, filled in, activated, deprecated, retired; each step is seen in the list."""
    made, code = asked("new", "citizens.visit")
    assert (made["version"], made["status"], code) == (2, "draft", 0)
    Path(made["path"]).write_text(json.dumps(WIDER))
    assert asked("activate", "citizens/visit/2")[0]["status"] == "active"
    assert asked("deprecate", "citizens/visit/1")[0]["status"] == "deprecated"
    assert asked("retire", "citizens/visit/1")[0]["status"] == "retired"
    (listed,) = asked("list")[0]["schemas"]
    assert listed["versions"] == {"1": "retired", "2": "active"}
    out, code = run("show", "citizens.visit")
    assert "citizens.visit version 2" in out
    assert "/note" in out
    out, _ = run("show", "citizens/visit/2", "--raw")
    assert json.loads(out) == WIDER


def test_breaking_is_refused_with_reasons(source: Path) -> None:
    """check says why and ends with 1; register refuses and writes nothing."""
    found, code = asked("check", "breaking.json", "--type", "citizens.visit")
    assert (found["ok"], code, found["mode"]) == (False, 1, "BACKWARD")
    assert [one["change"] for one in found["findings"]] == ["field_required"]
    refused, code = asked("register", "breaking.json", "--type", "citizens.visit")
    assert (refused["error"]["code"], code) == ("schema.incompatible", 1)
    assert not (source / "schemas/citizens/visit/2.json").exists()
    kept, code = asked("check", "wider.json", "--type", "citizens.visit")
    assert (kept["ok"], code) == (True, 0)
    found, code = asked("check", "wider.json", "--against", "old.json", "--mode", "FULL")
    assert ([one["change"] for one in found["findings"]], code) == (["fields_closed"], 1)


def test_diff_says_both_directions(source: Path) -> None:
    """What changed, that the new reads the old, and why the old does not read the new."""
    out, code = run("diff", "wider.json", "citizens.visit")
    assert code == 0
    assert out.splitlines()[:3] == [
        "/note was added: text, optional",
        "BACKWARD holds: wider.json reads all that citizens.visit version 1 wrote",
        "FORWARD breaks: citizens.visit version 1 does not read all that wider.json ",
    ]


def test_lint_says_where(source: Path) -> None:
    """Rule, file, line; for people and for a code review's annotations."""
    found, code = asked("lint", "old.json")
    assert code == 1
    assert {one["code"] for one in found["findings"]} == {
        "lint.title", "lint.description", "lint.dialect"}  # fmt: skip
    assert all(one["line"] == 1 for one in found["findings"])
    out, code = run("lint", "old.json", "--format", "github")
    assert out.startswith("::error file=old.json,line=1,col=1,title=lint.")
    assert run("lint", "--rules")[1] == 0


def test_samples_are_lines_of_json(source: Path) -> None:
    """Valid bodies one a line, near misses with their rule."""
    out, code = run("sample", "citizens.visit", "-c", 2)
    assert ([set(json.loads(line)) for line in out.splitlines()], code) == ([{"code"}] * 2, 0)
    missed, _ = asked("sample", "citizens.visit", "--near-misses", "-c", 4)
    assert {one["rule"] for one in missed["near_misses"]} == {
        "type", "required", "additionalProperties", "maxLength"}  # fmt: skip


def test_pages_have_tables(source: Path) -> None:
    """One page on stdout, or a folder of pages with an index, as Markdown or HTML."""
    out, code = run("docs", "citizens.visit")
    assert "| `/code` | text, at most 9 characters |" in out
    assert code == 0
    written, _ = asked("docs", "--out", "pages", "--format", "html")
    assert [Path(one).name for one in written["pages"]] == ["citizens.visit-1.html"]
    page = Path(written["pages"][0]).read_text()
    assert "<td><code>/code</code></td>" in page
    assert "citizens.visit-1.html" in Path(written["index"]).read_text()


def test_infer_drafts_from_data(source: Path) -> None:
    """CSV becomes a schema that accepts it, with what is left to do."""
    Path("visits.csv").write_text("code,visitDate\nA,2024-01-02\nB,2024-01-03\n")
    out, code = run("infer", "visits.csv", "--out", "visit.json")
    assert (out, code) == ("", 0)
    assert json.loads(Path("visit.json").read_text())["properties"]["visitDate"]["format"] == "date"
    told, _ = asked("infer", "visits.csv")
    assert {one["rule"] for one in told["todo"]} == {"title", "description"}
    assert asked("infer", "visits.csv", "--out", "visit.json")[1] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "citizens.vist"], "schema.unknown_type", "there is no schema of citizens.vist"),
        (["show", "citizens/visit/7"], "schema.unknown_version", "has no version 7: it has 1"),
        (["show", "nothing.json"], "schema.no_file", "there is no file nothing.json"),
        (["check", "old.json"], "schema.unknown_type", "lies in no type's folder"),
        (["check", "old.json", "--against", "old.json", "--mode", "LOUD"], "schema.unknown_mode",
         "unknown mode 'LOUD'"),
        (["retire", "citizens.visit"], "schema.unknown_version", "names no version"),
        (["retire", "citizens/visit/1"], "schema.lifecycle", "it can become deprecated"),
        (["register", "old.json", "--type", "other.type"], "schema.unknown_type",
         "nobody owns it yet"),
        (["diff", "citizens/visit/1"], "schema.unknown_version", "there is no version before"),
        (["new", "Citizens"], "identifier.message_type", "is no message type"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(source: Path, arguments: list[str], code: str, words: str) -> None:
    """Each mistake has a code and a sentence, and most a next command."""
    found, _ = asked(*arguments)
    assert found["ok"] is False
    assert found["error"]["code"] == code
    assert words in found["error"]["message"]


HOSTILE: dict[str, tuple[str, str]] = {
    "deep": ('{"items":' * 10_000 + "true" + "}" * 10_000, "schema.not_json"),
    "twice": ('{"type": "object", "type": "array"}', "schema.not_json"),
    "huge": ('{"enum": [' + '"0123456789",' * 4_000_000 + '"x"]}', "schema.too_large"),
    "remote": ('{"$ref": "https://elsewhere.example/x"}', "schema.unresolved_reference"),
    "cycle": ('{"$ref": "#"}', "schema.reference_cycle"),
    "anchors": ('{"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}',
                "schema.duplicate_name"),
    "doubling": (json.dumps({"$ref": "#/$defs/d0", "$defs": {
        **{f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)},
        "d40": True}}), "schema.expansion"),
    "pattern": ('{"patternProperties": {"((a{1,300}){1,300}){1,300}": true}}', "schema.pattern"),
}  # fmt: skip


@pytest.mark.sampled(16)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "command", [["lint"], ["check", "--against", "old.json"], ["diff"], ["sample"], ["docs"],
                ["register", "--type", "citizens.visit"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_hostile_schemas_are_refused(source: Path, name: str, command: list[str]) -> None:
    """Bombs, cycles and giants end every command with an error of ours, at once."""
    text, code = HOSTILE[name]
    Path("bad.json").write_text(text)
    more = ["old.json"] if command[0] == "diff" else []
    found, exit_code = asked(command[0], "bad.json", *command[1:], *more)
    assert exit_code == 1
    expected = {code} | ({"schema.unknown_type"} if command[0] == "docs" else set())
    assert found["error"]["code"] in expected
