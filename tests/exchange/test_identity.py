"""Check 3 in time: revoked live and in an audit, outside authorities, and those that go."""

from dataclasses import replace

import pytest
import yaml
from certificates_made import made, p256, revocation_list
from judging import (
    CIVIL,
    DAY,
    HEALTH,
    HEALTH_MEMBER,
    NOW,
    Past,
    assert_accepted,
    assert_refused,
    judged,
    known,
    since,
)

from xroad_lite.exchange import Receiving, receive
from xroad_lite.exchange.identity import standing
from xroad_lite.keys import KeySigner, read_any_certificate, read_certificate, to_pem
from xroad_lite.registry import Snapshot


def revoking(certificate, **revoked):
    """An edit that revokes a member's only certificate."""

    def edit(document):
        entry = {"sha256": certificate.sha256, "revoked": revoked}
        document["subsystems"][0]["certificates"] = [entry]

    return edit


def audited(sealed, *snapshots, now=NOW, proved_at=None):
    """The judgement of an audit, which knows when the seal is proved to have existed."""
    node = Receiving(
        me=CIVIL,
        now=now,
        known=known(*snapshots),
        memory=Past(),
        reads=lambda *_: None,
        max_body=1_048_576,
        proved_at=proved_at,
    )
    return receive(sealed.seal, sealed.salt, sealed.body, node)


def test_a_revocation_holds_from_its_time_on(instance):
    """Before it good, from it on refused, whatever time the seal claims: a thief can backdate."""
    mine = read_certificate(instance.signers[HEALTH].chain[0])
    revoked = {HEALTH_MEMBER: revoking(mine, at=since(NOW + 60))}
    first = instance.snapshot(1, revoked)
    sealed = instance.birth(first)
    assert_accepted(judged(sealed, first, now=NOW + 59))
    for now in (NOW + 60, NOW + DAY):
        assert_refused(judged(sealed, first, now=now), 3, "identity.revoked")
    backdated = instance.birth(first, at=NOW - 3000)
    assert_refused(judged(backdated, first, now=NOW + 60), 3, "identity.revoked")


PROOFS = [
    ({"at": NOW - 10}, None, "identity.revoked"),
    ({"at": NOW - 10}, NOW - 11, None),
    ({"at": NOW - 10}, NOW - 10, "identity.revoked"),
    ({"at": NOW - 10, "doubtful_since": NOW - 100}, NOW - 50, "identity.revoked"),
    ({"at": NOW - 10, "doubtful_since": NOW - 100}, NOW - 101, None),
    ({"at": NOW - 10, "doubtful_since": NOW - 100}, None, "identity.revoked"),
    ({"at": NOW + 10}, NOW + 5, None),
]


@pytest.mark.parametrize(("revoked", "proved_at", "code"), PROOFS)
def test_an_audit_asks_for_proof_that_a_seal_is_older(revoked, proved_at, code, instance):
    """What a time stamp proves to be older than the doubt stays good; the claimed time does not."""
    mine = read_certificate(instance.signers[HEALTH].chain[0])
    texts = {name: since(moment) for name, moment in revoked.items()}
    first = instance.snapshot(1)
    second = instance.snapshot(
        2, {HEALTH_MEMBER: revoking(mine, reason="keyCompromise", **texts)}, published=NOW - 60
    )
    sealed = instance.birth(first, at=NOW - 1000)
    found = audited(sealed, first, second, proved_at=proved_at)
    if code is None:
        assert_accepted(found)
    else:
        assert_refused(found, 3, code)
        assert "by the registry, keyCompromise" in found.verdict.message


def test_an_audit_asks_for_proof_before_the_certificate_ended(instance):
    """A key that ended can sign with any date: what is proved only later proves nothing."""
    short = instance.identity(HEALTH, now=NOW - 3600, days=0.03)  # until 22 minutes ago
    listed = {
        HEALTH_MEMBER: lambda one: one["subsystems"][0].update(
            certificates=[{"sha256": short.sha256}]
        )
    }
    first = instance.snapshot(1, listed, published=NOW - DAY)
    sealed = instance.birth(first, signer=short.signer, at=NOW - 3000)
    assert_accepted(audited(sealed, first, proved_at=NOW - 2000))
    found = audited(sealed, first, proved_at=NOW)
    assert_refused(found, 3, "identity.not_proved_in_time")


# other authorities


class Outside:
    """An outside authority with an intermediate, and Health's certificate by it."""

    def __init__(self, instance):
        self.instance = instance
        self.root, self.middle, key = p256(), p256(), p256()
        span = {"starts": NOW - 3 * DAY, "days": 1000.0}
        self.root_der = made("Root", "Root", self.root.public_key(), self.root, ca=True, **span)
        self.middle_der = made(
            "Middle", "Root", self.middle.public_key(), self.root, ca=True, **span
        )
        leaf = made("Ministry", "Middle", key.public_key(), self.middle, **span)
        self.leaf = read_certificate(leaf)
        self.serial = self.leaf.x509.serial_number
        self.signer = KeySigner(key, (leaf, self.middle_der), "ES256")

    def snapshot(self, version=1, *, lists=(), published=NOW - 3600, trusted=True, helped=False):
        """The registry that trusts it, with its lists of revocations."""
        files = dict(self.instance.documents)
        instance = yaml.safe_load(files["instance.yaml"])
        instance["authorities"] += ["authorities/outside.pem"] if trusted else []
        instance["intermediates"] = ["intermediates/outside.pem"] if helped else []
        files["instance.yaml"] = yaml.safe_dump(instance).encode()
        files["authorities/outside.pem"] = to_pem(self.root_der)
        files["intermediates/outside.pem"] = to_pem(self.middle_der)
        member = yaml.safe_load(files[HEALTH_MEMBER])
        member["subsystems"][0]["certificates"] = [{"sha256": self.leaf.sha256}]
        files[HEALTH_MEMBER] = yaml.safe_dump(member).encode()
        files |= {f"crls/{number}.crl": one for number, one in enumerate(lists)}
        expires = NOW + 365 * DAY
        return Snapshot.draft(files, version=version, published=published, expires=expires)

    def birth(self, snapshot, **changed):
        """A birth, sealed by the outside certificate."""
        return self.instance.birth(snapshot, signer=self.signer, **changed)


@pytest.fixture(scope="module")
def outside(instance):
    """One for all tests here."""
    return Outside(instance)


def test_a_chain_through_an_intermediate_is_accepted(outside):
    """In the seal, or in the registry; without it the chain leads nowhere."""
    first = outside.snapshot()
    assert_accepted(judged(outside.birth(first), first))
    alone = replace(outside.signer, chain=outside.signer.chain[:1])
    sealed = outside.instance.birth(first, signer=alone)
    assert_refused(judged(sealed, first), 3, "identity.untrusted")
    helped = outside.snapshot(helped=True)
    sealed = outside.instance.birth(helped, signer=alone)
    assert_accepted(judged(sealed, helped))


def test_lists_of_outside_authorities_are_honoured(outside):
    """Published in either snapshot, of the certificate or of its intermediate; PEM or DER."""
    of_leaf = revocation_list("Middle", outside.middle, outside.serial, at=NOW - 60)
    serial = read_any_certificate(outside.middle_der).serial_number
    of_middle = revocation_list("Root", outside.root, serial, at=NOW - 60)
    first = outside.snapshot()
    sealed = outside.birth(first, at=NOW - 1000)
    for found in (of_leaf, of_middle):
        second = outside.snapshot(2, lists=[found], published=NOW - 30)
        assert_accepted(judged(sealed, first))
        assert_refused(judged(sealed, first, second), 3, "identity.revoked")
        assert_accepted(audited(sealed, first, second, proved_at=NOW - 61))
    earlier = outside.snapshot(1, lists=[of_leaf])
    found = judged(outside.birth(earlier), earlier, outside.snapshot(2, published=NOW - 30))
    assert_refused(found, 3, "identity.revoked")


def test_doubt_and_lists_that_do_not_count(outside):
    """The date of invalidity rules an audit; another's list, or serial, revokes nothing."""
    doubt = revocation_list("Middle", outside.middle, outside.serial, at=NOW - 60, since=NOW - 600)
    first, second = outside.snapshot(), outside.snapshot(2, lists=[doubt], published=NOW - 30)
    sealed = outside.birth(first, at=NOW - 1000)
    assert_refused(audited(sealed, first, second, proved_at=NOW - 100), 3, "identity.revoked")
    assert_accepted(audited(sealed, first, second, proved_at=NOW - 601))
    for lists in (
        [revocation_list("Middle", p256(), outside.serial)],
        [revocation_list("Root", outside.root, outside.serial)],
        [revocation_list("Middle", outside.middle, outside.serial + 1)],
        [revocation_list("Middle", outside.middle, outside.serial, at=NOW + 60)],
    ):
        second = outside.snapshot(2, lists=lists, published=NOW - 30)
        assert_accepted(judged(sealed, first, second))


def test_an_authority_that_is_no_longer_trusted_vouches_for_nobody(outside):
    """It must be trusted then and now, like all else that a sender's snapshot says."""
    first, second = outside.snapshot(), outside.snapshot(2, trusted=False, published=NOW - 30)
    sealed = outside.birth(first)
    assert_accepted(judged(sealed, first))
    assert_refused(judged(sealed, first, second), 3, "identity.untrusted")


def test_what_a_snapshot_said_is_remembered_until_its_time_is_over(outside):
    """One chain at two times: inside its window the very same answer, outside it a refusal."""
    first = outside.snapshot()
    one = standing(first, HEALTH, outside.signer.chain, NOW)
    assert standing(first, HEALTH, outside.signer.chain, NOW + 5) is one
    early = outside.snapshot(published=NOW - 5 * DAY)
    found = judged(outside.birth(early, at=NOW - 4 * DAY), early, now=NOW - 4 * DAY)
    assert_refused(found, 3, "identity.not_valid_then")
    longer = (*outside.signer.chain, outside.root_der)
    assert standing(first, HEALTH, longer, NOW) == one
