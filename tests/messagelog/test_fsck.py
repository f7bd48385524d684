"""``fsck`` names all that is wrong with a store; ``repair`` makes anew what entries prove."""

from __future__ import annotations

import pytest
from scribe import REFUSED, Scribe

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.segments import ends_by_entries
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.operations import records
from xroad_lite.messagelog.retention import Retention
from xroad_lite.messagelog.upkeep.fsck import fsck
from xroad_lite.messagelog.upkeep.repair import repair
from xroad_lite.messagelog.verification import verify_log

NOW = 1_790_000_000.0
MOVED = 10
"""How many of the first entries lie in the archive."""


@pytest.fixture(scope="module")
def original(tmp_path_factory, es256):
    """The bytes of a log with all that a log has, and of its segment file, by name."""
    folder = tmp_path_factory.mktemp("original")
    store = Store(folder / "log.sqlite3")
    scribe = Scribe(store, es256)
    for number in range(6):
        scribe.send(NOW + number, b"body %d" % number, subject=f"s-{number}")
        index = scribe.receive(NOW + number, b"came", sequence=f"{number + 1:016d}")
        if number < 4:
            scribe.handled(NOW + number, index)
        scribe.receive(NOW + number, b"bad", REFUSED, keep_until=NOW + number)
    store.append(entries.unproven(NOW, "d" * 43, 9, registry="1:x", verdict=REFUSED))
    assert Retention(store).erase(NOW + 2) == 3
    moving.archive(
        store, folder, ends_by_entries(0, store.size, MOVED)[:1], scribe.checkpoint(), NOW
    )
    store.settle()
    store.close()
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


@pytest.fixture
def path(original, tmp_path):
    """A fresh copy of it."""
    for name, data in original.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path / "log.sqlite3"


def checked(path):
    """What fsck says of a log."""
    store = Store(path, readonly=True)
    try:
        return fsck(store)
    finally:
        store.close()


def changed(path, *statements):
    """Do something to the file that no transaction of ours would."""
    store = Store(path)
    for sql in statements:
        store.execute(sql)
    store.settle()
    store.close()


def state(path):
    """Everything in the store, table by table."""
    store = Store(path, readonly=True)
    names = [name for (name,) in store.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: sorted(store.query(f"SELECT * FROM {name}"), key=repr) for name in names}
    store.close()
    return found


def test_a_good_log_has_no_findings(path):
    """And is told apart: how many entries, bodies, erased, moved."""
    found = checked(path)
    assert found.findings == []
    assert (found.entries, found.archived, found.bodies, found.erased) == (24, MOVED, 15, 3)
    store = Store(path, readonly=True)
    assert found.root == store.root().hex()
    assert verify_log(store).findings == []
    store.close()


DERIVED = {
    "a hash row is gone": ("DELETE FROM xl_hashes WHERE idx = 3",),
    "a hash row of a right child is gone": ("DELETE FROM xl_hashes WHERE idx = 15",),
    "many hash rows are gone": ("DELETE FROM xl_hashes WHERE idx % 3 = 1",),
    "the last hash row is gone": ("DELETE FROM xl_hashes WHERE idx = 23",),
    "all hashes are gone": ("DELETE FROM xl_hashes",),
    "a leaf hash was changed": ("UPDATE xl_hashes SET hashes = zeroblob(32) WHERE idx = 12",),
    "a hash above was changed": (
        "UPDATE xl_hashes SET hashes = CAST(substr(hashes, 1, 32) || zeroblob(64) AS BLOB)"
        " WHERE idx = 11",
    ),
    "a hash row is too short": ("UPDATE xl_hashes SET hashes = x'00' WHERE idx = 7",),
    "search columns are gone": ("DELETE FROM xl_messages WHERE idx < 9",),
    "search columns were changed": ("UPDATE xl_messages SET subject = 'other' WHERE idx = 0",),
    "a result was changed": (
        "UPDATE xl_messages SET result = 'accepted' WHERE result = 'refused'",
    ),
    "what a message answers was changed": ("UPDATE xl_messages SET inreplyto = 'x'",),
    "sequences are gone": ("DELETE FROM xl_sequences",),
    "a sequence was set back": ("UPDATE xl_sequences SET last = 2",),
    "a body without its entry": ("INSERT INTO xl_bodies VALUES (24, x'00', x'01', NULL)",),
    "hashes without their entry": ("INSERT INTO xl_hashes VALUES (24, zeroblob(32))",),
    "rows that wait without their entry": (
        "INSERT INTO xl_outbox VALUES (30, 'A', 'x', 'waiting', 0, 0, NULL)",
        "INSERT INTO xl_inbox VALUES (31, 'x', 'A', NULL, 'pending', 0, 0, 0, 0, NULL, NULL, NULL)",
    ),
}


@pytest.mark.parametrize("what", DERIVED)
def test_what_is_derived_is_made_anew(path, what):
    """A dry run changes nothing; a repair gives the very same store again, and keeps the old."""
    before, healthy = checked(path), state(path)
    changed(path, *DERIVED[what])
    damaged = state(path)
    told = repair(path, apply=False, stamp="now")
    assert told.before.derived > 0
    assert (told.before.wrong, told.after) == (0, None)
    assert state(path) == damaged
    done = repair(path, apply=True, stamp="now")
    assert done.after.findings == []
    assert done.after.root == before.root
    assert state(path) == healthy
    assert state(done.kept) == damaged


WRONG = {
    "an entry was changed": (
        "UPDATE xl_entries SET leaf = CAST(replace(leaf, '2026', '2025') AS BLOB) WHERE idx = 12",
        "log.tree",
        12,
    ),
    "an entry of a right child was changed": (
        "UPDATE xl_entries SET leaf = CAST(replace(leaf, '2026', '2025') AS BLOB) WHERE idx = 13",
        "log.tree",
        13,
    ),
    "an entry is gone": ("DELETE FROM xl_entries WHERE idx = 14", "log.gap", 14),
    "an entry is text": (
        "UPDATE xl_entries SET leaf = CAST(leaf AS TEXT) WHERE idx = 14",
        "log.gap",
        14,
    ),
    "a body is gone": ("DELETE FROM xl_bodies WHERE idx = 12", "log.body", 12),
    "an archived body is gone": ("DELETE FROM xl_bodies WHERE idx = 0", "log.body", 0),
    "a body was changed": ("UPDATE xl_bodies SET body = x'00' WHERE idx = 12", "log.body", 12),
    "a salt was changed": ("UPDATE xl_bodies SET salt = zeroblob(32)", "log.body", 0),
    "a certificate was changed": (
        "UPDATE xl_certificates SET der = x'00'",
        "log.certificate",
        None,
    ),
    "a certificate is gone": ("DELETE FROM xl_certificates", "log.certificate", 0),
    "a message is missing at the end": (
        "UPDATE xl_sequences SET last = 9 WHERE direction = 'out'",
        "log.truncated",
        None,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_and_never_made_up(path, what):
    """The entry is named; a repair leaves entries and bodies as they are."""
    sql, code, entry = WRONG[what]
    changed(path, sql)
    found = checked(path)
    assert (code, entry) in {(one.code, one.entry) for one in found.findings if not one.derived}
    before = state(path)
    repair(path, apply=True, stamp="now")
    after = state(path)
    for table in ("xl_entries", "xl_bodies", "xl_certificates"):
        assert after[table] == before[table]
    assert checked(path).wrong


def test_a_lost_entry_takes_nothing_else_with_it(path):
    """Neither its neighbours nor the hashes above it, not even when its own hash is gone too."""
    changed(path, "DELETE FROM xl_entries WHERE idx = 14", "DELETE FROM xl_hashes WHERE idx = 14")
    found = checked(path)
    assert {one.entry for one in found.findings} == {14}
    assert found.derived == 0


def signed(path, size):
    """The log with a checkpoint over its first entries, in its own table."""
    store = Store(path)
    table = CheckpointTable(store)
    table.create()
    table.add(Scribe(store, None).checkpoint(size), NOW)
    store.settle()
    store.close()


@pytest.mark.parametrize("size", [3, 17, 23, 24])
def test_checkpoints_are_held_against_the_entries(path, size):
    """They hold for a good log; hashes that would contradict one are not made anew."""
    signed(path, size)
    found = checked(path)
    assert (found.findings, found.checkpoints) == ([], 1)
    last = max(size - 1, MOVED)
    changed(
        path,
        "DELETE FROM xl_hashes",
        f"UPDATE xl_entries SET leaf = CAST(replace(leaf, '2026', '2025') AS BLOB) WHERE idx <= {last}",  # noqa: E501
    )
    if size <= MOVED:
        assert checked(path).wrong == 0
        return
    assert "log.checkpoint" in {one.code for one in checked(path).findings}
    with pytest.raises(LogError) as caught:
        repair(path, apply=True, stamp="now")
    assert caught.value.code == "log.checkpoint"
    assert state(path)["xl_hashes"] == []


def test_entries_that_a_checkpoint_covers_are_not_cut_off(path):
    """A torn tail is what nobody signed; here it is a loss, and its hash stays as a witness."""
    signed(path, 24)
    changed(path, "DELETE FROM xl_entries WHERE idx = 23")
    found = checked(path)
    assert {"log.truncated", "log.torn"} <= {one.code for one in found.findings}
    assert found.derived == 0
    repair(path, apply=True, stamp="now")
    assert (23,) in [row[:1] for row in state(path)["xl_hashes"]]


def test_a_segment_file_that_changed_or_is_gone_is_named(path):
    """By its place and its entries."""
    (segment,) = path.parent.glob("0*.sqlite3")
    data = segment.read_bytes()
    segment.chmod(0o644)
    segment.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    found = checked(path)
    assert "log.archive" in {one.code for one in found.findings}
    segment.unlink()
    found = checked(path)
    assert found.findings[0].code == "log.archive_missing"
    assert str(segment) in found.findings[0].message
    assert not found.derived


def test_a_log_that_is_written_meanwhile_is_checked_as_it_was(path, es256, monkeypatch):
    """What comes while it is read is neither torn nor missing."""
    monkeypatch.setattr("xroad_lite.messagelog.upkeep.chunks.AT_ONCE", 5)
    writer = Scribe(Store(path), es256)
    store = Store(path, readonly=True)

    def progress(done, total):
        assert total == 24
        index = writer.receive(NOW + done, sequence=f"{100 + done:016d}")
        writer.send(NOW + done)
        writer.handled(NOW, index)

    assert fsck(store, progress).findings == []
    assert store.query("SELECT count(*) FROM xl_hashes")[0][0] > 24
    assert fsck(store).findings == []
    store.close()
    writer.store.close()


def test_a_log_of_before_is_checked_too(path):
    """Tables that came later are made when it is written, and not missed until then."""
    changed(path, "DROP TABLE xl_sent")
    store = Store(path, readonly=True)
    assert fsck(store).findings == []
    assert len(records(store, 0.0, NOW * 2)) > 10
    store.close()
    Store(path).close()
    assert state(path)["xl_sent"] == []


# damaged files


def test_an_index_that_lost_rows_is_made_anew(path):
    """sqlite itself says so, and builds it again."""
    changed(path)
    data = bytearray(path.read_bytes())
    store = Store(path, readonly=True)
    page = store.query("PRAGMA page_size")[0][0]
    sql = "SELECT rootpage FROM sqlite_master WHERE name = 'xl_messages_id'"
    root = store.query(sql)[0][0]
    store.close()
    at = (root - 1) * page
    cells = int.from_bytes(data[at + 3 : at + 5], "big")
    data[at + 3 : at + 5] = (cells - 1).to_bytes(2, "big")
    path.write_bytes(data)
    found = checked(path)
    assert {one.code for one in found.findings} == {"log.damaged"}
    done = repair(path, apply=True, stamp="now")
    assert done.after is not None, done
    assert done.after.findings == []


@pytest.mark.parametrize("seed", [0, 3, 15, 28, 86])
def test_a_damaged_file_is_saved_as_far_as_it_goes(tmp_path, es256, seed):
    """Pages overwritten or cut off at the end: entries are kept or named, none is made up."""
    import random

    rnd = random.Random(seed)
    store = Store(tmp_path / "log.sqlite3")
    scribe = Scribe(store, es256)
    for number in range(150):
        scribe.receive(NOW + number, rnd.randbytes(700), sequence=f"{number + 1:016d}")
    leaves = dict(store.entries())
    store.settle()
    store.close()
    data = bytearray(store.path.read_bytes())
    if seed % 2:
        del data[len(data) * rnd.randint(70, 98) // 100 :]
    else:
        for _ in range(4):
            at = rnd.randrange(20, len(data) // 4096) * 4096
            data[at : at + 4096] = rnd.randbytes(4096)
    store.path.write_bytes(data)
    told = repair(store.path, apply=False, stamp="now")
    assert told.damage
    assert store.path.read_bytes() == bytes(data)
    done = repair(store.path, apply=True, stamp="now")
    assert done.kept.read_bytes() == bytes(data)
    again = Store(store.path)
    saved = dict(again.entries())
    assert saved.items() <= leaves.items()
    assert len(saved) + done.saved.cut_off > 30
    lost = {index for index in range(max(saved) + 1) if index not in saved}
    named = {one.entry for one in done.after.findings if one.code == "log.gap"}
    assert lost == named
    assert done.after.derived == 0
    index = again.append(entries.snapshot(NOW, "1:x"))
    assert index == again.size - 1
    again.close()


def test_a_file_of_which_nothing_can_be_read_stays(tmp_path, es256):
    """The error says to restore a backup, and the file is left alone."""
    store = Store(tmp_path / "log.sqlite3")
    Scribe(store, es256).send(NOW)
    store.settle()
    store.close()
    data = bytearray(store.path.read_bytes())
    data[100:4096] = bytes(3996)
    store.path.write_bytes(data)
    with pytest.raises(LogError) as caught:
        repair(store.path, apply=True, stamp="now")
    assert caught.value.code == "log.hopeless"
    assert store.path.read_bytes() == bytes(data)


def test_roots_are_those_of_the_leaves(path):
    """What fsck computes is what RFC 6962 says, not what the store says."""
    store = Store(path, readonly=True)
    edge = merkle.Edge()
    for _, leaf in store.entries():
        edge.add(merkle.leaf_hash(leaf))
    store.close()
    assert checked(path).root == edge.root().hex()
