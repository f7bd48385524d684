"""The trusted store fails, the process is killed, a clock is set back: no fork, no false alarm."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from signing_process import sign
from test_killed import HERE

import xroad_lite
from tests.faults.chaos import CHAOS
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import read
from xroad_lite.messagelog.trusted import TrustedStore
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import BIRTH, HEALTH, Clock, TwoAgencies, two_agency_instance

KILLS, SEED = 200 if CHAOS else 4, int(os.environ.get("XROAD_LITE_CHAOS_SEED", "20261122"))


class Faults:
    """Makes one write to the trusted store fail, before it is done or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes, self.fail_at, self.persists = 0, -1, False
        whole = TrustedStore._replace
        outer = self

        def replace(store: TrustedStore, data: bytes) -> None:
            outer.writes += 1
            failing = outer.writes == outer.fail_at
            if failing and not outer.persists:
                raise OSError(5, "Input/output error")
            whole(store, data)
            if failing:
                raise OSError(5, "Input/output error")

        monkeypatch.setattr(TrustedStore, "_replace", replace)


@contextmanager
def may_fail() -> Iterator[None]:
    """The trusted store may be said to fail here, and nothing else."""
    try:
        yield
    except LogError as error:
        if error.code != "log.trusted_store":
            raise


def a_day(open_node: Callable[[], Node]) -> list[str]:
    """A node starts, publishes, signs, renews and ends; gives what was acknowledged."""
    acknowledged = []
    with open_node() as node:
        checkpoints = node._evidence.checkpoints
        assert checkpoints is not None
        for _ in range(2):
            acknowledged.append(node.publish("health.birth", BIRTH))
            with may_fail():
                checkpoints.sign_now(node.now())
        checkpoints._tenancy._until = 0.0
        for _ in range(2):
            with may_fail():
                acknowledged.append(node.publish("health.birth", BIRTH))
    return acknowledged


@pytest.mark.parametrize("persists", [False, True], ids=["not persisted", "but persisted"])
def test_each_write_of_the_trusted_store_fails(
    instance: DevelopmentInstance, clock: Clock, monkeypatch: pytest.MonkeyPatch, persists: bool
) -> None:
    """The node goes on or says so; the next start finds a log that follows, with all of it."""
    faults, acknowledged = Faults(monkeypatch), []
    folder = instance.node_folder(HEALTH)

    def again() -> Node:
        return Node.open(folder, clock=clock, talk=lambda _: None)

    a_day(again)
    once, faults.persists = faults.writes, persists
    for number in range(1, once + 1):
        faults.writes, faults.fail_at = 0, number
        with may_fail() if number == 1 else nullcontext():  # the lease at the start
            acknowledged += a_day(again)
    faults.fail_at = -1
    acknowledged += a_day(again)
    store = Store(folder / "log.sqlite3", readonly=True)
    sent = {store.entry(index).attributes().get("id") for index in range(store.size)}
    assert set(acknowledged) <= sent
    assert verify_log(store).ok
    kept = Checkpoint.read(read((folder / "trusted/checkpoint").read_bytes()))
    assert (kept.size, kept.root) == (store.size, store.root())


def test_kills_make_no_false_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was killed, the next start finds a log that follows what was signed of it."""
    instance = two_agency_instance(tmp_path, now=time.time() - 60)
    folder, rnd = instance.node_folder(HEALTH), random.Random(SEED)
    paths = [str(Path(xroad_lite.__file__).parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["signing_process", "rdflib"])
    acknowledged = epochs = 0
    for _ in range(KILLS):
        mine, says = context.Pipe(duplex=False)
        child = context.Process(target=sign, args=(folder, says))
        child.start()
        says.close()
        try:
            for _ in range(rnd.randrange(1, 30)):
                assert mine.poll(60)
                acknowledged = max(acknowledged, mine.recv())
        finally:
            child.kill()
            child.join()
        epochs += 1
        while mine.poll(0):
            try:
                acknowledged = max(acknowledged, mine.recv())
            except EOFError:
                break
    with Node.open(folder) as node:
        assert node.store.size >= acknowledged
        assert node.status()["checkpoint"]["epoch"] == epochs + 1
        assert node.status()["checkpoint"]["size"] is not None
    assert verify_log(Store(folder / "log.sqlite3", readonly=True)).ok


def test_a_clock_set_back_stops_nothing(two: TwoAgencies) -> None:
    """Checkpoints are signed and the lease is kept, whatever the clock says."""
    checkpoints = two.health._evidence.checkpoints
    assert checkpoints is not None
    two.health.publish("health.birth", BIRTH)
    checkpoints.sign_now(two.clock())
    before = checkpoints.kept
    two.clock.turn(-3600)
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    errand = checkpoints._errand
    assert errand is not None
    assert errand.done.wait(30)
    two.health.step()
    assert before is not None
    assert checkpoints.kept is not None
    assert checkpoints.kept.size > before.size
