"""A backup is one moment of a log that goes on: whole, checked, with its segment files."""

from __future__ import annotations

import threading

import pytest
from scribe import Scribe

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Outbox, Store
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.segments import ends_by_entries
from xroad_lite.messagelog.upkeep import backup as module
from xroad_lite.messagelog.upkeep.backup import backup
from xroad_lite.messagelog.upkeep.fsck import fsck

NOW = 1_790_000_000.0


@pytest.fixture
def scribe(tmp_path, es256):
    """Who has written a log of some size, a part of it archived."""
    written = Scribe(Store(tmp_path / "log.sqlite3"), es256)
    for number in range(60):
        written.send(NOW + number, bytes(3000))
    ends = ends_by_entries(0, 60, 10)[:2]
    moving.archive(written.store, tmp_path / "archive", ends, written.checkpoint(), NOW)
    yield written
    written.store.close()


def test_a_log_that_is_written_meanwhile_is_copied_as_it_was_once(scribe, tmp_path, monkeypatch):
    """The writer is not held up, the copy does not start again, and is a beginning of the log."""
    monkeypatch.setattr(module, "_PAGES", 3)
    written, steps = threading.Event(), []

    def write():
        for number in range(20):
            index = scribe.send(NOW + number, bytes(2000))
            Outbox(scribe.store).add(index, "A", "x")
        written.set()

    def progress(done, total):
        steps.append((done, total))
        if len(steps) == 2:  # in the middle of the copy
            writer = threading.Thread(target=write)
            writer.start()
            assert written.wait(30)
            writer.join()

    done = backup(scribe.store.path, tmp_path / "copy", progress)
    assert (done.entries, scribe.store.size) == (60, 80)
    assert [one for one, _ in steps] == sorted({one for one, _ in steps})
    copy = Store(done.file, readonly=True)
    assert list(copy.entries()) == list(scribe.store.entries())[:60]
    assert [copy.body(index) for index in range(60)] == [
        scribe.store.body(index) for index in range(60)
    ]
    assert copy.root().hex() == done.root
    assert fsck(copy).findings == []
    copy.close()
    assert sorted(one.name for one in done.file.parent.iterdir()) == ["archive", "log.sqlite3"]


def test_segment_files_that_are_there_are_not_copied_again(scribe, tmp_path):
    """A folder can hold several backups of one log; a segment that is not whole is copied anew."""
    first = backup(scribe.store.path, tmp_path / "copy")
    assert (first.segments, first.copied) == (2, 2)
    first.file.rename(first.file.with_name("monday.sqlite3"))
    (one, _) = sorted((tmp_path / "copy/archive").iterdir())
    one.chmod(0o644)
    one.write_bytes(b"cut off")
    second = backup(scribe.store.path, tmp_path / "copy")
    assert (second.segments, second.copied) == (2, 1)


def test_a_changed_segment_is_not_backed_up_as_good(scribe, tmp_path):
    """The error names it, and no half of a file is left."""
    (one, _) = sorted((tmp_path / "archive").glob("*.sqlite3"))
    one.chmod(0o644)
    one.write_bytes(one.read_bytes() + b"x")
    with pytest.raises(LogError) as caught:
        backup(scribe.store.path, tmp_path / "copy")
    assert caught.value.code == "log.archive"
    assert list((tmp_path / "copy/archive").iterdir()) == []


def test_a_damaged_log_is_not_copied_as_good(tmp_path, es256):
    """sqlite checks the copy; nothing lies there afterwards that looks like a backup."""
    store = Store(tmp_path / "log.sqlite3")
    for number in range(60):
        Scribe(store, es256).send(NOW + number, bytes(3000))
    store.settle()
    store.close()
    data = bytearray(store.path.read_bytes())
    at = len(data) // 2 // 8192 * 8192
    data[at : at + 8192] = b"\xff" * 8192
    store.path.write_bytes(data)
    with pytest.raises(LogError) as caught:
        backup(store.path, tmp_path / "copy")
    assert caught.value.code in ("log.damaged", "log.backup")
    assert list((tmp_path / "copy").iterdir()) == []
