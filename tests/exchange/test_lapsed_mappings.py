"""A mapping of a third domain whose steward has lapsed: check 9 waits, and does not guess."""

from dataclasses import replace

import pytest
from judging import NOW, assert_accepted, judged

from xroad_lite.exchange import Outcome, Result
from xroad_lite.registry import Role, Snapshot

READS = "schemas/citizens/person/1"


def with_role(instance, expires, problem=""):
    """The first snapshot, its mappings from health being another steward's."""
    role = Role("third", ("vocabularies/mappings/health--*",), expires, problem)
    first = instance.first
    return Snapshot(replace(first.edition, roles=(role,)), first.files)


def read(instance, snapshot):
    """A birth, read as a person under this snapshot."""
    return judged(instance.birth(snapshot), snapshot, reads=f"{instance.base}{READS}")


def test_it_is_read_while_the_steward_holds(instance):
    """The mapping's own role counts, not only the domains of the message and its reader."""
    assert_accepted(read(instance, with_role(instance, NOW + 60)))


@pytest.mark.parametrize("problem", ["", "its keys did not sign it"])
def test_lapsed_it_waits(instance, problem):
    """Undecided by check 9; where nothing of the role could be taken, words that are lost wait."""
    found = read(instance, with_role(instance, 0.0 if problem else NOW - 60, problem))
    verdict = found.verdict
    assert (verdict.outcome, verdict.check, verdict.code) == (
        Outcome.UNDECIDED,
        9,
        "registry.role_expired",
    )
    assert verdict.results[-1] is Result.UNDECIDED


def test_a_message_that_needs_no_mapping_goes_on(instance):
    """Read as it was sent, it has nothing to do with that steward."""
    snapshot = with_role(instance, NOW - 60)
    assert_accepted(judged(instance.birth(snapshot), snapshot))
