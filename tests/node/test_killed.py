"""Two real processes, killed with SIGKILL at twenty random moments: nothing lost, nothing twice."""

import multiprocessing
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from receiving_process import receive
from sending_process import send

import xroad_lite
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.testing import CIVIL, HEALTH, LAW, PURPOSE, two_agency_instance

pytestmark = pytest.mark.long

KILLS, COUNT, SEED = 20, 400, 20260921
HERE = Path(__file__).parent


class Process:
    """One of the two, started again and again: a child of a server that has its imports ready."""

    def __init__(self, context, run, *given):
        self._context, self._run, self._given = context, run, given
        self.start()

    def start(self):
        """Start it; it says when it has opened its node."""
        self._ready, says = self._context.Pipe(duplex=False)
        self.child = self._context.Process(target=self._run, args=(*self._given, says))
        self.child.start()
        says.close()

    def wait_until_ready(self):
        """Wait for its first word."""
        assert self._ready.poll(30)
        assert self._ready.recv() == "ready"

    def kill(self):
        """End it as a power cut would, with SIGKILL."""
        self.child.kill()
        self.child.join()

    def end(self, seconds=30):
        """Wait for its end; gives its exit code."""
        self.child.join(seconds)
        return self.child.exitcode


def check_log(path):
    """The entries are numbered without a gap, the tree is theirs, and all of it verifies."""
    store = Store(path, readonly=True)
    leaves = list(store.entries())
    assert [index for index, _ in leaves] == list(range(len(leaves)))
    stored = []
    for size, (_, leaf) in enumerate(leaves):
        stored += merkle.Edge.read(size, stored.__getitem__).add(merkle.leaf_hash(leaf))
    assert store.root() == merkle.root(len(leaves), stored.__getitem__)
    verification = verify_log(store)
    assert verification.ok, verification.findings[:3]
    sequences = [
        int(entries.read(leaf).attributes()["sequence"])
        for _, leaf in leaves
        if entries.read(leaf).fields.get("direction") == "out"
    ]
    assert sequences == list(range(1, len(sequences) + 1))
    return store, len(sequences)


def heard_by(folder):
    """How many registrations Health has heard so far."""
    store = Store(folder / "log.sqlite3", readonly=True)
    (count,) = store.query("SELECT count(*) FROM heard")[0]
    store.close()
    return count


def test_twenty_kills_lose_nothing_and_repeat_nothing(tmp_path, monkeypatch):
    """Every birth is registered once and every registration heard once; both logs add up."""
    instance = two_agency_instance(tmp_path, now=time.time() - 60)
    instance.add_agreement(
        "registered",
        provider=CIVIL,
        consumer=HEALTH,
        operation="publish",
        types=["citizens.birth-registered"],
        purposes=[PURPOSE],
        title={"en": "Registered births"},
        basis={"en": "Civil Registration Act"},
        basis_iri=LAW,
    )
    instance.publish(time.time() - 30)
    health, civil = instance.node_folder(HEALTH), instance.node_folder(CIVIL)
    rnd = random.Random(SEED)
    paths = [str(Path(xroad_lite.__file__).parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sending_process", "receiving_process", "rdflib"])
    sender = Process(context, send, health, COUNT)
    receiver = Process(context, receive, civil)
    both, unfinished = [sender, receiver], 0
    try:
        for one in both:
            one.wait_until_ready()
        for _ in range(KILLS // 2):
            for one in rnd.sample(both, 2):
                time.sleep(rnd.uniform(0.0, 0.15))
                one.kill()
                unfinished += heard_by(health) < COUNT
            for one in both:
                one.start()
            for one in both:
                one.wait_until_ready()
        assert sender.end() == 0
        receiver.child.terminate()
        assert receiver.end() == 0
    finally:
        for one in both:
            one.kill()
    assert unfinished >= KILLS // 2  # the kills came in the middle of the work
    store, published = check_log(health / "log.sqlite3")
    assert published == COUNT
    heard = store.query("SELECT birth, code FROM heard")
    store.close()
    store, registered = check_log(civil / "log.sqlite3")
    assert registered == COUNT
    persons = store.query("SELECT birth, code, subject FROM persons ORDER BY rowid")
    store.close()
    assert Counter(birth for birth, _, _ in persons) == Counter(f"B-{n}" for n in range(COUNT))
    assert sorted(heard) == sorted((birth, code) for birth, code, _ in persons)
    for subject in range(7):
        order = [int(birth[2:]) for birth, _, one in persons if one == f"s-{subject}"]
        assert order == sorted(order)
