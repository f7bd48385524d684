"""Outbox and inbox: what may go now, what waits for what, and what the dead leave behind."""

import random
from contextlib import suppress

import pytest

from xroad_lite.messagelog import Inbox, Outbox, Store

NOW = 1_790_000_000.0
A, B = "DEMO/GOV/A/x", "DEMO/GOV/B/x"
BIRTH = ("health.birth",)


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = Store(tmp_path / "log.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def inbox(store):
    """An empty inbox."""
    return Inbox(store)


@pytest.fixture
def outbox(store):
    """An empty outbox."""
    return Outbox(store)


def due(inbox, now=NOW, types=BIRTH, limit=64):
    """The indexes that may be handled now."""
    return [row.index for row in inbox.due(now, limit, types)]


def fill(inbox, *rows, type_="health.birth"):
    """Queue (index, source, subject) rows."""
    for index, source, subject in rows:
        inbox.add(index, type_, source, subject, None)


# inbox


def test_the_oldest_come_first(inbox):
    """By their place in the log, at most as many as asked for."""
    fill(inbox, (3, A, "s"), (1, A, "t"), (2, B, None))
    assert due(inbox) == [1, 2, 3]
    assert due(inbox, limit=2) == [1, 2]
    assert len(inbox) == 3


def test_a_failed_one_holds_its_source_and_subject(inbox):
    """Later ones of the same source and subject wait; all others pass."""
    fill(inbox, (1, A, "s"), (2, A, "s"), (3, A, "t"), (4, B, "s"), (5, A, None), (6, A, "s"))
    inbox.retry(1, NOW + 10, "handler.failed", "no")
    assert due(inbox) == [3, 4, 5]
    assert inbox.next_due(NOW) == NOW + 10
    assert due(inbox, NOW + 10) == [1, 2, 3, 4, 5, 6]


def test_what_comes_before_a_failed_one_is_not_held(inbox):
    """Only what is later waits."""
    fill(inbox, (1, A, "s"), (2, A, "s"), (3, A, "s"))
    inbox.retry(2, NOW + 10, "x", "y")
    assert due(inbox) == [1]


def test_without_a_subject_nothing_waits(inbox):
    """A message without subject has no place in an order."""
    fill(inbox, (1, A, None), (2, A, None), (3, A, "s"))
    inbox.retry(1, NOW + 10, "x", "y")
    assert due(inbox) == [2, 3]


def test_a_dead_letter_lets_the_later_ones_go_on(inbox):
    """They go on, and can say which dead ones they have overtaken."""
    fill(inbox, (1, A, "s"), (2, A, "s"), (3, B, "s"))
    inbox.retry(1, NOW + 10, "x", "y")
    inbox.bury(1, "handler.failed", "never")
    assert due(inbox) == [2, 3]
    rows = {row.index: row for row in inbox.due(NOW, 9, BIRTH)}
    assert inbox.dead_before(rows[2]) == [1]
    assert inbox.dead_before(rows[3]) == []
    (letter,) = inbox.dead_letters()
    assert (letter.index, letter.attempts, letter.code, letter.message) == (
        1,
        2,
        "handler.failed",
        "never",
    )


def test_a_revived_letter_is_handled_again(inbox):
    """From its first attempt, in its old place; only dead ones can be revived."""
    fill(inbox, (1, A, "s"), (2, A, "s"))
    inbox.bury(1, "x", "y")
    assert inbox.revive(1)
    assert not inbox.revive(1)
    assert not inbox.revive(2)
    assert not inbox.revive(99)
    assert due(inbox) == [1, 2]
    assert inbox.due(NOW, 1, BIRTH)[0].attempts == 0
    assert inbox.dead_letters() == []


def test_what_nobody_here_handles_is_in_nobodys_way(inbox):
    """A hundred messages of a type without handler do not hide one that has one."""
    fill(inbox, *((number, A, None) for number in range(100)), type_="health.death")
    fill(inbox, (100, A, "s"))
    assert due(inbox) == [100]
    assert due(inbox, types=()) == []
    assert due(inbox, types=("health.death", "health.birth"), limit=3) == [0, 1, 2]


def test_only_what_is_parked_has_a_time(inbox):
    """What waits behind another, or for a handler, is no reason to wake up."""
    fill(inbox, (1, A, "s"), (2, A, "s"))
    assert inbox.next_due(NOW) is None
    inbox.retry(1, NOW + 10, "x", "y")
    assert inbox.next_due(NOW) == NOW + 10
    assert inbox.next_due(NOW + 10) is None


def test_what_ran_when_the_process_ended_is_suspect(inbox):
    """Only that, only after a restart, and no longer once it is handled or has failed properly."""
    fill(inbox, (1, A, "s"), (2, A, "t"), (3, A, "u"))
    inbox.started([1, 2])
    assert not any(row.suspect for row in inbox.due(NOW, 9, BIRTH))
    inbox.recover()
    assert [row.suspect for row in inbox.due(NOW, 9, BIRTH)] == [True, True, False]
    inbox.crashing(1)
    inbox.crashing(1)
    assert inbox.due(NOW, 9, BIRTH)[0].crashes == 2
    inbox.retry(1, NOW, "x", "y")
    inbox.done(2)
    assert [row.suspect for row in inbox.due(NOW, 9, BIRTH)] == [False, False]


def test_an_id_is_accepted_once_per_subscription_and_source(inbox):
    """The identity of the first seal is remembered under it."""
    inbox.accept(1, "health.birth", A, "id", "first", NOW)
    assert inbox.accepted("health.birth", A, "id") == "first"
    assert inbox.accepted("health.birth", B, "id") is None
    assert inbox.accepted("health.death", A, "id") is None
    inbox.forget_accepted(NOW)
    assert inbox.accepted("health.birth", A, "id") == "first"
    inbox.forget_accepted(NOW + 1)
    assert inbox.accepted("health.birth", A, "id") is None


def test_what_was_accepted_is_known_in_whatever_order_ids_come(store, inbox):
    """Also after a transaction that was undone, and after the store was opened again."""
    rnd = random.Random(7)
    known = {}
    for number in range(200):
        id_, source = f"{rnd.randrange(60):02}", rnd.choice((A, B))
        assert inbox.accepted("x.y", source, id_) == known.get((source, id_))
        if (source, id_) in known:
            continue
        with suppress(ZeroDivisionError), store.transaction():
            inbox.accept(number, "x.y", source, id_, f"seal {number}", NOW)
            assert inbox.accepted("x.y", source, id_) == f"seal {number}"
            _ = 1 / rnd.randrange(3)
            known[(source, id_)] = f"seal {number}"
        if number % 50 == 0:
            inbox = Inbox(store)
    assert len(known) > 50


def test_memory_holds_the_ids_of_the_open_transaction_alone(store, inbox):
    """However many came before: the table has them."""
    for number in range(50):
        inbox.accept(number, "health.birth", A, f"id-{number:03}", "seal", NOW)
    assert len(inbox._accepting) == 1
    with store.transaction():
        for number in range(50, 60):
            inbox.accept(number, "health.birth", A, f"id-{number:03}", "seal", NOW)
        assert len(inbox._accepting) == 10
    assert inbox.accepted("health.birth", A, "id-007") == "seal"


def test_the_undecided_keep_their_order(inbox):
    """What came later of the same source waits, what came from others does not."""
    content = (b"seal", b"salt", b"body")
    inbox.hold("lane", A, content, "x", "9:n", NOW + 5)
    inbox.hold("lane", A, content, "x", None, NOW)
    inbox.hold("lane", B, content, "x", None, NOW)
    assert inbox.undecided_count() == 3
    assert inbox.holds(A)
    assert not inbox.holds("C")
    assert [row.number for row in inbox.undecided(NOW)] == [3]
    assert [row.number for row in inbox.undecided(NOW + 5)] == [1, 2, 3]
    first = inbox.undecided(NOW + 5)[0]
    assert (first.seal, first.salt, first.body, first.missing) == (*content, "9:n")
    inbox.still_undecided(1, "x", "9:n", NOW + 10)
    assert [row.number for row in inbox.undecided(NOW + 5)] == [3]
    inbox.decided(1)
    assert [row.number for row in inbox.undecided(NOW + 5)] == [2, 3]


# outbox


def ready(outbox, after=-1, now=NOW, limit=100):
    """The indexes that may be sent now."""
    return [row.index for row in outbox.due(after, now, limit)]


def test_what_is_confirmed_is_forgotten(outbox):
    """The rest stays, in order."""
    for index in (2, 0, 1):
        outbox.add(index, A, "lane")
    assert ready(outbox) == [0, 1, 2]
    assert ready(outbox, after=0) == [1, 2]
    assert ready(outbox, limit=1) == [0]
    outbox.confirmed([0, 2])
    assert (ready(outbox), len(outbox)) == ([1], 1)


def test_when_something_was_sent_is_known_for_a_while(outbox, store):
    """By the operational record; the oldest times are forgotten."""
    for index in range(4):
        outbox.add(index, A, "lane")
    outbox.confirmed([0, 1], NOW)
    outbox.confirmed([2], NOW + 9)
    outbox.confirmed([3])
    assert store.query("SELECT * FROM xl_sent") == [(0, NOW), (1, NOW), (2, NOW + 9)]
    outbox.forget_sent(NOW + 5)
    assert store.query("SELECT * FROM xl_sent") == [(2, NOW + 9)]


def test_an_entry_is_queued_once(outbox):
    """Queueing it again changes nothing while it waits."""
    outbox.add(1, A, "lane")
    outbox.postponed(1, "no queue yet", NOW + 5)
    outbox.add(1, A, "lane")
    assert ready(outbox) == []
    assert len(outbox) == 1


def test_a_postponed_row_holds_its_route(outbox):
    """Recipient and lane together: later rows of the same route wait, others go."""
    for index, (recipient, lane) in enumerate(
        [(A, "x"), (A, "x"), (A, "y"), (B, "x"), (None, "x"), (None, "x")]
    ):
        outbox.add(index, recipient, lane)
    outbox.postponed(0, "no queue yet", NOW + 5)
    outbox.postponed(4, "rejected", NOW + 7)
    assert ready(outbox) == [2, 3]
    assert ready(outbox, now=NOW + 5) == [0, 1, 2, 3]
    assert ready(outbox, now=NOW + 7) == [0, 1, 2, 3, 4, 5]


def test_the_next_postponed_row_is_known(outbox):
    """After each one that comes due there may be another, and none may be forgotten."""
    for index, wait in enumerate((5, 1, 9)):
        outbox.add(index, A, f"lane {index}")
        outbox.postponed(index, "rejected", NOW + wait)
    assert outbox.next_due(NOW) == NOW + 1
    assert outbox.next_due(NOW + 1) == NOW + 5
    assert outbox.next_due(NOW + 9) is None


def test_the_outbox_says_what_waits(outbox):
    """By state, with the oldest entry."""
    assert outbox.status() == {"waiting": 0, "states": {}, "oldest_entry": None}
    outbox.add(4, A, "x")
    outbox.add(7, A, "y")
    outbox.postponed(7, "rejected", NOW)
    assert outbox.status() == {
        "waiting": 2,
        "states": {"waiting": 1, "rejected": 1},
        "oldest_entry": 4,
    }
