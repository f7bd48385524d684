"""What is sent is numbered by recipient: a number that the log leaves out is found, wherever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scribe import Scribe

from xroad_lite.keys import KeySigner
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence.parts import PART
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.testing import CIVIL

NOW = 1_790_000_000.0
OTHER = "DEMO/GOV/TAX/registry"


@pytest.fixture
def scribe(tmp_path: Path, es256: KeySigner) -> Iterator[Scribe]:
    """A log to write in."""
    store = Store(tmp_path / "log.sqlite3")
    yield Scribe(store, es256)
    store.close()


def leave_out(scribe: Scribe, recipient: str = CIVIL) -> None:
    """Use a number, and log nothing under it."""
    with scribe.store.transaction():
        scribe.store.next_sequence(entries.OUT, recipient)


def fill(scribe: Scribe) -> None:
    """As many entries as make the next one of another part."""
    with scribe.store.transaction():
        for number in range(PART):
            scribe.store.append(entries.snapshot(NOW, f"{number + 1}:{'A' * 43}", 1))


def out_of_order(scribe: Scribe) -> list[int | None]:
    """Which entries a verification says are out of order, and nothing else wrong."""
    found = verify_log(scribe.store).findings
    assert {one.code for one in found} <= {"log.sequence"}
    return [one.entry for one in found]


def test_numbers_without_a_gap_are_in_order(scribe: Scribe) -> None:
    """Each recipient's own, over the end of a part."""
    for recipient in (CIVIL, OTHER, CIVIL):
        scribe.send(NOW, recipient=recipient)
    fill(scribe)
    scribe.send(NOW, recipient=CIVIL)
    scribe.send(NOW, recipient=OTHER)
    assert out_of_order(scribe) == []


def test_a_number_left_out_is_found(scribe: Scribe) -> None:
    """Between two entries of one part: named at the later one, for that recipient alone."""
    scribe.send(NOW)
    leave_out(scribe)
    scribe.send(NOW, recipient=OTHER)
    later = scribe.send(NOW)
    assert out_of_order(scribe) == [later]


def test_the_first_number_left_out_is_found(scribe: Scribe) -> None:
    """Numbers begin at 1: a log cannot begin with what came later."""
    leave_out(scribe)
    first = scribe.send(NOW)
    scribe.send(NOW)
    assert out_of_order(scribe) == [first]


def test_a_number_left_out_between_two_parts_is_found(scribe: Scribe) -> None:
    """No part can tell it alone, whoever reads them."""
    scribe.send(NOW)
    fill(scribe)
    leave_out(scribe)
    later = scribe.send(NOW)
    scribe.send(NOW)
    assert out_of_order(scribe) == [later]
