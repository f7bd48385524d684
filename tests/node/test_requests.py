"""Asking and answering: round trips, sealed errors, repeated questions, and no answer at all."""

import json
import threading
import time

import pytest
from at_work import working

from xroad_lite import times
from xroad_lite.encryption import is_pseudonym
from xroad_lite.errors import ConfigurationError, RefusedError, RejectedError, RequestError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, Tamperer
from xroad_lite.transports import REPLIES, Parcel

NOW = 1_790_000_000.0
QUERY = "citizens.person-query"
CODE = "EX-1"
ASKED = {"codigoPersonal": CODE}
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "apellidos": "Rojas",
}


class RunningClock(Clock):
    """A clock that goes on from a fixed moment, so that waiting ends."""

    def __init__(self, now):
        super().__init__(now)
        self._began = time.monotonic()

    def __call__(self):
        """Unix seconds, later each time."""
        return self.now + time.monotonic() - self._began


@pytest.fixture
def clock():
    """Requests wait, so time passes."""
    return RunningClock(NOW)


def last_out(node):
    """Attributes and body of the last message that a node sealed."""
    (index,) = node.store.query("SELECT max(idx) FROM xl_messages WHERE direction = 'out'")[0]
    return node.store.entry(index).attributes(), json.loads(node.store.body(index)[1])


def test_a_question_is_answered(two):
    """In the terms that each side wants, under the agreement and purpose of the question."""
    asked = []

    @two.civil.serve(QUERY)
    def answer(message):
        asked.append((message.body, message.source, message.subject, message.attributes.userid))
        return PERSON

    with working(two.civil):
        found = two.health.request(CIVIL, QUERY, ASKED, user_id="clerk-7", subject=CODE)
    assert found.body == PERSON
    assert (found.source, found.subject, found.type) == (CIVIL, CODE, "citizens.person")
    ((body, source, subject, user),) = asked
    assert (body, source, subject) == (ASKED, HEALTH, CODE)
    assert is_pseudonym(user)
    assert verify_log(two.health.store).ok
    assert verify_log(two.civil.store).ok


def test_an_answer_can_be_read_in_other_terms(two):
    """Asked for in the words of Health's own schema, it comes in them."""

    @two.civil.serve(QUERY)
    def answer(message):
        return PERSON

    with working(two.civil):
        found = two.health.request(CIVIL, QUERY, ASKED, reads="health.birth")
    assert found.body["birthDate"] == PERSON["fechaNacimiento"]
    assert found.original == PERSON


def test_many_questions_from_many_threads(two):
    """Each gets its own answer."""

    @two.civil.serve(QUERY)
    def answer(message):
        return PERSON | {"codigoPersonal": message.body["codigoPersonal"]}

    found = {}

    def ask(number):
        body = {"codigoPersonal": f"EX-{number}"}
        found[number] = two.health.request(CIVIL, QUERY, body).body["codigoPersonal"]

    with working(two.civil):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert found == {number: f"EX-{number}" for number in range(8)}


def test_a_handlers_refusal_comes_back_sealed(two):
    """With the adapter's own code and reason."""

    @two.civil.serve(QUERY)
    def answer(message):
        raise RejectedError("person.unknown", "nobody has this code")

    with working(two.civil), pytest.raises(RequestError) as caught:
        two.health.request(CIVIL, QUERY, ASKED)
    assert caught.value.code == "request.refused"
    assert "person.unknown: nobody has this code" in caught.value.message
    attributes, body = last_out(two.civil)
    assert (attributes["type"], body["code"]) == ("xroad.error", "person.unknown")


@pytest.mark.parametrize("result", [{"nothing": 1}, None, "text", {"codigoPersonal": 7}, object()])
def test_a_service_that_fails_says_only_that(result, two, reopen):
    """An answer that breaks its schema, after its attempts: no inner detail leaves the house."""
    settings = two.instance.node_folder(CIVIL) / "node.yaml"
    settings.write_text(settings.read_text() + "retry: {attempts: 2, first: 0}\n")
    civil = reopen()
    attempts = []

    @civil.serve(QUERY)
    def answer(message):
        attempts.append(message.attempt)
        return result

    with working(civil), pytest.raises(RequestError) as caught:
        two.health.request(CIVIL, QUERY, ASKED, timeout=20)
    assert caught.value.code == "request.refused"
    assert caught.value.message.startswith("service.failed: the service could not answer")
    assert attempts == [1, 2]


def test_a_failing_service_keeps_its_secrets(two):
    """What an adapter's exception says is for its own log."""
    two.civil.close()
    settings = two.instance.node_folder(CIVIL) / "node.yaml"
    settings.write_text(settings.read_text() + "retry: {attempts: 1}\n")
    with Node.open(two.instance.node_folder(CIVIL), clock=two.clock) as civil:

        @civil.serve(QUERY)
        def answer(message):
            raise ConnectionError("postgresql://clerk:hunter2@db refused")

        with working(civil), pytest.raises(RequestError) as caught:
            two.health.request(CIVIL, QUERY, ASKED, timeout=20)
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in json.dumps(last_out(civil))


def test_what_could_only_be_refused_is_not_asked(two):
    """A question that breaks its schema, without agreement, or to nobody: refused here."""
    size = two.health.store.size
    for recipient, type_, body, check in (
        (CIVIL, QUERY, {"other": 1}, 8),
        (CIVIL, "citizens.person", PERSON, 6),
        ("DEMO/GOV/TAX/office", QUERY, ASKED, 6),
        ("DEMO/GOV/NOBODY/x", QUERY, ASKED, 6),
    ):
        with pytest.raises(RefusedError) as caught:
            two.health.request(recipient, type_, body)
        assert caught.value.check == check
    assert two.health.store.size == size


def test_nobody_answers(two):
    """After the time given the caller is told, and the question is not answered later."""
    began = time.monotonic()
    with pytest.raises(RequestError) as caught:
        two.health.request(CIVIL, QUERY, ASKED, timeout=0.3)
    assert caught.value.code == "request.timeout"
    assert 0.2 < time.monotonic() - began < 10
    calls = []

    two.health.step()

    @two.civil.serve(QUERY)
    def answer(message):
        calls.append(message.id)
        return PERSON

    two.clock.turn(60)
    for _ in range(20):
        two.health.step()
        two.civil.step()
    assert calls == []
    read = [entries.read(leaf) for _, leaf in two.health.store.entries()]
    assert [one.fields["outcome"] for one in read if one.kind == "outcome"] == ["expired"]
    assert two.health.status()["outbox"]["waiting"] == 0
    assert verify_log(two.health.store).ok


def test_a_refusal_by_a_check_comes_back_sealed(two):
    """With the number of the check and the result of each, as the design has it."""

    @two.civil.serve(QUERY)
    def answer(message):
        raise AssertionError("not reached")

    with pytest.raises(RequestError):
        two.health.request(CIVIL, QUERY, ASKED, timeout=0.05)
    two.health.step()  # should there have been no time to send it
    asker = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    soon = times.to_text(two.clock() + 30)
    wrong = asker.seal(asker.last_sent(), b'{"other":1}', expirytime=soon)
    two.health._transport.send([Parcel(0, CIVIL, QUERY, wrong.seal, wrong.salt, wrong.body)])
    two.settle()
    attributes, body = last_out(two.civil)
    assert (attributes["type"], attributes["inreplyto"]) == (
        "xroad.error",
        wrong.opened.attributes.id,
    )
    assert (body["code"], body["check"]) == ("schema.invalid", 8)
    assert [one["verdict"] for one in body["checks"]] == [*["passed"] * 7, "refused", "not reached"]
    assert attributes["requesthash"] == wrong.opened.identity


def test_a_repeated_question_gets_the_stored_answer(two):
    """The handler is not called again, and the same sealed answer is sent."""
    calls = []

    @two.civil.serve(QUERY)
    def answer(message):
        calls.append(message.id)
        return PERSON

    with working(two.civil):
        two.health.request(CIVIL, QUERY, ASKED)
    question = Tamperer(two.instance.node_folder(HEALTH), two.clock).last_sent()
    size = two.civil.store.size
    for _ in range(3):
        parcel = Parcel(0, CIVIL, QUERY, question.seal, question.salt, question.body)
        two.health._transport.send([parcel])
        two.settle()
    assert len(calls) == 1
    assert two.civil.store.size == size
    assert two.health.status()["counters"]["received.duplicate"] == 3


def test_an_answer_is_taken_once_and_from_the_one_asked(two):
    """Copies and late ones change nothing; nothing that was not asked for is taken as an answer."""

    @two.civil.serve(QUERY)
    def answer(message):
        return PERSON

    with working(two.civil):
        two.health.request(CIVIL, QUERY, ASKED)
    answerer = Tamperer(two.instance.node_folder(CIVIL), two.clock)
    again = answerer.seal(answerer.last_sent())
    two.civil._transport.send([Parcel(0, HEALTH, REPLIES, again.seal, again.salt, again.body)])
    two.settle()
    verdict = [one.fields.get("verdict", {}) for one in _entries(two.health)]
    assert [one["code"] for one in verdict if one.get("outcome") == "refused"] == [
        "freshness.no_open_request"
    ]


def test_a_question_that_memory_has_no_more_is_found_in_the_log(two):
    """Its answer is accepted, once; what was published to somebody is no question."""
    two.civil.serve(QUERY)(lambda message: PERSON)
    two.civil.subscribe("health.birth")(lambda message: None)
    asking = two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=20)
    two.health.step()
    kept = two.health._receiver._asked_before(last_out(two.health)[0]["id"])
    assert kept == two.health._sender.asked.popitem()[1]
    two.settle()
    assert asking.result(timeout=0).body == PERSON
    asked = [one.attributes() for one in _entries(two.health)]
    question = next(one["id"] for one in asked if one.get("type") == QUERY)
    assert two.health._receiver._asked_before(question) is None
    event = two.health.publish("health.birth", BIRTH, expires=two.clock() + 20)
    assert two.health._receiver._asked_before(event) is None


def test_a_handler_may_ask_before_it_writes(two, instance):
    """A question inside a handler goes out at once; after SQL it would wait for itself."""
    answers = []

    @two.civil.serve(QUERY)
    def answer(message):
        return PERSON

    @two.health.subscribe("citizens.person")
    def hear(message):
        answers.append(two.health.request(CIVIL, QUERY, ASKED, timeout=20).body)
        message.sql("CREATE TABLE IF NOT EXISTS mine (x)")
        with pytest.raises(RuntimeError):
            two.health.request(CIVIL, QUERY, ASKED)

    two.civil.publish("citizens.person", PERSON)
    with working(two.civil):
        for _ in range(1000):
            if answers:
                break
            if not two.health.step():
                two.health._transport.wait(0.02)
    assert answers == [PERSON]


def test_only_listed_services_can_be_served(two):
    """What the registry does not know as a service here is a mistake of configuration."""
    with pytest.raises(ConfigurationError):
        two.health.serve(QUERY)
    with pytest.raises(ConfigurationError):
        two.civil.serve("citizens.person")


def test_an_outbox_full_of_errors_stops_nothing(two, reopen):
    """A peer whose refused questions cannot be answered fills no outbox, and others pass."""
    settings = two.instance.node_folder(CIVIL) / "node.yaml"
    settings.write_text(settings.read_text() + "outbox_limit: 2\n")
    civil = reopen()
    seen = []
    civil.subscribe("health.birth")(lambda message: seen.append(message.id))

    @civil.serve(QUERY)
    def answer(message):
        return PERSON

    from xroad_lite.testing import BIRTH

    asker = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    like = asker.last_sent()
    agreement = like.opened.attributes.agreement.replace("births", "persons")
    schema = like.opened.attributes.dataschema.replace("health/birth", "citizens/person-query")
    for _ in range(6):
        wrong = asker.seal(
            like,
            b'{"other":1}',
            type=QUERY,
            agreement=agreement,
            dataschema=schema,
            datacontenttype="application/json",
        )
        two.health._transport.send([Parcel(0, CIVIL, QUERY, wrong.seal, wrong.salt, wrong.body)])
    two.health.publish("health.birth", BIRTH)
    for _ in range(20):
        two.health.step()
        civil.step()
    assert len(seen) == 2
    assert civil.status()["counters"]["errors.not_answered"] == 4


def test_a_node_that_is_closed_ends_its_waiting(two):
    """Closing ends a question that waits, and does not hang."""
    ended = []

    def ask():
        try:
            two.health.request(CIVIL, QUERY, ASKED, timeout=60)
        except RequestError as error:
            ended.append(error.code)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    two.health.close()
    thread.join(10)
    assert ended == ["request.closed"]
    with pytest.raises(RequestError) as late:
        two.health.desk.ask(CIVIL, QUERY, ASKED, timeout=60).result(timeout=10)
    assert late.value.code == "request.closed"


def _entries(node):
    return [
        one for _, leaf in node.store.entries() if (one := entries.read(leaf)).kind == "message"
    ]


def test_a_request_survives_a_restart_of_the_one_asked(two, reopen):
    """Accepted before the end, answered after it."""
    two.civil.serve(QUERY)(lambda message: PERSON)
    with pytest.raises(RequestError):
        two.health.request(CIVIL, QUERY, ASKED, timeout=0.2)
    asker = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    again = asker.seal(asker.last_sent(), expirytime=times.to_text(two.clock() + 30))
    two.health._transport.send([Parcel(0, CIVIL, QUERY, again.seal, again.salt, again.body)])
    two.civil._receiver.pump(two.clock())
    civil = reopen()
    assert isinstance(civil, Node)
    civil.serve(QUERY)(lambda message: PERSON)
    while civil.step():
        pass
    attributes, body = last_out(civil)
    assert (attributes["inreplyto"], body) == (again.opened.attributes.id, PERSON)
