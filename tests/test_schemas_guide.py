"""The session of docs/schemas.md runs as it stands, with the very output that it shows."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from xroad_lite.cli import app, output

TEXT = (Path(__file__).parents[1] / "docs/schemas.md").read_text(encoding="utf-8")
FILES = re.findall(r"```\w+ ([\w.]+)\n(.*?)```", TEXT, re.S)
SESSION = re.findall(r"```console\n(.*?)```", TEXT, re.S)


def typed(command: str) -> str:
    """What a command prints on a terminal of 80 columns, without spaces at the ends of lines."""
    if not command.startswith("xroad-lite "):
        subprocess.run(command, shell=True, check=True)
        return ""
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    return "".join(f"{line.rstrip()}\n" for line in done.output.splitlines())


def test_the_session_is_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the page prints what the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("out", "err"):
        monkeypatch.setattr(output, name, Console(stderr=name == "err", width=80))
    for name, content in FILES:
        Path(name).write_text(content, encoding="utf-8")
    assert len(FILES) == 3
    for block in SESSION:
        for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, told = step.partition("\n")
            assert typed(command) == told, command
