"""What another instance, or somebody in it, cannot do: each is refused with its own code."""

import pytest
import yaml
from two_instances import (
    LEFT_CIVIL,
    LEFT_HEALTH,
    NOW,
    RIGHT_CIVIL,
    RIGHT_HEALTH,
    publish_unchecked,
    put,
    replayed,
    verdicts,
)

from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import read_certificate
from xroad_lite.node.receiving import MAX_STRANGERS
from xroad_lite.registry import RegistryFolder, client
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import BIRTH, HEALTH, PURPOSE, Tamperer, named

DAY = 86_400.0
HOSTILE_MEMBER = "members/ours.yaml"


@pytest.fixture
def honest(two):
    """A birth of CL's hospitals that PE's Civil Registry accepted, as it travelled."""
    two.node(RIGHT_CIVIL).subscribe("health.birth")(lambda _: None)
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    two.settle()
    assert verdicts(two.node(RIGHT_CIVIL)) == [("accepted", None)]
    key = Tamperer(two.left.node_folder(LEFT_HEALTH), two.clock)
    seals = [
        key.last_sent(row[0])
        for row in two.node(LEFT_HEALTH).store.query(
            "SELECT id FROM xl_messages WHERE direction = 'out'"
        )
    ]
    return next(one for one in seals if one.opened.attributes.recipient == RIGHT_CIVIL)


@pytest.fixture
def peruvian(two):
    """Somebody with the key of PE's hospitals."""
    return Tamperer(two.right.node_folder(RIGHT_HEALTH), two.clock)


def names(two):
    """The newest snapshot of each registry."""
    return {
        name: RegistryFolder(one.folder / "registry").newest().name
        for name, one in two.instances.items()
    }


def test_a_member_of_one_instance_cannot_speak_as_one_of_the_other(two, honest, peruvian):
    """Whichever registry the seal names: CL's lists no such key, and has no such snapshot."""
    civil = two.node(RIGHT_CIVIL)
    put(civil, peruvian.seal(honest), RIGHT_CIVIL)
    put(civil, peruvian.seal(honest, registry=names(two)["PE"]), RIGHT_CIVIL)
    two.settle()
    assert verdicts(civil)[1:] == [
        ("refused", "identity.unlisted_certificate"),
        ("refused", "registry.never_published"),
    ]
    assert replayed(civil).equal


def test_a_registry_that_lists_anothers_member_is_not_believed(two, honest, peruvian):
    """PE lists CL's hospitals with a key of its own: neither PE's nodes nor CL's take it."""
    member = yaml.safe_load((two.left.source / "members/health.yaml").read_text())
    member["subsystems"][0]["certificates"] = [
        {"sha256": read_certificate(peruvian.signer.chain[0]).sha256}
    ]
    two.clock.turn(1)
    publish_unchecked(two.right, {HOSTILE_MEMBER: yaml.safe_dump(member).encode()}, two.clock())
    two.clock.turn(10)
    two.settle()
    civil = two.node(RIGHT_CIVIL)
    assert LEFT_HEALTH not in civil._registry.current.subsystems
    for registry in names(two).values():
        put(civil, peruvian.seal(honest, registry=registry), RIGHT_CIVIL)
    two.settle()
    assert verdicts(civil)[1:] == [("refused", "identity.unlisted_certificate")]
    assert civil.status()["undecided"] == 1  # CL may publish a third snapshot one day
    two.clock.turn(DAY + 60)
    two.settle()
    assert verdicts(civil)[2:] == [("refused", "registry.never_published")]


def test_a_registry_cannot_replace_anothers_schema(two, peruvian):
    """A schema is named by its own instance's base: under PE's there is none of CL's names."""
    two.agree("back", provider=LEFT_HEALTH, consumer=RIGHT_CIVIL)
    two.edit(two.left, "agreements/back-1.yaml", provider=RIGHT_HEALTH, consumer=LEFT_CIVIL)
    two.share("agreements/back-1.yaml")
    two.publish()
    civil = two.node(LEFT_CIVIL)
    civil.subscribe("health.birth")(lambda _: None)
    two.node(RIGHT_HEALTH).publish("health.birth", BIRTH)
    two.settle()
    assert verdicts(civil) == [("accepted", None)]
    sent = next(
        one
        for (message,) in two.node(RIGHT_HEALTH).store.query(
            "SELECT id FROM xl_messages WHERE direction = 'out'"
        )
        if (one := peruvian.last_sent(message)).opened.attributes.recipient == LEFT_CIVIL
    )
    theirs = f"{two.left.base}schemas/health/birth/1"
    put(civil, peruvian.seal(sent, dataschema=theirs), LEFT_CIVIL)
    two.settle()
    assert verdicts(civil)[1:] == [("refused", "schema.unknown")]


@pytest.mark.parametrize("field", ["instance", "base"])
def test_a_registry_that_says_it_is_another_is_not_adopted(two, honest, field):
    """PE's lead agency claims CL's name, or its base: CL's node stays with what it knew."""
    health = two.node(LEFT_HEALTH)
    path = "instance.yaml"
    said = yaml.safe_load((two.right.source / path).read_text())
    said[field] = {"instance": "CL", "base": two.left.base}[field]
    two.clock.turn(1)
    changed = {path: yaml.safe_dump(said).encode(), "trusted/cl.yaml": None}
    publish_unchecked(two.right, changed, two.clock())
    before = health.status()["trusted"]["PE"]["registry"]
    two.clock.turn(10)
    health.step()
    trusted = health.status()["trusted"]["PE"]
    assert trusted["registry"] == before
    assert "registry.other_instance" in trusted["registry_problem"]


def test_trust_is_not_handed_on(two, honest, tmp_path):
    """PE trusts a third instance, which CL does not: CL's node refuses its members by check 2."""
    third = DevelopmentInstance(
        tmp_path / "XX", now=NOW - 3600, instance="XX", transport=f"embedded:{tmp_path}/bus.sqlite3"
    )
    third.add_bundled()
    stranger = named(HEALTH, "XX")
    for one in (stranger, "XX/GOV/CIVIL/registry", "XX/GOV/LEAD/office"):
        third.add_subsystem(one, title={"en": "Third"})
    for owner in ("WELFARE", "TAX"):
        third.add_subsystem(f"XX/GOV/{owner}/office", title={"en": owner})
    third.publish(two.clock())
    two.trust(two.right, third)
    two.publish()
    two.settle()
    assert list(two.node(RIGHT_CIVIL)._registry.current.trusted) == ["CL", "XX"]
    key = Tamperer(third.node_folder(stranger), two.clock)
    registry = RegistryFolder(third.folder / "registry").newest().name
    sent = key.seal(
        honest, source=stranger, recipient=LEFT_CIVIL, registry=registry, purpose=PURPOSE
    )
    two.node(LEFT_CIVIL).subscribe("health.birth")(lambda _: None)
    put(two.node(RIGHT_CIVIL), sent, LEFT_CIVIL)
    two.clock.turn(10)
    two.settle()
    assert ("refused", "registry.untrusted_instance") in verdicts(two.node(LEFT_CIVIL))


def test_a_key_that_the_other_registry_revokes_is_refused(two, honest):
    """Revocation is published in the sender's registry, and known here by looking there."""
    civil = two.node(RIGHT_CIVIL)
    path = two.left.source / "members/health.yaml"
    member = yaml.safe_load(path.read_text())
    member["subsystems"][0]["certificates"][0]["revoked"] = {"at": "2026-01-01T00:00:00Z"}
    key = Tamperer(two.left.node_folder(LEFT_HEALTH), two.clock)
    path.write_text(yaml.safe_dump(member))
    two.clock.turn(1)
    publish_unchecked(two.left, {"members/health.yaml": path.read_bytes()}, two.clock())
    two.clock.turn(10)
    civil.step()
    put(civil, key.seal(honest), RIGHT_CIVIL)
    two.settle()
    assert verdicts(civil)[1:] == [("refused", "identity.revoked")]
    assert replayed(civil).equal


def test_an_authority_is_believed_of_its_own_instances_members_alone(two, honest):
    """A certificate of PE's authority, listed for CL's hospitals, chains to nothing CL trusts."""
    identity = two.right.authority.issue(SubsystemId.parse(LEFT_HEALTH), now=two.clock() - 60)
    member = yaml.safe_load((two.left.source / "members/health.yaml").read_text())
    member["subsystems"][0]["certificates"].append({"sha256": identity.sha256})
    two.clock.turn(1)
    publish_unchecked(
        two.left, {"members/health.yaml": yaml.safe_dump(member).encode()}, two.clock()
    )
    two.clock.turn(10)
    civil = two.node(RIGHT_CIVIL)
    key = Tamperer(two.left.node_folder(LEFT_HEALTH), two.clock)
    key.signer = identity.signer
    put(civil, key.seal(honest, registry=names(two)["CL"]), RIGHT_CIVIL)
    two.settle()
    assert verdicts(civil)[1:] == [("refused", "identity.untrusted")]


def test_a_group_holds_its_own_instances_members_alone(two):
    """A member of CL in a group of PE stands for nobody."""
    group = {"group": "friends", "title": {"en": "Friends"}, "members": ["CL/GOV/HEALTH"]}
    two.clock.turn(1)
    publish_unchecked(
        two.right, {"groups/friends.yaml": yaml.safe_dump(group).encode()}, two.clock()
    )
    newest = RegistryFolder(two.right.folder / "registry").newest()
    assert newest.parties.standing("group:friends") == frozenset()


def test_strangers_cannot_fill_the_inbox_of_what_waits(two, peruvian, honest):
    """Refusals that wait for a look at our registry are strangers': only so many may wait."""
    civil = two.node(RIGHT_CIVIL)
    (two.right.folder / "registry").rename(two.right.folder / "away")
    two.clock.turn(10)
    two.settle()
    two.clock.turn(10)
    for _ in range(MAX_STRANGERS + 20):
        put(civil, peruvian.seal(honest, source="ZZ/GOV/X/y"), RIGHT_CIVIL)
    two.settle()
    assert civil.status()["undecided"] == MAX_STRANGERS
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    two.settle()
    assert verdicts(civil)[-1] == ("accepted", None)


def allow(two, bytes_more):
    """Let CL's hospitals take so many bytes more than PE's snapshot has; gives the limit."""
    now = RegistryFolder(two.right.folder / "registry").newest()
    limit = sum(map(len, now.files.values())) + bytes_more
    file = two.left.node_folder(LEFT_HEALTH) / "node.yaml"
    settings = yaml.safe_load(file.read_text()) | {"instance_bytes": limit}
    file.write_text(yaml.safe_dump(settings))
    return limit


def words(number, size=400_000):
    """A vocabulary of a size, as no other is."""
    return {f"vocabularies/large{number}.ttl": f"# {number}".encode().ljust(size)}


def test_a_registry_beyond_its_bytes_is_not_taken(two):
    """Refused by the lengths that it tells, before a document is read; what is known stays."""
    allow(two, 1_500_000)
    health = two.node(LEFT_HEALTH)
    before = health.status()["trusted"]["PE"]["registry"]
    large = words(1) | words(2) | words(3) | words(4)
    two.clock.turn(1)
    publish_unchecked(two.right, large, two.clock())
    two.clock.turn(10)
    health.step()
    trusted = health.status()["trusted"]["PE"]
    assert trusted["registry"] == before
    assert "registry.too_large" in trusted["registry_problem"]
    mirror = next((two.left.node_folder(LEFT_HEALTH) / "registry-trusted").glob("PE-*"))
    assert not list(mirror.glob("targets/vocabularies/*large*"))
    health.publish("health.birth", BIRTH)


def test_a_registry_that_changes_all_the_time_fills_no_disk(two, monkeypatch):
    """Each snapshot is within the limit, and what the mirror keeps of all has one, too."""
    monkeypatch.setattr(client, "_MIRRORED", 2)
    limit = allow(two, 4_500_000)
    health = two.node(LEFT_HEALTH)
    mirror = next((two.left.node_folder(LEFT_HEALTH) / "registry-trusted").glob("PE-*"))
    for number in range(2 * limit // 4_000_000 + 1):
        two.clock.turn(1)
        changed = {f"vocabularies/large{number - 1}.ttl": None} | words(number, 4_000_000)
        publish_unchecked(two.right, changed, two.clock())
        two.clock.turn(10)
        health.step()
        problem = health.status()["trusted"]["PE"]["registry_problem"]
        if problem:
            break
    assert "registry.mirror_full" in problem
    assert sum(one.stat().st_size for one in mirror.rglob("*") if one.is_file()) < 2.1 * limit
