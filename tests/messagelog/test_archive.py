"""The archive: old entries in files of their own; every proof whole, every body erasable."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scribe import Scribe

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.files import SegmentFile, digest, opened, sealed
from xroad_lite.messagelog.archive.segments import (
    ends_by_bytes,
    ends_by_entries,
    ends_by_month,
    segments,
)
from xroad_lite.messagelog.retention import Retention
from xroad_lite.messagelog.upkeep.fsck import fsck
from xroad_lite.messagelog.verification import verify_log

NOW = 1_790_000_000.0
BODY = b'{"name":"Rose"}'


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = Store(tmp_path / "log.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def scribe(store, es256):
    """Who writes in it."""
    return Scribe(store, es256)


def filled(scribe, count=20):
    """That many entries, a sent message and a word about it in turn."""
    for number in range(count // 2):
        index = scribe.send(NOW + number, BODY + b"%d" % number)
        scribe.store.append(entries.outcome(NOW, index, entries.EXPIRED, 1))
    return scribe.store


def archived(scribe, folder, every=5):
    """The log with all full segments moved."""
    note = scribe.checkpoint()
    return moving.archive(
        scribe.store, folder, ends_by_entries(0, scribe.store.size, every), note, NOW
    )


def whole(store):
    """Everything a reader can ask of a log."""
    leaves = list(store.entries())
    return (
        leaves,
        store.root(),
        [store.body(index) for index, _ in leaves],
        [store.leaf(index) for index, _ in leaves],
        [merkle.inclusion_proof(index, store.size, store.read_hash) for index, _ in leaves],
    )


def test_nothing_of_a_log_changes_by_moving_it(scribe, tmp_path):
    """Entries, bodies, root and proofs are the same, and it verifies, here and opened again."""
    before = whole(filled(scribe))
    moved = archived(scribe, tmp_path / "archive")
    assert [(one.first, one.end) for one in moved] == [(0, 5), (5, 10), (10, 15), (15, 20)]
    assert scribe.store.query("SELECT count(*) FROM xl_entries") == [(0,)]
    assert whole(scribe.store) == before
    reader = Store(scribe.store.path, readonly=True)
    assert whole(reader) == before
    found = verify_log(reader)
    assert (found.findings, found.bodies) == ([], 10)
    reader.close()


def test_a_log_grows_after_its_archive(scribe, tmp_path):
    """The next entries are numbered and hashed as if nothing had moved, and move next time."""
    filled(scribe, 10)
    archived(scribe, tmp_path / "archive")
    filled(scribe, 8)
    assert [index for index, _ in scribe.store.entries()] == list(range(18))
    moved = archived(scribe, tmp_path / "archive")
    assert [(one.first, one.end) for one in moved] == [(10, 15)]
    assert verify_log(scribe.store).findings == []
    assert len(segments(scribe.store)) == 3


def test_only_what_a_checkpoint_seals_is_moved(scribe, tmp_path):
    """A segment beyond the checkpoint stays; a checkpoint of another log moves nothing."""
    filled(scribe, 12)
    note = scribe.checkpoint(11)
    ends = ends_by_entries(0, scribe.store.size, 4)
    assert moving.closed(scribe.store, ends, note) == [(0, 4), (4, 8)]
    other = Scribe(Store(tmp_path / "other.sqlite3"), scribe.signer)
    filled(other, 12)
    for wrong in (other.checkpoint(), other.checkpoint(3)):
        with pytest.raises(LogError) as caught:
            moving.archive(scribe.store, tmp_path / "archive", ends, wrong, NOW)
        assert caught.value.code == "log.checkpoint"
    assert segments(scribe.store) == []
    other.store.close()


def test_an_archived_body_is_erased_by_its_row(scribe, tmp_path):
    """With the salt gone nothing opens what lies in the file, which itself never changes."""
    filled(scribe)
    (one, *_) = archived(scribe, tmp_path / "archive")
    path = tmp_path / one.file
    salt, body = scribe.store.body(2)
    scribe.store.execute("DELETE FROM xl_bodies WHERE idx = 2")
    assert scribe.store.body(2) is None
    assert digest(path) == one.sha256
    file = SegmentFile(path)
    ((_, kept),) = file.bodies(2, 3).items()
    assert body not in path.read_bytes()
    leaf = scribe.store.leaf(2)
    with pytest.raises(LogError):
        opened(bytes(32), leaf, kept)
    assert opened(salt, leaf, kept) == body
    file.close()


def test_bodies_past_their_time_are_erased_from_the_archive(scribe, tmp_path):
    """``Retention`` does not ask where they lie, and the log says so as always."""
    index = scribe.receive(NOW, BODY, keep_until=NOW + 10)
    kept = scribe.receive(NOW, BODY)
    scribe.handled(NOW, index)
    archived(scribe, tmp_path / "archive", every=2)
    assert Retention(scribe.store).erase(NOW + 10) == 1
    assert scribe.store.body(index) is None
    assert scribe.store.body(kept)[1] == BODY
    assert verify_log(scribe.store).findings == []


def test_no_byte_of_a_moved_body_stays_in_the_log(scribe, tmp_path, monkeypatch):
    """Neither in the file nor in its write-ahead log, so that erasing the salt erases it all."""
    mark = b"a body that is nowhere else 4711"
    monkeypatch.setattr(moving, "_AT_ONCE", 7)
    for number in range(60):
        scribe.send(NOW + number, (mark if number < 40 else b"later") * (1 + number % 50))
    archived(scribe, tmp_path / "archive", every=40)
    for file in tmp_path.glob("log.sqlite3*"):
        assert mark not in file.read_bytes()
    assert scribe.store.body(7)[1] == mark * 8


def test_an_empty_body_is_a_body(scribe, tmp_path):
    """Whether it lies here or in the archive."""
    scribe.send(NOW, b"")
    scribe.send(NOW, b"")
    archived(scribe, tmp_path / "archive", every=1)
    scribe.send(NOW, b"")
    assert [scribe.store.body(index)[1] for index in range(3)] == [b"", b"", b""]


def test_an_entry_that_was_changed_is_not_moved(scribe, tmp_path):
    """The archive holds no entry that the tree does not; those before it are moved."""
    filled(scribe)
    scribe.store.execute(
        "UPDATE xl_entries SET leaf = CAST(replace(leaf, 'expired', 'handled') AS BLOB)"
    )
    with pytest.raises(LogError) as caught:
        archived(scribe, tmp_path / "archive")
    assert (caught.value.code, caught.value.message.split(",")[0]) == (
        "log.tree",
        "entry 1 is not the one of the tree",
    )
    assert segments(scribe.store) == []
    assert scribe.store.query("SELECT count(*) FROM xl_entries") == [(20,)]


@pytest.mark.parametrize("step", range(1, 9))
def test_a_move_that_was_cut_off_is_ended_by_the_next(scribe, tmp_path, step, monkeypatch):
    """Wherever it stops, the log is whole, and the next call ends what was begun."""
    before = whole(filled(scribe, 20))
    left = step

    def counted(function):
        def call(*given):
            nonlocal left
            left -= 1
            if not left:
                raise OSError("cut off")
            return function(*given)

        return call

    monkeypatch.setattr(moving, "_AT_ONCE", 3)
    with monkeypatch.context() as patch:
        patch.setattr(moving, "_read_back", counted(moving._read_back))
        patch.setattr(moving.files, "digest", counted(moving.files.digest))
        patch.setattr(Store, "execute", counted(Store.execute))
        with pytest.raises(OSError, match="cut off"):
            archived(scribe, tmp_path / "archive", every=10)
    assert whole(scribe.store) == before
    archived(scribe, tmp_path / "archive", every=10)
    assert whole(scribe.store) == before
    assert [(one.first, one.end) for one in segments(scribe.store)] == [(0, 10), (10, 20)]
    assert scribe.store.query("SELECT count(*) FROM xl_entries") == [(0,)]


def test_a_missing_file_is_named(scribe, tmp_path):
    """What lies elsewhere can still be read; what was in it says which file to bring back."""
    filled(scribe)
    (first, *_) = archived(scribe, tmp_path / "archive")
    (tmp_path / first.file).unlink()
    assert scribe.store.leaf(7)
    with pytest.raises(LogError) as caught:
        scribe.store.leaf(3)
    assert caught.value.code == "log.archive_missing"
    assert first.file in caught.value.message
    assert merkle.inclusion_proof(3, scribe.store.size, scribe.store.read_hash)


def test_a_file_stands_for_itself(scribe, tmp_path):
    """It holds its leaves, their hashes and certificates, and says which part of what it is."""
    filled(scribe)
    one = archived(scribe, tmp_path / "archive")[1]
    path = tmp_path / one.file
    assert path.stat().st_mode & 0o222 == 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() == one.sha256
    file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert dict(file.execute("SELECT * FROM segment")) == {
        "format": "1",
        "log": "log.sqlite3",
        "first": "5",
        "end": "10",
    }
    leaves = file.execute("SELECT leaf, hashes FROM entries JOIN hashes USING (idx)").fetchall()
    assert all(merkle.leaf_hash(leaf) == hashes[:32] for leaf, hashes in leaves)
    assert dict(file.execute("SELECT * FROM certificates")) == scribe.store.certificates()
    file.close()


@given(st.lists(st.integers(0, 400), min_size=1), st.data())
def test_months_are_cut_where_they_end(days, data):
    """With a clock that goes forward each segment is of one month, and no month is in two."""
    at = [NOW + 86_400.0 * day for day in sorted(days)]
    first = data.draw(st.integers(0, len(at)))
    ends = ends_by_month(first, len(at), at.__getitem__)
    months = [datetime.fromtimestamp(one, UTC).strftime("%Y-%m") for one in at]
    expected = [
        number for number in range(first + 1, len(at)) if months[number] != months[number - 1]
    ]
    assert ends == expected


@given(st.lists(st.integers(1, 50)), st.integers(0, 9), st.integers(1, 60))
def test_sizes_are_cut_where_they_are_reached(sizes, first, limit):
    """Each segment holds the limit, and without its last entry it does not."""
    ends = ends_by_bytes(first, sizes, limit)
    for start, end in zip([first, *ends], ends, strict=False):
        held = sizes[start - first : end - first]
        assert sum(held) >= limit > sum(held[:-1])
    assert sum(sizes[(ends or [first])[-1] - first :]) < limit


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), st.binary(max_size=99))
def test_what_was_sealed_opens(body, salt, leaf):
    """With its own salt and leaf alone."""
    kept = sealed(salt, leaf, body)
    assert opened(salt, leaf, kept) == body
    with pytest.raises(LogError):
        opened(salt, leaf + b"x", kept)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_a_log_is_what_was_written(tmp_path, es256, seed):
    """Growing, rolled back, archived, erased and opened again, in any order, in small steps."""
    rnd, leaves, bodies = random.Random(seed), [], {}
    scribe = Scribe(Store(tmp_path / "log.sqlite3"), es256)
    for _ in range(25):
        step = rnd.choice(("grow", "grow", "undo", "archive", "erase", "reopen"))
        size = scribe.store.size
        if step in ("grow", "undo"):
            with suppress(ZeroDivisionError), scribe.store.transaction():
                for _ in range(rnd.randint(1, 6)):
                    scribe.send(NOW, rnd.randbytes(rnd.choice((0, 9, 3000))))
                if step == "undo":
                    raise ZeroDivisionError
            for index, leaf in scribe.store.entries(size):
                leaves.append((index, leaf))
                bodies[index] = scribe.store.body(index)
        elif step == "archive" and size:
            note = scribe.checkpoint(rnd.randint(0, size))
            every = rnd.randint(1, 5)
            ends = ends_by_entries(moving.start(scribe.store), size, every)
            moving.archive(scribe.store, tmp_path / rnd.choice("ab"), ends, note, NOW)
        elif step == "erase" and size:
            index = rnd.randrange(size)
            scribe.store.execute(
                "UPDATE xl_bodies SET salt = x'', body = x'' WHERE idx = ?", (index,)
            )
            bodies[index] = None
        elif step == "reopen":
            scribe.store.close()
            scribe.store = Store(tmp_path / "log.sqlite3")
        assert list(scribe.store.entries()) == leaves
        assert {index: scribe.store.body(index) for index in bodies} == bodies
    found = {one.code for one in fsck(scribe.store).findings}
    assert found <= {"log.body"}  # erased without an entry that says so
    scribe.store.close()
