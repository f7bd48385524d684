"""Who keeps a log: one at a time on a machine, and over two machines without a common clock."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from xroad_lite.errors import LogError
from xroad_lite.messagelog import lease
from xroad_lite.messagelog.lease import Tenancy


class Elapsed:
    """A clock that each look at it moves on, so that watching ends."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        self.now += 0.5
        return self.now


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease.time, "sleep", lambda _: None)


def on(folder: Path, machine: str, elapsed: Elapsed | None = None) -> Tenancy:
    """A process on a machine."""
    return Tenancy(folder, machine=machine, elapsed=elapsed or Elapsed())


def crashed(tenancy: Tenancy) -> None:
    """It ends without a word; its machine lets go of the lock, as a power cut does."""
    assert tenancy._lock is not None
    tenancy._lock.close()


def test_epochs_count_processes(tmp_path: Path) -> None:
    """Each that begins is one later, whichever machine it is on, when the last gave back."""
    epochs = []
    for machine in ("one", "one", "two"):
        tenancy = on(tmp_path, machine)
        tenancy.take()
        tenancy.renew()
        epochs.append(tenancy.epoch)
        tenancy.give_back()
    assert epochs == [1, 2, 3]


def test_a_second_process_is_told_who_is_at_work(tmp_path: Path) -> None:
    """On one machine at once, by the lock."""
    first = on(tmp_path, "one")
    first.take()
    with pytest.raises(LogError) as caught:
        on(tmp_path, "one").take()
    assert caught.value.code == "log.held"
    assert "process " in caught.value.message
    first.give_back()


def test_after_a_crash_the_same_machine_goes_on_at_once(tmp_path: Path) -> None:
    """Nobody else can have the lock."""
    crashed_one = on(tmp_path, "one")
    crashed_one.take()
    crashed(crashed_one)
    elapsed = Elapsed()
    after = on(tmp_path, "one", elapsed)
    after.take()
    assert elapsed.now < 5
    after.give_back()


def test_another_machine_waits_until_the_lease_has_lapsed(tmp_path: Path) -> None:
    """Unchanged for as long as it lasts, by the watcher's own clock; it says that it waits."""
    first = on(tmp_path, "one")
    first.take()
    crashed(first)
    elapsed, said = Elapsed(), list[str]()
    second = on(tmp_path, "two", elapsed)
    second.take(said.append)
    assert elapsed.now >= lease.SECONDS
    assert "waiting 30 s" in said[0]
    with pytest.raises(LogError) as caught:
        first.renew()
    assert caught.value.code == "log.forked"
    second.give_back()


def test_another_machine_is_refused_while_the_lease_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One renewal while it watches is enough."""
    first = on(tmp_path, "one")
    first.take()
    crashed(first)
    monkeypatch.setattr(lease.time, "sleep", lambda _: first.renew())
    with pytest.raises(LogError) as caught:
        on(tmp_path, "two").take()
    assert caught.value.code == "log.held"
    first.renew()


def test_what_is_no_lease_is_said(tmp_path: Path) -> None:
    """Bytes of another kind are not overwritten."""
    (tmp_path / "lease").write_bytes(b"[]\n")
    with pytest.raises(LogError) as caught:
        on(tmp_path, "one").take()
    assert caught.value.code == "log.lease"
    assert (tmp_path / "lease").read_bytes() == b"[]\n"


def test_it_is_renewed_while_the_log_is_kept_by_a_handler(tmp_path: Path) -> None:
    """A thread of its own renews it, whatever the node is busy with."""
    tenancy = Tenancy(tmp_path, seconds=0.15)
    renewed = threading.Event()
    whole = tenancy._write

    def write(*what: object) -> None:
        whole(*what)  # type: ignore[arg-type]
        if what[0] is not None and tenancy._lease.renewals >= 2:
            renewed.set()

    tenancy._write = write  # type: ignore[method-assign,assignment]
    tenancy.take()
    assert renewed.wait(30)
    tenancy.give_back()
    tenancy.check()


def test_who_was_overtaken_knows(tmp_path: Path) -> None:
    """Once the lease is another's, every look at it says so."""
    first = on(tmp_path, "one")
    first.take()
    crashed(first)
    second = on(tmp_path, "two")
    second.take()
    for _ in range(2):
        first._until = 0.0
        with pytest.raises(LogError) as caught:
            first.check()
        assert caught.value.code == "log.forked"
    second.give_back()
