"""The commands of docs/log.md, as an operator types them."""

import json

import pytest
from guide import commands, typed

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def done(tmp_path_factory, program):
    """What every command of the guide printed."""
    return typed(commands("log.md"), tmp_path_factory.mktemp("guide"), program)


def test_messages_are_found(done):
    """For people in a table, for programs with all columns."""
    told, found = done.all("log search")
    assert told.count("health.birth to") == 3
    assert [one["subject"] is not None for one in json.loads(found)["messages"]] == [True, True]


def test_segments_are_listed_then_moved_then_read(done):
    """Nothing moves before --apply; what was moved is shown as before."""
    told, moved = done.all("log archive")
    assert "closed: entries 0 to 1" in told
    assert "of them moved" in moved
    assert "archive/000000000000" in moved.replace("\n", "")
    (shown,) = done.all("log show 1")
    assert '"entry": 1' in shown


def test_a_backup_is_well(done):
    """It is checked like any log."""
    copied = done.first("log backup")
    assert "entries" in copied
    assert "all is well" in done.all("log fsck")[0]


def test_what_is_derived_is_made_anew(done):
    """Found, told, and only then repaired."""
    _, found = done.all("log fsck")
    assert "derived" in found
    assert "exit code 1" in found
    would, did = done.all("log repair")
    assert "nothing was done" in would
    assert "all is well" in did
    assert "before-repair-" in did


def test_the_operational_record_is_given(done):
    """In X-Road's fields."""
    told, found = done.all("log opmon")
    assert told.count("Client") == 3
    assert {one["serviceCode"] for one in json.loads(found)["records"]} == {"health.birth"}
