"""The running node erases by its agreements' retention, keeps receipts, and obeys holds."""

import pytest
import yaml
from test_receipts import working
from test_requests import ASKED, PERSON, QUERY, RunningClock

from xroad_lite import times
from xroad_lite.cli.log.app import whole
from xroad_lite.errors import LogError
from xroad_lite.messagelog.receipts import ReceiptTables
from xroad_lite.messagelog.retention import Retention, Scope, erased_by
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node.usage import find_usage, names_of
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.testing import BIRTH, CIVIL, HEALTH

NOW = 1_790_000_000.0
DAY = 86_400.0
BIRTHS = "https://demo.xroad-lite.example/agreements/births/1"


@pytest.fixture(scope="session")
def built(built, tmp_path_factory):
    """A copy of the instance, births with receipts and kept for two days, persons for one."""
    built = built.copied(tmp_path_factory.mktemp("retained"))
    for name, changed in (
        ("births", {"receipt": True, "retention": "P2D"}),
        ("persons", {"retention": "P1D"}),
    ):
        file = built.source / f"agreements/{name}-1.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changed))
    built.publish(NOW - 1700)
    return built


@pytest.fixture
def exchanged(two):
    """A birth that was sent, handled and receipted; gives its entries at both."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH, subject="s-1")
    two.settle()
    return tuple(messages(node, "health.birth")[0] for node in (two.health, two.civil))


def messages(node, type_):
    """The entries of messages of a type."""
    rows = node.store.query("SELECT idx FROM xl_messages WHERE type = ? ORDER BY idx", (type_,))
    return [row[0] for row in rows]


def later(two, seconds):
    """Time passes, and both nodes tidy up."""
    two.clock.turn(seconds)
    two.settle()


def test_bodies_end_at_both_ends_and_everything_else_stays(two, exchanged):
    """By the rule of the agreement's version; receipts are kept, verdicts replay."""
    sent, got = exchanged
    later(two, 2 * DAY - 1)
    assert two.health.store.body(sent)
    assert two.civil.store.body(got)
    later(two, 61)
    registry = RegistryFolder(two.instance.folder / "registry")
    for node, entry, me in ((two.health, sent, HEALTH), (two.civil, got, CIVIL)):
        assert node.store.body(entry) is None
        ((at, rule),) = erased_by(node.store).values()
        assert (rule.agreement, rule.duration) == (BIRTHS, "P2D")
        assert at == two.clock()
        shown = whole(node.store, entry)["erased"]
        assert shown == {"time": times.to_text(at), "rule": f"retention P2D {BIRTHS}"}
        assert verify_log(node.store).findings == []
        assert replay_log(node.store, registry, me).equal
        for receipt in messages(node, "xroad.receipt"):
            assert node.store.body(receipt)
    assert ReceiptTables(two.health.store).waiting(sent).state == "handled"


def test_a_held_body_stays_until_the_hold_is_lifted(two, exchanged):
    """At the node that was told; the other one erases."""
    sent, got = exchanged
    retention = Retention(two.civil.store)
    hold = retention.add_hold(Scope(subject="s-1"), "a judge", "case 7", NOW)
    later(two, 3 * DAY)
    assert two.health.store.body(sent) is None
    assert two.civil.store.body(got)
    retention.lift_hold(hold.number, "a judge", "closed", two.clock())
    later(two, 61)
    assert two.civil.store.body(got) is None


def test_what_was_not_sent_yet_waits(two):
    """It goes as it was sealed, when its receiver is there, and is erased then."""
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    later(two, 2 * DAY + 61)
    (entry,) = messages(two.health, "health.birth")
    assert two.health.store.body(entry)
    heard = []
    two.civil.subscribe("health.birth")(lambda message: heard.append(message.body))
    for _ in range(3):
        later(two, 10)
    assert heard == [BIRTH]
    later(two, 61)
    assert two.health.store.body(entry) is None


def test_a_dead_letter_waits_for_somebody(two):
    """Its body is there for who decides; given up, it goes."""
    two.civil.subscribe("health.birth")(lambda _: 1 / 0)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    for _ in range(8):
        later(two, 60)
    (letter,) = two.civil._receiver.inbox.dead_letters()
    later(two, 3 * DAY)
    assert two.civil.store.body(letter.index)
    two.civil._receiver.inbox.done(letter.index)
    later(two, 61)
    assert two.civil.store.body(letter.index) is None


def test_a_question_that_comes_again_gets_no_erased_answer(two, exchanged):
    """Nothing goes out whose body is gone."""
    two.health._clock = two.civil._clock = RunningClock(NOW)
    two.civil.serve(QUERY)(lambda _: PERSON)
    with working(two.civil):
        two.health.request(CIVIL, QUERY, ASKED)
    (question,) = messages(two.civil, QUERY)
    asked = two.civil.store.entry(question).attributes()
    (answer,) = messages(two.civil, "citizens.person")
    assert two.civil._sender.send_again(HEALTH, asked["id"])
    two.civil._sender.outbox.confirmed([answer])
    assert Retention(two.civil.store).erase(NOW + 2 * DAY)
    assert not two.civil._sender.send_again(HEALTH, asked["id"])
    with pytest.raises(LogError, match="erased"):
        two.civil._receiver.judgement(question, NOW)


# who looked


def test_who_looked_at_a_persons_data_is_told(two, exchanged):
    """Events, questions and answers, with service, purpose and law, at either end."""
    two.health._clock = two.civil._clock = RunningClock(NOW + 10)
    two.civil.serve(QUERY)(lambda _: PERSON)
    with working(two.civil):
        two.health.request(CIVIL, QUERY, ASKED, subject="s-1", user_id="clerk-7")
        two.health.request(CIVIL, QUERY, ASKED, subject="s-2")
    snapshot = two.civil._registry.current
    names = names_of("s-1", snapshot, two.civil._keys.holder)
    assert "s-1" in names
    found = find_usage(two.civil.store, names, lambda _: snapshot)
    assert [(one.operation, one.direction, one.who, one.service) for one in found] == [
        ("publish", "in", CIVIL, None),
        ("request", "in", HEALTH, "person-by-code"),
        ("reply", "out", HEALTH, "person-by-code"),
    ]
    event, question, answer = found
    assert event.purpose_title["es"] == "Cumplimiento de una obligación"
    assert event.legal_basis["en"] == "Civil Registration Act"
    assert (event.agreement, event.outcome, event.at) == (BIRTHS, "handled", NOW)
    assert (question.outcome, answer.outcome) == ("handled", "sent")
    assert answer.in_reply_to == question.id
    again = find_usage(two.civil.store, names, lambda _: snapshot, since=NOW + 5)
    assert again == [question, answer]
    assert find_usage(two.civil.store, names, lambda _: snapshot, until=NOW + 5) == [event]
    assert find_usage(two.civil.store, ["nobody"], lambda _: snapshot) == []


def test_it_is_told_without_body_and_without_registry(two, exchanged):
    """What is sealed says it; where no registry is at hand its words are missing, nothing else."""
    Retention(two.civil.store).erase(NOW + 3 * DAY)
    (one,) = find_usage(two.civil.store, ["s-1"], lambda _: None)
    assert (one.who, one.type, one.agreement) == (CIVIL, "health.birth", BIRTHS)
    assert (one.purpose_title, one.legal_basis, one.legal_basis_iri) == ({}, {}, None)
    assert one.operation == "publish"
