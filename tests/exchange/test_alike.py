"""Messages that are alike are decided together at one moment: never two that are not."""

from dataclasses import replace

import pytest
from judging import CIVIL, HEALTH, NOW, Past, known

from xroad_lite.exchange import OpenRequest, Outcome, Receiving, receive
from xroad_lite.keys import base64url
from xroad_lite.registry import Role, Snapshot

PERSON = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1"}
PERSON |= {"fechaNacimiento": "2026-03-14"}


def moment(snapshot, *, me=CIVIL, past=None, reads=lambda *_: None):
    """A node at ``NOW``."""
    return Receiving(
        me=me,
        now=NOW,
        known=known(snapshot),
        memory=past or Past(),
        reads=reads,
        max_body=1_048_576,
    )


def verdicts(node, *messages):
    """What is said of each, at one moment; and of each at a moment of its own."""
    together = [receive(one.seal, one.salt, one.body, node).verdict for one in messages]
    alone = [receive(one.seal, one.salt, one.body, replace(node)).verdict for one in messages]
    assert together == alone
    return together


def waiting(*questions, type=None):
    """A past in which Health waits for the answers to these."""
    found = {}
    for one in questions:
        sealed = one.opened.attributes
        found[sealed.id] = OpenRequest(
            CIVIL,
            type or sealed.type,
            one.opened.identity,
            NOW + 30,
            sealed.agreement,
            sealed.purpose,
        )
    return Past(requests=found)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "citizens.person"},
        {"agreement": "https://example.org/agreements/others/1"},
        {"purpose": "https://w3id.org/dpv#Marketing"},
        {"recipient": None},
        {"recipient": "DEMO/GOV/TAX/office"},
        {"dataschema": "https://example.org/schemas/health/birth/1"},
        {"datacontenttype": "avro/binary"},
        {"projection": base64url(bytes(32))},
        {"registry": f"7:{base64url(bytes(32))}"},
        {"at": NOW - 500 * 86_400},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_one_that_differs_in_anything_is_decided_for_itself(changed, instance):
    """Between two that are accepted, one that differs from them in a single attribute is not."""
    messages = instance.birth(), instance.birth(**changed), instance.birth()
    first, other, last = verdicts(moment(instance.first), *messages)
    assert first.outcome is last.outcome is Outcome.ACCEPTED
    assert other.outcome is not Outcome.ACCEPTED


def test_another_certificate_is_decided_for_itself(instance):
    """A key that the registry does not list, of the same source and second."""
    stranger = instance.identity().signer
    messages = instance.birth(), instance.birth(signer=stranger)
    good, bad = verdicts(moment(instance.first), *messages)
    assert (good.outcome, bad.check) == (Outcome.ACCEPTED, 3)


def test_each_signature_and_body_is_its_own(instance):
    """What is alike in all attributes may still be signed by nobody, or hold anything."""
    good = instance.birth()
    token = good.seal[:-8] + (b"AAAAAAAA" if good.seal[-8:] != b"AAAAAAAA" else b"BBBBBBBB")
    unsigned = good._replace(seal=token)
    other = instance.birth(body=b'{"nothing": 1}')
    swapped = instance.birth()._replace(body=other.body)
    found = verdicts(moment(instance.first), good, unsigned, other, swapped)
    assert [one.check for one in found] == [None, 4, 8, 7]


def test_an_answer_is_decided_by_what_it_answers(instance):
    """The same answer is none to a question of another type, nor to no question at all."""
    asked, other = instance.question(), instance.question()
    past = waiting(asked)
    past.requests |= waiting(other, type="health.birth").requests
    told = instance.answer(asked, PERSON, inreplyto=None, requesthash=None)
    messages = instance.answer(asked, PERSON), instance.answer(other, PERSON), told
    found = verdicts(moment(instance.first, me=HEALTH, past=past), *messages)
    assert found[0].outcome is Outcome.ACCEPTED
    assert [one.code for one in found[1:]] == ["policy.type", "policy.operation"]


def test_an_answer_is_decided_by_the_words_it_is_read_in(instance):
    """Where the steward of those words has lapsed, only what is read in them waits."""
    first = instance.first
    role = Role("health", ("schemas/health/*/*",), NOW - 60)
    snapshot = Snapshot(replace(first.edition, roles=(role,)), first.files)
    asked, other = instance.question(), instance.question()
    words = {other.opened.attributes.id: f"{instance.base}schemas/health/birth/1"}
    messages = instance.answer(asked, PERSON), instance.answer(other, PERSON)
    named = [
        instance.signed(replace(one.opened.attributes, registry=snapshot.name), one)
        for one in messages
    ]
    node = moment(
        snapshot, me=HEALTH, past=waiting(asked, other), reads=lambda _, to: words.get(to)
    )
    found = verdicts(node, *named)
    assert found[0].outcome is Outcome.ACCEPTED
    assert (found[1].check, found[1].code) == (2, "registry.role_expired")


def test_what_is_learned_in_the_midst_counts(instance):
    """Once the moment is cleared, a newer registry decides what comes next."""
    good = instance.birth()
    node = moment(instance.first)
    assert receive(good.seal, good.salt, good.body, node).verdict.outcome is Outcome.ACCEPTED
    suspended = {"members/health.yaml": lambda member: member.update(status="suspended")}
    node.known.adopt(instance.snapshot(2, suspended))
    node.alike.clear()
    assert receive(good.seal, good.salt, good.body, node).verdict.check == 6
