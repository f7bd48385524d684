"""The session in docs/semantics.md says what the commands say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "semantics.md"


def session() -> list[tuple[str, str]]:
    """Every command of the console blocks with the lines below it."""
    blocks = re.findall(r"```console\n(.*?)```", DOCUMENT.read_text("utf-8"), re.S)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [(command, said) for command, _, said in (part.partition("\n") for part in parts)]


def test_the_session_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command, typed in an empty folder and 80 columns, prints what the document shows."""
    monkeypatch.chdir(tmp_path)
    assert len(session()) >= 3
    for command, said in session():
        words = shlex.split(command)
        assert words[0] == "xroad-lite"
        done = CliRunner().invoke(app, words[1:], env={"COLUMNS": "80"})
        assert done.stdout == said, command
        assert done.exit_code == (1 if "is refused" in said else 0)
