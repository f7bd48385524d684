"""The commands of docs/checkpoints.md, with a real time-stamping authority."""

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
        yield typed(commands("checkpoints.md"), folder, program)
    server.stop()


def test_the_note_is_the_logs(done):
    """Origin, size and root, signed by the log's name."""
    (note,) = done.all("log checkpoints --note")
    assert note.splitlines()[0] == "DEMO/GOV/HEALTH/births"
    assert "— DEMO/GOV/HEALTH/births " in note


def test_both_keys_are_listed(done):
    """After the roll-over."""
    (listed,) = done.all("keys list")
    assert listed.count("listed") >= 3
    assert "not listed" not in listed


def test_a_backup_is_refused_until_the_operator_says_so(done):
    """Exit code 1, and nothing without --yes."""
    assert any("exit code 1" in text for text in done.all("send health.birth"))
    first, second = done.all("log trust")
    assert "would hold" in first
    assert "now holds" in second


def test_the_log_is_stamped(done):
    """By the authority, over all entries; the tokens are entries."""
    (told,) = done.all("log restamp")
    assert "are stamped by http://127.0.0.1:" in told
    (shown,) = done.all("log show")
    assert shown.count("token") == 2


def test_nothing_is_missing(done):
    """No witness yet, and no gap."""
    assert "no witness has cosigned" in done.all("log witness status")[0]
    assert "no number is missing" in done.all("log gaps")[0]
