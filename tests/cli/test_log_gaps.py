"""``log gaps``: what never came is named, and settled by the sender's log and its checkpoints."""

import copy
import json
import shutil
import time

import pytest
from typer.testing import CliRunner

from tests.evidence.test_two_parties import bundle, lose_outbox, rewritten
from xroad_lite.cli import app
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.seen import Seen, SeenTable
from xroad_lite.node import Node
from xroad_lite.testing import (
    BIRTH,
    CIVIL,
    HEALTH,
    Clock,
    Tamperer,
    TwoAgencies,
    two_agency_instance,
)
from xroad_lite.transports import Parcel


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The instance, built once."""
    return two_agency_instance(tmp_path_factory.mktemp("built"), now=time.time() - 60)


@pytest.fixture
def two(built, tmp_path):
    """Two agencies; the Civil Registry takes births in."""
    shutil.copytree(built.folder, tmp_path / "instance")
    instance, clock = copy.copy(built), Clock()
    instance.folder = tmp_path / "instance"
    with (
        Node.open(instance.node_folder(HEALTH), clock=clock) as health,
        Node.open(instance.node_folder(CIVIL), clock=clock) as civil,
    ):
        civil.subscribe("health.birth")(lambda message: None)
        yield TwoAgencies(instance, health, civil, clock)


def publish(two, *, lost=False, **options):
    """A birth, perhaps lost on the way after the broker had it."""
    two.health.publish("health.birth", BIRTH, **options)
    if lost:
        lose_outbox(two.health)
    two.settle()


def gaps(two, *others):
    """What the command says of the Civil Registry's log, and its exit code."""
    paths = [getattr(other, "store", None) for other in others]
    paths = [other if one is None else one.path for one, other in zip(paths, others, strict=True)]
    return typed(two.civil.store.path, *(word for one in paths for word in ("--against", one)))


def typed(*words):
    """What the command says, and its exit code."""
    done = CliRunner().invoke(app, ["log", "gaps", *map(str, words), "--json"])
    return json.loads(done.stdout), done.exit_code


def witnessed(two):
    """Have the Civil Registry hold Health's newest checkpoint."""
    note = two.health._evidence.checkpoints.sign_now(two.clock())
    SeenTable(two.civil.store).create()
    SeenTable(two.civil.store).hold(Seen(two.clock(), HEALTH, note))
    return Checkpoint.read(note).size


def test_nothing_is_missing(two):
    """Numbers without a gap, and exit code 0."""
    publish(two)
    publish(two)
    assert gaps(two, two.health) == ({"ok": True, "gaps": [], "missing": 0}, 0)


def test_what_was_lost_is_named_and_settled(two):
    """Between which messages it is missing, and its entry under a checkpoint that was seen."""
    for lost in (False, True, True, False, True):
        publish(two, lost=lost)
    found, code = gaps(two)
    ((gap,), missing) = (found["gaps"], found["missing"])
    assert (gap["source"], gap["recipient"], gap["first"], gap["last"]) == (HEALTH, CIVIL, 2, 3)
    assert (gap["after"]["number"], gap["before"]["number"], missing, code) == (1, 4, 2, 1)
    assert gap["numbers"] == []
    size = witnessed(two)
    found, code = gaps(two, two.health)
    assert [one["first"] for one in found["gaps"]] == [2, 5]
    numbers = [number for one in found["gaps"] for number in one["numbers"]]
    assert [(one["state"], one["proved_by"]) for one in numbers] == [("sent", size)] * 3
    assert two.health.store.entry(numbers[0]["entry"]).attributes()["sequence"].endswith("2")
    assert code == 1


def test_what_expired_in_the_outbox_is_not_missing(two):
    """The sender's log says that it never went: nobody lost it."""
    publish(two)
    two.health._transport.close()
    two.health.publish("health.birth", BIRTH, expires=two.clock() + 10)
    two.clock.turn(11)
    two.health._sender.drop_expired(two.clock())
    two.health.close()
    with Node.open(two.health.settings, clock=two.clock) as health:
        again = TwoAgencies(two.instance, health, two.civil, two.clock)
        publish(again)
        found, code = gaps(again, health)
    assert [one["state"] for one in found["gaps"][0]["numbers"]] == ["expired"]
    assert (found["missing"], code) == (0, 0)


def test_a_log_that_is_not_the_one_that_was_seen_settles_nothing(two, tmp_path):
    """Its checkpoint, seen here, does not fit: it is said, and believed in nothing."""
    for lost in (False, True, False):
        publish(two, lost=lost)
    witnessed(two)
    (row,) = two.health.store.query(
        "SELECT idx FROM xl_messages WHERE direction = 'out' ORDER BY idx LIMIT 1 OFFSET 1"
    )
    other = rewritten(two.health.store.path, tmp_path / "other", {row[0]})
    found, code = gaps(two, other)
    assert (found["error"]["code"], code) == ("log.split_view", 1)


def test_of_bundles_the_same_is_said(two, tmp_path):
    """Whichever of the two is one; what was cosigned stands for what was seen."""
    for lost in (False, True, True, False, True):
        publish(two, lost=lost)
    size = witnessed(two)
    ours, theirs = (
        bundle(node, tmp_path / name)
        for node, name in ((two.civil, "civil.zip"), (two.health, "health"))
    )
    log, _ = gaps(two, two.health)
    for place in (two.civil.store.path, ours):
        for against in (two.health.store.path, theirs):
            found, code = typed(place, "--against", against)
            by = size if place != ours else None  # a bundle holds what was seen only if cosigned
            numbers = [one for gap in found["gaps"] for one in gap["numbers"]]
            assert [one.pop("proved_by") for one in numbers] == [by] * 3
            assert code == 1
            wanted = [
                gap | {"numbers": [without(one) for one in gap["numbers"]]} for gap in log["gaps"]
            ]
            assert found["gaps"] == wanted
    assert typed(ours)[0]["missing"] == 2


def without(number):
    """A settled number without what proves it."""
    return {name: value for name, value in number.items() if name != "proved_by"}


def test_chosen_entries_say_nothing_of_gaps(two, tmp_path):
    """What is missing may not have been chosen: on neither side a gap is made of it."""
    for _ in range(3):
        publish(two)
    whole = two.civil.store.path
    sql = "SELECT id FROM xl_messages ORDER BY idx LIMIT 1"
    chosen = [
        bundle(node, tmp_path / str(number), Choice(ids=(node.store.query(sql)[0][0],)))
        for number, node in enumerate((two.civil, two.health))
    ]
    for words in ((chosen[0],), (whole, "--against", chosen[1])):
        found, code = typed(*words)
        assert (found["error"]["code"], code) == ("log.not_whole", 1)


def test_a_number_far_away_is_one_line(two):
    """Whoever jumps by a billion makes no list of a billion."""
    publish(two)
    two.health.store.execute("UPDATE xl_sequences SET last = 1000000001 WHERE direction = 'out'")
    two.health._sender._store._sequences.clear()
    publish(two)
    found, code = gaps(two, two.health)
    (gap,) = found["gaps"]
    (one,) = gap["numbers"]
    assert (one["number"], one["last"], one["state"], code) == (2, 1000000001, "absent", 1)
    assert found["missing"] == 1000000000


def test_a_log_against_itself(two):
    """Nobody sends to oneself: another log was meant."""
    publish(two)
    found, code = gaps(two, two.civil)
    assert (found["error"]["code"], code) == ("log.one_party", 1)


def put(two, sealed):
    """Lay a message into the Civil Registry's queue, round every check of a sender's."""
    two.health._transport.send(
        [Parcel(0, CIVIL, "health.birth", sealed.seal, sealed.salt, sealed.body)]
    )
    two.health._transport.outcomes()
    two.settle()


def test_nobody_makes_a_gap_with_anothers_numbers(two):
    """What is for somebody else, or sealed by a stranger in Health's name, is kept and refused.

    What Health itself sealed and was refused came all the same: its number is not missing.
    """
    publish(two)
    health = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    stranger = Tamperer(two.instance.node_folder(CIVIL), two.clock)
    one, far = health.last_sent(), f"{10**15:016d}"
    put(two, health.seal(one, recipient="DEMO/GOV/WELFARE/office", sequence=far))
    put(two, stranger.seal(one, sequence=far))
    put(two, health.seal(one, sequence=f"{2:016d}", purpose="https://w3id.org/dpv#Marketing"))
    put(two, health.seal(one, sequence=f"{3:016d}"))
    found = [entries.read(leaf).fields for _, leaf in two.civil.store.entries()]
    codes = [one["verdict"].get("code") for one in found if "verdict" in one]
    assert codes == [
        None,
        "freshness.other_recipient",
        "identity.unlisted_certificate",
        "policy.purpose",
        None,
    ]
    assert all("payload" in one for one in found if "verdict" in one)
    assert gaps(two) == ({"ok": True, "gaps": [], "missing": 0}, 0)


def test_a_log_of_which_nothing_says_whose_it_is(tmp_path):
    """One that has just begun has no gaps."""
    Store(tmp_path / "empty").close()
    assert typed(tmp_path / "empty") == ({"ok": True, "gaps": [], "missing": 0}, 0)
