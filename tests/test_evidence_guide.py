"""The commands of docs/evidence.md, with a real time-stamping authority."""

import pytest
from guide import commands, typed

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
        yield typed(commands("evidence.md"), folder, program)
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
