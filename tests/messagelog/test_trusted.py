"""The trusted store: nobody's change is lost, and of two processes one is told."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from xroad_lite.errors import LogError
from xroad_lite.messagelog.trusted import TrustedStore


def test_a_change_names_what_it_replaces(tmp_path: Path) -> None:
    """The first one replaces nothing; one that is late is refused and changes nothing."""
    store = TrustedStore(tmp_path / "apart" / "checkpoint")
    assert store.read() is None
    store.swap(None, b"one")
    store.swap(b"one", b"two")
    for expected in (None, b"one"):
        with pytest.raises(LogError) as refused:
            store.swap(expected, b"three")
        assert refused.value.code == "log.forked"
    assert store.read() == b"two"


def _count(path: Path, rounds: int, outcome: multiprocessing.Queue[int]) -> None:
    store, swapped = TrustedStore(path), 0
    for _ in range(rounds):
        held = store.read()
        try:
            store.swap(held, str(int(held or b"0") + 1).encode())
            swapped += 1
        except LogError:
            continue
    outcome.put(swapped)


def test_processes_that_race_lose_no_change(tmp_path: Path) -> None:
    """Each success counted up by one: none was overwritten by another."""
    context = multiprocessing.get_context("fork")
    outcome: multiprocessing.Queue[int] = context.Queue()
    path = tmp_path / "checkpoint"
    processes = [context.Process(target=_count, args=(path, 40, outcome)) for _ in range(3)]
    for one in processes:
        one.start()
    total = sum(outcome.get(timeout=60) for _ in processes)
    for one in processes:
        one.join()
    assert TrustedStore(path).read() == str(total).encode()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a full device, which root may write")
def test_a_full_disk_leaves_what_was(tmp_path: Path) -> None:
    """When the new one cannot be written, the old one stands."""
    store = TrustedStore(tmp_path / "checkpoint")
    store.swap(None, b"one")
    (tmp_path / ".checkpoint.new").symlink_to("/dev/full")
    with pytest.raises(LogError) as refused:
        store.swap(b"one", b"two")
    assert refused.value.code == "log.trusted_store"
    assert store.read() == b"one"
