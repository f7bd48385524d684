"""A member of one instance addresses a member of another: what passes, waits, and is refused."""

import shutil
import threading

import pytest
import yaml
from two_instances import (
    LEFT_CIVIL,
    LEFT_HEALTH,
    RIGHT_CIVIL,
    RIGHT_HEALTH,
    publish_unchecked,
    replayed,
    verdicts,
)

from xroad_lite import policy
from xroad_lite.errors import PolicyError
from xroad_lite.messagelog import entries
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import Repository
from xroad_lite.testing import BIRTH, PURPOSE

HOUR, DAY = 3600.0, 86_400.0
ABROAD = "agreements/abroad-1.yaml"


@pytest.fixture
def seen(two):
    """Births that PE's Civil Registry handled, as it reads them."""
    handled = []
    civil = two.node(RIGHT_CIVIL)
    civil.subscribe("health.birth", reads="citizens.person")(
        lambda message: handled.append((message.source, message.body["fechaNacimiento"]))
    )
    return handled


def send(two):
    """A birth from CL's hospitals."""
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    two.settle()


def refusal(two):
    """Why CL's hospitals may not send a birth to PE, by what their own node knows."""
    registries = two.node(LEFT_HEALTH)._registry
    agreement = f"{two.left.base}agreements/abroad/1"
    movement = policy.Movement(
        policy.PUBLISH, LEFT_HEALTH, RIGHT_CIVIL, "health.birth", PURPOSE, two.clock()
    )
    with pytest.raises(PolicyError) as refused:
        policy.decide_all(registries.current, agreement, movement, registries.trusted_now)
    return refused.value.code


def test_a_birth_crosses_and_is_read_in_the_receivers_words(two, seen):
    """Accepted by all nine checks, with both registries in the receiver's log, and replayed."""
    send(two)
    civil = two.node(RIGHT_CIVIL)
    assert seen == [(LEFT_HEALTH, "2026-03-14")]
    assert verdicts(civil) == [("accepted", None)]
    found = [entries.read(leaf) for _, leaf in civil.store.entries()]
    adopted = [one.fields.get("instance") for one in found if one.kind == "snapshot"]
    assert adopted == [None, "CL"]
    again = replayed(civil)
    assert (again.equal, again.judged) == (True, 1)


def test_a_question_crosses_and_is_answered(two):
    """In the words of the one who answers; both seals name their own registries."""
    civil, health = two.node(RIGHT_CIVIL), two.node(LEFT_HEALTH)
    person = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1"}
    person["fechaNacimiento"] = "2026-03-14"
    civil.serve("citizens.person-query")(lambda _: person)
    answer = []

    def ask():
        answer.append(
            health.request(RIGHT_CIVIL, "citizens.person-query", {"codigoPersonal": "EX-1"})
        )

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        civil.step()
    assert answer[0].body == person
    assert answer[0].source == RIGHT_CIVIL
    assert [replayed(one).equal for one in (civil, health)] == [True, True]


def test_trust_must_be_mutual(two, seen):
    """Whoever ends it, nothing is sealed any more for the other's members."""
    two.node(LEFT_HEALTH)
    two.distrust(two.left, two.right)
    for path in (two.left.source / "agreements").glob("*abroad-1*"):
        path.unlink()
    two.publish()
    two.settle()
    assert refusal(two) == "policy.no_agreement"
    assert seen == []


def test_withdrawn_trust_stops_what_comes_and_keeps_what_came(two, seen):
    """Check 2 refuses from then on; what was accepted is handled, and the log replays as it was."""
    two.node(RIGHT_CIVIL)
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    for _ in range(3):
        two.node(LEFT_HEALTH).step()
    two.node(RIGHT_CIVIL)._exchange()  # accepted, not handled
    two.distrust(two.right, two.left)
    for path in (two.right.source / "agreements").glob("*abroad-1*"):
        path.unlink()
    two.publish(two.right)
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    for _ in range(3):
        two.node(LEFT_HEALTH).step()
    two.clock.turn(10)
    civil = two.reopen(RIGHT_CIVIL)
    civil.subscribe("health.birth", reads="citizens.person")(
        lambda message: seen.append(message.source)
    )
    two.settle()
    assert seen == [LEFT_HEALTH]
    assert verdicts(civil) == [("accepted", None), ("refused", "registry.untrusted_instance")]
    assert "trusted" not in civil.status()
    again = replayed(civil)
    assert (again.equal, again.judged) == (True, 2)


def test_one_registry_out_of_reach_stops_its_own_members_alone(two, seen):
    """CL's expired: its births wait in PE, those of PE's hospitals go on; renewed, none is lost."""
    civil = two.node(RIGHT_CIVIL)
    folder = RegistryFolder(two.left.folder / "registry")
    short = two.left.source / "instance.yaml"
    lives = {"root": "P3650D", "roles": "P3650D", "snapshot": "PT1H", "timestamp": "PT1H"}
    short.write_text(yaml.safe_dump(yaml.safe_load(short.read_text()) | {"lives": lives}))
    two.clock.turn(1)
    two.left.publish(two.clock(), expires_in=HOUR)
    two.clock.turn(HOUR - 60)
    send(two)
    assert len(seen) == 1
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    two.clock.turn(120)
    two.node(LEFT_HEALTH).step()
    two.node(RIGHT_HEALTH).publish("health.birth", BIRTH)
    two.settle()
    assert [source for source, _ in seen[1:]] == [RIGHT_HEALTH]
    assert civil.status()["undecided"] == 1
    assert "instance CL: the registry expired" in civil._registry.complaint(two.clock())
    Repository(folder, two.left.keys, now=two.clock()).commit(afresh=True)
    two.clock.turn(10)
    two.settle()
    assert [source for source, _ in seen] == [LEFT_HEALTH, RIGHT_HEALTH, LEFT_HEALTH]
    assert replayed(civil).equal


def test_a_node_starts_while_the_others_registry_was_never_in_reach(two, seen):
    """What comes from there waits; it is said; once in reach it is decided."""
    two.node(LEFT_HEALTH).publish("health.birth", BIRTH)
    two.node(LEFT_HEALTH).step()
    registry = two.left.folder / "registry"
    two.nodes.pop(RIGHT_CIVIL).close()
    civil_folder = two.right.node_folder(RIGHT_CIVIL)
    shutil.rmtree(civil_folder / "registry-trusted")
    registry.rename(two.left.folder / "away")
    civil = two.node(RIGHT_CIVIL)
    civil.subscribe("health.birth", reads="citizens.person")(
        lambda message: seen.append(message.source)
    )
    two.settle()
    trusted = civil.status()["trusted"]["CL"]
    assert trusted["registry"] is None
    assert "out_of_reach" in trusted["registry_problem"]
    assert (seen, civil.status()["undecided"]) == ([], 1)
    (two.left.folder / "away").rename(registry)
    two.clock.turn(10)
    two.settle()
    assert seen == [LEFT_HEALTH]


def test_a_sender_keeps_going_while_the_receivers_registry_is_away(two, seen):
    """The receiver's node has its own registry's word; the sender asks what it last knew."""
    two.node(LEFT_HEALTH)
    two.settle()
    (two.right.folder / "registry").rename(two.right.folder / "away")
    two.clock.turn(60)
    send(two)
    assert len(seen) == 1


def test_what_the_receivers_registry_refuses_waits_until_it_was_looked_at(two, seen):
    """A seal names its sender's registry alone: ours must be newer before it may refuse."""
    civil, health = two.node(RIGHT_CIVIL), two.node(LEFT_HEALTH)
    two.agree(
        "later", provider=LEFT_HEALTH, consumer=RIGHT_CIVIL, types=["citizens.birth-registered"]
    )
    heard = []
    civil.subscribe("citizens.birth-registered")(lambda message: heard.append(message.source))
    two.settle()
    two.publish()
    away = two.right.folder / "away"
    health._registry.refresh(two.clock())
    (two.right.folder / "registry").rename(away)
    registered = {"identificadorNacimiento": "B-1", "codigoPersonal": "EX-1"}
    registered |= {"fechaNacimiento": "2026-03-14", "fechaInscripcion": "2026-03-15"}
    health.publish("citizens.birth-registered", registered)
    two.clock.turn(2)
    two.settle()
    assert civil.status()["undecided"] == 1
    away.rename(two.right.folder / "registry")
    two.clock.turn(10)
    two.settle()
    assert heard == [LEFT_HEALTH]
    assert replayed(civil).equal


def test_an_agreement_must_be_listed_in_both_registries(two, seen):
    """In one alone it lets nothing pass, whichever it is."""
    for path in (two.right.source / "agreements").glob("abroad-1*"):
        path.unlink()
    two.publish()
    two.node(LEFT_HEALTH)
    two.settle()
    assert refusal(two) == "policy.no_agreement"


def test_both_registries_list_the_same_bytes(two, seen):
    """Another text under the same name, approved by both as it is, is another agreement."""
    file = two.right.source / ABROAD
    file.write_bytes(file.read_bytes() + b"# another\n")
    for name, data in two.right.approvals({ABROAD: file.read_bytes()}).items():
        (two.right.source / name).write_bytes(data)
    (provider,) = (name for name in two.left.approvals({ABROAD: file.read_bytes()}))
    (two.right.source / provider).write_bytes(
        two.left.approvals({ABROAD: file.read_bytes()})[provider]
    )
    two.publish()
    two.node(LEFT_HEALTH)
    two.settle()
    assert refusal(two) == "policy.other_bytes"


def test_each_registry_vouches_for_its_own_partys_approval(two, seen):
    """PE revokes the key by which its party approved: CL's node sends nothing any more."""
    path = two.right.source / "members/civil.yaml"
    member = yaml.safe_load(path.read_text())
    for entry in member["agreement_certificates"]:
        entry["revoked"] = {"at": "2026-01-01T00:00:00Z"}
    path.write_text(yaml.safe_dump(member))
    for one in (two.right.source / "agreements").glob("*.jws"):
        if "abroad" not in one.name:
            one.unlink()
    two.clock.turn(1)
    publish_unchecked(two.right, {"members/civil.yaml": path.read_bytes()}, two.clock())
    two.clock.turn(10)
    two.node(LEFT_HEALTH)
    two.settle()
    assert refusal(two) == "policy.not_approved"


def test_a_suspended_member_is_refused_on_both_sides(two, seen):
    """Its own registry says it; the sender's node learns it, and the receiver's by itself."""
    health = two.node(LEFT_HEALTH)
    two.settle()
    health.publish("health.birth", BIRTH)  # sealed while it was not
    two.edit(two.left, "members/health.yaml", status="suspended")
    two.publish(two.left)
    health.step()
    two.node(RIGHT_CIVIL)._registry.refresh(two.clock())
    two.settle()
    assert verdicts(two.node(RIGHT_CIVIL)) == [("refused", "policy.member")]
    assert seen == []


def test_all_subsystems_of_a_foreign_member_are_reached(two, seen):
    """Whom a member stands for, its own registry says: the sender's node enumerates them there."""
    two.right.add_subsystem("PE/GOV/CIVIL/archive", title={"en": "Archive"})
    for one in (two.left, two.right):
        (one.source / ABROAD).write_bytes((two.left.source / ABROAD).read_bytes())
    two.publish()
    health = two.node(LEFT_HEALTH)
    two.settle()
    health.publish("health.birth", BIRTH)
    rows = health.store.query("SELECT recipient FROM xl_outbox ORDER BY recipient")
    assert [row[0] for row in rows] == [LEFT_CIVIL, "PE/GOV/CIVIL/archive", RIGHT_CIVIL]
