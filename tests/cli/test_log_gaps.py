"""``log gaps``: what never came is named, and settled by the sender's log and its checkpoints."""

import copy
import json
import shutil
import time

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.seen import Seen, SeenTable
from xroad_lite.node import Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, TwoAgencies, two_agency_instance


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
        two.health.store.execute("DELETE FROM xl_outbox")
    two.settle()


def gaps(two, *others):
    """What the command says of the Civil Registry's log, and its exit code."""
    against = [word for other in others for word in ("--against", str(other.store.path))]
    log = str(two.civil.store.path)
    done = CliRunner().invoke(app, ["log", "gaps", "--log", log, *against, "--json"])
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


def test_a_log_that_is_not_the_one_that_was_seen_settles_nothing(two):
    """Its checkpoint, seen here, does not fit: it is said, and believed in nothing."""
    publish(two)
    publish(two, lost=True)
    publish(two)
    witnessed(two)
    two.health.store.execute("UPDATE xl_hashes SET hashes = zeroblob(64) WHERE idx = 1")
    found, code = gaps(two, two.health)
    assert (found["error"]["code"], code) in (
        ("log.split_view", 1),
        ("log.inclusion_proof", 1),
    )
