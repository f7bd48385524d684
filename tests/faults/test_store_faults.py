"""The store when the disk fails: what was acknowledged is there, and all of it adds up.

Each write fails in two ways, before it is on the disk and after. The process is killed, the disk
is full, cannot be written, or the clock is set back.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import subprocess
import time
from contextlib import suppress

import pytest
from chaos import CHAOS
from scribe import REFUSED, Scribe

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Inbox, Outbox, Store, entries
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.segments import ends_by_entries, segments
from xroad_lite.messagelog.retention import Retention
from xroad_lite.messagelog.search import Criteria, Index, search
from xroad_lite.messagelog.upkeep.backup import backup
from xroad_lite.messagelog.upkeep.fsck import fsck
from xroad_lite.messagelog.verification import verify_log

NOW = 1_790_000_000.0
KILLS = 200 if CHAOS else 10
SEED = int(os.environ.get("XROAD_LITE_CHAOS_SEED", "20261122"))


def adds_up(path):
    """The log opened anew, whole; its store is given, to look further."""
    store = Store(path, readonly=True)
    assert fsck(store).findings == []
    assert verify_log(store).findings == []
    return store


def state(path):
    """All that is in a store, but for sqlite's own tables."""
    store = Store(path, readonly=True)
    names = store.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'xl_%'")
    found = {name: sorted(store.query(f"SELECT * FROM {name}"), key=repr) for (name,) in names}
    store.close()
    return found


# each write fails


EMPTY = (b"", b"", b"")


class Failing:
    """A connection of which one command fails: before it is done, or when it is done."""

    def __init__(self, connection, number, *, persisted, command="COMMIT"):
        self.connection, self.left = connection, number
        self.persisted, self.command = persisted, command

    def _run(self, run, sql, *values):
        if not sql.startswith(self.command):
            return run(sql, *values)
        self.left -= 1
        if self.left == 0 and self.persisted:
            run(sql, *values)
        if self.left == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return run(sql, *values)

    def execute(self, sql, *values):
        """One statement."""
        return self._run(self.connection.execute, sql, *values)

    def executemany(self, sql, rows):
        """One statement for many rows."""
        return self._run(self.connection.executemany, sql, rows)

    def __getattr__(self, name):
        return getattr(self.connection, name)


@pytest.fixture
def scribe(tmp_path, es256):
    """Who writes in a store that has something of everything."""
    written = Scribe(Store(tmp_path / "log.sqlite3"), es256)
    for number in range(3):
        written.send(NOW + number)
        written.receive(NOW + number, sequence=f"{number + 1:016d}")
    written.receive(NOW, verdict=REFUSED, keep_until=NOW)
    Outbox(written.store).add(0, "A", "x")
    yield written
    written.store.close()


def grouped(scribe):
    """Several messages in one transaction, as a node's group commit."""
    with scribe.store.transaction():
        for number in range(4):
            index = scribe.send(NOW + number)
            Outbox(scribe.store).add(index, "A", "x")
        scribe.handled(NOW, 1)
        scribe.store.count("sent")
        scribe.store.set_meta("a", "b")


WRITES = {
    "an entry": lambda scribe: scribe.store.append(entries.snapshot(NOW, "1:x")),
    "a message sent": lambda scribe: scribe.send(NOW),
    "a message received": lambda scribe: scribe.receive(NOW, sequence=f"{4:016d}"),
    "a group of messages": grouped,
    "a message handled": lambda scribe: scribe.handled(NOW, 1),
    "an outbox row": lambda scribe: Outbox(scribe.store).add(2, "A", "x"),
    "a confirmation": lambda scribe: Outbox(scribe.store).confirmed([0]),
    "a retry": lambda scribe: Inbox(scribe.store).retry(1, NOW, "x", "x"),
    "a dead letter": lambda scribe: Inbox(scribe.store).bury(1, "x", "x"),
    "an undecided one": lambda scribe: Inbox(scribe.store).hold("x", "A", EMPTY, "x", None, 0),
    "an erasure": lambda scribe: Retention(scribe.store).erase(NOW),
    "a sequence": lambda scribe: scribe.send(NOW, recipient="DEMO/GOV/TAX/people"),
    "a counter": lambda scribe: scribe.store.count("sent"),
    "a meta text": lambda scribe: scribe.store.set_meta("a", "b"),
    "a segment": lambda scribe: moving.archive(
        scribe.store, scribe.store.path.parent, [4], scribe.checkpoint(), NOW
    ),
}  # fmt: skip


@pytest.mark.parametrize("persisted", [False, True], ids=["not persisted", "but persisted"])
@pytest.mark.parametrize("what", WRITES)
def test_a_write_whose_commit_fails_is_there_whole_or_not_at_all(scribe, what, persisted):
    """The caller is told of the failure; the log adds up, and the next write goes well."""
    store, before = scribe.store, state(scribe.store.path)
    whole = store._connection
    store._connection = Failing(whole, 1, persisted=persisted)
    with pytest.raises(LogError) as caught:
        WRITES[what](scribe)
    assert caught.value.code == "log.store"
    store._connection = whole
    reader = adds_up(store.path)
    assert store.size == reader.size
    assert (state(store.path) != before) is persisted
    index = scribe.send(NOW + 9)
    assert index == reader.size
    adds_up(store.path).close()
    reader.close()


@pytest.mark.parametrize("number", range(1, 9))
def test_a_statement_that_fails_undoes_its_transaction(scribe, number):
    """Whichever of them it is, nothing of the group is there, and it can be written again."""
    store, before = scribe.store, state(scribe.store.path)
    whole = store._connection
    store._connection = Failing(whole, number, persisted=False, command="INSERT")
    with pytest.raises(LogError) as caught:
        grouped(scribe)
    store._connection = whole
    assert caught.value.code == "log.store"
    assert state(store.path) == before
    grouped(scribe)
    adds_up(store.path).close()


# the process ends


def _write(path, signer, number, said):
    """Log messages in groups, say after each group how many entries are durable."""
    scribe, rnd = Scribe(Store(path), signer), random.Random(number)
    while True:
        with scribe.store.transaction():
            for _ in range(rnd.randint(1, 8)):
                at = NOW + scribe.store.size
                index = scribe.send(at, rnd.randbytes(rnd.randint(0, 3000)))
                Outbox(scribe.store).add(index, "A", "x")
        said.send(scribe.store.size)


def _archive(path, signer, number, said):
    """Move old entries all the time, as the log grows."""
    del number
    store = Store(path)
    scribe = Scribe(store, signer)
    while True:
        with store.transaction():
            size, note = store.size, scribe.checkpoint()
        if size:
            moving.archive(store, path.parent / "archive", ends_by_entries(0, size, 7), note, NOW)
        said.send(size)
        time.sleep(0.001)


def _killed(context, run, path, signer, number, seconds):
    """Let it run in a process of its own, and end that after some time; gives what it said last."""
    hears, says = context.Pipe(duplex=False)
    child = context.Process(target=run, args=(path, signer, number, says))
    child.start()
    says.close()
    last = hears.recv() if hears.poll(30) else 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if hears.poll(max(0.0, ends - time.monotonic())):
            last = hears.recv()
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    with suppress(EOFError):
        while hears.poll():
            last = hears.recv()
    return last


@pytest.mark.parametrize("beside", [None, _archive], ids=["alone", "while archiving"])
def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path, es256, beside):
    """After each kill all that was said to be durable is there, and the whole log verifies."""
    context = multiprocessing.get_context("fork")
    rnd, path = random.Random(SEED), tmp_path / "log.sqlite3"
    Store(path).close()
    for number in range(KILLS if beside is None else KILLS // 2):
        seconds = rnd.uniform(0.0, 0.03)
        other = None
        if beside is not None:
            _, says = context.Pipe(duplex=False)
            other = context.Process(target=beside, args=(path, es256, number, says))
            other.start()
        durable = _killed(context, _write, path, es256, number, seconds)
        if other is not None:
            os.kill(other.pid, signal.SIGKILL)
            other.join()
        store = Store(path, readonly=True)
        assert store.size >= durable > 0
        assert [index for index, _ in store.entries()] == list(range(store.size))
        last = number % 10 == 9
        store.close()
        if last:
            adds_up(path).close()
    store = adds_up(path)
    if beside is not None:
        assert segments(store)
    store.close()


# the disk


def _fill(path, signer, limit, said):
    """Log until the disk is full, which here is a limit on the length of files."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    scribe = Scribe(Store(path), signer)
    with suppress(LogError):
        for number in range(2000):
            scribe.send(NOW + number, bytes(2000))
            said.send(scribe.store.size)
    said.send(-1)


@pytest.mark.parametrize("limit", [700_000, 1_200_001])
def test_a_file_that_cannot_grow_loses_nothing(tmp_path, es256, limit):
    """What was acknowledged is there, the failure was told, and with more room it goes on."""
    context = multiprocessing.get_context("fork")
    path = tmp_path / "log.sqlite3"
    hears, says = context.Pipe(duplex=False)
    child = context.Process(target=_fill, args=(path, es256, limit, says))
    child.start()
    durable = last = 0
    while last != -1:
        assert hears.poll(60)
        durable, last = max(durable, last), hears.recv()
    child.join()
    assert child.exitcode == 0
    store = adds_up(path)
    assert 3 < durable <= store.size <= durable + 1
    store.close()
    Scribe(Store(path), es256).send(NOW)
    adds_up(path).close()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes, and a way to make it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small_disk, es256):
    """Writing fails with our error and nothing is lost; when there is room it goes on by itself."""
    scribe = Scribe(Store(small_disk / "log.sqlite3"), es256)
    (small_disk / "other").write_bytes(bytes(800_000))
    durable = 0
    with pytest.raises(LogError) as caught:  # noqa: PT012
        while True:
            scribe.send(NOW + durable, bytes(2000))
            durable = scribe.store.size
    assert caught.value.code == "log.store"
    assert durable > 10
    assert scribe.store.size == durable
    (small_disk / "other").unlink()
    adds_up(scribe.store.path).close()
    assert scribe.send(NOW) == durable
    with pytest.raises(LogError):  # noqa: PT012
        for number in range(100):
            backup(scribe.store.path, small_disk / str(number))
    adds_up(scribe.store.path).close()
    scribe.store.close()


def test_a_disk_that_cannot_be_written_is_read(small_disk, es256):
    """Its log is shown, verified and searched; writing says why it cannot."""
    path = small_disk / "log.sqlite3"
    scribe = Scribe(Store(path), es256)
    for number in range(5):
        scribe.send(NOW + number, subject="s-1")
    scribe.store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store = adds_up(path)
    assert len(search(Index.of(store), Criteria(subject="s-1")).found) == 5
    store.close()
    with pytest.raises(LogError) as caught:
        Store(path)
    assert caught.value.code == "log.store"


def test_a_clock_that_was_set_back_harms_nothing(scribe):
    """Entries keep the time that the clock said, in their order; nothing is erased too early."""
    for at in (NOW + 100, NOW - 86_400, NOW + 50):
        scribe.send(at)
    kept = scribe.receive(NOW - 86_400, verdict=REFUSED, keep_until=NOW + 7 * 86_400)
    assert Retention(scribe.store).erase(NOW - 86_400) == 0
    store = adds_up(scribe.store.path)
    found = search(Index.of(store), Criteria(until=NOW)).found
    assert [one.entry for one in found] == [kept, store.size - 3]
    store.close()
