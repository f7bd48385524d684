"""Nodes that witness one another's logs over the bus: cosignatures, and views that do not fit."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from xroad_lite.messagelog import merkle
from xroad_lite.messagelog.checkpoints import Checkpoint, cosigned_at
from xroad_lite.messagelog.notes import COSIGNATURE, Note, Signer, Verifier
from xroad_lite.messagelog.seen import Seen
from xroad_lite.node import Node, Settings
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, LAW, PURPOSE, Clock, two_agency_instance

TAX = "DEMO/GOV/TAX/office"
NOW = 1_790_000_000.0
SHOWN = "xroad.checkpoint"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentInstance:
    """Three institutions that are witnesses for one another, by one agreement of a group."""
    instance = two_agency_instance(tmp_path_factory.mktemp("built"), now=NOW - 3600)
    instance.witness_one_another([HEALTH, CIVIL, TAX], purpose=PURPOSE, basis_iri=LAW)
    instance.publish(NOW - 1800)
    return instance


class World:
    """The three nodes; ``settle`` lets all work until none has anything to do."""

    def __init__(self, instance: DevelopmentInstance, clock: Clock) -> None:
        self.instance, self.clock = instance, clock
        self.said: list[str] = []
        self.health, self.civil, self.tax = (self.open(one) for one in (HEALTH, CIVIL, TAX))

    def open(self, subsystem: str) -> Node:
        """One of them, at work."""
        settings = Settings.read(self.instance.node_folder(subsystem), {})
        node = Node.open(settings, clock=self.clock, talk=self.said.append)
        if subsystem == CIVIL:
            node.subscribe("health.birth")(lambda message: None)
        return node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All three."""
        return self.health, self.civil, self.tax

    def settle(self) -> None:
        """Work until nobody has anything to do, and nobody waits for an answer."""
        for _ in range(300):
            busy = [node.step() for node in self.nodes]
            if not any(busy):
                return
        raise AssertionError("still busy")

    def hour(self) -> None:
        """An hour passes: logs are signed, then shown."""
        for node in self.nodes:
            assert node._evidence.checkpoints is not None
            node._evidence.checkpoints.sign_now(self.clock())
        self.clock.turn(3601)
        self.settle()

    def births(self, count: int = 1) -> None:
        """Births are sent and received."""
        for _ in range(count):
            self.health.publish("health.birth", BIRTH)
        self.settle()

    def close(self) -> None:
        """Close all."""
        for node in self.nodes:
            node.close()


@pytest.fixture
def world(built: DevelopmentInstance, tmp_path: Path) -> Iterator[World]:
    """The three of them, in a copy of the instance."""
    copied = copy.copy(built)
    copied.folder, copied.source = tmp_path / "instance", tmp_path / "instance/source"
    shutil.copytree(built.folder, copied.folder)
    world = World(copied, Clock(NOW))
    yield world
    world.close()


def newest(node: Node) -> Note:
    """The newest checkpoint of a node that anybody cosigned, with all its lines."""
    kept = [one for one in node._evidence.checkpoints.table.all() if len(one.note.signatures) > 1]
    return kept[-1].note


def witness_key(world: World, subsystem: str) -> Verifier:
    """By which a witness cosigns, from its file."""
    text = (world.instance.node_folder(subsystem) / "log-key.vkey").read_text().strip()
    key = Verifier.read(text)
    return Verifier(key.name, COSIGNATURE, key.public)


def test_every_log_is_cosigned_by_the_others(world: World) -> None:
    """Each checkpoint carries two cosignatures that verify by the registry's keys."""
    world.births()
    world.hour()
    for node, others in ((world.health, (CIVIL, TAX)), (world.tax, (HEALTH, CIVIL))):
        note = newest(node)
        for other in others:
            assert cosigned_at(note, witness_key(world, other)) >= int(NOW)
    world.births(3)
    world.hour()
    held = world.tax._evidence.witnesses.seen.held(HEALTH)
    assert [one.checkpoint.size for one in held] == sorted({one.checkpoint.size for one in held})
    assert len(held) == 2
    assert not world.said


def test_logs_that_stand_still_are_quiet(world: World) -> None:
    """What witnesses say to one another is no reason to say more."""
    world.births()
    for _ in range(3):
        world.hour()
    sizes = [node.store.size for node in world.nodes]
    for _ in range(3):
        world.hour()
    assert [node.store.size for node in world.nodes] == sizes


def test_who_was_asked_is_not_asked_again_after_a_restart(world: World) -> None:
    """A command that opens the node for a moment shows nothing; an hour later there is news."""
    world.births()
    world.hour()
    for _ in range(3):
        world.health.close()
        world.health = world.open(HEALTH)
        world.births()
    assert world.health.status()["witnesses"]["asked"][CIVIL]["cosigned"] > 0
    shown = "SELECT count(*) FROM xl_messages WHERE direction = 'out' AND type = ?"
    assert world.health.store.query(shown, (SHOWN,)) == [(2,)]
    world.hour()
    assert world.health.store.query(shown, (SHOWN,)) == [(4,)]


def forked(world: World, extra: int) -> Checkpoint:
    """Health shows the Tax office another log than the others: as many entries, one is changed."""
    signer = world.health._evidence.checkpoints.signer
    leaves = [leaf for _, leaf in world.health.store.entries()]
    leaves[1] = leaves[1][:-1] + b" }"
    leaves += [b"{}"] * extra
    hashes: list[bytes] = []
    for index, leaf in enumerate(leaves):
        hashes += merkle.Edge.read(index, hashes.__getitem__).add(merkle.leaf_hash(leaf))
    head = Checkpoint(signer.name, len(leaves), merkle.root(len(leaves), hashes.__getitem__))
    table = world.tax._evidence.witnesses.seen
    table.hold(Seen(world.clock(), HEALTH, head.sign(signer)))
    return head


def views(node: Node) -> list[tuple[Checkpoint, Checkpoint]]:
    """The split views that a node found."""
    return [
        (Checkpoint.read(one.one), Checkpoint.read(one.other))
        for one in node._evidence.witnesses.seen.views()
    ]


def test_two_views_of_one_size_are_found_by_gossip(world: World) -> None:
    """What the Tax office holds reaches the Civil Registry: both notes, signed, are the proof."""
    world.births()
    world.health._evidence.checkpoints.sign_now(world.clock())
    head = forked(world, 0)
    world.hour()
    world.births()
    world.hour()
    found = [pair for node in (world.civil, world.health) for pair in views(node)]
    assert found
    for one, other in found:
        assert (one.origin, one.size) == (other.origin, other.size) == (HEALTH, head.size)
        assert one.root != other.root
    assert any("log.split_view" in line for line in world.said)


def test_a_view_of_another_size_must_be_proved_and_cannot(world: World) -> None:
    """The Tax office asks for the proof; what the log signs of the earlier size convicts it."""
    world.births()
    head = forked(world, 0)
    world.births(5)
    world.hour()
    world.hour()
    ((one, other),) = views(world.tax)
    assert one == head
    assert (other.size, other.root != head.root) == (head.size, True)
    shown = world.health._evidence.checkpoints.kept
    assert world.tax._evidence.witnesses.seen.newest(HEALTH).checkpoint == head
    assert shown is not None
    told = world.health.status()["witnesses"]["asked"][TAX]
    assert "two views" in told["problem"]
    assert views(world.health) != []
    stored = [row[0] for row in world.tax.store.query("SELECT type FROM xl_messages")]
    assert SHOWN in stored


def test_a_log_set_back_with_its_trusted_store_is_found(world: World) -> None:
    """Nobody at home can know; a witness does, and the log's own node says it."""
    world.births()
    world.health.close()
    folder = world.instance.node_folder(HEALTH)
    shutil.copytree(folder, folder.with_name("backup"))
    world.health = world.open(HEALTH)
    world.births(20)
    world.hour()
    world.health.close()
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("backup"), folder)
    world.health = world.open(HEALTH)
    world.births()
    world.hour()
    assert any(line.startswith("log.set_back: ") for line in world.said)


def test_a_stranger_is_no_witness(world: World) -> None:
    """A checkpoint by a key that the registry does not list is refused, and who showed it knows."""
    world.births()
    checkpoints = world.health._evidence.checkpoints
    checkpoints.signer = Signer(HEALTH, Ed25519PrivateKey.generate())
    world.hour()
    told = world.health.status()["witnesses"]["asked"]
    assert told[CIVIL]["cosigned"] == told[TAX]["cosigned"] == 0
    assert "log.note_unsigned" in told[CIVIL]["problem"]
