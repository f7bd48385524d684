"""What is due is erased to the last byte, unless something holds it; what is not due stays."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from scribe import REFUSED, Scribe

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Inbox, Outbox, Store, entries
from xroad_lite.messagelog.retention import QUARANTINE, WAITS, Retention, Rule, erased_by
from xroad_lite.messagelog.retention import Scope as Held
from xroad_lite.messagelog.verification import verify_log

NOW = 1_790_000_000.0
DAY = 86_400.0
BODY = b'{"a":"body"}'
BIRTHS = "https://demo.xroad-lite.example/agreements/births/1"
RULE = Rule.of_agreement("P30D", BIRTHS)


@pytest.fixture
def scribe(tmp_path, es256):
    """A log to write in."""
    opened = Scribe(Store(tmp_path / "log.sqlite3"), es256)
    yield opened
    opened.store.close()


def logged(scribe, body=BODY, until=NOW, at=NOW - DAY, rule=RULE, **attributes):
    """A message that was received and handled, its body to be kept until then; gives its entry."""
    retention = Retention(scribe.store)
    retention.create()
    index = scribe.receive(at, body, keep_until=until, **attributes)
    with scribe.store.transaction():
        retention.keep(index, rule)
    scribe.handled(at, index)
    return index


def there(scribe, *indexes):
    """Which of these bodies are there."""
    return [scribe.store.body(index) is not None for index in indexes]


def test_what_is_due_is_erased_and_the_log_says_by_which_rule(scribe):
    """An entry per rule names the entries; everything else still verifies."""
    due, later = logged(scribe), logged(scribe, until=NOW + 1)
    other = logged(scribe, rule=Rule.of_agreement("P1D", BIRTHS.replace("births", "persons")))
    refused = scribe.receive(NOW - DAY, verdict=REFUSED, keep_until=NOW)
    size = scribe.store.size
    assert Retention(scribe.store).erase(NOW) == 3
    assert there(scribe, due, later, other, refused) == [False, True, False, False]
    said = [entries.read(leaf) for _, leaf in scribe.store.entries(size)]
    assert {one.fields["rule"]: one.fields["entries"] for one in said} == {
        RULE.text: [due],
        f"retention P1D {BIRTHS.replace('births', 'persons')}": [other],
        QUARANTINE: [refused],
    }
    found = erased_by(scribe.store)
    assert set(found) == {due, other, refused}
    at, rule = found[due]
    assert (at, rule.agreement, rule.duration) == (NOW, BIRTHS, "P30D")
    assert verify_log(scribe.store).findings == []
    assert Retention(scribe.store).erase(NOW) == 0


def test_many_are_erased_at_once(scribe):
    """In several transactions, and none twice."""
    with scribe.store.transaction():
        indexes = [logged(scribe, b"x") for _ in range(1100)]
    assert Retention(scribe.store).erase(NOW) == 1100
    assert not any(there(scribe, *indexes))
    assert len(erased_by(scribe.store)) == 1100
    read = (entries.read(leaf) for _, leaf in scribe.store.entries())
    said = [one for one in read if one.kind == "erasure"]
    assert [len(one.fields["entries"]) for one in said] == [1000, 100]


def test_what_waits_is_not_erased(scribe):
    """Neither what is still to be sent, nor what no handler has handled, nor a dead letter."""
    retention = Retention(scribe.store)
    unsent = scribe.send(NOW - DAY)
    scribe.store.execute("UPDATE xl_bodies SET keep_until = ? WHERE idx = ?", (NOW, unsent))
    Outbox(scribe.store).add(unsent, "DEMO/GOV/CIVIL/registry", "health.birth")
    unhandled = scribe.receive(NOW - DAY, keep_until=NOW)
    dead = scribe.receive(NOW - DAY, keep_until=NOW)
    Inbox(scribe.store).bury(dead, "x", "x")
    assert retention.erase(NOW) == 0
    assert [(one.entry, one.kept_by) for one in retention.due(NOW)] == [
        (one, WAITS) for one in (unsent, unhandled, dead)
    ]
    Outbox(scribe.store).confirmed([unsent])
    Inbox(scribe.store).done(unhandled, dead)
    assert retention.erase(NOW) == 3


@pytest.mark.parametrize("archive", [False, True])
def test_no_erased_byte_is_left_in_the_files(scribe, tmp_path, archive):
    """Whatever the sizes and the order: not in the file, not in its write-ahead log, not moved."""
    chosen = random.Random(7)
    live: dict[int, bytes] = {}
    gone: list[bytes] = []
    for _ in range(8):
        with scribe.store.transaction():
            for _ in range(40):
                mark = os.urandom(8).hex().encode()
                size = chosen.choice([1, 10, 60, 90, 300, 1200])
                live[logged(scribe, (mark + b"-") * size, until=NOW + 10 * DAY)] = mark
        picked = chosen.sample(sorted(live), 25)
        for one in picked:
            scribe.store.execute("UPDATE xl_bodies SET keep_until = ? WHERE idx = ?", (NOW, one))
        retention = Retention(scribe.store)
        assert retention.erase(NOW) == 25
        assert retention.settle()
        gone += [live.pop(one) for one in picked]
    if archive:
        moved(scribe, tmp_path / "archive")
    assert len(gone) == 200
    found = bytes_of(tmp_path)
    assert not [mark for mark in gone if mark in found]
    if not archive:
        assert all(mark in found for mark in live.values())  # what was searched holds bodies
    assert all(there(scribe, *live))


def bytes_of(folder: Path) -> bytes:
    """All that lies in a folder."""
    return b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())


def moved(scribe, folder):
    """Have the log's entries moved to a segment."""
    from xroad_lite.messagelog.archive import moving

    size = scribe.store.size
    assert moving.archive(scribe.store, folder, [size], scribe.checkpoint(size), NOW)


def test_an_archived_body_is_erased_with_its_salt(scribe, tmp_path):
    """The file is not touched: without the salt, which is gone here, it opens no more."""
    index = logged(scribe, until=NOW)
    salt, _ = scribe.store.body(index)
    moved(scribe, tmp_path / "archive")
    retention = Retention(scribe.store)
    assert retention.erase(NOW) == 1
    assert retention.settle()
    assert there(scribe, index) == [False]
    assert salt not in bytes_of(tmp_path)
    assert verify_log(scribe.store).findings == []


def test_a_reader_in_the_way_postpones_the_last_step(scribe):
    """It is known, also after a restart, that the write-ahead log is still to be emptied."""
    logged(scribe, b"a body of which nothing may stay" * 9)
    reader = Store(scribe.store.path, readonly=True)
    reader._connection.execute("BEGIN")
    reader.query("SELECT count(*) FROM xl_entries")
    scribe.store._connection.execute("PRAGMA busy_timeout=50")
    retention = Retention(scribe.store)
    retention.erase(NOW)
    assert not retention.settle()
    assert not Retention(scribe.store).settle()
    reader.close()
    assert Retention(scribe.store).settle()
    assert b"nothing may stay" not in bytes_of(scribe.store.path.parent)


# holds


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (Held(id="1"), [0]),
        (Held(subject="s-1"), [0, 1]),
        (Held(agreement=BIRTHS), [0, 1]),
        (Held(agreement=BIRTHS.rpartition("/")[0]), [0, 1, 2]),
        (Held(type="health.birth"), [0, 1, 2]),
        (Held(type="citizens.person"), [3]),
        (Held(since=NOW - 3 * DAY), [2, 3]),
        (Held(until=NOW - 3 * DAY), [0, 1]),
        (Held(subject="s-1", since=NOW - 4.5 * DAY), [1]),
        (Held(subject="nobody"), []),
    ],
)
def test_a_hold_keeps_what_it_covers(scribe, scope, held):
    """By id, subject, agreement, type and time of the entry; several say less together."""
    messages = [
        logged(scribe, at=NOW - 5 * DAY, subject="s-1", agreement=BIRTHS),
        logged(scribe, at=NOW - 4 * DAY, subject="s-1", agreement=BIRTHS),
        logged(scribe, at=NOW - 3 * DAY, subject="s-2", agreement=BIRTHS[:-1] + "2"),
        logged(
            scribe,
            at=NOW - 2 * DAY,
            type="citizens.person",
            subject=None,
            agreement=BIRTHS.replace("births", "persons"),
        ),
    ]
    if scope.id:
        scope = Held(id=scribe.store.entry(messages[0]).attributes()["id"])
    retention = Retention(scribe.store)
    hold = retention.add_hold(scope, "a judge", "case 7/2026", NOW - 1)
    assert retention.erase(NOW) == 4 - len(held)
    assert [number for number, one in enumerate(messages) if there(scribe, one)[0]] == held
    assert {one.kept_by for one in retention.due(NOW)} <= {f"hold {hold.number}: case 7/2026"}
    assert len(retention.due(NOW)) == len(held)
    lifted = retention.lift_hold(hold.number, "the court", "case closed", NOW)
    assert (lifted.lifted_by, lifted.lifted_reason) == ("the court", "case closed")
    assert retention.erase(NOW) == len(held)
    assert retention.holds(lifted=False) == []
    assert retention.holds() == [lifted]


def test_the_second_of_two_holds_goes_on_holding(scribe):
    """Lifting one asks again who else holds."""
    index = logged(scribe, subject="s-1")
    retention = Retention(scribe.store)
    first = retention.add_hold(Held(subject="s-1"), "a", "x", NOW)
    second = retention.add_hold(Held(type="health.birth"), "b", "y", NOW)
    retention.erase(NOW)
    retention.lift_hold(first.number, "a", "x", NOW)
    assert retention.erase(NOW) == 0
    retention.lift_hold(second.number, "b", "y", NOW)
    assert retention.erase(NOW) == 1
    assert there(scribe, index) == [False]


def test_a_hold_knows_a_person_by_pseudonym(scribe):
    """And by the code itself, where a schema does not mark it as personal."""
    hidden, plain = logged(scribe, subject="p-71"), logged(scribe, subject="EX-1")
    other = logged(scribe, subject="EX-2")
    retention = Retention(scribe.store, lambda code: {code, {"EX-1": "p-71"}.get(code, "")})
    retention.add_hold(Held(subject="EX-1"), "a judge", "case 7", NOW)
    assert retention.erase(NOW) == 1
    assert there(scribe, hidden, plain, other) == [True, True, False]


def test_what_is_no_hold_is_refused(scribe):
    """One over everything, and the lifting of one that is not there or lifted already."""
    retention = Retention(scribe.store)
    retention.create()
    with pytest.raises(LogError, match="over everything"):
        retention.add_hold(Held(), "a", "b", NOW)
    hold = retention.add_hold(Held(id="x"), "a", "b", NOW)
    retention.lift_hold(hold.number, "a", "b", NOW)
    for number in (hold.number, 99):
        with pytest.raises(LogError, match="no hold") as caught:
            retention.lift_hold(number, "a", "b", NOW)
        assert caught.value.code == "log.no_hold"


def test_a_log_of_before_has_no_rules(scribe, tmp_path):
    """Opened for reading it has nothing due and no holds."""
    scribe.receive(NOW, keep_until=NOW)
    scribe.store.close()
    store = Store(tmp_path / "log.sqlite3", readonly=True)
    assert Retention(store).due(NOW + 1) == []
    assert Retention(store).holds() == []
    store.close()
