"""The desk: other threads ask, publish, take and finish, and get futures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from xroad_lite.errors import (
    KeysError,
    LogError,
    RefusedError,
    RejectedError,
    RequestError,
    TransportError,
    XRoadError,
)
from xroad_lite.exchange import Draft
from xroad_lite.keys import KeySigner
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Message, Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, TwoAgencies

QUERY, ANSWER = "citizens.person-query", "citizens.person"
ASKED = {"codigoPersonal": "EX-1"}
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "apellidos": "Rojas",
}


def publish(two: TwoAgencies, *subjects: str | None) -> None:
    """Births at Health, as many as subjects."""
    for subject in subjects:
        two.health.publish("health.birth", BIRTH, subject=subject)
    two.settle()


def take(two: TwoAgencies, type_: str = "health.birth", **more: Any) -> list[Message]:
    """What is given out now."""
    future = two.civil.desk.take(type_, **more)
    two.settle()
    if not future.done():
        assert future.cancel()
        two.settle()
        return []
    return future.result()


def done(two: TwoAgencies, future: Future[Any]) -> Any:
    """The result, once both nodes have worked."""
    two.settle()
    return future.result(timeout=0)


@contextmanager
def full_disk(monkeypatch: Any, store: Store) -> Iterator[None]:
    """Nothing of a store can be committed, until the block ends."""
    command = Store._command

    def full(self: Store, sql: str) -> None:
        if self is store and sql == "COMMIT":
            raise LogError("log.store", "the disk is full")
        command(self, sql)

    with monkeypatch.context() as failing:
        failing.setattr(Store, "_command", full)
        yield


def outcomes(two: TwoAgencies) -> list[str]:
    """What the Civil Registry's log says of what became of messages."""
    store = two.civil.store
    found = [store.entry(index).fields for index in range(store.size)]
    return [one["outcome"] for one in found if one["kind"] == "outcome"]


def test_publications_share_a_transaction(two: TwoAgencies) -> None:
    """Each has its id; one that is refused fails alone."""
    two.civil.desk.hold("health.birth")
    good = [two.health.desk.publish("health.birth", BIRTH) for _ in range(3)]
    bad = two.health.desk.publish("health.birth", {"no": "birth"})
    two.settle()
    assert len({one.result() for one in good}) == 3
    with pytest.raises(RefusedError):
        bad.result()
    assert len(take(two, limit=10)) == 3


def test_who_waits_gets_what_comes_later(two: TwoAgencies) -> None:
    """A taker may come first."""
    two.civil.desk.hold("health.birth")
    waiting = two.civil.desk.take("health.birth")
    two.settle()
    assert not waiting.done()
    publish(two, "s-1")
    (message,) = waiting.result(timeout=0)
    assert (message.subject, message.attempt) == ("s-1", 1)
    with pytest.raises(RuntimeError, match="only a message in its handler"):
        message.publish("health.birth", BIRTH)


def test_what_has_no_subject_is_given_as_it_comes(two: TwoAgencies) -> None:
    """One taker after the other, each as many as it wants; what is left is taken later."""
    two.civil.desk.hold("health.birth")
    some, one = two.civil.desk.take("health.birth", limit=2), two.civil.desk.take("health.birth")
    two.settle()
    publish(two, None, None, None, None)
    taken = [*some.result(timeout=0), *one.result(timeout=0)]
    assert (len(some.result()), len(one.result())) == (2, 1)
    assert [message.entry for message in taken] == sorted(message.entry for message in taken)
    for message in taken:
        done(two, two.civil.desk.finish(message.entry))
    (left,) = take(two, limit=9)
    assert left.entry not in {message.entry for message in taken}
    rows = "SELECT idx, running FROM xl_inbox"
    assert two.civil.store.query(rows) == [(left.entry, 3)]


def test_what_was_given_in_a_transaction_that_failed_is_given_once(
    two: TwoAgencies, monkeypatch: Any
) -> None:
    """Who waited waits on, in the same place, and gets what comes again."""
    two.civil.desk.hold("health.birth")
    first, second = (two.civil.desk.take("health.birth", limit=2) for _ in range(2))
    two.settle()
    for number in range(3):
        two.health.publish("health.birth", BIRTH)
        two.health.step()
        if number == 0:  # kept, and its taker not told yet
            assert two.civil._receiver.pump(two.civil.now())
    with full_disk(monkeypatch, two.civil.store), pytest.raises(LogError):
        two.civil._receiver.pump(two.civil.now())
    assert not first.done()
    two.settle()
    taken = [*first.result(timeout=0), *second.result(timeout=0)]
    assert [len(one.result()) for one in (first, second)] == [1, 2]
    assert len({message.id for message in taken}) == 3


def test_who_goes_away_while_it_is_served_gets_nothing(two: TwoAgencies) -> None:
    """The next one does, as if nobody had taken it."""
    two.civil.desk.hold("health.birth")
    gone = two.civil.desk.take("health.birth")
    two.settle()
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    assert two.civil._receiver.pump(two.civil.now())
    assert gone.cancel()
    (message,) = take(two)
    assert message.attempt == 1


def test_a_lease_that_began_at_once_ends_too(two: TwoAgencies) -> None:
    """The message is taken again, one attempt later."""
    two.civil.desk.hold("health.birth")
    waiting = two.civil.desk.take("health.birth", lease=30)
    two.settle()
    publish(two, None)
    (message,) = waiting.result(timeout=0)
    assert take(two) == []
    two.clock.turn(31)
    (again,) = take(two)
    assert (again.entry, again.attempt) == (message.entry, 2)


def test_a_subject_is_out_once(two: TwoAgencies) -> None:
    """The second of one source and subject waits until the first is finished."""
    two.civil.desk.hold("health.birth")
    publish(two, "s-1", "s-1", "s-2", None, None)
    first = take(two, limit=10)
    assert [one.subject for one in first] == ["s-1", "s-2", None, None]
    assert take(two, limit=10) == []
    done(two, two.civil.desk.finish(first[0].entry))
    (second,) = take(two, limit=10)
    assert second.subject == "s-1"
    assert outcomes(two) == ["handled"]


def test_a_lease_ends(two: TwoAgencies) -> None:
    """What nobody finished in time is taken again, one attempt later; the late may still finish."""
    two.civil.desk.hold("health.birth")
    publish(two, "s-1")
    (first,) = take(two, lease=10)
    two.clock.turn(11)
    (again,) = take(two, lease=10)
    assert (again.id, again.attempt) == (first.id, 2)
    done(two, two.civil.desk.finish(first.entry))
    with pytest.raises(RequestError, match="is not out") as error:
        done(two, two.civil.desk.finish(again.entry))
    assert error.value.code == "request.not_taken"
    two.clock.turn(11)
    assert take(two) == []


def test_what_is_given_back_was_never_taken(two: TwoAgencies) -> None:
    """A client that went away before it read anything costs no attempt."""
    two.civil.desk.hold("health.birth")
    publish(two, "s-1")
    (first,) = take(two)
    done(two, two.civil.desk.give_back(first.entry))
    assert take(two)[0].attempt == 1


def test_a_failure_is_tried_again_and_then_buried(two: TwoAgencies) -> None:
    """As if a handler had failed; a rejected one is a dead letter at once."""
    two.civil.desk.hold("health.birth")
    publish(two, "s-1")
    (first,) = take(two)
    done(two, two.civil.desk.fail(first.entry, XRoadError("client.busy", "not now")))
    assert take(two) == []
    two.clock.turn(60)
    (again,) = take(two)
    assert again.attempt == 2
    done(two, two.civil.desk.fail(again.entry, RejectedError("client.never", "not a birth")))
    two.clock.turn(600)
    assert take(two) == []
    (letter,) = two.civil._receiver.inbox.dead_letters()
    assert (letter.code, letter.attempts) == ("client.never", 2)


def test_a_question_is_answered_from_outside(two: TwoAgencies) -> None:
    """Asked and answered by futures, under the same checks as by handlers."""
    two.civil.desk.hold(QUERY)
    answer = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=30, issue="case-7")
    (asked,) = take(two, QUERY)
    assert asked.attributes.issue == "case-7"
    done(two, two.civil.desk.finish(asked.entry, PERSON, type=ANSWER))
    assert answer.result(timeout=0).body == PERSON


def test_a_wrong_answer_leaves_the_question_open(two: TwoAgencies) -> None:
    """What breaks the schema is refused here, and a right one may follow."""
    two.civil.desk.hold(QUERY)
    answer = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=30)
    (asked,) = take(two, QUERY)
    with pytest.raises(RefusedError):
        done(two, two.civil.desk.finish(asked.entry, {"no": "person"}, type=ANSWER))
    error = {"code": "person.unknown", "message": "nobody has this code"}
    done(two, two.civil.desk.finish(asked.entry, error, type="xroad.error"))
    with pytest.raises(RequestError) as refused:
        answer.result(timeout=0)
    assert refused.value.answer == error


def test_what_fails_at_its_commit_is_over(two: TwoAgencies, monkeypatch: Any) -> None:
    """Who asked and who takes are told of the disk, once; neither ends the node later."""
    two.civil.desk.hold("health.birth")
    asked = two.civil.desk.publish("health.birth", BIRTH)
    taken = two.civil.desk.take("health.birth")
    with full_disk(monkeypatch, two.civil.store), pytest.raises(LogError):
        two.civil.desk.pump(two.civil.now())
    question = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=5)
    with full_disk(monkeypatch, two.health.store), pytest.raises(LogError):
        two.health.desk.pump(two.health.now())
    for one in (taken, question):
        assert isinstance(one.exception(timeout=0), LogError)
    assert asked.exception(timeout=0) is not None
    two.clock.turn(6)
    publish(two, "s-1")
    assert len(take(two)) == 1


def test_a_key_that_fails_leaves_no_gap(two: TwoAgencies, monkeypatch: Any) -> None:
    """A token that is away in the midst fails all it was to seal: no number is left unused."""
    desk, sign, left = two.health.desk, KeySigner.sign, [2]

    def flaky(self: KeySigner, data: bytes) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            raise KeysError("keys.token", "the token is away")
        return sign(self, data)

    def seen() -> list[str]:
        return [one.attributes.sequence[-1] for one in take(two, limit=10)]

    two.civil.desk.hold("health.birth")
    before = two.health.store.size
    with monkeypatch.context() as away:
        away.setattr(KeySigner, "sign", flaky)
        failed = [desk.publish("health.birth", BIRTH) for _ in range(3)]
        with pytest.raises(KeysError):
            desk.pump(two.health.now())
    assert {type(one.exception(timeout=0)) for one in failed} == {KeysError}
    assert two.health.store.size == before
    for one in [desk.publish("health.birth", BIRTH) for _ in range(3)]:
        done(two, one)
    assert seen() == ["1", "2", "3"]


def test_a_number_that_was_not_sealed_is_used_next(two: TwoAgencies, monkeypatch: Any) -> None:
    """Also where the transaction goes on, as where only the asker cannot be told of an error."""

    def away(*_: object) -> bytes:
        raise KeysError("keys.token", "the token is away")

    health, sealed = two.health, Draft("publish", "health.birth", BIRTH)
    with health.store.transaction():
        health.write(health.prepare(sealed))
        with monkeypatch.context() as failing:
            failing.setattr(KeySigner, "sign", away)
            lost = [*health.prepare(sealed), *health.prepare(sealed)]
            with pytest.raises(KeysError):
                health.write(lost)
        health.write(health.prepare(sealed))
    two.civil.desk.hold("health.birth")
    two.settle()
    assert [one.attributes.sequence[-1] for one in take(two, limit=10)] == ["1", "2"]


def test_what_the_outbox_has_no_room_for_fails_alone(two: TwoAgencies) -> None:
    """Of what is ordered together, as much is written as may wait; the rest is told so."""
    two.health.close()
    settings = two.instance.node_folder(HEALTH) / "node.yaml"
    settings.write_text(settings.read_text() + "outbox_limit: 3\n")
    with Node.open(two.instance.node_folder(HEALTH), clock=two.clock) as health:
        before = health.store.size
        asked = [health.desk.publish("health.birth", BIRTH) for _ in range(5)]
        health.desk.pump(health.now())
        found = [one.exception(timeout=0) for one in asked]
        assert found[:3] == [None] * 3
        assert [one.code for one in found[3:] if isinstance(one, TransportError)] == [
            "transport.outbox_full"
        ] * 2
        assert health.store.size == before + 3


def test_a_question_ends(two: TwoAgencies) -> None:
    """Without an answer its asker is told; a late taker gets nothing, and the log says so."""
    two.civil.desk.hold(QUERY)
    answer = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=5)
    two.settle()
    two.clock.turn(6)
    with pytest.raises(RequestError) as late:
        done(two, answer)
    assert late.value.code == "request.timeout"
    assert take(two, QUERY) == []
    assert outcomes(two) == ["expired"]


def test_answered_questions_fill_no_memory(two: TwoAgencies, monkeypatch: Any) -> None:
    """Their ends are let go of before they come; those of others stay."""
    monkeypatch.setattr("xroad_lite.node.desk._ENDS_KEPT", 2)
    two.civil.desk.hold(QUERY)
    late = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=5)
    assert len(take(two, QUERY)) == 1
    for _ in range(9):
        answer = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=900)
        (asked,) = take(two, QUERY)
        done(two, two.civil.desk.finish(asked.entry, PERSON, type=ANSWER))
        assert answer.result(timeout=0).body == PERSON
    assert len(two.health.desk._ends) <= 4
    two.clock.turn(6)
    with pytest.raises(RequestError) as error:
        done(two, late)
    assert error.value.code == "request.timeout"


def test_a_question_that_is_refused_here_is_never_sent(two: TwoAgencies) -> None:
    """The asker gets the check's error at once."""
    answer = two.health.desk.ask(CIVIL, QUERY, {"no": "question"}, timeout=5)
    with pytest.raises(RefusedError):
        done(two, answer)


def test_who_asks_and_goes_away_harms_nobody(two: TwoAgencies) -> None:
    """A cancelled future is passed over when its answer comes."""
    two.civil.desk.hold(QUERY)
    gone = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=30)
    here = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=30)
    asked = take(two, QUERY, limit=2)
    assert gone.cancel()
    for one in asked:
        done(two, two.civil.desk.finish(one.entry, PERSON, type=ANSWER))
    assert here.result(timeout=0).body == PERSON


def test_what_was_out_when_the_node_ended_is_taken_again(two: TwoAgencies) -> None:
    """After a start nobody has anything; nothing is taken for the end of the process."""
    two.civil.desk.hold("health.birth")
    publish(two, "s-1")
    take(two, lease=3600)
    two.civil.desk._taking._lent.clear()
    two.civil._receiver.inbox.recover()
    (again,) = take(two)
    assert again.attempt == 1


def test_who_waits_is_told_that_the_node_closes(two: TwoAgencies) -> None:
    """No future stays open for ever."""
    two.civil.desk.hold("health.birth")
    waiting = two.civil.desk.take("health.birth")
    two.settle()
    late = two.civil.desk.take("health.birth")
    asked = two.civil.desk.publish("health.birth", BIRTH)
    two.civil.close()
    for future in (waiting, late, asked):
        with pytest.raises(RequestError, match="closing"):
            future.result(timeout=0)


def test_a_type_has_a_handler_or_is_held(two: TwoAgencies) -> None:
    """Nobody's messages go two ways."""
    two.civil.subscribe("health.birth")(lambda message: None)
    with pytest.raises(RuntimeError, match="there is a handler"):
        two.civil.desk.hold("health.birth")


def test_what_nobody_holds_waits_outside(two: TwoAgencies) -> None:
    """A type is received for as long as one of those who hold it has not released it."""
    inbox, desk = two.civil._receiver.inbox, two.civil.desk
    desk.hold("health.birth", holder="one")
    desk.hold("health.birth", holder="other")
    desk.release("health.birth", "one")
    publish(two, "s-1")
    assert len(inbox) == 1
    desk.release("health.birth", "other")
    desk.release("health.birth", "other")
    desk.release("health.birth", "nobody")
    publish(two, "s-2")
    assert len(inbox) == 1
    desk.hold("health.birth")
    two.settle()
    assert [one.subject for one in take(two, limit=10)] == ["s-1", "s-2"]


def test_what_was_not_sent_can_be_withdrawn(two: TwoAgencies) -> None:
    """The log says so, nobody gets it, and what has gone out is not called back."""
    two.civil.desk.hold("health.birth")
    gone = two.health.publish("health.birth", BIRTH)
    two.settle()
    left = two.health.publish("health.birth", BIRTH)
    asked = [two.health.desk.withdraw(one) for one in (gone, left, left, "unknown")]
    two.settle()
    assert [one.result(timeout=0) for one in asked] == [False, True, False, False]
    (message,) = take(two, limit=10)
    assert message.id == gone
    store = two.health.store
    (outcome,) = [one for one in map(store.entry, range(store.size)) if one.kind == "outcome"]
    assert outcome.fields["error"]["code"] == "sent.withdrawn"
    assert verify_log(store).ok
