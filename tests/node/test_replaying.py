"""A recorded message that comes again: marked it is never taken in, unmarked never taken twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.envelope import Replayed, parse_seal
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence.sources import LogSource
from xroad_lite.messagelog.gaps import arrived, gaps
from xroad_lite.messagelog.replays import SHOWN, ReplayTable
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, TwoAgencies, two_agency_instance
from xroad_lite.times import to_text
from xroad_lite.transports import Parcel

DAY = 86_400.0


class Evening:
    """Two births that Civil has handled, of which its log has entries and bodies."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        instance = two_agency_instance(folder, now=self.clock() - 60)
        health = Node.open(instance.node_folder(HEALTH), clock=self.clock)
        civil = Node.open(instance.node_folder(CIVIL), clock=self.clock)
        self.two = TwoAgencies(instance, health, civil, self.clock)
        self.seen: list[Any] = []
        civil.subscribe("health.birth", replays=True)(self.seen.append)
        for number in (1, 2):
            health.publish("health.birth", BIRTH, subject=f"B-{number}")
        self.two.settle()
        sql = "SELECT idx FROM xl_messages WHERE direction = 'in' ORDER BY idx"
        self.indexes = [row[0] for row in civil.store.query(sql)]

    def replayed(self, index: int) -> Replayed:
        """As the log has it."""
        found = self.two.civil._judged(index)
        assert found.opened is not None
        at = to_text(self.clock())
        verdict = self.two.civil.store.entry(index).fields["verdict"]
        return Replayed(CIVIL, index, at, verdict, at, found.opened, found.salt, found.body)

    def put(self, seal: bytes, one: Replayed, whom: Node | None = None) -> None:
        """Lay it where the live node reads, round every check of a sender's."""
        whom = whom or self.two.civil
        self.two.health._transport.send(
            [Parcel(0, str(whom.id), "health.birth", seal, one.salt, one.body)]
        )
        self.two.health._transport.outcomes()
        self.two.settle()

    def verdicts(self) -> list[tuple[str, str | None]]:
        """Outcome and code of all that Civil's log has."""
        found = [entries.read(leaf).fields.get("verdict") for _, leaf in self.store.entries()]
        return [(one["outcome"], one.get("code")) for one in found if one is not None]

    @property
    def store(self) -> Store:
        """Civil's."""
        return self.two.civil.store

    def close(self) -> None:
        """Both logs verify, whatever came."""
        for node in (self.two.health, self.two.civil):
            found = verify_log(node.store)
            assert found.ok, found.findings
            node.close()


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    """Two births, handled."""
    made = Evening(tmp_path)
    yield made
    made.close()


def test_a_marked_one_is_refused_and_counts_as_nothing(evening: Evening) -> None:
    """By check 1, with its own code: no entry that looks like the original, no number, no call."""
    one = evening.replayed(evening.indexes[0])
    before = evening.store.size
    evening.put(one.marked(), one)
    assert len(evening.seen) == 2
    assert evening.verdicts()[-1] == ("refused", "envelope.replay")
    assert evening.store.size == before + 1
    kept = evening.store.entry(before)
    assert not kept.proven
    assert sorted(kept.fields) == sorted(
        ["v", "kind", "time", "direction", "registry", "digest", "size", "verdict"]
    )
    assert evening.store.body(before) is None
    came = arrived(LogSource(evening.store), CIVIL)
    assert [one.index for one in came[HEALTH, CIVIL]] == evening.indexes
    assert list(gaps(came)) == []
    assert evening.two.civil.store.counters()["received.refused"] == 1


def test_a_marked_one_does_not_take_the_originals_place(tmp_path: Path) -> None:
    """It comes before the original does: that one is accepted all the same, and handled once."""
    evening = Evening(tmp_path)
    two = evening.two
    two.health.publish("health.birth", BIRTH, subject="B-3")
    (row,) = two.health.store.query("SELECT max(idx) FROM xl_messages WHERE direction = 'out'")
    opened, kept = parse_seal(two.health.store.seal(row[0])), two.health.store.body(row[0])
    assert kept is not None
    at = to_text(evening.clock())
    one = Replayed(CIVIL, 0, at, {}, at, opened, *kept)
    evening.put(one.marked(), one)
    assert [code for _, code in evening.verdicts()].count("envelope.replay") == 1
    assert len(evening.seen) == 3
    assert evening.verdicts().count(("accepted", None)) == 3
    evening.close()


def test_without_its_mark_it_is_a_duplicate(evening: Evening) -> None:
    """An attacker has the original then, whose id is known: acknowledged, counted, not handled."""
    one, before = evening.replayed(evening.indexes[0]), evening.store.size
    for _ in range(3):
        evening.put(one.seal, one)
    assert (len(evening.seen), evening.store.size) == (2, before)
    assert evening.store.counters()["received.duplicate"] == 3
    assert evening.two.civil._transport.status()["queued"] == {}


def test_without_its_mark_it_is_too_old_one_day(evening: Evening) -> None:
    """Ids are looked up within the instance's maximum age, and beyond it age refuses."""
    one = evening.replayed(evening.indexes[0])
    evening.clock.turn(32 * DAY)
    evening.two.instance.publish(evening.clock())
    for node in (evening.two.health, evening.two.civil):
        node.step()
    evening.put(one.seal, one)
    assert len(evening.seen) == 2
    assert evening.verdicts()[-1] == ("refused", "freshness.expired")


def test_without_its_mark_it_is_nobody_elses(evening: Evening) -> None:
    """Laid into another node's queue: it is for somebody else."""
    evening.two.health.subscribe("health.birth")(evening.seen.append)
    one = evening.replayed(evening.indexes[0])
    evening.put(one.seal, one, evening.two.health)
    assert len(evening.seen) == 2
    leaves = [entries.read(leaf) for _, leaf in evening.two.health.store.entries()]
    assert leaves[-1].fields["verdict"]["code"] == "freshness.other_recipient"


# a running node is asked for entries of its own log


def asked(evening: Evening, *indexes: int, until: float = 1e12) -> dict[int, str]:
    """What becomes of these entries when the node works."""
    table = ReplayTable(evening.store)
    table.create()
    assert table.ask(indexes, 0.0, until)
    evening.two.settle()
    results = table.results()
    table.clear()
    return results


def test_a_handler_that_asked_for_it_sees_it_marked(evening: Evening) -> None:
    """The very message, without effects; the log has no more entries than before."""
    size = evening.store.size
    first, second = evening.indexes
    assert asked(evening, second, first) == {first: SHOWN, second: SHOWN}
    assert [(one.entry, one.replay) for one in evening.seen[2:]] == [(first, True), (second, True)]
    assert evening.seen[2].body == evening.seen[0].body
    assert [one.replay for one in evening.seen[:2]] == [False, False]
    assert evening.store.size == size
    with pytest.raises(RuntimeError, match="replayed"):
        evening.seen[2].publish("health.birth", BIRTH)


def test_only_who_asked_for_replays_is_shown_any(tmp_path: Path) -> None:
    """A subscription without it is not called, and nothing waits for one that comes later."""
    evening = Evening(tmp_path)
    evening.two.civil.close()
    plain: list[Any] = []
    with Node.open(evening.two.instance.node_folder(CIVIL), clock=evening.clock) as civil:
        civil.subscribe("health.birth")(plain.append)
        table = ReplayTable(civil.store)
        assert table.ask([evening.indexes[0]], 0.0, evening.clock() + 5)
        civil.step()
        assert (plain, table.results()) == ([], {})
        evening.clock.turn(6)
        civil._replaying.take("health.birth", plain.append)
        civil.step()
        assert (plain, table.results()) == ([], {})
    evening.two.health.close()


def test_what_cannot_be_shown_says_why(evening: Evening) -> None:
    """No entry, no message, not accepted, erased, a handler that fails: the node goes on."""
    first, second = evening.indexes
    one = evening.replayed(first)
    evening.put(one.marked(), one)
    refused = evening.store.size - 1
    evening.store.execute("UPDATE xl_bodies SET idx = 9999 WHERE idx = ?", (second,))
    evening.two.civil._receiver.forget(second)

    def fails(message: Any) -> None:
        raise ValueError("the disk of the agency is full")

    evening.two.civil._replaying.take("health.birth", fails)
    found = asked(evening, 0, first, second, refused, 10_000)
    assert found[0].startswith("LogError: log.not_accepted")
    assert found[first] == "ValueError: the disk of the agency is full"
    assert found[second].startswith("LogError: log.erased")
    assert found[refused].startswith("LogError: log.not_accepted")
    assert "10000" in found[10_000]
    evening.two.civil._replaying.take("health.birth", evening.seen.append)
    evening.store.execute("UPDATE xl_bodies SET idx = ? WHERE idx = 9999", (second,))
    assert asked(evening, first) == {first: SHOWN}


def test_one_asks_at_a_time(evening: Evening) -> None:
    """Who waits is not disturbed; one that died is forgotten when its time is over."""
    table = ReplayTable(evening.store)
    table.create()
    now = time.time()
    assert table.ask([1], now, now + 5)
    assert not table.ask([2], now + 1, now + 6)
    table.wait(now + 9)
    assert not table.ask([2], now + 6, now + 11)
    assert table.ask([2], now + 10, now + 15)
    assert table.due(now + 10, 10) == [2]
