"""The program builds the command that is asked for alone, and nobody sees a difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from xroad_lite.cli import app, narrowed


def paths(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield words
    for name, one in getattr(command, "commands", {}).items():
        yield from paths(one, *words, name)


def said(program: Any, *words: str) -> tuple[str, int]:
    """What a program answers."""
    done = CliRunner().invoke(program, words, env={"COLUMNS": "80"}, prog_name="xroad-lite")
    return done.output, done.exit_code


ALL = list(paths(get_command(app)))


def test_every_command_is_found_alone() -> None:
    """By its own words, and the program that was narrowed to it holds no other."""
    assert len(ALL) > 100
    for words in ALL:
        found = get_command(narrowed(app, [*words, "--help"]))
        for word in words:
            ((name, found),) = found.commands.items()
            assert name == word
        assert list(paths(found, *words)) == [one for one in ALL if one[: len(words)] == words]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--help",
        "--version",
        "log",
        "log --help",
        "log verify --help",
        "log vrify",
        "statu",
        "status --help",
        "doctor --bad",
        "gateway --help",
        "gateway token --help",
        "vocab --json",
    ],
)
def test_it_answers_the_same(line: str) -> None:
    """Help, mistakes and what comes near."""
    words = line.split()
    assert said(narrowed(app, words), *words) == said(app, *words)
