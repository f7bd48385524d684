"""The commands of docs/evidence.md, with a real time-stamping authority."""

import re
import sys
from pathlib import Path

import pytest
from guide import DOCS, commands, typed

from tests.timestamping import StampingServer, TestAuthority

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def done(tmp_path_factory, program):
    """What every command of the guide printed."""
    folder = tmp_path_factory.mktemp("guide")
    server = StampingServer(TestAuthority(folder / "tsa"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TSA", server.url)
        environment.setenv("TSA_ROOT", str(server.authority.root))
        files = re.findall(
            r"```python\n# (\S+)\n(.*?)```", (DOCS / "evidence.md").read_text(), re.S
        )
        for name, source in files:
            (folder / name).write_text(source)
        first, *others = commands("evidence.md")
        python = f'export PATH="{program}:{Path(sys.executable).parent}:$PATH"'
        yield typed([python, first, "cp ../*.py .", *others], folder, program)
    server.stop()


def test_only_a_witness_is_missing(done):
    """All other checks of the whole log are established."""
    said = done.first("log verify bundle")
    assert said.count("could not be established\n") == 1
    assert "wrong\n" not in said
    assert "rests on  the registry's root" in said


def test_a_choice_in_one_file(done):
    """With what was asked for, everything is established."""
    said = done.first("log verify chosen.zip")
    assert "everything that was asked is established" in said
    assert "12 identity  established: 1 seal" in said


def test_the_nodes_own_log(done):
    """Asked for what it has."""
    assert "everything that was asked is established" in done.all("log verify")[2]


def test_one_message(done):
    """Its time is proved; the single file is established by the log's key."""
    assert " 9 time      established" in done.first("log verify proof --tsa")
    assert "everything that was asked is established" in done.first("log verify proof.tlog-proof")


def test_an_entry_without_us(done):
    """Python alone takes a message out of the tiles."""
    assert '"kind":"message"' in done.first("cat message/entry.json")


def test_two_parties(done):
    """What was sent came: the two logs say the same."""
    said = " ".join(done.first("log audit").split())
    assert "DEMO/GOV/HEALTH/births to DEMO/GOV/CIVIL/registry: 3 sent, 3 of them received" in said
    assert "the two logs say the same of what passed between the two" in said


def test_as_it_was_and_as_it_would_be(done):
    """Judged again from the bundle; shown to a handler; under a registry with a mapping less."""
    assert "every verdict is the same" in done.first("log replay civil.zip")
    shown = done.first("--to handler")
    assert shown.count(" True ") == 3
    assert "3 shown to the handler again, 0 failed" in shown
    assert "could not be read any more" in " ".join(done.first("--to mapping").split())
    assert "would have changed nothing" in done.first("--to agreement")


def test_again_in_a_queue(done):
    """A worker sees each of them, with its verdict, and that the seal holds."""
    assert "3 laid in the queue replay.civil, marked as replays" in done.first("--to queue")
    said = done.first("python worker.py")
    assert said.count("DEMO/GOV/CIVIL/registry") == said.count(" accepted health.birth b'{") == 3
