"""Outbox and inbox: what may go now, what waits for what, and what the dead leave behind."""

import random
from collections import deque
from contextlib import suppress

import pytest
from scribe import REFUSED, Scribe

from xroad_lite.envelope import parse_seal
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
def scribe(store, es256):
    """Who writes in the log of the store."""
    return Scribe(store, es256)


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


def id_(number):
    """One of our message ids, in their order."""
    return f"0192f3a1-0000-7000-8000-{number:012}"


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


def test_an_id_is_accepted_once_per_subscription_and_source(store, scribe):
    """The identity of the first seal is known under it."""
    entry = scribe.receive(NOW, id=id_(1), source=A, type="health.birth")
    inbox, first = Inbox(store), parse_seal(store.seal(entry)).identity
    assert inbox.accepted("health.birth", A, id_(1)) == first
    assert inbox.accepted("health.birth", B, id_(1)) is None
    assert inbox.accepted("health.death", A, id_(1)) is None


def test_what_was_refused_or_sent_was_not_accepted(store, scribe):
    """Under whatever id."""
    scribe.receive(NOW, id=id_(1), source=A, type="health.birth", verdict=REFUSED)
    scribe.send(NOW, id=id_(2), source=A, type="health.birth")
    inbox = Inbox(store)
    assert inbox.accepted("health.birth", A, id_(1)) is None
    assert inbox.accepted("health.birth", A, id_(2)) is None


def test_what_was_accepted_is_known_in_whatever_order_ids_come(store, scribe):
    """Also after a transaction that was undone, and after the store was opened again."""
    rnd, inbox = random.Random(7), Inbox(store)
    known = {}
    for number in range(200):
        one, source = id_(rnd.randrange(60)), rnd.choice((A, B))
        assert inbox.accepted("x.y", source, one) == known.get((source, one))
        if (source, one) in known:
            continue
        with suppress(ZeroDivisionError), store.transaction():
            entry = scribe.receive(NOW, id=one, source=source, type="x.y")
            opened = parse_seal(store.seal(entry))
            inbox.accept(opened)
            assert inbox.accepted("x.y", source, one) == opened.identity
            _ = 1 / rnd.randrange(3)
            known[(source, one)] = opened.identity
        assert inbox._accepting == {}  # memory holds those of the open transaction alone
        if number % 50 == 0:
            inbox = Inbox(store)
    assert len(known) > 50


def test_a_lent_message_is_nobodys_after_a_restart(inbox):
    """Until then it is not due, and is in nobody's way."""
    inbox.add(1, "health.birth", A, None, None, NOW + 60)
    inbox.add(2, "health.birth", A, None, None)
    assert due(inbox) == [2]
    assert due(inbox, NOW + 61) == [1, 2]
    inbox.recover()
    assert due(inbox) == [1, 2]
    assert inbox.due(NOW, 1, BIRTH)[0].attempt == 1


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


def test_what_is_added_is_due_without_asking_the_table(outbox, store):
    """In its order; what was undone, given up or sent again is not mistaken."""
    assert outbox.next_due(NOW) is None
    assert ready(outbox) == []
    with store.transaction():
        outbox.add(0, A, "lane")
        outbox.add(1, A, "lane")
    with suppress(ZeroDivisionError), store.transaction():
        outbox.add(2, A, "lane")
        _ = 1 / 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "query", None)
        assert (ready(outbox), ready(outbox, limit=1), ready(outbox, after=0)) == ([0, 1], [0], [1])
        outbox.add(3, A, "lane")
        assert ready(outbox, after=1) == [3]
    assert ready(outbox, after=-1) == [0, 1, 3]
    outbox.confirmed([3])
    outbox.add(4, A, "lane")
    assert ready(outbox, after=1) == [4]


def test_more_than_memory_holds_is_due_all_the_same(outbox, store, monkeypatch):
    """The table is asked then."""
    monkeypatch.setattr(outbox, "_lately", deque(maxlen=8))
    monkeypatch.setattr("xroad_lite.messagelog.outbox._REMEMBERED", 8)
    outbox.next_due(NOW)
    assert ready(outbox) == []
    seen = []
    for first in range(0, 60, 6):
        with store.transaction():
            for index in range(first, first + 6):
                outbox.add(index, A, "lane")
        seen += ready(outbox, after=seen[-1] if seen else -1, limit=5)
    while len(seen) < 60:
        seen += ready(outbox, after=seen[-1], limit=5)
    assert seen == list(range(60))


class Sending:
    """An outbox, used as a sender uses it; each step is drawn."""

    def __init__(self, store, rnd):
        self.store, self.rnd, self.outbox = store, rnd, Outbox(store)
        self.now, self.after, self.until = NOW, -1, 0.0
        self.rows, self.flying, self.sent = 0, [], []
        self.arrive = rnd.choice([0.3, 0.9, 0.98, 1.0])

    def add(self):
        """Some rows, which may be undone."""
        first = self.rows
        with suppress(ZeroDivisionError), self.store.transaction():
            for _ in range(self.rnd.randint(1, 4)):
                self.outbox.add(self.rows, self.rnd.choice([A, B]), self.rnd.choice("xy"))
                self.rows += 1
            if self.rnd.random() < 0.2:
                self.rows = first
                _ = 1 / 0

    def again(self):
        """A stored answer is sent once more."""
        if self.sent:
            index = self.rnd.choice(self.sent)
            self.outbox.add(index, A, "x")
            self.after = min(self.after, index - 1)

    def pump(self):
        """What is due by memory, and by the table alone."""
        if self.until is not None and self.until <= self.now:
            self.after, self.until = -1, self.outbox.next_due(self.now)
        limit = self.rnd.choice([2, 5, 1000])
        found = self.outbox.due(self.after, self.now, limit)
        assert found == Outbox(self.store).due(self.after, self.now, limit)
        for row in [one for one in found if one.index not in self.flying][: self.rnd.randint(0, 9)]:
            self.flying.append(row.index)
            self.after = row.index

    def settle(self):
        """Some of what is on the way arrives, and some has no queue yet."""
        told = self.rnd.sample(self.flying, self.rnd.randint(0, len(self.flying)))
        self.flying = [one for one in self.flying if one not in told]
        arrived = [one for one in told if self.rnd.random() < self.arrive]
        for index in told:
            if index not in arrived:
                wait = self.now + self.rnd.choice([0.05, 0.1, 0.5])
                self.outbox.postponed(index, "no queue yet", wait)
                self.until = wait if self.until is None else min(self.until, wait)
        self.outbox.confirmed(arrived, self.now)
        self.sent += arrived

    def give_up(self):
        """Nobody would accept it any more."""
        left = [row.index for row in Outbox(self.store).due(-1, self.now, 1000)]
        left = [one for one in left if one not in self.flying]
        if left:
            self.outbox.confirmed([self.rnd.choice(left)])

    def wait(self):
        """Time goes on."""
        self.now += self.rnd.choice([0.01, 0.05, 1.0])


@pytest.mark.parametrize("seed", range(40))
def test_memory_says_what_the_table_says(store, seed):
    """Whatever was added, undone, sent, held back, given up or sent again before."""
    rnd = random.Random(seed)
    sending = Sending(store, rnd)
    steps = [sending.add, sending.pump, sending.settle, sending.wait, sending.again]
    for _ in range(150):
        rnd.choices([*steps, sending.give_up], weights=[4, 6, 4, 4, 1, 0.3])[0]()
        sending.pump()


def test_what_is_behind_something_held_back_is_not_forgotten(outbox):
    """Rows that could not go yet, and were seen by nobody, go when the first ones may."""
    outbox.next_due(NOW)
    assert ready(outbox) == []
    outbox.add(0, A, "x")
    outbox.add(1, A, "x")
    assert ready(outbox) == [0, 1]
    outbox.postponed(0, "no queue yet", NOW + 2)
    outbox.postponed(1, "no queue yet", NOW + 1)
    assert outbox.next_due(NOW + 1) == NOW + 2
    assert ready(outbox, now=NOW + 1) == []
    assert outbox.next_due(NOW + 2) is None
    outbox.add(2, A, "x")
    assert ready(outbox, now=NOW + 2) == [0, 1, 2]


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
