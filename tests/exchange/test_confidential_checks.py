"""Confidential messages and pseudonyms through the pipeline: each wrong thing, and its check."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import pytest
import yaml
from judging import (
    BIRTH,
    BIRTHS,
    CIVIL,
    CIVIL_MEMBER,
    DAY,
    HEALTH,
    HEALTH_MEMBER,
    NOW,
    PERSONS,
    Past,
    assert_accepted,
    assert_refused,
    known,
    since,
)

from xroad_lite.encryption import (
    BODY,
    Holder,
    PrivateKey,
    encrypt,
    encrypt_body,
    is_pseudonym,
    new_pseudonym_key,
    pseudonym,
)
from xroad_lite.envelope import seal
from xroad_lite.errors import EncryptionError, KeysError, RefusedError
from xroad_lite.exchange import (
    NOBODY,
    Draft,
    OpenRequest,
    Outcome,
    Receiving,
    Result,
    prepare,
    read_again,
    receive,
    seal_ready,
)
from xroad_lite.identifiers import new_message_id
from xroad_lite.registry import Snapshot

WELFARE = "DEMO/GOV/WELFARE/office"
QUERY = {"codigoPersonal": "EX-1"}
PERSON = QUERY | {"identificadorNacimiento": "B-1", "fechaNacimiento": "2026-03-14"}


def setting(**changed):
    """An edit that sets fields of a document."""
    return lambda document: document.update(changed)


def listing(*entries):
    """An edit that lists these encryption keys of a member's only subsystem."""
    return lambda document: document["subsystems"][0].update(encryption_keys=list(entries))


class World:
    """Health and the Civil Registry, whose agreements are confidential, with their keys."""

    def __init__(self, instance):
        self.instance = instance
        self.keys = {name: PrivateKey.generate() for name in (HEALTH, CIVIL, WELFARE)}
        iri = f"{instance.base}agreements/persons/1"
        wraps = [(name, self.keys[name].public) for name in (HEALTH, CIVIL)]
        self.edits = {
            HEALTH_MEMBER: listing(self.keys[HEALTH].public.members()),
            CIVIL_MEMBER: listing(self.keys[CIVIL].public.members()),
            BIRTHS: setting(confidential=True),
            PERSONS: setting(confidential=True, pseudonym_key=new_pseudonym_key(iri, wraps)),
        }
        self.snapshot = instance.snapshot(1, self.edits)

    def holder(self, name):
        """What a party opens."""
        return Holder(name, [self.keys[name]])

    def public(self, name):
        """A party with the key to encrypt to it."""
        return name, self.keys[name].public

    def ready(self, draft, me=HEALTH, snapshot=None):
        """A draft of Health's, ready to be sealed."""
        snapshot = snapshot or self.snapshot
        (ready,) = prepare(draft, snapshot, me, NOW, new_message_id(NOW), holder=self.holder(me))
        return ready

    def sealed(self, draft=None, me=HEALTH, snapshot=None):
        """What Health says, sealed."""
        draft = draft or Draft(operation="publish", type="health.birth", body=BIRTH, subject="s-1")
        ready = self.ready(draft, me, snapshot)
        return seal_ready([(ready, 1)], self.instance.signers[me], now=NOW)[0]

    def again(self, sealed, body, **changed):
        """Another body, and attributes, under a seal by the same sender."""
        attributes = replace(sealed.opened.attributes, **changed)
        signer = self.instance.signers[attributes.source]
        return seal(attributes, body, signer, issued_at=int(NOW))

    def node(self, *snapshots, me=CIVIL, holder=None, past=None, now=NOW):
        """A node at this moment."""
        return Receiving(
            me=me,
            now=now,
            known=known(*(snapshots or (self.snapshot,))),
            memory=past or Past(),
            reads=lambda *_: None,
            max_body=1_048_576,
            holder=self.holder(me) if holder is None else holder,
        )

    def judged(self, sealed, *snapshots, body=None, **more):
        """The judgement of a node over a message as it arrived."""
        content = sealed.body if body is None else body
        return receive(sealed.seal, sealed.salt, content, self.node(*snapshots, **more))


@pytest.fixture(scope="module")
def world(instance):
    """Built once: nothing in it changes."""
    return World(instance)


def test_it_is_read_by_its_recipient_and_says_nothing_to_others(world):
    """The checks after the seventh see what was said; what travels does not show it."""
    sealed = world.sealed()
    found = world.judged(sealed)
    assert_accepted(found)
    assert found.value == found.reading == BIRTH
    assert b"Rojas" not in sealed.body
    assert b"Rojas" not in urlsafe_b64decode(sealed.seal.split(b".")[1] + b"==")
    assert sealed.opened.attributes.datacommit
    assert "Rojas" not in repr(found)
    again = read_again(sealed.seal, sealed.salt, sealed.body, world.node(), None)
    assert again.value == BIRTH


def test_its_sender_reads_it_in_the_own_log(world):
    """By the second wrap, with the sender's key."""
    sealed = world.sealed()
    attributes = sealed.opened.attributes.to_dict()
    plain = world.holder(HEALTH).logged_body(attributes, sealed.body)
    assert json.loads(plain) == BIRTH
    assert world.holder(HEALTH).logged_body({}, b"{}") == b"{}"


def test_questions_answers_and_errors_are_encrypted_too(world):
    """Everything that goes under a confidential agreement."""
    asked = world.sealed(
        Draft("request", "citizens.person-query", QUERY, recipient=CIVIL, expires=NOW + 30)
    )
    found = world.judged(asked)
    assert_accepted(found)
    assert found.value == QUERY
    sealed = asked.opened.attributes
    request = OpenRequest(
        CIVIL, sealed.type, asked.opened.identity, NOW + 30, sealed.agreement, sealed.purpose
    )
    for type_, body in (
        ("citizens.person", PERSON),
        ("xroad.error", {"code": "person.unknown", "message": "nobody called EX-1"}),
    ):
        draft = Draft(
            "reply",
            type_,
            body,
            recipient=HEALTH,
            purpose=sealed.purpose,
            agreement=sealed.agreement,
            in_reply_to=sealed.id,
            request_hash=asked.opened.identity,
        )
        answer = world.sealed(draft, CIVIL)
        assert b"EX-1" not in answer.body
        heard = world.judged(answer, me=HEALTH, past=Past(requests={sealed.id: request}))
        assert_accepted(heard)
        assert heard.value == body


def rewritten(body, change):
    """A body of this form with something in it changed."""
    value = json.loads(body)
    change(value)
    return json.dumps(value).encode()


def protected(**more):
    """A change of the protected header."""
    header = {"typ": BODY, "alg": "ECDH-ES+A256KW", "enc": "A256GCM"} | more
    text = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return lambda value: value.update(protected=text)


def swapped_keys(value):
    """Each party gets the other's wrapped key."""
    first, second = value["recipients"]
    first["encrypted_key"], second["encrypted_key"] = (
        second["encrypted_key"],
        first["encrypted_key"],
    )


CHANGES = {
    "alg": ("algorithm", protected(alg="ECDH-ES+A128KW")),
    "enc": ("algorithm", protected(enc="A128CBC-HS256")),
    "zip": ("algorithm", protected(zip="DEF")),
    "extra": ("algorithm", protected(jku="https://x.example")),
    "unprotected": ("malformed", lambda value: value.update(unprotected={"zip": "DEF"})),
    "a party's header": (
        "malformed",
        lambda value: value["recipients"][0]["header"].update(alg="dir"),
    ),
    "swapped keys": ("failed", swapped_keys),
    "swapped blocks": ("parties", lambda value: value["recipients"].reverse()),
    "without the sender": ("parties", lambda value: value["recipients"].pop()),
    "ciphertext": ("failed", lambda value: value.update(ciphertext="AAAA")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_sender_sealed_in_another_form_is_refused_by_check_7(what, world):
    """Each by a code of its own; on the way, under the old seal, all are another body."""
    code, change = CHANGES[what]
    honest = world.sealed()
    body = rewritten(honest.body, change)
    assert_refused(world.judged(world.again(honest, body)), 7, f"encryption.{code}")
    assert_refused(world.judged(honest, body=body), 7, "envelope.digest")


def test_what_was_encrypted_for_someone_else_is_refused(world):
    """To another party, to a key nobody listed, with a key that is not the listed one."""
    honest = world.sealed()
    sealed = honest.opened.attributes
    plain = json.dumps(BIRTH).encode()

    def closed(recipient, source=None):
        source = source or world.public(HEALTH)
        return encrypt_body(plain, message_id=sealed.id, source=source, recipient=recipient)

    for recipient, code in (
        (world.public(WELFARE), "not_for_me"),
        ((CIVIL, world.keys[WELFARE].public), "unlisted_key"),
    ):
        one = closed(recipient)
        again = world.again(honest, one.body, datacommit=one.commitment)
        assert_refused(world.judged(again), 7, f"encryption.{code}")
    one = closed(world.public(CIVIL), world.public(WELFARE))
    again = world.again(honest, one.body, datacommit=one.commitment)
    assert_refused(world.judged(again), 7, "encryption.producer")
    lies = rewritten(
        closed((CIVIL, world.keys[WELFARE].public)).body,
        lambda value: value["recipients"][0]["header"].update(kid=world.keys[CIVIL].public.kid),
    )
    assert_refused(world.judged(world.again(honest, lies)), 7, "encryption.failed")


def test_a_third_reader_is_refused(world):
    """A wrap more, for whom the agreement does not name."""
    honest = world.sealed()
    parties = [world.public(name) for name in (CIVIL, HEALTH, WELFARE)]
    body = encrypt(bytes(32) + b"{}", kind=BODY, producer=HEALTH, parties=parties)
    assert_refused(world.judged(world.again(honest, body)), 7, "encryption.parties")


def test_a_commitment_that_lies_is_refused(world):
    """Another plaintext, and another message's ciphertext under a seal of the sender's."""
    honest, other = world.sealed(), world.sealed()
    again = world.again(honest, honest.body, datacommit=other.opened.attributes.datacommit)
    assert_refused(world.judged(again), 7, "encryption.commitment")
    again = world.again(honest, other.body)
    assert_refused(world.judged(again), 7, "encryption.commitment")
    commitment = other.opened.attributes.datacommit
    again = world.again(honest, other.body, datacommit=commitment)
    assert_refused(world.judged(again), 7, "encryption.commitment")


def test_confidential_if_and_only_if_the_agreement_says_so(world, instance):
    """A plain body under a confidential agreement, and an encrypted one under another."""
    honest = world.sealed()
    plain = world.again(honest, json.dumps(BIRTH).encode(), datacommit=None)
    assert_refused(world.judged(plain), 7, "encryption.plain_body")
    masked = world.again(honest, json.dumps(BIRTH).encode())
    assert_refused(world.judged(masked), 7, "encryption.malformed")
    edits = world.edits | {BIRTHS: setting(confidential=False)}
    open_ = instance.snapshot(1, edits)
    again = world.again(honest, honest.body, registry=open_.name)
    assert_refused(world.judged(again, open_), 7, "encryption.not_agreed")


def test_a_key_that_is_not_at_hand_leaves_it_undecided(world):
    """Nothing is wrong with the message: it waits for the operator, and is then judged again."""
    sealed = world.sealed()
    for holder in (Holder(CIVIL), Holder(CIVIL, [PrivateKey.generate()])):
        found = world.judged(sealed, holder=holder)
        verdict = found.verdict
        assert (verdict.outcome, verdict.check) == (Outcome.UNDECIDED, 7)
        assert verdict.code == "encryption.no_key"
        assert verdict.results[5:] == (Result.PASSED, Result.UNDECIDED, *[Result.NOT_REACHED] * 2)
        assert found.missing is None
    assert_accepted(world.judged(sealed))


def test_keys_roll_over_while_messages_are_under_way(world, instance):
    """What goes to the old key, or already to the new one, is read as long as both are kept."""
    old, new = world.keys[CIVIL], PrivateKey.generate()
    early = world.sealed()
    until = {"until": since(NOW + 60)}
    entries = [old.public.members() | until, new.public.members() | {"from": since(NOW - 60)}]
    rolled = instance.snapshot(
        2, world.edits | {CIVIL_MEMBER: listing(*entries)}, published=NOW - 5
    )
    late = world.sealed(snapshot=rolled)
    both = Holder(CIVIL, [old, new])
    for sealed in (early, late):
        assert_accepted(world.judged(sealed, world.snapshot, rolled, holder=both))
    found = world.judged(late, world.snapshot, rolled)
    assert found.verdict.code == "encryption.no_key"
    found = world.judged(early, world.snapshot, rolled, holder=Holder(CIVIL, [new]))
    assert found.verdict.code == "encryption.no_key"
    gone = instance.snapshot(
        3, world.edits | {CIVIL_MEMBER: listing(new.public.members())}, published=NOW - 4
    )
    assert_accepted(world.judged(early, world.snapshot, rolled, gone, holder=both))


def test_a_recipient_added_later_cannot_read_the_past(world, instance):
    """Welfare joins the agreement, with its key, and gets an earlier message by whatever way."""
    sealed = world.sealed()
    welfare = world.holder(WELFARE)
    joined = instance.snapshot(
        2,
        world.edits
        | {
            "members/welfare.yaml": listing(world.keys[WELFARE].public.members()),
            BIRTHS: setting(confidential=True, consumer="DEMO/GOV/WELFARE"),
        },
        published=NOW - 5,
    )
    refused = world.judged(sealed, world.snapshot, joined, me=WELFARE, holder=welfare)
    assert_refused(refused, 5, "freshness.other_recipient")
    again = world.again(sealed, sealed.body, recipient=WELFARE, registry=joined.name)
    refused = world.judged(again, joined, me=WELFARE, holder=welfare)
    assert_refused(refused, 7, "encryption.not_for_me")


def test_it_is_not_sent_without_a_key_of_each_party(world, instance):
    """Refused when it is published, with the name of whose key is missing."""
    ended = world.keys[CIVIL].public.members() | {"until": since(NOW - DAY)}
    for path, keys, name in (
        (CIVIL_MEMBER, (), CIVIL),
        (CIVIL_MEMBER, (ended,), CIVIL),
        (HEALTH_MEMBER, (), HEALTH),
    ):
        snapshot = instance.snapshot(1, world.edits | {path: listing(*keys)})
        with pytest.raises(RefusedError, match=name) as refused:
            world.sealed(snapshot=snapshot)
        assert (refused.value.check, refused.value.code) == (7, "encryption.no_recipient_key")


def test_what_is_wrong_inside_stays_out_of_the_verdict(world):
    """Checks 8 and 9 say by their code alone what they refuse: a verdict is kept in the log."""
    honest = world.sealed()
    sealed = honest.opened.attributes
    plain = json.dumps(BIRTH | {"gender": "Rojas"}).encode()
    one = encrypt_body(
        plain,
        message_id=sealed.id,
        source=world.public(HEALTH),
        recipient=world.public(CIVIL),
    )
    found = world.judged(world.again(honest, one.body, datacommit=one.commitment))
    assert_refused(found, 8, "schema.invalid")
    assert "Rojas" not in json.dumps(found.verdict.to_json())
    assert "gender" not in json.dumps(found.verdict.to_json())


def test_each_recipient_of_an_event_has_a_body_of_its_own(world, instance):
    """Two members of a group, with one event: neither opens the other's."""
    edits = {
        "members/welfare.yaml": listing(world.keys[WELFARE].public.members()),
        BIRTHS: setting(confidential=True, consumer="group:offices"),
    }
    files = instance.snapshot(1, world.edits | edits).files
    group = {"group": "offices", "members": [CIVIL, WELFARE]}
    files["groups/offices.yaml"] = yaml.safe_dump(group).encode()
    files |= instance.approvals(files)
    snapshot = Snapshot.draft(files, published=NOW - 3600)
    draft = Draft("publish", "health.birth", BIRTH)
    both = prepare(draft, snapshot, HEALTH, NOW, new_message_id(NOW), holder=world.holder(HEALTH))
    assert {one.recipient for one in both} == {CIVIL, WELFARE}
    bodies = {one.recipient: one for one in both}
    for me, other in ((CIVIL, WELFARE), (WELFARE, CIVIL)):
        holder = world.holder(me)
        assert json.loads(holder.logged_body(bodies[me].attributes, bodies[me].body)) == BIRTH
        with pytest.raises(EncryptionError) as refused:
            holder.logged_body(bodies[other].attributes, bodies[other].body)
        assert refused.value.code == "encryption.not_for_me"


def test_confluents_prefix_is_encrypted_with_the_body(world):
    """It is part of what was said."""
    draft = Draft("publish", "health.birth", BIRTH, confluent_prefix=True)
    sealed = world.sealed(draft)
    plain = world.holder(HEALTH).logged_body(sealed.opened.attributes.to_dict(), sealed.body)
    assert plain[0] == 0
    assert_refused(world.judged(sealed), 8, "schema.prefix_not_asked")
    node = replace(world.node(), takes_prefix=lambda _: True)
    found = receive(sealed.seal, sealed.salt, sealed.body, node)
    assert_accepted(found)
    assert found.value == BIRTH


# pseudonyms


def question(**more):
    """A question about a person, by a clerk."""
    return Draft(
        "request",
        "citizens.person-query",
        QUERY,
        recipient=CIVIL,
        expires=NOW + 30,
        subject="EX-1",
        user_id="clerk-7",
        **more,
    )


def test_persons_are_sealed_as_pseudonyms_and_their_names_found_in_the_body(world):
    """Stable under one agreement; whoever handles it sees the name that the body has anyway."""
    first, second = world.sealed(question()), world.sealed(question())
    sealed = first.opened.attributes
    assert sealed.subject == second.opened.attributes.subject
    assert is_pseudonym(sealed.subject)
    assert is_pseudonym(sealed.userid)
    key = world.holder(CIVIL).pseudonym_key(
        sealed.agreement, world.snapshot.agreement(sealed.agreement).pseudonym_key
    )
    assert (sealed.subject, sealed.userid) == (pseudonym(key, "EX-1"), pseudonym(key, "clerk-7"))
    found = world.judged(first)
    assert_accepted(found)
    assert found.subject == "EX-1"
    assert world.judged(first, holder=NOBODY).subject is None
    other = world.sealed(question()._replace(subject="EX-2"))
    found = world.judged(other)
    assert_accepted(found)
    assert found.subject == other.opened.attributes.subject  # the body names somebody else


def test_without_a_key_for_pseudonyms_nobody_is_named(world, instance):
    """Refused when it is sent, with what to do; without a name it goes."""
    edits = world.edits | {PERSONS: setting(pseudonym_key=None)}
    snapshot = instance.snapshot(1, edits)
    with pytest.raises(RefusedError) as refused:
        world.sealed(question(), snapshot=snapshot)
    assert (refused.value.check, refused.value.code) == (8, "schema.personal_attribute")
    assert "agreement" in refused.value.hint
    world.sealed(question()._replace(subject=None, user_id=None), snapshot=snapshot)


def test_a_senders_key_that_is_not_at_hand_is_no_refusal(world):
    """It is the node's own trouble, which it says and tries again."""
    draft = question()
    with pytest.raises(KeysError):
        prepare(draft, world.snapshot, HEALTH, NOW, new_message_id(NOW), holder=Holder(HEALTH))
    for text in ("x" * 256, "a\nb", "\ud800"):
        with pytest.raises(RefusedError) as refused:
            world.sealed(draft._replace(subject=text))
        assert refused.value.check == 1


@pytest.mark.parametrize("changed", [{"subject": "EX-1"}, {"userid": "clerk-7"}])
def test_a_name_in_clear_is_refused_by_check_8(changed, world):
    """Where the schema marks it as personal, the receiver's node does not take it."""
    honest = world.sealed(question())
    again = world.again(honest, honest.body, **changed)
    assert_refused(world.judged(again), 8, "schema.personal_attribute")
