"""``log audit``: two parties' logs against each other; what is missing in one is named."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.evidence.world import copied
from xroad_lite.audit import between, differences
from xroad_lite.audit.exporting import Registry, export
from xroad_lite.audit.gathering import material_of
from xroad_lite.audit.opening import open_evidence
from xroad_lite.cli import app
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import sink
from xroad_lite.messagelog.seen import Seen, SeenTable
from xroad_lite.node import Node, Settings
from xroad_lite.node.evidence import log_keys
from xroad_lite.registry import RegistryFolder
from xroad_lite.testing import (
    BIRTH,
    CIVIL,
    HEALTH,
    LAW,
    PURPOSE,
    Clock,
    TwoAgencies,
    two_agency_instance,
)

RECEIPT, OPEN_TYPE = "xroad.receipt", "citizens.person"


def lose_outbox(node: Node) -> None:
    """What waits to be sent is lost, as if a broker had taken it."""
    outbox = node._sender.outbox
    outbox.confirmed([row.index for row in outbox.due(-1, float("inf"), 10_000)])


class Story:
    """Two agencies that may lose what they send, and the two logs as they are then."""

    def __init__(self, two: TwoAgencies) -> None:
        self.two = two

    def send(self, lost: bool = False) -> int:
        """A birth, perhaps lost on the way; its entry at Health's."""
        self.two.health.publish("health.birth", BIRTH)
        if lost:
            lose_outbox(self.two.health)
        self.two.settle()
        rows = self.two.health.store.query(
            "SELECT max(idx) FROM xl_messages WHERE direction = 'out' AND type = 'health.birth'"
        )
        return int(rows[0][0])

    def witnessed(self) -> None:
        """The Civil Registry holds Health's newest checkpoint."""
        note = self.two.health._evidence.checkpoints.sign_now(self.two.clock())
        SeenTable(self.two.civil.store).create()
        SeenTable(self.two.civil.store).hold(Seen(self.two.clock(), HEALTH, note))

    @property
    def logs(self) -> tuple[Path, Path]:
        """Health's, and the Civil Registry's."""
        return self.two.health.store.path, self.two.civil.store.path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The instance, whose births ask for receipts."""
    instance = two_agency_instance(tmp_path_factory.mktemp("built"), now=time.time() - 60)
    file = instance.source / "agreements/births-1.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"receipt": True}))
    instance.add_agreement(
        "closures",
        provider=HEALTH,
        consumer=None,
        open=True,
        operation="publish",
        types=[OPEN_TYPE],
        purposes=[PURPOSE],
        title={"en": "Open data"},
        basis={"en": "A law on open data"},
        basis_iri=LAW,
    )
    instance.publish(time.time() - 50)
    return instance


@pytest.fixture
def story(built: Any, tmp_path: Path) -> Any:
    """Both at work."""
    import copy

    shutil.copytree(built.folder, tmp_path / "instance")
    instance, clock = copy.copy(built), Clock()
    instance.folder = tmp_path / "instance"
    with (
        Node.open(instance.node_folder(HEALTH), clock=clock) as health,
        Node.open(instance.node_folder(CIVIL), clock=clock) as civil,
    ):
        civil.subscribe("health.birth")(lambda message: None)
        yield Story(TwoAgencies(instance, health, civil, clock))


def held(*places: Path) -> differences.Held:
    """The two against each other."""
    one, other = (open_evidence(place) for place in places)
    return between.hold((one, other))


def kinds(found: differences.Held) -> dict[str, int]:
    """How many differences of each kind."""
    return {kind: count for (kind, _), count in found.kinds.items()}


def typed(*words: object) -> tuple[dict[str, Any], int]:
    """What the command says, and its exit code."""
    done = CliRunner().invoke(app, ["log", "audit", *map(str, words), "--json"])
    return json.loads(done.stdout), done.exit_code


def rewritten(log: Path, place: Path, leave_out: set[int], change: Any = None) -> Path:
    """A log without some entries, its tree made anew: what a party might keep instead of its own.

    ``change`` may give another leaf for one.
    """
    store = copied(log, place)
    rows = {index: (salt, body) for index, salt, body in store.query(
        "SELECT idx, salt, body FROM xl_bodies")}  # fmt: skip
    leaves = [one for one in store.entries() if one[0] not in leave_out]
    for table in ("xl_entries", "xl_hashes", "xl_bodies", "xl_messages", "xl_outbox"):
        store.execute(f"DELETE FROM {table}")
    store.close()
    store = Store(place)
    with store.transaction():
        for before, leaf in leaves:
            new = store.append(leaf if change is None else change(before, leaf))
            if before in rows:
                store.insert("xl_bodies", new, *rows[before], None)
    store.close()
    return place


def bundle(node: Node, place: Path, choice: Choice | None = None) -> Path:
    """A bundle of a node's log."""
    node._evidence.checkpoints.sign_now(time.time())
    settings = Settings.read(node.settings.folder, {})
    keys = log_keys(settings)
    anchor = settings.path(settings.root).read_bytes()
    mirror = RegistryFolder(settings.registry_client().mirror.path, anchor)
    store = Store(node.store.path, readonly=True)
    export(
        sink(place),
        store,
        material_of(store, list(keys.verifiers())),
        choice or Choice(),
        signer=keys.signer(lambda _: True),
        registry=Registry(mirror, anchor),
    )
    store.close()
    return place


def test_nothing_differs(story: Story) -> None:
    """Births one way, receipts the other; exit code 0."""
    story.send()
    story.send()
    found, code = typed(*story.logs)
    assert (found["verdict"], found["differences"], code) == ("established", [], 0)
    births, receipts = found["ways"]
    assert (births["sent"], births["received"]) == (2, 2)
    assert receipts["source"] == CIVIL
    assert receipts["sent"] == receipts["received"] == 4  # received and handled, of each


def test_bundles_say_the_same_as_logs(story: Story, tmp_path: Path) -> None:
    """A folder and a zip; in the other order too."""
    story.send()
    story.send(lost=True)
    story.send()
    places = (
        bundle(story.two.health, tmp_path / "health"),
        bundle(story.two.civil, tmp_path / "c.zip"),
    )
    found = held(*places)
    assert kinds(found) == {"absent": 1} == kinds(held(*places[::-1])) == kinds(held(*story.logs))
    assert found.verdict == differences.WRONG


def test_what_was_lost_is_named_with_what_proves_it(story: Story) -> None:
    """By number, id and entry; by the sender's word, then by a checkpoint that the other saw."""
    story.send()
    lost = story.send(lost=True)
    story.send()
    (one,) = held(*story.logs).differences
    assert (one.kind, one.number, one.sent, one.received) == ("absent", 2, lost, None)
    assert one.said.endswith("number 3 came after it; that it was logged is the sender's word")
    story.witnessed()
    found, code = typed(*story.logs)
    (one,) = found["differences"]
    assert f"{CIVIL} saw the sender's log with it" in one["said"]
    assert code == 1


def test_the_last_may_be_on_its_way(story: Story) -> None:
    """Nothing came after it, and an hour is not over: exit code 3; then it is lost."""
    story.send()
    story.send(lost=True)
    found, code = typed(*story.logs)
    assert ([one["kind"] for one in found["differences"]], code) in (
        (["on its way"], 3),
        (["ends"], 3),
    )
    story.two.clock.turn(3700)
    story.two.civil.store.append(entries.snapshot(story.two.clock(), "1:x"))
    assert kinds(held(*story.logs)) == {"absent": 1}


def test_what_waits_or_expired_is_no_ones_fault(story: Story) -> None:
    """The outbox and the log of the sender say so; exit code 0."""
    story.send()
    health = story.two.health
    health._transport.close()
    health.publish("health.birth", BIRTH, expires=story.two.clock() + 10)
    assert kinds(held(*story.logs)) == {"waiting": 1}
    story.two.clock.turn(11)
    health._sender.drop_expired(story.two.clock())
    found, code = typed(*story.logs)
    assert ([one["kind"] for one in found["differences"]], code) == (["expired"], 0)


def test_a_log_that_leaves_out_what_it_answered(story: Story, tmp_path: Path) -> None:
    """Its own receipts, sealed, are in the other log."""
    story.send()
    index = story.send()
    civil, id_ = story.two.civil.store, story.two.health.store.entry(index).attributes()["id"]
    about = {
        one
        for one, leaf in civil.entries()
        if id_.encode() in leaf and entries.read(leaf).fields.get("direction") == "in"
    }
    without = rewritten(story.logs[1], tmp_path / "civil", about)
    found = held(story.logs[0], without)
    (one,) = found.differences
    assert (one.kind, one.sent, found.verdict) == ("omitted", index, differences.WRONG)


def test_a_sender_that_leaves_out_what_it_sealed(story: Story, tmp_path: Path) -> None:
    """The other has it, under its seal; so does a number that is in neither log tell."""
    story.send()
    index = story.send()
    story.send()
    without = rewritten(story.logs[0], tmp_path / "health", {index})
    found = held(without, story.logs[1])
    assert kinds(found) == {"unlogged": 1}
    (one,) = found.differences
    assert (one.number, one.sent, found.verdict) == (2, None, differences.WRONG)
    index = story.send(lost=True)
    story.send()
    both = held(rewritten(story.logs[0], tmp_path / "again", {index}), story.logs[1])
    (one,) = both.differences
    assert (one.kind, one.number) == ("number", 4)


def test_a_log_that_showed_another_view(story: Story, tmp_path: Path) -> None:
    """The other saw a checkpoint that this log never had; of a shorter one nothing is said."""
    story.send()
    index = story.send()
    story.witnessed()
    story.send()
    assert kinds(held(*story.logs)) == {}
    without = rewritten(story.logs[0], tmp_path / "health", {index})
    assert kinds(held(without, story.logs[1])) == {"view": 1, "unlogged": 1}
    size = story.two.health.store.size
    short = rewritten(story.logs[0], tmp_path / "short", set(range(3, size)))
    found = held(short, story.logs[1])
    assert ("view", differences.OPEN) in found.kinds


def sent_to_everybody(story: Story, lost: bool = False) -> tuple[int, str]:
    """Open data, perhaps lost on the way; its entry at Health's, and its id."""
    person = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1"}
    person["fechaNacimiento"] = "2026-03-14"
    id = str(story.two.health.publish(OPEN_TYPE, person))
    if lost:
        lose_outbox(story.two.health)
    story.two.settle()
    ((index,),) = story.two.health.store.query("SELECT idx FROM xl_messages WHERE id = ?", (id,))
    return index, id


def test_open_data_that_was_not_heard_is_no_ones_fault(story: Story) -> None:
    """What goes to everybody is named where it did not come, and only there; exit code 0.

    Addressed to the receiver, the very same loss is wrong.
    """
    heard: list[object] = []
    story.two.civil.subscribe(OPEN_TYPE)(heard.append)
    story.send()
    sent_to_everybody(story)
    entry, id = sent_to_everybody(story, lost=True)
    sent_to_everybody(story)
    found, code = typed(*story.logs)
    (one,) = found["differences"]
    assert (one["kind"], one["sent"], one["id"], one["number"]) == ("not heard", entry, id, 2)
    assert (one["received"], one["verdict"], found["verdict"], code) == (
        None,
        "named",
        "established",
        0,
    )
    assert len(heard) == 2
    story.send(lost=True)
    story.send()
    assert kinds(held(*story.logs)) == {"not heard": 1, "absent": 1}


def test_open_data_without_a_listener(story: Story) -> None:
    """Each is named once, whatever else went well."""
    sent = [sent_to_everybody(story)[0] for _ in range(2)]
    story.send()
    found = held(*story.logs)
    assert kinds(found) == {"not heard": 2}
    assert [one.sent for one in found.differences] == sent


def numbered_again(story: Story) -> list[str]:
    """Health's key seals two births with one number, as a log that was set back does; their ids."""
    health = story.two.health
    story.send()
    health.store.execute(
        "UPDATE xl_sequences SET last = last - 1 WHERE direction = 'out' AND peer = ?", (CIVIL,)
    )
    health.store._sequences.clear()
    story.send()
    rows = health.store.query(
        "SELECT id FROM xl_messages WHERE direction = 'out' AND type = 'health.birth'"
        " ORDER BY idx DESC LIMIT 2"
    )
    return [row[0] for row in rows]


def test_two_messages_of_one_number(story: Story) -> None:
    """Both came and both are in both logs: the number and the two ids are named."""
    story.send()
    ids = numbered_again(story)
    story.send()
    story.two.settle()
    assert all(row[0] for row in story.two.civil.store.query(
        "SELECT result = 'accepted' FROM xl_messages WHERE id IN (?, ?)", ids))  # fmt: skip
    found, code = typed(*story.logs)
    (one,) = found["differences"]
    assert (one["kind"], one["number"], one["verdict"], code) == ("one number twice", 2, "wrong", 1)
    assert f"number 2: {min(ids)} and {max(ids)}" in one["said"]


def test_one_number_in_each_of_the_two_logs(story: Story, tmp_path: Path) -> None:
    """The sender keeps another message of that number than the one that the receiver has."""
    second, first = numbered_again(story)
    indexes = {
        id: node.store.query("SELECT idx FROM xl_messages WHERE id = ?", (id,))[0][0]
        for id, node in ((first, story.two.health), (second, story.two.civil))
    }
    sender, receiver = story.logs
    mine = rewritten(sender, tmp_path / "sender", {indexes[first]})
    theirs = rewritten(receiver, tmp_path / "receiver", {indexes[second]})
    assert kinds(held(mine, receiver))["one number twice"] == 1
    found = kinds(held(mine, theirs))
    assert found["one number twice"] == found["unlogged"] == 1


def test_a_changed_body_and_an_invented_message(story: Story, tmp_path: Path) -> None:
    """The body of one is another; of another the seal does not hold."""
    index = story.send()
    story.send()
    log = copied(story.logs[1], tmp_path / "civil")
    came = log.query("SELECT idx FROM xl_messages WHERE direction = 'in' ORDER BY idx")[0][0]
    log.execute("UPDATE xl_bodies SET body = x'7b7d' WHERE idx = ?", (came,))
    log.close()
    (one,) = held(story.logs[0], tmp_path / "civil").differences
    assert (one.kind, one.sent, one.received) == ("changed", index, came)

    def other(at: int, leaf: bytes) -> bytes:
        return leaf.replace(b"0000000000000001", b"0000000000000009") if at == came else leaf

    invented = rewritten(story.logs[1], tmp_path / "invented", set(), other)
    found = held(story.logs[0], invented)
    assert kinds(found) == {"omitted": 1, "forged": 1}


def test_another_signature_over_the_same_words(story: Story, tmp_path: Path) -> None:
    """What came is not byte for byte what was sent."""
    story.send()
    came = story.two.civil.store.query(
        "SELECT idx FROM xl_messages WHERE direction = 'in' ORDER BY idx"
    )[0][0]
    fields = story.two.civil.store.entry(came).fields
    other = fields["signature"][::-1]

    def change(at: int, leaf: bytes) -> bytes:
        return leaf.replace(fields["signature"].encode(), other.encode()) if at == came else leaf

    log = rewritten(story.logs[1], tmp_path / "civil", set(), change)
    assert kinds(held(story.logs[0], log)) == {"changed": 1}


def test_a_receipt_that_its_own_log_contradicts(story: Story, tmp_path: Path) -> None:
    """It told that it handled the message; its log no more."""
    story.send()
    outcome = next(
        index
        for index, leaf in story.two.civil.store.entries()
        if entries.read(leaf).kind == "outcome"
    )
    log = rewritten(story.logs[1], tmp_path / "civil", {outcome})
    found = held(story.logs[0], log)
    assert kinds(found) == {"contradicted": 1}
    assert "'handled'" in found.differences[0].said


def test_an_erased_body_could_not_be_compared(story: Story, tmp_path: Path) -> None:
    """It is said, and is not wrong."""
    story.send()
    log = copied(story.logs[1], tmp_path / "civil")
    log.execute("DELETE FROM xl_bodies WHERE idx = (SELECT min(idx) FROM xl_bodies)")
    log.close()
    found, code = typed(story.logs[0], tmp_path / "civil")
    (one,) = found["differences"]
    assert (one["kind"], one["verdict"], code) == ("body", "named", 0)
    assert one["said"].endswith(CIVIL)


def test_what_was_not_chosen_could_not_be_established(story: Story, tmp_path: Path) -> None:
    """A bundle of one message says nothing of the others."""
    story.send()
    index = story.send()
    id_ = story.two.health.store.entry(index).attributes()["id"]
    chosen = bundle(story.two.health, tmp_path / "chosen", Choice(ids=(id_,)))
    found, code = typed(chosen, story.logs[1])
    assert {one["kind"] for one in found["differences"]} == {"not chosen"}
    assert code == 3


def test_a_refused_message_is_named(story: Story) -> None:
    """It came, and did not pass: the logs agree on it."""
    story.two.civil.close()
    with Node.open(story.two.civil.settings, clock=story.two.clock) as civil:
        two = TwoAgencies(story.two.instance, story.two.health, civil, story.two.clock)
        civil.subscribe("health.birth")(lambda message: None)
        again = Story(two)
        two.health.publish("health.birth", BIRTH, expires=story.two.clock() + 5)
        two.health.step()
        story.two.clock.turn(60)
        two.settle()
        found = held(*again.logs)
    assert found.verdict is None
    assert kinds(found) == {"refused": 1}


@pytest.mark.parametrize("place", ["same", "nothing"])
def test_what_cannot_be_held_is_said(story: Story, tmp_path: Path, place: str) -> None:
    """One party twice, and a log of nobody."""
    Store(tmp_path / "nothing").close()
    places = {"same": story.logs[0], "nothing": tmp_path / "nothing"}
    story.send()
    found, code = typed(story.logs[0], places[place])
    expected = {"same": "log.one_party", "nothing": "log.whose"}[place]
    assert (found["error"]["code"], code) == (expected, 1)
