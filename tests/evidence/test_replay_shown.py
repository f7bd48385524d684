"""``log replay --to queue`` and ``--to node``: recorded messages again, never as the originals."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from evening import Told, typed
from typer.testing import CliRunner

from tests.evidence.world import copied
from xroad_lite import strict_json
from xroad_lite.cli import app
from xroad_lite.messagelog.replays import ReplayTable
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node
from xroad_lite.replay.queue import replays
from xroad_lite.transports.replays import open_replays


def copy_of(told: Told, folder: Path) -> Path:
    """The folder of Civil's node in a copy of the instance."""
    shutil.copytree(told.instance.folder, folder)
    return folder / told.node.relative_to(told.instance.folder)


@pytest.mark.parametrize("which", ["bundle", "log"])
def test_a_worker_sees_payload_verdict_and_mark(told: Told, tmp_path: Path, which: str) -> None:
    """All that was accepted, in the log's order, byte for byte; the seal in it still holds."""
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    words = ("--to", "queue", "--queue", "replay.civil", "--transport", bus, "--node", told.node)
    found, code = typed(getattr(told, which), *words)
    assert (found["handled"], found["queue"], found["differences"], code) == (
        3,
        "replay.civil",
        [],
        0,
    )
    store = copied(told.log, tmp_path / "copy")
    with replays(bus, "replay.civil") as queue:
        seen = list(queue)
    assert [one.attributes.id for one in seen] == told.ids
    for one in seen:
        one.check()
        assert (one.salt, one.body) == store.body(one.entry)
        assert one.verdict == store.entry(one.entry).fields["verdict"]
        assert one.seal == store.seal(one.entry)
        assert one.received == store.entry(one.entry).fields["time"]
    assert [strict_json.loads(one.body)["gender"] for one in seen] == ["female", "male", "female"]


def test_some_are_chosen(told: Told, tmp_path: Path) -> None:
    """By id, by type, or beyond an entry; an id that was not accepted is named, exit code 1."""
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    words = ("--to", "queue", "--queue", "replay.one", "--transport", bus)
    found, code = typed(told.bundle, *words, "--id", told.ids[1], "--id", "unknown")
    assert (found["ok"], found["handled"], found["absent"], code) == (False, 1, ["unknown"], 1)
    assert typed(told.bundle, *words, "--type", "health.death")[0]["handled"] == 0
    assert typed(told.bundle, *words, "--after", found["last"])[0]["handled"] == 0
    with replays(bus, "replay.one") as queue:
        assert [one.attributes.id for one in queue] == [told.ids[1]]


def test_the_queue_is_at_the_nodes_transport(told: Told, tmp_path: Path) -> None:
    """Unless another is given: and the live nodes on it read none of it."""
    node = copy_of(told, tmp_path / "copy")
    with Node.open(node) as civil:
        civil.subscribe("health.birth")(lambda message: None)
        while civil.step():
            pass
        size, transport = civil.store.size, civil.settings.transport
        found, code = typed("--node", node, "--to", "queue", "--queue", "replay.civil")
        assert (found["handled"], code) == (3, 0)
        assert not civil.step()
        assert civil.store.size == size
    with replays(transport, "replay.civil", base=node) as queue:
        assert len(list(queue)) == 3


def test_confidential_bodies_stay_closed_on_the_way(tmp_path: Path) -> None:
    """The queue holds what was sent, encrypted, though the node could open it."""
    told = Told(tmp_path / "told", confidential=True)
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    words = ("--to", "queue", "--queue", "replay.civil", "--transport", bus)
    found, code = typed(told.bundle, *words)
    assert (found["handled"], found["closed"], code) == (0, 3, 0)
    found, code = typed(told.bundle, *words, "--node", told.node)
    assert (found["handled"], found["closed"], code) == (3, 0, 0)
    assert b"female" not in (tmp_path / "bus.sqlite3").read_bytes()
    with replays(bus, "replay.civil") as queue:
        for one in queue:
            one.check()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to", "queue"), "config.queue"),
        (("--queue", "replay.civil"), "config.queue"),
        (("--to", "handler", "--queue", "replay.civil"), "config.handler"),
        (
            ("--to", "queue", "--queue", "DEMO.GOV.CIVIL.registry.health.birth"),
            "config.replay_queue",
        ),
        (("--to", "queue", "--queue", "replay.x", "--transport", "ftp://x"), "config.transport"),
        (("--type", "health.birth"), "config.replay"),
        (("--to", "node"), "config.replay"),
    ],
)
def test_wrong_uses_are_said(told: Told, words: tuple[str, ...], code: str) -> None:
    """Before anything is read."""
    found, exit_code = typed(told.bundle, "--node", told.node, *words)
    assert (found["error"]["code"], exit_code) == (code, 2)
    assert found["error"]["hint"]


class AtWork:
    """A copy of the evening's node, at work in a thread."""

    def __init__(self, told: Told, folder: Path, **options: Any) -> None:
        self.folder = copy_of(told, folder)
        self.seen: list[tuple[int, bool]] = []
        self.node = Node.open(self.folder)
        self.node.subscribe("health.birth", **options)(self._see)
        self._thread = threading.Thread(target=self.node.run)

    def _see(self, message: Any) -> None:
        self.seen.append((message.entry, message.replay))

    def __enter__(self) -> AtWork:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.close()
        self._thread.join(20)


def test_the_running_node_shows_its_own_log_again(told: Told, tmp_path: Path) -> None:
    """To a subscription that takes replays, marked; its log does not grow, and verifies."""
    with AtWork(told, tmp_path / "copy", replays=True) as at_work:
        size = at_work.node.store.size
        found, code = typed("--node", at_work.folder, "--to", "node")
        assert (found["handled"], found["failed"], code) == (3, [], 0)
        again = found["last"]
        found, _ = typed("--node", at_work.folder, "--to", "node", "--after", again)
        assert (found["handled"], at_work.node.store.size) == (0, size)
        assert [replay for _, replay in at_work.seen] == [True] * 3
        assert ReplayTable(at_work.node.store).results() == {}
        assert verify_log(at_work.node.store).ok


def test_a_node_that_takes_no_replays_is_shown_none(told: Told, tmp_path: Path) -> None:
    """It is said how to take them; nothing is left that would be shown later."""
    with AtWork(told, tmp_path / "copy") as at_work:
        found, code = typed("--node", at_work.folder, "--to", "node", "--wait", "0.3")
        assert (found["handled"], len(found["failed"]), at_work.seen, code) == (0, 3, [], 1)
        assert "replays=True" in found["failed"][0]["message"]
        assert ReplayTable(at_work.node.store).due(time.time(), 9) == []


def test_a_replay_laid_into_a_live_queue_is_refused(told: Told, tmp_path: Path) -> None:
    """What an operator does by mistake, with what he read from the replay queue: check 1."""
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    typed(told.bundle, "--to", "queue", "--queue", "replay.civil", "--transport", bus)
    node = copy_of(told, tmp_path / "copy")
    with Node.open(node) as civil:
        seen: list[Any] = []
        civil.subscribe("health.birth", replays=True)(seen.append)
        queue = open_replays(bus, "replay.civil")
        rows = [(str(civil.id), one.seal, one.salt, one.body) for one in queue.take(10)]
        queue.close()
        civil._transport._connection.executemany(
            "INSERT INTO messages (recipient, lane, seal, salt, body)"
            " VALUES (?, 'health.birth', ?, ?, ?)",
            rows,
        )
        before = civil.store.size
        while civil.step():
            pass
        said = [civil.store.entry(index).fields["verdict"] for index in range(before, before + 3)]
        assert [(one["check"], one["code"]) for one in said] == [(1, "envelope.replay")] * 3
        assert seen == []
        assert civil.store.counters()["received.refused"] == 3
        assert verify_log(civil.store).ok
        again = typed(civil.store.path, "--node", node)[0]
        assert (again["judged"], again["unproven"], again["differences"]) == (3, 3, [])


def test_what_failed_is_named_for_people(told: Told, tmp_path: Path) -> None:
    """In a terminal: how many, what not, and from where to go on."""
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    words = ["log", "replay", str(told.bundle), "--to", "queue", "--queue", "replay.x"]
    done = CliRunner().invoke(app, [*words, "--transport", bus])
    assert "3 laid in the queue replay.x, marked as replays" in done.stdout
    assert "to go on from here later: --after" in done.stdout


def test_where_a_broken_queue_is_gone_on_with(told: Told, tmp_path: Path) -> None:
    """What lies there is said, and from which entry to go on."""
    bus = tmp_path / "bus.sqlite3"
    words = ("--to", "queue", "--queue", "replay.x", "--transport", f"embedded:{bus}")
    typed(told.bundle, *words, "--id", told.ids[0])
    with closing(sqlite3.connect(bus)) as full:
        full.execute(
            "CREATE TRIGGER full BEFORE INSERT ON messages"
            " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    for after, hint in ((-1, "put it right, and begin again"), (0, "go on with: --after 0")):
        found, code = typed(told.bundle, *words, "--after", after)
        assert (found["error"]["code"], code) == ("transport.unreachable", 4)
        assert "0 lie in the queue, and of the next 3 perhaps some" in found["error"]["message"]
        assert found["error"]["hint"] == hint
    with replays(f"embedded:{bus}", "replay.x") as queue:
        assert [one.attributes.id for one in queue] == told.ids[:1]
