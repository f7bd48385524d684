"""The session of docs/vocabularies.md, as a steward types it, with the output that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.stewardship import bundled_files

TEXT = (Path(__file__).parents[1] / "docs/vocabularies.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", TEXT, re.S | re.M)


def test_the_session_is_what_the_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are written as shown; a block without a path corrects the term that it begins with."""
    monkeypatch.chdir(tmp_path)
    written = Path()
    for language, path, text in BLOCKS:
        if path:
            written = Path(path) if language == "turtle" else written
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, "utf-8")
        elif language == "turtle":
            begin = written.read_text("utf-8").partition(text.split("\n")[0])[0]
            written.write_text(begin + text, "utf-8")
        else:
            for one in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, expected = one.partition("\n")
                assert printed(command) == expected.split(), command


def printed(command: str) -> list[str]:
    """The words that a command prints, whatever the width of the terminal."""
    result = CliRunner().invoke(app, shlex.split(command)[1:], env={"COLUMNS": "80"})
    return result.stdout.split()


def test_every_domain_schema_and_mapping_is_named() -> None:
    """What is bundled is in the tables, and nothing else."""
    files = bundled_files()
    domains = {path[13:] for path in files if re.fullmatch(r"vocabularies/[^/]+\.ttl", path)}
    assert domains == set(re.findall(r"^\| [a-z ]+ \| `([^`]+\.ttl)`", TEXT, re.M))
    mappings = {path[22:-4] for path in files if path.startswith("vocabularies/mappings/")}
    assert mappings == set(re.findall(r"`([a-z-]+--[a-z-]+)`", TEXT))
    for path in files:
        if (match := re.fullmatch(r"schemas/([^/]+)/([^/]+)/\d+\.json", path)) and match[
            1
        ] != "xroad":
            assert re.search(rf"`({match[1]}/)?{match[2]}`", TEXT), path


def test_every_code_is_explained() -> None:
    """Each shape has its code in the table."""
    shapes = Path(__file__).parents[1] / "xroad_lite/stewardship/vocabularies/shapes.ttl"
    codes = re.findall(r"^shape:(\w+) a sh:PropertyShape", shapes.read_text("utf-8"), re.M)
    assert len(codes) > 10
    for code in codes:
        assert re.search(rf"`(semantics)?\.{code}`", TEXT), code
