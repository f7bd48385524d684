"""The nine checks: each thing that can be wrong, and the number of the check that must see it."""

import json
import random
from base64 import b64encode
from dataclasses import replace

import pytest
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
    PURPOSE,
    Past,
    assert_accepted,
    assert_refused,
    assert_undecided,
    judged,
    since,
)
from sharing import examples

from xroad_lite.envelope import Replayed, parse_seal, seal
from xroad_lite.exchange import OpenRequest, Outcome, Result
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import P256_ORDER, base64url, read_certificate
from xroad_lite.registry import KnownSnapshots
from xroad_lite.stewardship import Authority
from xroad_lite.testing import Tamperer

DIGEST = base64url(bytes(32))
OTHER_PURPOSE = "https://w3id.org/dpv#ServiceProvision"
SUBJECT = "schemas/health/birth/subject.yaml"
PERSON = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1"}
PERSON |= {"fechaNacimiento": "2026-03-14"}
ERROR = {"code": "person.unknown", "message": "nobody has this code"}


def setting(**changed):
    """An edit that sets fields of a document."""
    return lambda document: document.update(changed)


def subsystem(**changed):
    """An edit that sets fields of a member's only subsystem."""
    return lambda document: document["subsystems"][0].update(changed)


def listing(*certificates, **more):
    """An edit that lists these certificates for a member's only subsystem."""
    return subsystem(certificates=[{"sha256": one.sha256, **more} for one in certificates])


# accepted


def test_an_honest_message_passes_all_nine(instance):
    """What an agreement covers, sealed by a listed key, is accepted and read."""
    found = judged(instance.birth(), instance.first)
    assert_accepted(found)
    assert found.value == found.reading == BIRTH
    assert (found.operation, found.proven, found.mapping) == ("publish", True, None)


def test_a_body_is_read_in_the_receivers_terms(instance):
    """Named by its schema, the receiver's own words come out, and the translator's digest."""
    reads = f"{instance.base}schemas/citizens/person/1"
    found = judged(instance.birth(), instance.first, reads=reads)
    assert_accepted(found)
    assert found.reading["fechaNacimiento"] == BIRTH["birthDate"]
    assert found.value == BIRTH
    assert found.reads == reads
    assert found.mapping


def test_judging_twice_says_the_same(instance):
    """The pipeline has no memory and no clock of its own: an audit gets the same verdict."""
    good, bad = instance.birth(), instance.birth(purpose=OTHER_PURPOSE)
    for sealed in (good, bad):
        verdicts = [judged(sealed, instance.first).verdict for _ in range(2)]
        assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"eventid": new_message_id(NOW)},
        {"sequence": f"{999:016d}"},
        {"subject": None},
        {"subject": "x" * 255},
        {"userid": "u-1", "issue": "2026/1", "representedparty": "somebody"},
        {"traceparent": f"00-{'4b' * 16}-{'00' * 7}f1-01"},
        {"extensions": (("ourown", "x"),)},
        {"expirytime": since(NOW)},
        {"time": since(NOW - 365 * DAY)},
    ],
)
def test_what_no_rule_speaks_of_is_the_senders_to_say(changed, instance):
    """These attributes are the sender's own, and carried as they are."""
    assert_accepted(judged(instance.birth(**changed), instance.first))


# 1 form


def test_a_large_body_is_refused_by_form(instance):
    """One byte beyond the node's limit."""
    sealed = instance.birth()
    assert_accepted(judged(sealed, instance.first, max_body=len(sealed.body)))
    found = judged(sealed, instance.first, max_body=len(sealed.body) - 1)
    assert_refused(found, 1, "envelope.too_large")
    assert not found.proven


@pytest.mark.parametrize("salt", [b"", b"\x00" * 31, b"\x00" * 33])
def test_a_salt_of_another_length_is_refused_by_form(salt, instance):
    """Else a byte could move from the salt to the body."""
    assert_refused(judged(instance.birth(), instance.first, salt=salt), 1, "envelope.salt")


@pytest.mark.parametrize("seal", [b"", b"a.b.c", b"\xff" * 40, b"{" * 17_000])
def test_what_is_no_seal_is_refused_by_form(seal, instance):
    """Garbage, short or long."""
    found = judged(instance.birth(), instance.first, seal=seal)
    assert found.verdict.check == 1
    assert found.verdict.results == (Result.REFUSED, *[Result.NOT_REACHED] * 8)
    assert found.opened is None


@pytest.mark.parametrize("name", ["inreplyto", "requesthash"])
def test_half_an_answer_is_refused_by_form(name, instance):
    """An answer names the request and its digest, or it is none."""
    sealed = instance.birth()
    value = {"inreplyto": new_message_id(NOW), "requesthash": DIGEST}[name]
    changed = seal(
        replace(sealed.opened.attributes, **{name: value}),
        sealed.body,
        instance.signers[HEALTH],
        issued_at=int(NOW),
    )
    assert_refused(judged(changed, instance.first), 1, "envelope.attribute")


@pytest.mark.parametrize("moment", [253_402_300_800, 2**39, 2**62])
def test_a_time_beyond_the_calendar_is_refused_by_form(moment, instance):
    """A year that no calendar can write must not reach a check that would write it."""
    sealed = instance.birth()
    changed = seal(
        sealed.opened.attributes, sealed.body, instance.signers[HEALTH], issued_at=moment
    )
    assert_refused(judged(changed, instance.first), 1, "envelope.header")


def test_the_last_second_of_the_calendar_has_a_verdict(instance):
    """The latest time that has a form is refused like any other that lies ahead."""
    sealed = instance.birth()
    changed = seal(
        sealed.opened.attributes, sealed.body, instance.signers[HEALTH], issued_at=253_402_300_799
    )
    assert_refused(judged(changed, instance.first), 2, "registry.snapshot_expired")


# changes on the way, by somebody without the key


CHANGED_ON_THE_WAY = {
    "id": (new_message_id(NOW), 4, "envelope.signature_invalid"),
    "source": (CIVIL, 3, "identity.unlisted_certificate"),
    "type": ("citizens.person", 4, "envelope.signature_invalid"),
    "time": (since(NOW - 1), 4, "envelope.signature_invalid"),
    "datacontenttype": ("application/xml", 4, "envelope.signature_invalid"),
    "dataschema": ("https://other.example/", 4, "envelope.signature_invalid"),
    "sequence": (f"{7:016d}", 4, "envelope.signature_invalid"),
    "agreement": ("https://other.example/", 4, "envelope.signature_invalid"),
    "purpose": (OTHER_PURPOSE, 4, "envelope.signature_invalid"),
    "registry": (f"9:{DIGEST}", 4, "envelope.signature_invalid"),
    "datahash": (DIGEST, 4, "envelope.signature_invalid"),
    "subject": ("s-2", 4, "envelope.signature_invalid"),
    "recipient": (HEALTH, 4, "envelope.signature_invalid"),
    "datacommit": (DIGEST, 4, "envelope.signature_invalid"),
    "eventid": (new_message_id(NOW), 4, "envelope.signature_invalid"),
    "projection": (DIGEST, 4, "envelope.signature_invalid"),
    "expirytime": (since(NOW + 9), 4, "envelope.signature_invalid"),
    "userid": ("u", 4, "envelope.signature_invalid"),
    "issue": ("i", 4, "envelope.signature_invalid"),
    "representedparty": ("r", 4, "envelope.signature_invalid"),
    "traceparent": (f"00-{'4b' * 16}-{'00' * 7}f1-01", 4, "envelope.signature_invalid"),
    "ourown": ("x", 4, "envelope.signature_invalid"),
    "specversion": ("2.0", 1, "envelope.attribute"),
    "profile": ("2", 1, "envelope.attribute"),
    "inreplyto": (new_message_id(NOW), 1, "envelope.attribute"),
    "requesthash": (DIGEST, 1, "envelope.attribute"),
}


@pytest.mark.parametrize("name", CHANGED_ON_THE_WAY)
def test_an_attribute_changed_on_the_way_is_refused(name, instance):
    """Whatever is changed, the first check that can see it does, and nothing of it is kept."""
    value, check, code = CHANGED_ON_THE_WAY[name]
    token = Tamperer.with_attributes(instance.birth().opened, **{name: value})
    found = judged(instance.birth(), instance.first, seal=token)
    if name == "registry":  # unknown here: forged as well, so nothing is waited for
        assert (found.verdict.outcome, found.verdict.check) == (Outcome.REFUSED, 4)
        assert found.verdict.results[:4] == (
            Result.PASSED,
            Result.UNDECIDED,
            Result.NOT_REACHED,
            Result.REFUSED,
        )
    else:
        assert_refused(found, check, code)
    assert not found.proven


@pytest.mark.parametrize("name", ["subject", "recipient"])
def test_an_attribute_removed_on_the_way_is_refused(name, instance):
    """What may be left out may not be taken out."""
    sealed = instance.birth()
    token = Tamperer.with_attributes(sealed.opened, **{name: None})
    found = judged(sealed, instance.first, seal=token)
    assert_refused(found, 4, "envelope.signature_invalid")


@pytest.mark.parametrize(
    ("changed", "check", "code"),
    [
        ({"typ": "JWT"}, 1, "envelope.type"),
        ({"alg": "none"}, 1, "envelope.algorithm"),
        ({"alg": "HS256"}, 1, "envelope.algorithm"),
        ({"alg": "EdDSA"}, 1, "envelope.algorithm"),
        ({"x5t_S256": DIGEST}, 1, "envelope.thumbprint"),
        ({"x5c": []}, 1, "envelope.header"),
        ({"iat": int(NOW) - 1}, 4, "envelope.signature_invalid"),
        ({"iat": None}, 1, "envelope.header"),
        ({"crit": ["b64"]}, 1, "envelope.critical"),
        ({"kid": "x"}, 1, "envelope.header"),
    ],
)
def test_a_header_field_changed_on_the_way_is_refused(changed, check, code, instance):
    """The header is judged by its form, and what has a form by the signature."""
    sealed = instance.birth()
    token = Tamperer.with_header(sealed.opened, **changed)
    assert_refused(judged(sealed, instance.first, seal=token), check, code)


def test_a_certificate_swapped_on_the_way_is_refused_by_identity(instance):
    """A certificate with a digest that fits it is well-formed, and not listed for the source."""
    sealed = instance.birth()
    der = instance.signers[CIVIL].chain[0]
    changed = {"x5c": [b64encode(der).decode()], "x5t_S256": read_certificate(der).thumbprint}
    token = Tamperer.with_header(sealed.opened, **changed)
    found = judged(sealed, instance.first, seal=token)
    assert_refused(found, 3, "identity.unlisted_certificate")


def test_another_signature_is_refused_by_check_4(instance):
    """Zeros, the signature over another message, and one by another listed key."""
    sealed, other = instance.birth(), instance.birth()
    stranger = instance.signers[CIVIL].sign(sealed.opened.signing_input)
    for signature in (bytes(64), other.opened.signature, stranger):
        token = Tamperer.with_signature(sealed.opened, signature)
        found = judged(sealed, instance.first, seal=token)
        assert_refused(found, 4, "envelope.signature_invalid")


def test_the_higher_s_is_refused_by_form(instance):
    """It would verify, and be another form of the same seal."""
    sealed = instance.birth()
    raw = sealed.opened.signature
    high = P256_ORDER - int.from_bytes(raw[32:], "big")
    token = Tamperer.with_signature(sealed.opened, raw[:32] + high.to_bytes(32, "big"))
    assert_refused(judged(sealed, instance.first, seal=token), 1, "envelope.high_s")


def test_a_replay_is_refused_by_form(instance):
    """Marked, an honest message is none; without its mark it is the message that it was."""
    sealed = instance.birth()
    replay = Replayed(
        CIVIL, 7, since(NOW), {}, since(NOW), parse_seal(sealed.seal), sealed.salt, sealed.body
    )
    found = judged(sealed, instance.first, seal=replay.marked())
    assert_refused(found, 1, "envelope.replay")
    assert not found.proven
    assert found.opened is None


# 2 registry


def test_an_unknown_snapshot_leaves_a_message_undecided(instance):
    """It is named to be fetched, and once it is adopted the same bytes are accepted."""
    second = instance.snapshot(2, published=NOW - 60)
    sealed = instance.birth(second)
    found = judged(sealed, instance.first)
    assert_undecided(found, "registry.unknown_snapshot")
    assert found.missing == second.name
    assert found.proven
    assert_accepted(judged(sealed, instance.first, second))


def test_a_forged_seal_is_not_waited_for(instance):
    """Check 4 refuses what would otherwise be undecided: nobody signed it."""
    second = instance.snapshot(2)
    sealed = instance.birth(second)
    token = Tamperer.with_signature(sealed.opened, bytes(64))
    found = judged(sealed, instance.first, seal=token)
    assert (found.verdict.outcome, found.verdict.check) == (Outcome.REFUSED, 4)
    assert found.verdict.code == "envelope.signature_invalid"
    assert found.verdict.results[:5] == (
        Result.PASSED,
        Result.UNDECIDED,
        Result.NOT_REACHED,
        Result.REFUSED,
        Result.NOT_REACHED,
    )


def test_a_snapshot_that_never_was_is_refused(instance):
    """Once the registry has said that there is none, there is nothing to wait for."""
    name = f"1:{DIGEST}"
    sealed = instance.birth(registry=name)
    assert_undecided(judged(sealed, instance.first), "registry.unknown_snapshot")
    found = judged(sealed, instance.first, never=(name,))
    assert_refused(found, 2, "registry.never_published")


@pytest.mark.parametrize(("hours", "undecided"), [(0, True), (23.9, True), (24.1, False)])
def test_what_is_unknown_is_awaited_for_the_lag(hours, undecided, instance):
    """A registry in reach a day after the seal, that has no such snapshot, will never have it."""
    sealed = instance.birth(registry=f"9:{DIGEST}")
    seen = NOW + hours * 3600
    found = judged(sealed, instance.first, now=seen, refreshed=seen)
    if undecided:
        assert_undecided(found, "registry.unknown_snapshot")
    else:
        assert_refused(found, 2, "registry.never_published")
    out_of_reach = judged(sealed, instance.first, now=NOW + 10 * DAY, refreshed=NOW)
    assert_undecided(out_of_reach, "registry.unknown_snapshot")


def test_a_seal_from_the_future_waits_for_no_snapshot(instance):
    """Else a date far ahead would keep it undecided until then."""
    sealed = instance.birth(registry=f"9:{DIGEST}", at=NOW + DAY)
    assert_refused(judged(sealed, instance.first), 2, "registry.not_yet_published")


@pytest.mark.parametrize(("hours", "good"), [(0, True), (23.9, True), (24.1, False)])
def test_a_superseded_snapshot_may_lag_for_a_day(hours, good, instance):
    """The sender may not have heard of the newer one yet; after the lag it must have."""
    second = instance.snapshot(2, published=NOW - hours * 3600)
    first = instance.snapshot(1, published=NOW - 30 * 3600)
    found = judged(instance.birth(first), first, second)
    if good:
        assert_accepted(found)
    else:
        assert_refused(found, 2, "registry.outdated_snapshot")


def test_the_lag_counts_from_the_first_newer_snapshot(instance):
    """Later ones do not start it anew."""
    first = instance.snapshot(1, published=NOW - 60 * 3600)
    second = instance.snapshot(2, published=NOW - 50 * 3600)
    third = instance.snapshot(3, published=NOW - 3600)
    found = judged(instance.birth(first), first, second, third)
    assert_refused(found, 2, "registry.outdated_snapshot")
    assert_accepted(judged(instance.birth(second), first, second, third))


def test_the_lag_counts_from_a_snapshot_known_by_its_date_alone(instance):
    """A node that was away has only noted when the one between was published."""
    first = instance.snapshot(1, published=NOW - 60 * 3600)
    third = instance.snapshot(3, published=NOW - 3600)
    known = KnownSnapshots(first)
    known.adopt(third)
    assert known.superseded_at(first) == NOW - 3600
    known.note(2, NOW - 50 * 3600)
    assert known.superseded_at(first) == NOW - 50 * 3600


def test_an_expired_snapshot_is_refused(instance):
    """What had expired when the seal was made did not hold then."""
    first = instance.snapshot(1, expires=NOW - 1)
    second = instance.snapshot(2, published=NOW - 60)
    assert_refused(judged(instance.birth(first), first, second), 2, "registry.snapshot_expired")
    assert_accepted(judged(instance.birth(first, at=NOW - 2), first, second))


def test_a_seal_older_than_its_snapshot_is_refused(instance):
    """Nobody can have used what was not published yet, but for the skew of clocks."""
    second = instance.snapshot(2, published=NOW)
    found = judged(instance.birth(second, at=NOW - 301), instance.first, second)
    assert_refused(found, 2, "registry.not_yet_published")
    assert_accepted(judged(instance.birth(second, at=NOW - 299), instance.first, second))


def test_a_receivers_expired_registry_decides_nothing(instance):
    """Neither an honest nor a wrong message is judged by what no longer holds."""
    expired = instance.snapshot(1, expires=NOW - 1)
    sealed = instance.birth(expired, at=NOW - 10)
    for found in (judged(sealed, expired), judged(sealed, expired, me=HEALTH)):
        assert_undecided(found, "registry.expired")
        assert found.missing is None
    assert_accepted(judged(sealed, expired, now=NOW - 1))
    token = Tamperer.with_signature(sealed.opened, bytes(64))
    assert judged(sealed, expired, seal=token).verdict.check == 4


def test_an_instance_may_grant_grace_after_expiry(instance):
    """For a time that the instance sets, an expired registry is still used."""
    edits = {"instance.yaml": setting(grace="PT1H")}
    first = instance.snapshot(1, edits, expires=NOW - 3599)
    sealed = instance.birth(first, at=NOW - 3600)
    assert_accepted(judged(sealed, first))
    assert_undecided(judged(sealed, first, now=NOW + 2), "registry.expired")


# 3 identity


def test_a_key_that_is_not_listed_speaks_for_nobody(instance):
    """A certificate by the trusted authority, with the right name in it, proves nothing."""
    stranger = instance.identity(HEALTH)
    found = judged(instance.birth(signer=stranger.signer), instance.first)
    assert_refused(found, 3, "identity.unlisted_certificate")
    assert found.proven


def test_a_key_listed_for_another_subsystem_is_refused(instance):
    """The Civil Registry's own key cannot speak for Health."""
    found = judged(instance.birth(signer=instance.signers[CIVIL]), instance.first)
    assert_refused(found, 3, "identity.unlisted_certificate")


def test_a_source_that_is_not_registered_is_refused(instance):
    """Unknown in the sender's snapshot, or in the receiver's of now."""
    nobody = instance.birth(source="DEMO/GOV/NOBODY/births")
    assert_refused(judged(nobody, instance.first), 3, "identity.unknown_source")
    second = instance.snapshot(2, {HEALTH_MEMBER: setting(subsystems=[])}, published=NOW - 60)
    gone = judged(instance.birth(), instance.first, second)
    assert_refused(gone, 3, "identity.unknown_source")
    assert_accepted(judged(instance.birth(), instance.first))


def test_a_rotated_key_is_good_while_it_is_listed(instance):
    """Listed then and now: a new one before it is listed, an old one after, are both refused."""
    new = instance.identity(HEALTH)
    old = read_certificate(instance.signers[HEALTH].chain[0])
    first = instance.snapshot(1, published=NOW - 7200)
    both = instance.snapshot(2, {HEALTH_MEMBER: listing(old, new)}, published=NOW - 3600)
    only = instance.snapshot(3, {HEALTH_MEMBER: listing(new)}, published=NOW - 60)
    assert_accepted(judged(instance.birth(both), first, both))
    assert_accepted(judged(instance.birth(both, signer=new.signer), first, both))
    early = instance.birth(first, signer=new.signer)
    assert_refused(judged(early, first, both), 3, "identity.unlisted_certificate")
    late = instance.birth(both)
    assert_refused(judged(late, first, both, only), 3, "identity.unlisted_certificate")


@pytest.mark.parametrize("when", ["then", "now"])
def test_a_revoked_certificate_is_refused(when, instance):
    """Revoked in either snapshot, whatever date the seal bears: a thief can backdate."""
    mine = read_certificate(instance.signers[HEALTH].chain[0])
    revoked = {HEALTH_MEMBER: listing(mine, revoked={"at": since(NOW - 10)})}
    edits = (revoked, {}) if when == "then" else ({}, revoked)
    first = instance.snapshot(1, edits[0])
    second = instance.snapshot(2, edits[1], published=NOW - 60)
    found = judged(instance.birth(first, at=NOW - 1000), first, second)
    assert_refused(found, 3, "identity.revoked")


def test_a_certificate_is_judged_at_the_time_of_sealing(instance):
    """Expired now but valid then is good; not valid then is not."""
    short = instance.identity(HEALTH, now=NOW - 3600, days=0.03)  # until 22 minutes ago
    first = instance.snapshot(1, {HEALTH_MEMBER: listing(short)}, published=NOW - DAY)
    assert_accepted(judged(instance.birth(first, signer=short.signer, at=NOW - 3000), first))
    for at in (NOW, NOW - 4000):
        found = judged(instance.birth(first, signer=short.signer, at=at), first)
        assert_refused(found, 3, "identity.not_valid_then")


def test_an_untrusted_authority_is_refused(instance):
    """Listed by mistake or not: the chain must lead to an authority of the instance."""
    other = Authority.create("Another CA", now=NOW - 2 * DAY)
    identity = instance.identity(HEALTH, authority=other)
    first = instance.snapshot(1, {HEALTH_MEMBER: listing(identity)})
    found = judged(instance.birth(first, signer=identity.signer), first)
    assert_refused(found, 3, "identity.untrusted")


def test_an_authority_is_no_sender(instance):
    """A key that may certify may not seal: its key usage says so."""
    other = Authority.create("Another CA", now=NOW - 2 * DAY)
    from xroad_lite.keys import KeySigner, read_certificates

    der = read_certificates(other.pem)[0]
    signer = KeySigner(other._key, (der,), "ES256")
    edits = {HEALTH_MEMBER: listing(read_certificate(der))}
    first = instance.snapshot(1, edits)
    assert_refused(judged(instance.birth(first, signer=signer), first), 3, "identity.usage")


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_junk_behind_the_certificate_raises_only_our_errors(instance):
    """Anybody can lengthen a chain before the signature is looked at."""
    rnd = random.Random(3)
    mine = instance.signers[HEALTH]
    codes = set()
    for _ in range(300):
        junk = bytearray(mine.chain[0])
        for _ in range(rnd.randint(1, 4)):
            junk[rnd.randrange(len(junk))] = rnd.randrange(256)
        long = replace(mine, chain=(*mine.chain, bytes(junk)))
        found = judged(instance.birth(signer=long), instance.first)
        codes.add((found.verdict.check, found.verdict.code))
    assert codes <= {(None, ""), (3, "identity.certificate"), (3, "identity.untrusted")}


# 5 freshness


def test_the_future_is_refused_beyond_the_skew(instance):
    """Sealed, or happened, more than five minutes ahead of this clock."""
    assert_accepted(judged(instance.birth(at=NOW + 300), instance.first))
    found = judged(instance.birth(at=NOW + 301), instance.first)
    assert_refused(found, 5, "freshness.from_the_future")
    found = judged(instance.birth(time=since(NOW + 301)), instance.first)
    assert_refused(found, 5, "freshness.from_the_future")


def test_the_least_of_three_ages_is_the_limit(instance):
    """The instance's, the agreement's, and the sealed expiry: whichever ends first."""
    sealed = instance.birth()
    long = instance.first
    assert_accepted(judged(sealed, long, now=NOW + 30 * DAY))
    found = judged(sealed, long, now=NOW + 30 * DAY + 1)
    assert_refused(found, 5, "freshness.expired")
    short = instance.snapshot(1, {BIRTHS: setting(max_age="PT1H")})
    sealed = instance.birth(short)
    assert_accepted(judged(sealed, short, now=NOW + 3600))
    assert_refused(judged(sealed, short, now=NOW + 3601), 5, "freshness.expired")
    sealed = instance.birth(short, expirytime=since(NOW + 60))
    assert_accepted(judged(sealed, short, now=NOW + 60))
    assert_refused(judged(sealed, short, now=NOW + 61), 5, "freshness.expired")


def test_the_instance_sets_the_greatest_age(instance):
    """Its own maximum is looked up in the receiver's registry of now."""
    second = instance.snapshot(2, {"instance.yaml": setting(max_age="PT10M")}, published=NOW - 60)
    sealed = instance.birth(at=NOW - 601)
    assert_refused(judged(sealed, instance.first, second), 5, "freshness.expired")
    assert_accepted(judged(sealed, instance.first))


def test_a_message_for_somebody_else_is_refused(instance):
    """Also where its agreement would allow it, had it been for me."""
    found = judged(instance.birth(), instance.first, me="DEMO/GOV/TAX/office")
    assert_refused(found, 5, "freshness.other_recipient")


def test_a_message_for_nobody_is_refused_unless_open(instance):
    """Only public data may do without a recipient, by an agreement that says so."""
    found = judged(instance.birth(recipient=None), instance.first)
    assert_refused(found, 5, "freshness.no_recipient")

    def opened(document):
        del document["consumer"]
        document["open"] = True

    first = instance.snapshot(1, {BIRTHS: opened})
    assert_accepted(judged(instance.birth(first, recipient=None), first))
    assert_accepted(judged(instance.birth(first, recipient=None), first, me="DEMO/GOV/TAX/office"))
    found = judged(instance.birth(first), first)
    assert_refused(found, 6, "policy.parties")


def test_the_same_seal_again_is_a_duplicate(instance):
    """Accepted before: counted, not handled again, and nobody's fault."""
    sealed = instance.birth()
    attributes = sealed.opened.attributes
    past = Past({("health.birth", HEALTH, attributes.id): sealed.opened.identity})
    verdict = judged(sealed, instance.first, past=past).verdict
    assert (verdict.outcome, verdict.check) == (Outcome.DUPLICATE, None)
    assert verdict.results == (*[Result.PASSED] * 5, *[Result.NOT_REACHED] * 4)
    assert verdict.to_json()["outcome"] == "duplicate"


def test_a_duplicate_may_come_late(instance):
    """A copy that the transport gives out again after its expiry is still a duplicate."""
    sealed = instance.birth(expirytime=since(NOW + 1))
    past = Past({("health.birth", HEALTH, sealed.opened.attributes.id): sealed.opened.identity})
    verdict = judged(sealed, instance.first, past=past, now=NOW + 60).verdict
    assert verdict.outcome is Outcome.DUPLICATE


def test_another_seal_under_a_used_id_is_refused(instance):
    """An id is good for one message of a source; those of other sources are their own."""
    sealed = instance.birth()
    key = ("health.birth", HEALTH, sealed.opened.attributes.id)
    past = Past({key: instance.birth().opened.identity})
    assert_refused(judged(sealed, instance.first, past=past), 5, "freshness.id_reused")
    elsewhere = Past({("health.birth", CIVIL, key[2]): DIGEST})
    assert_accepted(judged(sealed, instance.first, past=elsewhere))


def asked(instance, question, **changed):
    """A past in which Health waits for the answer to a question."""
    opened = question.opened
    sealed = opened.attributes
    request = OpenRequest(
        CIVIL, sealed.type, opened.identity, NOW + 30, sealed.agreement, sealed.purpose
    )
    return Past(requests={opened.attributes.id: request._replace(**changed)})


def test_a_question_and_its_answers_pass(instance):
    """The request at the one who is asked, the answer or a sealed error at the one who asked."""
    question = instance.question()
    found = judged(question, instance.first)
    assert_accepted(found)
    assert found.operation == "request"
    for body in (PERSON, ERROR):
        found = judged(
            instance.answer(question, body),
            instance.first,
            me=HEALTH,
            past=asked(instance, question),
        )
        assert_accepted(found)
        assert found.operation == "reply"


def test_an_answer_to_nothing_is_refused(instance):
    """Never asked, answered already, or asked of somebody else."""
    question = instance.question()
    answer = instance.answer(question, PERSON)
    elsewhere = asked(instance, question, recipient="DEMO/GOV/TAX/office")
    for past in (Past(), elsewhere):
        found = judged(answer, instance.first, me=HEALTH, past=past)
        assert_refused(found, 5, "freshness.no_open_request")


def test_an_answer_to_another_question_is_refused(instance):
    """The answer seals the digest of the question that it answers."""
    question = instance.question()
    past = asked(instance, question, identity=instance.question().opened.identity)
    found = judged(instance.answer(question, PERSON), instance.first, me=HEALTH, past=past)
    assert_refused(found, 5, "freshness.other_request")


def test_an_answer_after_the_time_given_is_refused(instance):
    """Whoever asked does not wait any more."""
    question = instance.question()
    found = judged(
        instance.answer(question, PERSON),
        instance.first,
        me=HEALTH,
        past=asked(instance, question, expires=NOW - 1),
    )
    assert_refused(found, 5, "freshness.no_open_request")


def test_a_request_must_say_how_long_it_waits(instance):
    """Without an expiry it could be answered for ever."""
    found = judged(instance.question(expirytime=None), instance.first)
    assert_refused(found, 5, "freshness.no_expiry")


@pytest.mark.parametrize("field", ["agreement", "purpose"])
def test_an_answer_travels_under_what_it_answers(field, instance):
    """Another agreement or purpose than the request's is refused."""
    question = instance.question()
    past = asked(instance, question, **{field: "https://example.org/other"})
    found = judged(instance.answer(question, PERSON), instance.first, me=HEALTH, past=past)
    assert_refused(found, 6, "policy.other_agreement")


def test_an_answer_is_of_the_type_that_the_service_gives(instance):
    """Where another question was asked, a person is no answer to it."""
    question = instance.question()
    past = asked(instance, question, type="health.birth")
    found = judged(instance.answer(question, PERSON), instance.first, me=HEALTH, past=past)
    assert_refused(found, 6, "policy.type")


def test_a_publication_dressed_as_an_answer_is_refused(instance):
    """A birth cannot come in as the answer to a question about a person."""
    question = instance.question()
    sealed = instance.birth(
        inreplyto=question.opened.attributes.id, requesthash=question.opened.identity
    )
    found = judged(sealed, instance.first)
    assert_refused(found, 5, "freshness.no_open_request")


# 6 policy, in the sender's snapshot then and in mine now


def period(document):
    """Ended an hour ago."""
    document["period"] = {"from": since(NOW - DAY), "until": since(NOW - 3600)}


def not_yet(document):
    """Begins in an hour."""
    document["period"] = {"from": since(NOW + 3600), "until": since(NOW + DAY)}


def elsewhere(document):
    """The agreement of another name, so that the one that is sealed is not there."""
    document["agreement"] = "others"


def both_ways(document):
    """Parties changed places."""
    document["provider"], document["consumer"] = document["consumer"], document["provider"]


POLICIES = {
    "ended": ({BIRTHS: period}, "policy.not_in_force"),
    "not yet": ({BIRTHS: not_yet}, "policy.not_in_force"),
    "no such agreement": ({BIRTHS: elsewhere}, "policy.no_agreement"),
    "another version": ({BIRTHS: setting(version=2)}, "policy.no_agreement"),
    "another purpose": ({BIRTHS: setting(purposes=[OTHER_PURPOSE])}, "policy.purpose"),
    "another type": ({BIRTHS: setting(types=["citizens.person"])}, "policy.type"),
    "another consumer": ({BIRTHS: setting(consumer="DEMO/GOV/TAX/office")}, "policy.parties"),
    "another provider": ({BIRTHS: setting(provider="DEMO/GOV/TAX/office")}, "policy.parties"),
    "the other way": ({BIRTHS: both_ways}, "policy.parties"),
    "another operation": ({BIRTHS: setting(operation="request")}, "policy.operation"),
    "sender suspended": ({HEALTH_MEMBER: setting(status="suspended")}, "policy.member"),
    "receiver suspended": ({CIVIL_MEMBER: setting(status="suspended")}, "policy.member"),
    "receiver gone": ({CIVIL_MEMBER: setting(subsystems=[])}, "policy.member"),
    "other fields": ({BIRTHS: setting(fields={"health.birth": ["/name"]})}, "policy.projection"),
}


@pytest.mark.sampled(21)
@pytest.mark.parametrize("when", ["then", "now", "both"])
@pytest.mark.parametrize("rule", POLICIES)
def test_each_rule_holds_then_and_now(rule, when, instance):
    """An agreement must cover a message by the sender's registry and by the receiver's of now."""
    edits, code = POLICIES[rule]
    first = instance.snapshot(1, edits if when != "now" else {}, published=NOW - 7200)
    second = instance.snapshot(2, edits if when != "then" else {}, published=NOW - 60)
    assert_refused(judged(instance.birth(first), first, second), 6, code)


def test_what_was_sealed_in_time_drains_after_the_agreement_has_ended(instance):
    """Received until the drain has run out; sealed after the end, it never passes."""

    def ends(document):
        document["period"]["until"] = since(NOW + 60)
        document["drain"] = "PT10M"

    first = instance.snapshot(1, {BIRTHS: ends})
    sealed = instance.birth(first)
    assert_accepted(judged(sealed, first, now=NOW + 59))
    assert_accepted(judged(sealed, first, now=NOW + 659))
    assert_refused(judged(sealed, first, now=NOW + 660), 6, "policy.drained")
    late = instance.birth(first, at=NOW + 60)
    assert_refused(judged(late, first, now=NOW + 61), 6, "policy.not_in_force")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"agreement": "https://demo.xroad-lite.example/agreements/births/9"}, "no_agreement"),
        ({"agreement": "https://demo.xroad-lite.example/agreements/persons/1"}, "operation"),
        ({"agreement": "urn:x"}, "no_agreement"),
        ({"purpose": OTHER_PURPOSE}, "purpose"),
        ({"type": "citizens.person"}, "type"),
        ({"type": "xroad.error"}, "type"),
        ({"projection": DIGEST}, "projection"),
    ],
)
def test_what_the_sender_claims_must_be_so(changed, code, instance):
    """A sender with a listed key still cannot go beyond the agreement it names."""
    assert_refused(judged(instance.birth(**changed), instance.first), 6, f"policy.{code}")


def test_the_service_must_exist_to_be_asked(instance):
    """A question of a type that no service answers is not covered, then or now."""
    gone = {CIVIL_MEMBER: subsystem(services=[])}
    first = instance.snapshot(1, published=NOW - 7200)
    second = instance.snapshot(2, gone, published=NOW - 60)
    found = judged(instance.question(first), first, second)
    assert found.verdict.check == 6
    other = {PERSONS: setting(purposes=[OTHER_PURPOSE])}
    second = instance.snapshot(2, other, published=NOW - 60)
    found = judged(instance.question(first), first, second)
    assert_refused(found, 6, "policy.purpose")


def test_an_answer_travels_under_an_agreement_to_request(instance):
    """Not under one to publish, and answers are of the service's response type."""
    question = instance.question()
    answer = instance.answer(question, PERSON, agreement=f"{instance.base}agreements/births/1")
    found = judged(answer, instance.first, me=HEALTH, past=asked(instance, question))
    assert_refused(found, 6, "policy.other_agreement")
    answer = instance.answer(question, PERSON, type="citizens.person-query")
    found = judged(answer, instance.first, me=HEALTH, past=asked(instance, question))
    assert_refused(found, 6, "policy.type")


# 7 digest


def test_a_changed_body_or_salt_is_refused_by_digest(instance):
    """One byte of either, or all of it."""
    sealed = instance.birth()
    other = bytes([sealed.salt[0] ^ 1]) + sealed.salt[1:]
    for changed in (
        {"body": sealed.body.replace(b"Rojas", b"Rosas")},
        {"body": sealed.body + b" "},
        {"body": b""},
        {"salt": other},
        {"salt": bytes(32)},
    ):
        found = judged(sealed, instance.first, **changed)
        assert_refused(found, 7, "envelope.digest")
        assert found.value is None


def test_a_digest_of_something_else_is_refused(instance):
    """Also when the sender sealed a wrong digest itself."""
    sealed = instance.birth()
    wrong = instance.signed(replace(sealed.opened.attributes, datahash=DIGEST), sealed)
    assert_refused(judged(wrong, instance.first), 7, "envelope.digest")


# 8 schema


def version(status):
    """An edit that moves version 1 of a subject to another place in its life."""
    return {SUBJECT: lambda document: document["versions"]["1"].update(status=status)}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("draft", "schema.unknown"),
        ("active", None),
        ("deprecated", None),
        ("retired", "schema.status"),
    ],
)
def test_a_schema_version_is_used_while_it_lives(status, code, instance):
    """Active and deprecated versions are; drafts and retired ones are not."""
    first = instance.snapshot(1, version(status))
    found = judged(instance.birth(first), first)
    if code:
        assert_refused(found, 8, code)
    else:
        assert_accepted(found)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("schemas/health/birth/9", "schema.unknown"),
        ("schemas/health/birth/01", "schema.unknown"),
        ("schemas/health/birth/1/", "schema.unknown"),
        ("schemas/health/birth/subject", "schema.unknown"),
        ("schemas/../schemas/health/birth/1", "schema.unknown"),
        ("schemas/citizens/person/1", "schema.other_type"),
    ],
)
def test_the_schema_must_be_one_of_the_type(path, code, instance):
    """By the very IRI that the registry gives it."""
    sealed = instance.birth(dataschema=instance.base + path)
    assert_refused(judged(sealed, instance.first), 8, code)


def test_a_schema_of_another_instance_is_unknown(instance):
    """The IRI begins with the base of the instance."""
    sealed = instance.birth(dataschema="https://other.example/schemas/health/birth/1")
    assert_refused(judged(sealed, instance.first), 8, "schema.unknown")


def test_many_unknown_schemas_leave_nothing_behind(instance):
    """A peer can name any schema: what is not there must not pile up in memory."""
    before = len(instance.first._schemas._read)
    for number in range(20):
        judged(instance.birth(dataschema=f"{instance.base}schemas/x/y/{number}"), instance.first)
    assert len(instance.first._schemas._read) <= before + 1


def test_the_content_type_is_the_schemas(instance):
    """A JSON schema does not judge what calls itself XML."""
    sealed = instance.birth(datacontenttype="application/xml")
    assert_refused(judged(sealed, instance.first), 8, "schema.content_type")


BODIES = {
    "nothing": b"",
    "no JSON": b"<birth/>",
    "a repeated key": b'{"resourceType":"Patient","resourceType":"Patient"}',
    "not a number": b'{"resourceType":NaN}',
    "half a surrogate": b'{"resourceType":"\\ud800"}',
    "not UTF-8": b'{"resourceType":"\xff"}',
    "a BOM": b'\xef\xbb\xbf{"resourceType":"Patient"}',
    "deep": b"[" * 50_000 + b"]" * 50_000,
    "very deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "not an object": b"[]",
    "null": b"null",
    "another resource": b'{"resourceType":"Animal"}',
    "too little": b'{"resourceType":"Patient"}',
    "a number beyond integers": b'{"resourceType":%s}' % (b"9" * 5000),
    "a number beyond floats": json.dumps(BIRTH)[:-1].encode() + b',"multipleBirthInteger":1e999}',
    "nested beyond reason": json.dumps(BIRTH)[:-1].encode()
    + b',"contact":'
    + b'[{"x":' * 150
    + b"1"
    + b"}]" * 150
    + b"}",
    "another type inside": json.dumps(BIRTH | {"name": "Elena"}).encode(),
    "no date": json.dumps(BIRTH | {"birthDate": "2026-13-45"}).encode(),
    "a number for a text": json.dumps(BIRTH | {"birthDate": 20260314}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_breaks_its_schema_is_refused(name, instance):
    """Sealed as it is by its sender, and still refused: by check 8, with a reason."""
    found = judged(instance.birth(body=BODIES[name]), instance.first)
    assert found.verdict.check == 8, found.verdict
    assert found.verdict.code in ("schema.invalid", "schema.not_json")
    assert_refused(found, 8, found.verdict.code)


def test_a_number_of_any_size_has_a_verdict(instance):
    """An integer of four thousand digits is an integer: no reader of it may stumble."""
    for value in (10**4000, -(10**4000), 2**64, 2**63, 1e308, 0.1):
        body = json.dumps(BIRTH | {"multipleBirthInteger": value}).encode()
        for reads in (None, f"{instance.base}schemas/citizens/person/1"):
            found = judged(instance.birth(body=body), instance.first, reads=reads)
            assert found.verdict.check in (None, 8, 9)


def test_only_the_agreed_fields_may_come(instance):
    """A sender that seals more than the agreement allows is refused; the allowed part passes."""
    allowed = ["/resourceType", "/identifier", "/name", "/birthDate"]
    first = instance.snapshot(1, {BIRTHS: setting(fields={"health.birth": allowed})})
    from xroad_lite.policy import projection

    agreement = first.agreement(f"{instance.base}agreements/births/1")
    digest = projection(agreement, "health.birth")
    assert digest is not None
    found = judged(instance.birth(first, projection=digest), first)
    assert_refused(found, 8, "policy.field_not_allowed")
    less = {name: value for name, value in BIRTH.items() if f"/{name}" in allowed}
    found = judged(instance.birth(first, projection=digest, body=json.dumps(less).encode()), first)
    assert_accepted(found)
    assert_refused(judged(instance.birth(first), first), 6, "policy.projection")


def test_random_bodies_raise_only_our_errors(instance):
    """Whatever a listed sender seals as a body has a verdict, read as it is or in other terms."""
    rnd = random.Random(8)
    reads = f"{instance.base}schemas/citizens/person/1"
    good = json.dumps(BIRTH).encode()
    for number in range(300):
        body = bytearray(good)
        for _ in range(rnd.randint(1, 4)):
            at = rnd.randrange(len(body))
            body[at : at + rnd.randint(0, 3)] = rnd.randbytes(rnd.randint(0, 3))
        sealed = instance.birth(body=bytes(body))
        often = {"among_others": number < examples(300)}
        assert judged(sealed, instance.first, **often).verdict.check in (None, 8)
        assert judged(sealed, instance.first, reads=reads, **often).verdict.check in (None, 8, 9)


# 9 meaning


@pytest.mark.parametrize(
    ("reads", "code"),
    [
        ("tax/taxpayer/1", "semantics.unreadable"),
        ("welfare/allowance/1", "semantics.unreadable"),
        ("citizens/nothing/1", "semantics.unknown_schema"),
    ],
)
def test_what_cannot_be_read_in_my_terms_is_refused(reads, code, instance):
    """A required field of mine that nothing in the body means, or terms that do not exist."""
    found = judged(instance.birth(), instance.first, reads=f"{instance.base}schemas/{reads}")
    assert_refused(found, 9, code)


def test_a_sealed_error_is_read_as_it_is(instance):
    """Whatever terms an answer is wanted in, an error needs none."""
    question = instance.question()
    found = judged(
        instance.answer(question, ERROR),
        instance.first,
        me=HEALTH,
        past=asked(instance, question),
        reads=f"{instance.base}schemas/tax/taxpayer/1",
    )
    assert_accepted(found)
    assert found.reading == ERROR


# all of it


def test_random_tampering_raises_nothing_and_passes_nothing(instance):
    """Two thousand messages changed on the way: all have a verdict, none is accepted."""
    rnd = random.Random(9)
    sealed = instance.birth()
    fields = [sealed.seal, sealed.salt, sealed.body]
    for number in range(2000):
        changed = [bytearray(one) for one in fields]
        place = rnd.choice((0, 0, 1, 2))
        for _ in range(rnd.randint(1, 3)):
            changed[place][rnd.randrange(len(changed[place]))] ^= 1 << rnd.randrange(8)
        seal_, salt, body = (bytes(one) for one in changed)
        if [seal_, salt, body] == fields:
            continue
        content = {"seal": seal_, "salt": salt, "body": body}
        among_others = number < examples(2000)
        found = judged(sealed, instance.first, **content, among_others=among_others)
        assert found.verdict.outcome in (Outcome.REFUSED, Outcome.UNDECIDED)
        assert (found.verdict.check == 7) is (place != 0)


def test_the_purpose_in_the_matrix_is_the_agreements(instance):
    """What the tests above change is what an honest message really has."""
    attributes = instance.birth().opened.attributes
    assert (attributes.source, attributes.recipient, attributes.purpose) == (HEALTH, CIVIL, PURPOSE)
    assert set(CHANGED_ON_THE_WAY) >= set(attributes.to_dict())
