"""A running node signs its log, and at start knows whether the log is the one that it signed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Verifier
from xroad_lite.messagelog.trusted import TrustedStore
from xroad_lite.node import Node, Settings
from xroad_lite.testing import BIRTH, HEALTH, TwoAgencies


def folder_of(two: TwoAgencies) -> Path:
    """Health's folder."""
    return two.instance.node_folder(HEALTH)


def kept(folder: Path) -> Checkpoint:
    """What the trusted store holds, verified by the node's public key."""
    key = Verifier.read((folder / "log-key.vkey").read_text().strip())
    return Checkpoint.open((folder / "trusted/checkpoint").read_bytes(), key)


def again(two: TwoAgencies) -> Node:
    """Health's node, opened once more."""
    return Node.open(folder_of(two), clock=two.clock)


def refused(two: TwoAgencies) -> LogError:
    """Why Health's node does not start; it says what to do, and another start says the same."""
    seen = []
    for _ in range(2):
        with pytest.raises(LogError) as caught:
            again(two)
        seen.append(caught.value)
    assert seen[0].code == seen[1].code
    assert seen[0].hint
    return seen[0]


def test_closing_signs_all_of_the_log(two: TwoAgencies) -> None:
    """The trusted store and the log's own table hold the checkpoint over every entry."""
    two.health.publish("health.birth", BIRTH)
    two.health.close()
    store = Store(folder_of(two) / "log.sqlite3", readonly=True)
    found = kept(folder_of(two))
    assert (found.origin, found.size, found.root) == (HEALTH, store.size, store.root())
    newest = CheckpointTable(store).newest()
    assert newest is not None
    assert str(newest.note).encode() == (folder_of(two) / "trusted/checkpoint").read_bytes()


def test_a_checkpoint_after_so_many_entries(instance, clock) -> None:
    """The number of entries that node.yaml names is enough, whatever the clock says."""
    settings = Settings.read(instance.node_folder(HEALTH), {})
    settings = settings.model_copy(
        update={"checkpoints": settings.checkpoints.model_copy(update={"entries": 2})}
    )
    with Node.open(settings, clock=clock) as node:
        for _ in range(3):
            node.publish("health.birth", BIRTH)
        signed(node)
        assert kept(settings.folder).size >= 3


def signed(node: Node) -> None:
    """Let the node work until its newest checkpoint is in the trusted store."""
    checkpoints = node._evidence.checkpoints
    assert checkpoints is not None
    while True:
        node.step()
        errand = checkpoints._errand
        if errand is None:
            return
        errand.done.wait(30)


def test_a_checkpoint_after_so_many_seconds(two: TwoAgencies) -> None:
    """A minute after the first entry that none covers; a log that stands still is not signed."""
    two.health.publish("health.birth", BIRTH)
    signed(two.health)
    assert not (folder_of(two) / "trusted/checkpoint").exists()
    for _ in range(3):
        two.clock.turn(61)
        signed(two.health)
    first = kept(folder_of(two))
    assert first.size <= two.health.store.size
    assert [one.checkpoint.size for one in two.health._evidence.checkpoints.table.all()] == [
        first.size
    ]


def test_a_log_set_back_is_noticed(two: TwoAgencies) -> None:
    """A backup put back in the log's place is refused by name, and nothing is written to it."""
    log = folder_of(two) / "log.sqlite3"
    two.health.close()
    shutil.copy(log, log.with_suffix(".backup"))
    with again(two) as node:
        node.publish("health.birth", BIRTH)
    shutil.copy(log.with_suffix(".backup"), log)
    before = Store(log, readonly=True).size
    assert refused(two).code == "log.set_back"
    assert Store(log, readonly=True).size == before


def test_a_log_written_anew_is_noticed(two: TwoAgencies) -> None:
    """As many entries, but others: the log does not follow its checkpoint."""
    two.health.publish("health.birth", BIRTH)
    two.health.close()
    (folder_of(two) / "log.sqlite3").unlink()
    with pytest.raises(LogError) as caught:
        again(two)
    assert caught.value.code == "log.set_back"
    (folder_of(two) / "trusted/checkpoint").rename(folder_of(two) / "checkpoint")
    with again(two) as node:
        for _ in range(4):
            node.publish("health.birth", BIRTH)
    (folder_of(two) / "checkpoint").rename(folder_of(two) / "trusted/checkpoint")
    assert refused(two).code == "log.rewritten"


def test_a_trusted_store_that_is_gone_is_noticed(two: TwoAgencies) -> None:
    """Who sets back the log would remove it; the log's own table knows that there was one."""
    two.health.close()
    (folder_of(two) / "trusted/checkpoint").unlink()
    assert refused(two).code == "log.trusted_missing"


def test_a_trusted_store_that_was_set_back_is_said(two: TwoAgencies) -> None:
    """The log follows it, so the node goes on, and says so."""
    trusted = folder_of(two) / "trusted/checkpoint"
    two.health.close()
    earlier = trusted.read_bytes()
    with again(two) as node:
        node.publish("health.birth", BIRTH)
    trusted.write_bytes(earlier)
    said: list[str] = []
    with Node.open(folder_of(two), clock=two.clock, talk=said.append):
        pass
    assert "set back" in said[0]


@pytest.mark.parametrize(
    ("what", "code"),
    [("key", "log.no_key"), ("other", "log.other_log"), ("bytes", "log.trusted_store")],
)
def test_what_is_not_this_logs_is_refused(two: TwoAgencies, what: str, code: str) -> None:
    """A key that is gone, another log's checkpoint, bytes that are none."""
    two.health.close()
    two.civil.close()
    folder = folder_of(two)
    if what == "key":
        (folder / "log-key.vkey").unlink()
    elif what == "other":
        shutil.copy(folder.parent / "civil/trusted/checkpoint", folder / "trusted/checkpoint")
    else:
        (folder / "trusted/checkpoint").write_bytes(b"\x00" * 100)
    assert refused(two).code == code


def test_a_copy_of_the_log_cannot_run_beside_it(two: TwoAgencies, tmp_path: Path) -> None:
    """A second storage with the same trusted store is refused, and told who is at work."""
    folder = tmp_path / "copy"
    shutil.copytree(folder_of(two), folder)
    yaml = (folder / "node.yaml").read_text()
    yaml = yaml.replace("../../", f"{two.instance.folder}/")
    (folder / "node.yaml").write_text(yaml + f"trusted: {folder_of(two) / 'trusted'}\n")
    with pytest.raises(LogError) as caught:
        Node.open(folder, clock=two.clock)
    assert caught.value.code == "log.held"
    assert "process" in caught.value.message


def test_who_was_overtaken_stops(two: TwoAgencies) -> None:
    """When another has written to the trusted store, nothing is sealed or received any more."""
    trusted = folder_of(two) / "trusted/lease"
    lease = json.loads(trusted.read_bytes())
    TrustedStore(trusted).swap(
        trusted.read_bytes(), json.dumps(lease | {"epoch": lease["epoch"] + 1}).encode()
    )
    two.health.publish("health.birth", BIRTH)
    size = two.health.store.size
    two.health._evidence.checkpoints._tenancy._until = 0.0
    for act in (two.health.step, lambda: two.health.publish("health.birth", BIRTH)):
        with pytest.raises(LogError) as caught:
            act()
        assert caught.value.code == "log.forked"
    assert two.health.store.size == size


def test_a_standby_takes_over(two: TwoAgencies) -> None:
    """It waits while the other works, says so, and goes on with the same log."""
    said: list[str] = []

    def talk(text: str) -> None:
        said.append(text)
        two.health.publish("health.birth", BIRTH)
        two.health.close()

    with Node.open(folder_of(two), clock=two.clock, talk=talk, standby=True) as node:
        assert node.status()["checkpoint"]["epoch"] == 2
        node.publish("health.birth", BIRTH)
    assert said[0].startswith("standing by: process ")


def test_a_node_without_a_log_key_runs(instance, clock) -> None:
    """It signs nothing, and says that there is no checkpoint."""
    for one in instance.node_folder(HEALTH).glob("log-key*"):
        one.unlink()
    with Node.open(instance.node_folder(HEALTH), clock=clock) as node:
        node.publish("health.birth", BIRTH)
        assert node.status()["checkpoint"] is None
    assert not (instance.node_folder(HEALTH) / "trusted").exists()
