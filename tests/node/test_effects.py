"""What a handler does through its node: exactly once, all of it or nothing, in order."""

import contextlib
import json
import sqlite3
import threading
from itertools import pairwise

import pytest

from xroad_lite.errors import LogError, RefusedError, RejectedError, TransportError
from xroad_lite.messagelog import Inbox, entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node, sending
from xroad_lite.node import node as node_module
from xroad_lite.node.handling import MAX_CRASHES
from xroad_lite.testing import BIRTH, CIVIL, HEALTH

NOW = 1_790_000_000.0
REGISTERED = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "fechaInscripcion": "2026-03-20",
}


def birth(number):
    """A birth with an identifier of its own."""
    return BIRTH | {"identifier": [{"system": "urn:example:births", "value": f"B-{number}"}]}


def value(message):
    """The identifier of a birth."""
    return message.original["identifier"][0]["value"]


def outcomes(node):
    """What became of accepted messages, as the log has it: outcome and attempts."""
    found = [entries.read(leaf) for _, leaf in node.store.entries()]
    return [
        (one.fields["outcome"], one.fields["attempts"]) for one in found if one.kind == "outcome"
    ]


def sent(node):
    """How many messages a node has sealed."""
    return node.store.query("SELECT count(*) FROM xl_messages WHERE direction = 'out'")[0][0]


class GoneError(BaseException):
    """The end of a process, as far as the store can tell: nothing after it runs."""


def test_a_chain_has_each_effect_once(two):
    """Thirty births become thirty rows and thirty registrations, which Health hears in order."""
    heard = []

    @two.civil.subscribe("health.birth", reads="citizens.person")
    def register(message):
        message.sql("CREATE TABLE IF NOT EXISTS persons (id TEXT, code TEXT)")
        code = f"EX-{message.entry}"
        message.sql("INSERT INTO persons VALUES (?, ?)", (value(message), code))
        body = REGISTERED | {"codigoPersonal": code, "identificadorNacimiento": value(message)}
        message.publish("citizens.birth-registered", body, subject=code)
        assert message.body["identificadorNacimiento"] == value(message)

    @two.health.subscribe("citizens.birth-registered")
    def hear(message):
        heard.append((message.subject, message.body["codigoPersonal"]))

    for number in range(30):
        two.health.publish("health.birth", birth(number), subject=f"s-{number}")
    two.settle()
    rows = two.civil.store.query("SELECT id, code FROM persons ORDER BY rowid")
    assert [one for one, _ in rows] == [f"B-{number}" for number in range(30)]
    assert heard == [(code, code) for _, code in rows]
    assert outcomes(two.civil) == outcomes(two.health) == [("handled", 1)] * 30
    for node in (two.health, two.civil):
        status = node.status()
        assert (status["outbox"]["waiting"], status["inbox"], status["undecided"]) == (0, 0, 0)
        assert verify_log(node.store).ok


def test_a_handler_that_fails_leaves_nothing(two):
    """Neither its rows nor its publications; the next attempt begins from nothing."""
    attempts = []

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE IF NOT EXISTS persons (id TEXT)")
        message.sql("INSERT INTO persons VALUES (?)", (message.id,))
        message.publish("citizens.birth-registered", REGISTERED)
        attempts.append(message.attempt)
        if len(attempts) < 3:
            raise ValueError("the printer is out of paper")

    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert two.civil.store.query("SELECT name FROM sqlite_master WHERE name = 'persons'") == []
    assert (sent(two.civil), two.civil.status()["inbox"]) == (0, 1)
    for _ in range(3):
        two.clock.turn(60)
        two.settle()
    assert attempts == [1, 2, 3]
    assert two.civil.store.query("SELECT count(*) FROM persons") == [(1,)]
    assert sent(two.civil) == 1
    assert outcomes(two.civil) == [("handled", 3)]


def test_a_failing_group_does_not_take_others_with_it(two):
    """Of ten messages in one round, nine are handled; what the tenth did is undone."""

    @two.civil.subscribe("health.birth")
    def register(message):
        body = REGISTERED | {"identificadorNacimiento": value(message)}
        message.publish("citizens.birth-registered", body)
        if value(message) == "B-4":
            raise KeyError("no")

    for number in range(10):
        two.health.publish("health.birth", birth(number))
    two.settle()
    rows = two.civil.store.query("SELECT idx FROM xl_messages WHERE direction = 'out'")
    bodies = [json.loads(two.civil.store.body(index)[1]) for (index,) in rows]
    assert sorted(one["identificadorNacimiento"] for one in bodies) == sorted(
        f"B-{number}" for number in range(10) if number != 4
    )


def test_waits_grow_until_a_message_is_dead(two):
    """Five attempts, each later than the one before, then a dead letter with the last reason."""
    moments = []

    @two.civil.subscribe("health.birth")
    def register(message):
        moments.append(two.clock() - NOW)
        raise ValueError(f"attempt {message.attempt}")

    two.health.publish("health.birth", BIRTH, subject="s")
    for _ in range(1200):
        two.settle()
        two.clock.turn(0.05)
    waits = [later - sooner for sooner, later in pairwise(moments)]
    assert len(moments) == 5
    assert waits == pytest.approx([0.2, 0.8, 3.2, 12.8], abs=0.06)
    assert outcomes(two.civil) == [("dead-lettered", 5)]
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert (letter.code, letter.attempts) == ("handler.failed", 5)
    assert "attempt 5" in letter.message


def test_a_rejected_message_is_dead_at_once(two):
    """No retry can help it, and its code and reason are the adapter's."""

    @two.civil.subscribe("health.birth")
    def register(message):
        raise RejectedError("birth.too_late", "registered by court order alone")

    two.health.publish("health.birth", BIRTH)
    two.settle()
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert (letter.code, letter.attempts) == ("birth.too_late", 1)
    assert outcomes(two.civil) == [("dead-lettered", 1)]
    assert two.civil.status()["dead"] == 1


def test_order_holds_per_subject_while_others_pass(two):
    """What follows a failed message of its subject waits; all others are handled meanwhile."""
    seen, failing = [], {"B-0"}

    @two.civil.subscribe("health.birth")
    def register(message):
        if value(message) in failing:
            raise ValueError("not yet")
        seen.append((value(message), message.dead_before))

    for number in range(8):
        two.health.publish("health.birth", birth(number), subject="ab"[number % 2])
    two.health.publish("health.birth", birth(8))
    two.settle()
    assert [one for one, _ in seen] == ["B-1", "B-3", "B-5", "B-7", "B-8"]
    failing.clear()
    two.clock.turn(1)
    two.settle()
    assert [one for one, _ in seen][5:] == ["B-0", "B-2", "B-4", "B-6"]
    assert all(dead == () for _, dead in seen)


def test_after_a_dead_letter_the_later_ones_go_on_and_say_so(two):
    """They are told which entries they have overtaken; a revived one is handled after all."""
    seen = []

    @two.civil.subscribe("health.birth")
    def register(message):
        if value(message) == "B-0" and not seen:
            raise RejectedError("x.y", "no")
        seen.append((value(message), len(message.dead_before)))

    for number in range(3):
        two.health.publish("health.birth", birth(number), subject="s")
    two.settle()
    assert seen == [("B-1", 1), ("B-2", 1)]
    inbox = Inbox(two.civil.store)
    assert inbox.revive(inbox.dead_letters()[0].index)
    two.settle()
    assert seen[2:] == [("B-0", 0)]


def test_what_a_handler_may_not_say_fails_in_the_handler(two):
    """A body that breaks its schema, no agreement, attributes that nobody could seal."""
    refusals = []

    @two.civil.subscribe("health.birth")
    def register(message):
        for type_, body, options in (
            ("citizens.birth-registered", {"nothing": 1}, {}),
            ("welfare.allowance", {}, {}),
            ("citizens.nothing", {}, {}),
            ("citizens.birth-registered", REGISTERED, {"purpose": "urn:other"}),
            ("citizens.birth-registered", REGISTERED, {"subject": "x" * 256}),
            ("citizens.birth-registered", REGISTERED, {"subject": "a\nb"}),
            ("citizens.birth-registered", REGISTERED, {"subject": ""}),
            ("citizens.birth-registered", REGISTERED, {"issue": 7}),
            ("citizens.birth-registered", REGISTERED, {"traceparent": "x"}),
        ):
            with pytest.raises(RefusedError) as caught:
                message.publish(type_, body, **options)
            refusals.append((caught.value.check, caught.value.code))
        message.publish("citizens.birth-registered", REGISTERED)

    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert [check for check, _ in refusals] == [8, 8, 8, 6, 1, 1, 1, 1, 1]
    assert outcomes(two.civil) == [("handled", 1)]
    assert sent(two.civil) == 1


@pytest.mark.parametrize("subject", ["x" * 256, "a\nb", "\ud800"])
def test_what_cannot_be_sealed_kills_the_message_and_not_the_node(subject, two):
    """A peer's content that an adapter uses as subject: a dead letter, and the others pass."""

    @two.civil.subscribe("health.birth")
    def register(message):
        used = subject if value(message) == "B-0" else "s"
        message.publish("citizens.birth-registered", REGISTERED, subject=used)

    for number in range(3):
        two.health.publish("health.birth", birth(number))
    for _ in range(6):
        two.settle()
        two.clock.turn(60)
    assert sorted(outcomes(two.civil)) == [("dead-lettered", 5), ("handled", 1), ("handled", 1)]
    assert sent(two.civil) == 2


def test_a_body_too_large_to_send_kills_the_message_and_not_the_node(two, reopen):
    """It fails in the handler that wants to send it, and what is behind it goes on."""
    settings = two.instance.node_folder(CIVIL) / "node.yaml"
    settings.write_text(settings.read_text() + "max_body: 2000\n")
    civil = reopen()

    @civil.subscribe("health.birth")
    def register(message):
        more = {"nombres": ["x" * 250] * 9} if value(message) == "B-0" else {}
        message.publish("citizens.birth-registered", REGISTERED | more)

    for number in range(3):
        two.health.publish("health.birth", birth(number))
    for _ in range(6):
        while two.health.step() | civil.step():
            pass
        two.clock.turn(60)
    assert sorted(outcomes(civil)) == [("dead-lettered", 5), ("handled", 1), ("handled", 1)]
    (letter,) = Inbox(civil.store).dead_letters()
    assert letter.code == "transport.too_large"


def test_a_reason_in_broken_text_is_kept_all_the_same(two):
    """Half a surrogate in an adapter's message cannot stop the node."""

    @two.civil.subscribe("health.birth")
    def register(message):
        raise RejectedError("x.y", "file \udcff")

    two.health.publish("health.birth", BIRTH)
    two.settle()
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert letter.message == "file \\udcff"


def test_what_expires_before_it_is_handled_is_not(two):
    """Its handler is not called, and the log says why."""
    calls = []

    @two.civil.subscribe("health.birth")
    def register(message):
        calls.append(value(message))
        if value(message) == "B-0":
            raise ValueError("not yet")

    two.health.publish("health.birth", birth(0), expires=NOW + 60)
    two.health.publish("health.birth", birth(1), expires=NOW + 10)
    assert two.health.step()
    assert two.civil._receiver.pump(NOW)
    two.clock.turn(20)
    two.settle()
    assert calls == ["B-0"]
    assert outcomes(two.civil) == [("expired", 1)]
    two.clock.turn(100)
    two.settle()
    assert outcomes(two.civil)[1:] == [("expired", 2)]


def test_a_transaction_of_the_node_is_all_or_nothing(two):
    """SQL and publications outside a handler, together."""
    with two.civil.transaction() as effects:
        effects.sql("CREATE TABLE mine (x)")
        effects.publish("citizens.birth-registered", REGISTERED)
    with pytest.raises(ZeroDivisionError), two.civil.transaction() as effects:  # noqa: PT012
        effects.sql("INSERT INTO mine VALUES (1)")
        effects.publish("citizens.birth-registered", REGISTERED)
        _ = 1 / 0
    assert two.civil.store.query("SELECT count(*) FROM mine") == [(0,)]
    assert sent(two.civil) == 1
    assert not two.civil.store.in_transaction


def test_an_adapters_sql_error_undoes_its_message_alone(two):
    """A constraint that fails is a failure of the handler like any other."""

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE IF NOT EXISTS one (x INTEGER PRIMARY KEY)")
        message.sql("INSERT INTO one VALUES (1)")

    for number in range(2):
        two.health.publish("health.birth", birth(number))
    two.settle()
    assert two.civil.store.query("SELECT x FROM one") == [(1,)]
    assert (outcomes(two.civil), two.civil.status()["inbox"]) == ([("handled", 1)], 1)
    with pytest.raises(sqlite3.IntegrityError), two.civil.transaction() as effects:
        effects.sql("INSERT INTO one VALUES (1)")


def test_a_handler_cannot_roll_back_the_nodes_transaction(two):
    """A conflict clause that would undo more than its own statement is refused."""

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE IF NOT EXISTS one (x INTEGER PRIMARY KEY)")
        message.sql("INSERT OR IGNORE INTO one VALUES (1)")
        with pytest.raises(RuntimeError):
            message.sql("INSERT OR ROLLBACK INTO one VALUES (1)")

    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert outcomes(two.civil) == [("handled", 1)]
    assert two.civil.store.query("SELECT x FROM one") == [(1,)]


# restarts


def test_a_process_that_ends_in_a_handler_loses_nothing(two, reopen):
    """What it did is undone, the message is handled after the restart, once."""

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE persons (id TEXT)")
        message.publish("citizens.birth-registered", REGISTERED)
        raise GoneError

    two.health.publish("health.birth", BIRTH)
    two.health.step()
    with pytest.raises(GoneError):
        two.civil.step()
    civil = reopen()
    assert civil.store.query("SELECT name FROM sqlite_master WHERE name = 'persons'") == []
    seen = []
    civil.subscribe("health.birth")(lambda message: seen.append(message.attempt))
    while civil.step():
        pass
    assert seen == [2]
    assert sent(civil) == 0
    assert outcomes(civil) == [("handled", 2)]


def test_a_thread_that_ends_in_a_handler_leaves_the_store_free(two):
    """``sys.exit`` in a handler undoes what it did; other threads publish, and the node closes."""

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE persons (id TEXT)")
        raise SystemExit

    two.health.publish("health.birth", BIRTH)
    two.health.step()

    def end():
        with contextlib.suppress(SystemExit):
            two.civil.step()

    ending = threading.Thread(target=end)
    ending.start()
    ending.join()
    other = threading.Thread(
        target=two.civil.publish, args=("citizens.birth-registered", REGISTERED), daemon=True
    )
    other.start()
    other.join(10)
    assert not other.is_alive()
    assert two.civil.store.query("SELECT name FROM sqlite_master WHERE name = 'persons'") == []
    assert sent(two.civil) == 1


def test_a_message_that_ends_the_process_dies_at_last(two, reopen):
    """After twenty restarts it is a dead letter; all others are handled in the first few."""
    for number in range(6):
        two.health.publish("health.birth", birth(number), subject=f"s-{number}")
    two.health.publish("health.birth", birth(9), subject="s-2")
    two.civil._listen("health.birth")
    two.health.step()
    seen, deaths = [], 0

    def register(message):
        if value(message) == "B-2":
            raise GoneError
        seen.append(value(message))

    handled_after = {}
    for _ in range(MAX_CRASHES + 5):
        civil = reopen()
        civil.subscribe("health.birth")(register)
        try:
            while civil.step():
                pass
            break
        except GoneError:
            deaths += 1
            for one in seen:
                handled_after.setdefault(one, deaths)
    assert deaths == MAX_CRASHES + 1
    assert sorted(set(seen)) == ["B-0", "B-1", "B-3", "B-4", "B-5", "B-9"]
    assert max(handled_after[one] for one in sorted(set(seen) - {"B-9"})) <= 3
    (letter,) = Inbox(civil.store).dead_letters()
    assert letter.code == "handler.crashed"
    assert civil.status()["inbox"] == 0


def test_messages_behind_a_crash_of_another_subject_are_not_kept_waiting(two, reopen):
    """One poisoned message among seventy: after three restarts the rest is done."""
    for number in range(70):
        two.health.publish("health.birth", birth(number), subject=f"s-{number}")
    two.civil._listen("health.birth")
    two.health.step()
    seen = set()

    def register(message):
        if value(message) == "B-0":
            raise GoneError
        seen.add(value(message))

    for _ in range(4):
        civil = reopen()
        civil.subscribe("health.birth")(register)
        try:
            while civil.step():
                pass
        except GoneError:
            continue
    assert len(seen) == 69


def test_one_log_has_one_writer(two):
    """A second process with the same identity would fork the history: it is refused."""
    with pytest.raises(LogError) as caught:
        Node.open(two.instance.node_folder(CIVIL), clock=two.clock)
    assert caught.value.code == "log.locked"
    two.civil.close()
    Node.open(two.instance.node_folder(CIVIL), clock=two.clock).close()


# sending


def test_what_has_no_queue_yet_waits_and_says_so(two):
    """A message is published all the same, and goes out when its recipient listens."""
    seen = []
    for number in range(3):
        two.health.publish("health.birth", birth(number))
    two.health.step()
    two.health.step()
    assert two.health.status()["outbox"]["states"] == {"no queue yet": 3}
    two.civil.subscribe("health.birth")(lambda message: seen.append(value(message)))
    two.clock.turn(10)
    two.settle()
    assert seen == ["B-0", "B-1", "B-2"]
    assert two.health.status()["outbox"]["waiting"] == 0


def test_a_waiting_message_is_not_passed_over_for_good(two):
    """Neither by later messages of other routes, nor by a restart while it waits."""
    seen = []

    @two.civil.serve("citizens.person-query")
    def answer(message):
        return REGISTERED | {"nombres": []}

    two.health.publish("health.birth", birth(0))
    two.health.step()
    two.health.step()
    two.health.close()
    health = Node.open(two.instance.node_folder(HEALTH), clock=two.clock)
    try:
        from xroad_lite.node.effects import Effects

        asked = Effects(health)
        from xroad_lite.exchange import Draft

        asked.add(
            Draft(
                operation="request",
                type="citizens.person-query",
                body={"codigoPersonal": "EX-1"},
                recipient=CIVIL,
                expires=NOW + 3600,
            )
        )
        with health.store.transaction():
            asked.write()
        health.step()
        assert health.status()["outbox"]["states"] == {"no queue yet": 1}
        two.civil.subscribe("health.birth")(lambda message: seen.append(value(message)))
        for _ in range(3):
            two.clock.turn(10)
            while health.step() | two.civil.step():
                pass
        assert seen == ["B-0"]
        assert health.status()["outbox"]["waiting"] == 0
    finally:
        health.close()


def test_messages_that_wait_for_unlike_times_all_go(two):
    """The one that waits longest is not forgotten when the first one has gone."""
    inbox = []
    two.health.publish("health.birth", birth(0))
    for _ in range(6):  # its waits have grown
        two.clock.turn(10)
        two.health.step()
        two.health.step()
    two.civil.subscribe("health.birth")(lambda message: inbox.append(value(message)))
    two.health.publish("health.birth", birth(1))
    two.health.step()
    two.clock.turn(10)
    two.settle()
    assert inbox == ["B-0", "B-1"]


def test_the_outbox_is_bounded(two):
    """At its limit publishing is refused, nothing is half written, and it recovers by itself."""
    two.health.close()
    settings = two.instance.node_folder(HEALTH) / "node.yaml"
    settings.write_text(settings.read_text() + "outbox_limit: 3\n")
    with Node.open(two.instance.node_folder(HEALTH), clock=two.clock) as health:
        for number in range(3):
            health.publish("health.birth", birth(number))
        size = health.store.size
        with pytest.raises(TransportError) as caught:
            health.publish("health.birth", birth(3))
        assert caught.value.code == "transport.outbox_full"
        assert health.store.size == size
        seen = []
        two.civil.subscribe("health.birth")(
            lambda message: seen.append((value(message), message.attributes.sequence[-1]))
        )
        for _ in range(4):
            health.step()
        health.publish("health.birth", birth(3))
        while health.step() | two.civil.step():
            pass
        assert seen == [("B-0", "1"), ("B-1", "2"), ("B-2", "3"), ("B-3", "4")]


def test_what_was_rolled_back_is_never_sent(two, monkeypatch):
    """A message that was undone leaves nothing behind that could go out in another's place."""
    monkeypatch.setattr(sending, "WINDOW", 2)
    seen = []
    two.civil.subscribe("health.birth")(lambda message: seen.append(value(message)))
    two.health.publish("health.birth", birth(0))
    with pytest.raises(GoneError), two.health.store.transaction():  # noqa: PT012
        two.health.publish("health.birth", birth(1))
        raise GoneError
    two.health.publish("health.birth", birth(2))
    two.settle()
    assert seen == ["B-0", "B-2"]
    assert verify_log(two.health.store).ok


# faults of disk and transport, in both forms


class Faulty:
    """A transport that fails once where it is told to: before it has done its work, or after."""

    def __init__(self, inner, method, *, done):
        self._inner, self._method, self._done = inner, method, done
        self.failed = False

    def __getattr__(self, name):
        inner = getattr(self._inner, name)
        if name != self._method or self.failed:
            return inner

        def fails(*given):
            self.failed = True
            if self._done:
                inner(*given)
            raise TransportError("transport.unreachable", "the line is cut")

        return fails


@pytest.mark.parametrize(
    ("who", "part", "method", "done"),
    [
        ("health", "_sender", "send", False),
        ("health", "_sender", "send", True),
        ("health", "_sender", "outcomes", False),
        ("civil", "_receiver", "receive", False),
        ("civil", "_receiver", "acknowledge", False),
        ("civil", "_receiver", "acknowledge", True),
    ],
)
def test_a_transport_that_fails_loses_nothing(who, part, method, done, two, monkeypatch):
    """Wherever the line is cut, every message arrives and is handled once, with no restart."""
    monkeypatch.setattr(node_module, "_TROUBLE_SECONDS", 0.0)
    seen = []
    two.civil.subscribe("health.birth")(lambda message: seen.append(value(message)))
    place = getattr(getattr(two, who), part)
    place._transport = faulty = Faulty(place._transport, method, done=done)
    for number in range(5):
        two.health.publish("health.birth", birth(number))
    for _ in range(6):
        two.settle()
        two.clock.turn(10)
    assert faulty.failed
    assert seen == [f"B-{number}" for number in range(5)]
    assert two.health.status()["outbox"]["waiting"] == 0
    assert two.civil.status()["transport"]["queued"] == {}


@pytest.mark.parametrize("who", ["health", "civil"])
def test_a_full_disk_loses_nothing(who, two, monkeypatch):
    """While it is full nothing is accepted or acknowledged; when there is room, all goes on."""
    monkeypatch.setattr(node_module, "_TROUBLE_SECONDS", 0.0)
    seen = []

    @two.civil.subscribe("health.birth")
    def register(message):
        message.sql("CREATE TABLE IF NOT EXISTS persons (id TEXT, filler BLOB)")
        message.sql("INSERT INTO persons VALUES (?, zeroblob(2000))", (value(message),))
        seen.append(value(message))

    for number in range(20):
        two.health.publish("health.birth", birth(number), subject="s")
    store = getattr(two, who).store
    (pages,) = store.query("PRAGMA page_count")[0]
    store.query(f"PRAGMA max_page_count = {pages + 2}")
    for _ in range(5):
        two.health.step()
        two.civil.step()
    if who == "health":
        with pytest.raises(LogError):  # noqa: PT012
            for number in range(20, 60):
                two.health.publish("health.birth", birth(number), subject="s")
        number_published = sent(two.health)
    else:
        number_published = 20
        assert two.civil.store.query("SELECT count(*) FROM xl_messages") == [(0,)]
    store.query("PRAGMA max_page_count = 1000000")
    for _ in range(5):
        two.clock.turn(10)
        two.settle()
    rows = two.civil.store.query("SELECT id FROM persons ORDER BY rowid")
    assert [one for (one,) in rows] == [f"B-{number}" for number in range(number_published)]
    assert verify_log(two.health.store).ok
    assert verify_log(two.civil.store).ok
