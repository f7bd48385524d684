"""Receipts: who gives one, once, for which states; and forged, replayed and swapped ones."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from at_work import working
from test_requests import ASKED, PERSON, QUERY, RunningClock

from xroad_lite import strict_json
from xroad_lite.envelope import Sealed, parse_seal, seal
from xroad_lite.errors import RejectedError
from xroad_lite.exchange import Outcome
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import open_signer
from xroad_lite.messagelog import Inbox, Store, entries
from xroad_lite.messagelog.receipts import ReceiptTables
from xroad_lite.node import Node, Settings
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Tamperer, TwoAgencies
from xroad_lite.transports import REPLIES, Parcel

NOW = 1_790_000_000.0
WELFARE = "DEMO/GOV/WELFARE/office"


@pytest.fixture(scope="session")
def built(built, tmp_path_factory):
    """A copy of the instance, its agreements asking for receipts."""
    built = built.copied(tmp_path_factory.mktemp("receipted"))
    for name in ("births", "persons"):
        edit(built, name, receipt=True)
    built.publish(NOW - 1700)
    return built


def edit(instance, name, **changed):
    """Change an agreement's document."""
    file = instance.source / f"agreements/{name}-1.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changed))


def states(node, entry):
    """What the receipts say that came for the message at an entry."""
    return [one.told.state for one in ReceiptTables(node.store).of(entry)]


def sent(node, type_="health.birth"):
    """The entries of messages of a type that a node sealed."""
    rows = node.store.query(
        "SELECT idx FROM xl_messages WHERE direction = 'out' AND type = ? ORDER BY idx", (type_,)
    )
    return [row[0] for row in rows]


def results(node, type_="xroad.receipt"):
    """The verdicts on what a node got of a type, as code or outcome."""
    rows = node.store.query(
        "SELECT idx FROM xl_messages WHERE direction = 'in' AND type = ? ORDER BY idx", (type_,)
    )
    verdicts = [node.store.entry(row[0]).fields["verdict"] for row in rows]
    return [one.get("code", one["outcome"]) for one in verdicts]


def counted(node, name):
    """A counter of a node."""
    return node.store.counters().get(name, 0)


def lay(two, sealed, lane=REPLIES, to=HEALTH):
    """Put what somebody sealed on the bus."""
    bus = two.civil if to == HEALTH else two.health
    bus._transport.send([Parcel(0, to, lane, sealed.seal, sealed.salt, sealed.body)])
    bus._transport.outcomes()


def last_receipt(node):
    """The last receipt that a node sealed, as it travelled."""
    index = sent(node, "xroad.receipt")[-1]
    token, (salt, body) = node.store.seal(index), node.store.body(index)
    return Sealed(token, salt, body, parse_seal(token))


def signer(two, subsystem):
    """A node's key."""
    settings = Settings.read(two.instance.node_folder(subsystem), {})
    return open_signer(settings.key_uri, settings.path(settings.certificates))


def sealed_again(like, key, body=None, **changed):
    """A seal over another's attributes, some changed."""
    changed.setdefault("id", new_message_id(NOW))
    attributes = replace(like.opened.attributes, **changed)
    return seal(attributes, like.body if body is None else body, key, issued_at=int(NOW))


@pytest.fixture
def received(two: TwoAgencies) -> int:
    """A birth was sent and accepted, nobody handles it yet; gives its entry at Health's."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    with two.civil._pumping:
        two.civil._receiver.pump(NOW)
    (entry,) = sent(two.health)
    return entry


# who gives which


def test_a_message_is_receipted_when_received_and_when_handled(two):
    """Each is a sealed message of the recipient's, and stands in the sender's log."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    event = two.health.publish("health.birth", BIRTH, subject="s-1")
    two.settle()
    (entry,) = sent(two.health)
    receipts = ReceiptTables(two.health.store).of(entry)
    assert [one.told.state for one in receipts] == ["received", "handled"]
    assert ReceiptTables(two.health.store).waiting(entry).state == "handled"
    opened = parse_seal(two.health.store.seal(receipts[0].entry))
    assert opened.signed.header.typ == "xroad-lite-receipt+jws"
    attributes = opened.attributes
    assert (attributes.type, attributes.source) == ("xroad.receipt", CIVIL)
    original = parse_seal(two.health.store.seal(entry))
    assert (attributes.inreplyto, attributes.requesthash) == (event, original.identity)
    assert attributes.agreement == original.attributes.agreement
    assert attributes.purpose == original.attributes.purpose
    assert attributes.subject is None
    assert json.loads(two.health.store.body(receipts[0].entry)[1]) == {"state": "received"}


def test_a_receipt_is_never_receipted(two):
    """It would never end."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert len(sent(two.civil, "xroad.receipt")) == 2
    assert sent(two.health, "xroad.receipt") == []


def test_without_the_agreements_word_there_is_none(two):
    """Births registered are published under an agreement that asks for no receipts."""
    two.health.subscribe("citizens.person")(lambda _: None)
    two.health.step()
    two.civil.publish("citizens.person", PERSON)
    two.settle()
    assert counted(two.health, "handled") == 1
    assert sent(two.health, "xroad.receipt") == []
    assert two.civil.status()["receipts"]["awaited"] == 0


def test_a_dead_letter_and_its_revival_are_told(two):
    """With the code that the handler gave itself, and no other text."""

    @two.civil.subscribe("health.birth")
    def refuse(message):
        if message.attempt == 1 and not revived:
            raise RejectedError("civil.unknown_hospital", "Clinic of Elena Rojas")

    revived = []
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.settle()
    (entry,) = sent(two.health)
    dead = ReceiptTables(two.health.store).of(entry)[-1]
    assert (dead.told.state, dead.told.code) == ("dead-lettered", "civil.unknown_hospital")
    assert b"Elena" not in two.health.store.body(dead.entry)[1]
    revived.append(True)
    two.civil._receiver.inbox.revive(two.civil._receiver.inbox.dead_letters()[0].index)
    two.settle()
    assert states(two.health, entry) == ["received", "dead-lettered", "handled"]


def test_what_an_operator_gives_up_is_told(two):
    """By the command that drops a dead letter, whose store is its own."""
    two.civil.subscribe("health.birth")(lambda _: 1 / 0)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    for _ in range(20):
        two.settle()
        two.clock.turn(60)
    (letter,) = two.civil._receiver.inbox.dead_letters()
    store = Store(two.civil.store.path)
    leaf = entries.outcome(two.clock(), letter.index, entries.DROPPED, letter.attempts)
    Inbox(store).drop(letter, leaf)
    store.close()
    two.clock.turn(61)
    two.settle()
    assert states(two.health, sent(two.health)[0]) == ["received", "dead-lettered", "dropped"]


def test_a_handlers_own_failure_is_told_without_its_words(two):
    """What an adapter raises is nobody's business."""
    two.civil.subscribe("health.birth")(lambda _: 1 / 0)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    for _ in range(20):
        two.settle()
        two.clock.turn(60)
    (entry,) = sent(two.health)
    told = ReceiptTables(two.health.store).of(entry)[-1].told
    assert (told.state, told.code) == ("dead-lettered", "handler.failed")


def test_what_is_refused_with_a_good_signature_is_told(two, health_key, put):
    """By the check's number and code; the message has to be for this node."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    like = health_key.last_sent()
    two.settle()
    put(health_key.seal(like, b"{}"))  # nobody's node sent it, so nobody awaits its receipt
    two.settle()
    assert results(two.health)[-1] == "freshness.no_receipt_due"
    told = strict_json.loads(last_receipt(two.civil).body)
    assert told == {"state": "refused", "check": 8, "code": "schema.invalid"}


def test_a_body_changed_on_the_way_is_told_and_the_true_one_too(two, health_key, put):
    """The sender sees that somebody was at it; what came whole afterwards counts."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.step()
    two.health.publish("health.birth", BIRTH)
    put(health_key.last_sent(), body=b"{}")
    two.civil.step()
    two.settle()
    (entry,) = sent(two.health)
    receipts = ReceiptTables(two.health.store).of(entry)
    assert [one.told.state for one in receipts] == ["refused", "received", "handled"]
    assert (receipts[0].told.check, receipts[0].told.code) == (7, "envelope.digest")
    assert ReceiptTables(two.health.store).waiting(entry).state == "handled"


def test_before_a_signature_holds_there_is_silence(two, health_key, put, stranger):
    """Neither a broken signature nor a key that is not listed is answered."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    like = health_key.last_sent()
    put(like, seal=like.seal[:-8] + b"AAAAAAAA")
    two.civil.step()
    assert sent(two.civil, "xroad.receipt") == []
    assert counted(two.civil, "received.refused") == 1


def test_questions_and_answers_are_receipted(two):
    """A request by who is asked, its answer by who asked; nothing else changes for either."""
    two.health._clock = two.civil._clock = RunningClock(NOW)
    two.civil.serve(QUERY)(lambda _: PERSON)
    with working(two.civil):
        found = two.health.request(CIVIL, QUERY, ASKED)
    assert found.body == PERSON
    two.settle()
    assert states(two.health, sent(two.health, QUERY)[0]) == ["received", "handled"]
    assert states(two.civil, sent(two.civil, "citizens.person")[0]) == ["received"]
    registry = RegistryFolder(two.instance.folder / "registry")
    for node, me in ((two.health, HEALTH), (two.civil, CIVIL)):
        replayed = replay_log(node.store, registry, me)
        assert replayed.equal, replayed.differences
        assert replayed.judged


# exactly once


def test_a_restart_between_acceptance_and_receipt_loses_and_doubles_none(
    two: TwoAgencies, received: int, reopen: Callable[..., Node]
):
    """What is owed committed with the acceptance; the process that ends owes it still."""
    assert sent(two.civil, "xroad.receipt") == []
    again = reopen()
    again.subscribe("health.birth")(lambda _: None)
    for _ in range(20):
        again.step()
        two.health.step()
    assert states(two.health, received) == ["received", "handled"]
    again = reopen()
    again.subscribe("health.birth")(lambda _: None)
    for _ in range(5):
        again.step()
        two.health.step()
    assert states(two.health, received) == ["received", "handled"]


def test_a_transaction_that_fails_owes_nothing(two, received, monkeypatch):
    """The handled mark and its receipt are one."""
    before = ReceiptTables(two.civil.store).given(1)

    def broken(*_):
        raise RuntimeError("the disk")

    monkeypatch.setattr(two.civil._receiver.inbox, "done", broken)
    monkeypatch.setattr(two.civil._dispatcher.inbox, "done", broken)
    with pytest.raises(RuntimeError, match="the disk"):
        two.civil._handle()
    rows = two.civil.store.query("SELECT state FROM xl_receipts_owed")
    assert [row[0] for row in rows] == ["received"]
    assert before == ReceiptTables(two.civil.store).given(1)


def test_a_full_outbox_postpones_receipts(two, received, monkeypatch):
    """They are sealed when there is room."""
    monkeypatch.setattr(two.civil._sender, "_limit", 0)
    two.civil.step()
    assert sent(two.civil, "xroad.receipt") == []
    assert "outbox_full" in two.civil.status()["receipts"]["problem"]
    monkeypatch.setattr(two.civil._sender, "_limit", 100)
    two.clock.turn(2)
    two.settle()
    assert states(two.health, received) == ["received", "handled"]


def test_the_same_message_again_gives_no_second_receipt(two, health_key, put):
    """A duplicate is acknowledged and counted."""
    two.civil.subscribe("health.birth")(lambda _: None)
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.settle()
    put(health_key.last_sent())
    two.settle()
    assert counted(two.civil, "received.duplicate") == 1
    assert len(sent(two.civil, "xroad.receipt")) == 2


# forged, replayed, swapped


def test_a_receipt_that_was_changed_is_refused(two, received):
    """By the check of what was changed."""
    two.health.step()
    two.civil._sender.receipts.pump(NOW, two.civil)
    honest = last_receipt(two.civil)
    for changed, check in (
        (
            Sealed(
                Tamperer.with_attributes(honest.opened, inreplyto=new_message_id(NOW)),
                honest.salt,
                honest.body,
                honest.opened,
            ),
            4,
        ),
        (Sealed(honest.seal, honest.salt, b'{"state":"handled"}', honest.opened), 7),
    ):
        found = judged(two.health, changed)
        assert (found.verdict.outcome, found.verdict.check) == (Outcome.REFUSED, check)


def judged(node, sealed):
    """What a node would say of what was sealed."""
    return node._receiver._judge(
        sealed.seal, sealed.salt, sealed.body, node._receiver.moment(node.now())
    )


def test_only_the_recipient_can_receipt(two, received):
    """Another registered subsystem cannot, whatever it claims; nor can the sender itself."""
    two.civil._sender.receipts.pump(NOW, two.civil)
    honest = last_receipt(two.civil)
    forged = sealed_again(honest, signer(two, WELFARE), source=WELFARE)
    assert judged(two.health, forged).verdict.code == "freshness.no_receipt_due"
    stolen = sealed_again(honest, signer(two, WELFARE))
    assert judged(two.health, stolen).verdict.code == "identity.unlisted_certificate"


def test_a_receipt_for_another_message_is_refused(two, received):
    """Its number is of the one, its digest of the other; and one for what was never sent."""
    two.health.publish("health.birth", BIRTH)
    two.settle()
    first, second = (parse_seal(two.health.store.seal(one)) for one in sent(two.health))
    honest, key = last_receipt(two.civil), signer(two, CIVIL)
    swapped = sealed_again(honest, key, inreplyto=first.attributes.id, requesthash=second.identity)
    assert judged(two.health, swapped).verdict.code == "freshness.other_message"
    nowhere = sealed_again(honest, key, inreplyto=new_message_id(NOW))
    assert judged(two.health, nowhere).verdict.code == "freshness.no_receipt_due"
    loose = sealed_again(honest, key, inreplyto=None, requesthash=None)
    assert judged(two.health, loose).verdict.code == "freshness.no_receipt_due"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"agreement": "https://demo.xroad-lite.example/agreements/persons/1"}, "other_agreement"),
        ({"purpose": "https://w3id.org/dpv#Marketing"}, "other_agreement"),
    ],
)
def test_a_receipt_travels_under_what_it_answers(two, received, changed, code):
    """No other agreement, no other purpose."""
    two.civil._sender.receipts.pump(NOW, two.civil)
    forged = sealed_again(last_receipt(two.civil), signer(two, CIVIL), **changed)
    found = judged(two.health, forged).verdict
    assert (found.check, found.code) == (6, f"policy.{code}")


def test_a_receipt_says_one_of_the_states(two, received):
    """Nothing else is a receipt."""
    two.civil._sender.receipts.pump(NOW, two.civil)
    forged = sealed_again(last_receipt(two.civil), signer(two, CIVIL), b'{"state":"read"}')
    found = judged(two.health, forged).verdict
    assert (found.check, found.code) == (8, "schema.invalid")


def test_a_replayed_receipt_is_a_duplicate(two, received):
    """It changes nothing."""
    two.settle()
    lay(two, last_receipt(two.civil))
    two.settle()
    assert counted(two.health, "received.duplicate") == 1
    assert states(two.health, received) == ["received", "handled"]


def test_a_message_is_no_receipt_and_a_receipt_no_message(two, received):
    """The header's typ and the type go together."""
    two.civil._sender.receipts.pump(NOW, two.civil)
    honest = last_receipt(two.civil)
    for changed in (
        Tamperer.with_header(honest.opened, typ="xroad-lite-seal+jws"),
        Tamperer.with_attributes(honest.opened, type="health.birth"),
    ):
        found = judged(two.health, Sealed(changed, honest.salt, honest.body, honest.opened))
        assert (found.verdict.check, found.verdict.code) == (1, "envelope.type")


def test_a_late_refusal_does_not_undo_what_was_handled(two, received):
    """Both receipts are kept: they are the recipient's own words."""
    two.settle()
    key, honest = signer(two, CIVIL), last_receipt(two.civil)
    lay(two, sealed_again(honest, key, b'{"state":"refused","check":7}'))
    two.settle()
    assert states(two.health, received) == ["received", "handled", "refused"]
    assert ReceiptTables(two.health.store).waiting(received).state == "handled"


# in time


def test_a_receipt_outlives_the_agreement(two, received, instance):
    """What was sealed in time is receipted, though nothing more may be sent."""
    edit(
        instance, "births", period={"from": "2026-01-01T00:00:00Z", "until": "2026-09-21T14:15:00Z"}
    )
    instance.publish(NOW + 1)
    two.clock.turn(3000)  # beyond the end: 14:13:20 and fifty minutes
    two.settle()
    assert two.civil._registry.current.agreement(
        "https://demo.xroad-lite.example/agreements/births/1"
    ).period.until.startswith("2026-09-21")
    assert states(two.health, received) == ["received", "handled"]


def test_a_receipt_that_does_not_come_is_missing(two):
    """After a while, in status; not while the message waits here to be sent."""
    status = lambda: two.health.status()["receipts"]  # noqa: E731
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    two.clock.turn(7200)
    assert (status()["awaited"], status()["missing"]) == (1, 0)  # no queue yet: it is not sent
    two.civil.subscribe("health.birth")(lambda _: None)
    with two.civil._pumping:
        two.civil._listen("health.birth")
    two.health.step()
    two.health.step()
    assert two.health.status()["outbox"]["waiting"] == 0
    assert status()["missing"] == 1
    assert status()["oldest_missing"] == NOW
    two.settle()
    assert (status()["awaited"], status()["missing"]) == (0, 0)


def test_what_expires_in_the_outbox_is_owed_no_receipt(two):
    """It was never sent."""
    two.health.publish("health.birth", BIRTH, expires=NOW + 10)
    two.health.step()
    two.clock.turn(61)
    two.health.step()
    (entry,) = sent(two.health)
    assert ReceiptTables(two.health.store).waiting(entry).state == "not sent"
    two.clock.turn(7200)
    assert two.health.status()["receipts"]["missing"] == 0
