"""An adapter's main program: configuration, secrets, rounds, patience, and errors in words."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from xroad_lite.adapting import read_configuration, run_adapter, running
from xroad_lite.errors import ConfigurationError, TransportError
from xroad_lite.testing import HEALTH, two_agency_instance


@dataclass(frozen=True)
class Part:
    """A part of a configuration."""

    name: str
    number: int = 1


@dataclass(frozen=True)
class Whole:
    """A configuration."""

    node: str
    every: float = 0.01
    secret: str = ""
    parts: list[Part] = field(default_factory=list)


def write(folder, text):
    """An adapter.yaml."""
    file = folder / "adapter.yaml"
    file.write_text(text)
    return file


def test_a_configuration_is_read(tmp_path, monkeypatch):
    """Parts too; secrets come from the environment."""
    monkeypatch.setenv("OUR_SECRET", "s3")
    file = write(tmp_path, "node: n\nsecret: env:OUR_SECRET\nparts: [{name: a, number: 2}]\n")
    assert read_configuration(file, Whole) == Whole("n", 0.01, "s3", [Part("a", 2)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node: [", "adapter.yaml"),
        ("every: 1", "node: is missing"),
        ("nod: n", "node: is missing; nod: Unexpected"),
        ("node: n\nparts: [{number: 1}]", "parts.0.name"),
        ("node: n\nparts: [{name: a, number: many}]", "parts.0.number"),
        ("node: n\nevery: often", "every"),
        ("node: n\nsorts: []", "sorts"),
        ("node: n\nparts: [{name: a, numbr: 2}]", "parts.0.numbr"),
        ("node: n\nsecret: env:NOT_THERE", "NOT_THERE is not set"),
        ("just text", "adapter.yaml"),
    ],
)
def test_what_is_wrong_is_named(text, said, tmp_path):
    """The file, the field, what was got and what was expected."""
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(write(tmp_path, text), Whole)
    assert said in caught.value.message
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path / "nowhere.yaml", Whole)
    assert "xroad-lite init" in caught.value.hint


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an instance, as a project has it."""
    two_agency_instance(tmp_path / "instance", now=time.time() - 60)
    monkeypatch.setattr(sys, "argv", ["adapter.py", str(tmp_path / "adapter.yaml")])
    here = Path.cwd()
    yield tmp_path
    os.chdir(here)


class Rounds:
    """Finds something, then nothing, then fails twice, then somebody types Ctrl-C."""

    def __init__(self, node, configuration):
        self.script = [
            3,
            0,
            TransportError("x.y", "away"),
            RuntimeError("no"),
            0,
            KeyboardInterrupt(),
        ]
        assert (str(node.id), configuration.node) == (HEALTH, "instance/nodes/health")
        Rounds.calls = 0

    def poll(self):
        """The next thing that happens."""
        Rounds.calls += 1
        now = self.script.pop(0)
        if isinstance(now, BaseException):
            raise now
        return now


def test_rounds_go_on(folder, capsys, caplog):
    """A round that fails is said and tried again; Ctrl-C is a good end."""
    write(folder, "node: instance/nodes/health")
    with pytest.raises(SystemExit) as ended:
        run_adapter(Rounds, Whole)
    assert (ended.value.code, Rounds.calls) == (0, 6)
    assert f"{HEALTH} is at work" in capsys.readouterr().err
    assert [one.getMessage() for one in caplog.records if "trying again" in one.getMessage()] == [
        "TransportError: x.y: away; trying again in 0.02 s",
        "RuntimeError: no; trying again in 0.04 s",
    ]


def test_an_adapter_that_cannot_begin_says_why(folder, capsys):
    """With the exit code of its error, and the next command."""
    write(folder, "node: instance/nodes/nobody")
    with pytest.raises(SystemExit) as ended:
        run_adapter(Rounds, Whole)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "config.missing: cannot read instance/nodes/nobody" in said
    assert "xroad-lite init" in said
    assert running.FILE_NAME == "adapter.yaml"
