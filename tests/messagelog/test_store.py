"""The store: all or nothing on disk, an adapter's SQL kept to its tables, a log that adds up."""

import sqlite3
import threading
from contextlib import suppress

import pytest

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.retention import Retention

NOW = 1_790_000_000.0
LEAF = entries.snapshot(NOW, "1:abc")


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = Store(tmp_path / "log.sqlite3")
    yield opened
    opened.close()


class StopError(Exception):
    """Something went wrong in the middle."""


# transactions


def test_entries_are_numbered_from_zero_and_kept(store, tmp_path):
    """What was appended is there after the file is opened again, and the tree goes on growing."""
    for number in range(5):
        assert store.append(entries.snapshot(NOW, f"{number}:x")) == number
    root = store.root()
    store.close()
    again = Store(tmp_path / "log.sqlite3")
    assert (again.size, again.root()) == (5, root)
    assert [index for index, _ in again.entries()] == [0, 1, 2, 3, 4]
    assert [index for index, _ in again.entries(3)] == [3, 4]
    assert again.append(LEAF) == 5
    again.close()


def test_the_root_is_over_the_leaves_as_stored(store):
    """The tree that grows with every entry is the tree over all of them."""
    for number in range(40):
        store.append(entries.snapshot(NOW, f"{number}:x"))
        stored = []
        for size, (_, leaf) in enumerate(store.entries()):
            stored += merkle.Edge.read(size, stored.__getitem__).add(merkle.leaf_hash(leaf))
        assert store.root() == merkle.root(number + 1, stored.__getitem__)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 97])
def test_rows_written_together_are_those_written_one_by_one(store, count):
    """However many wait, each is there once, as it was given; one too many, and none is."""
    rows = [(number, "c" * number, None if number % 2 else number / 2) for number in range(count)]
    store.execute("CREATE TABLE three (a INTEGER PRIMARY KEY, b TEXT, c REAL)")
    with store.transaction():
        for row in rows:
            store.insert("three", *row)
    assert store.query("SELECT * FROM three ORDER BY a") == rows
    with pytest.raises(LogError), store.transaction():  # noqa: PT012
        for number in (*range(count, 2 * count), 0):  # the last is there already
            store.insert("three", number, "", None)
    assert store.query("SELECT * FROM three ORDER BY a") == rows


def test_what_fails_leaves_nothing(store):
    """Entries, counters and size are as before."""
    store.append(LEAF)
    with pytest.raises(StopError), store.transaction():  # noqa: PT012
        store.append(LEAF)
        store.count("x")
        store.set_meta("a", "b")
        assert store.size == 2
        raise StopError
    assert (store.size, store.counters(), store.meta("a")) == (1, {}, None)
    assert not store.in_transaction
    assert store.append(LEAF) == 1


def test_an_inner_transaction_joins_the_outer_one(store):
    """It commits with the outer one, or not at all."""
    with pytest.raises(StopError), store.transaction():  # noqa: PT012
        with store.transaction():
            store.append(LEAF)
        raise StopError
    assert store.size == 0
    with store.transaction():
        with store.transaction():
            store.append(LEAF)
        assert store.in_transaction
    assert store.size == 1


def test_nothing_is_seen_before_the_commit(store, tmp_path):
    """Another reader of the file sees whole transactions only."""
    reader = Store(tmp_path / "log.sqlite3", readonly=True)
    with store.transaction():
        store.append(LEAF)
        assert list(reader.entries()) == []
    assert [leaf for _, leaf in reader.entries()] == [LEAF]
    reader.close()


def test_another_writer_is_counted_with(store, tmp_path):
    """An operator's command that appends to the same file does not break the numbering."""
    other = Store(tmp_path / "log.sqlite3")
    for number in range(6):
        writer = store if number % 2 else other
        assert writer.append(LEAF) == number
    other.close()
    reader = Store(tmp_path / "log.sqlite3", readonly=True)
    with store.transaction():
        assert store.size == reader.size == 6
        assert store.root() == reader.root()
    reader.close()


def test_threads_take_turns(store):
    """Four threads appending at once leave a log without gaps."""

    def append():
        for _ in range(50):
            with store.transaction():
                store.append(LEAF)
                store.count("x")

    threads = [threading.Thread(target=append) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert store.size == 200
    assert store.counters() == {"x": 200}
    assert [index for index, _ in store.entries()] == list(range(200))


# opening


def test_a_store_opened_for_reading_cannot_be_written(store, tmp_path):
    """Nor does reading make a file that is not there."""
    store.append(LEAF)
    reader = Store(tmp_path / "log.sqlite3", readonly=True)
    assert reader.leaf(0) == LEAF
    with pytest.raises(LogError) as caught:
        reader.append(LEAF)
    assert caught.value.code == "log.store"
    reader.close()
    with pytest.raises(LogError) as caught:
        Store(tmp_path / "nothing.sqlite3", readonly=True)
    assert caught.value.code == "log.missing"
    assert not (tmp_path / "nothing.sqlite3").exists()


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at" * 40, b"\x00" * 99]
)
def test_a_file_that_is_no_log_is_refused(content, tmp_path):
    """Whatever else lies there is left alone."""
    (tmp_path / "log.sqlite3").write_bytes(content)
    with pytest.raises(LogError) as caught:
        Store(tmp_path / "log.sqlite3")
    assert caught.value.code == "log.store"
    assert (tmp_path / "log.sqlite3").read_bytes() == content


@pytest.mark.parametrize("other", ["1", "3"])
def test_a_log_of_another_format_is_refused(other, store, tmp_path):
    """An earlier or a later version's log is not written by this one; the error says what to do."""
    store.set_meta("format", other)
    store.close()
    with pytest.raises(LogError) as caught:
        Store(tmp_path / "log.sqlite3")
    assert (caught.value.code, f"format {other}" in str(caught.value)) == ("log.format", True)
    assert "version" in caught.value.hint


def test_what_is_not_there_is_said(store):
    """An entry beyond the end, and a tree with a hole."""
    with pytest.raises(LogError) as caught:
        store.leaf(0)
    assert caught.value.code == "log.no_entry"
    store.append(LEAF)
    store.append(LEAF)
    store.execute("DELETE FROM xl_hashes WHERE idx = 0")
    with pytest.raises(LogError) as caught:
        store.read_hash(0)
    assert caught.value.code == "log.tree"
    with pytest.raises(LogError) as caught:
        store.seal(0)
    assert caught.value.code == "log.no_seal"


# small things kept


def test_sequences_count_from_one_for_each_peer(store):
    """Each direction and peer has its own."""
    assert [store.next_sequence("out", "A") for _ in range(3)] == [1, 2, 3]
    store.unused_sequence("out", "A", 3)
    assert store.next_sequence("out", "A") == 3
    assert store.next_sequence("out", "B") == 1
    assert store.next_sequence("in", "A") == 1
    with pytest.raises(StopError), store.transaction():  # noqa: PT012
        store.next_sequence("out", "A")
        raise StopError
    assert store.next_sequence("out", "A") == 4


def test_bodies_end_when_their_time_has_come(store):
    """They are erased, the log says so, and the tree still stands."""
    for index, until in enumerate((None, NOW - 1, NOW + 1)):
        store.append(LEAF)
        store.execute("INSERT INTO xl_bodies VALUES (?, ?, ?, ?)", (index, b"s", b"b", until))
    assert Retention(store).erase(NOW) == 1
    assert [store.body(index) is None for index in range(3)] == [False, True, False]
    said = store.entry(3)
    assert (said.kind, said.fields["entries"], said.fields["rule"]) == (
        "erasure",
        [1],
        "quarantine",
    )
    assert Retention(store).erase(NOW) == 0
    assert store.size == 4


# an adapter's own SQL


def test_an_adapters_tables_commit_with_the_log(store):
    """Its rows are there exactly when ours are."""
    with store.transaction():
        store.guest("CREATE TABLE mine (x INTEGER PRIMARY KEY, y TEXT)")
        store.guest("INSERT INTO mine VALUES (?, ?)", (1, "a"))
        store.append(LEAF)
    with pytest.raises(StopError), store.transaction():  # noqa: PT012
        store.guest("INSERT INTO mine VALUES (2, 'b')")
        store.append(LEAF)
        raise StopError
    with store.transaction():
        assert store.guest("SELECT * FROM mine") == [(1, "a")]
    assert store.size == 1


def test_an_adapters_mistake_is_its_own(store):
    """sqlite3's errors come out as they are, and the transaction stands."""
    with store.transaction():
        store.guest("CREATE TABLE mine (x INTEGER PRIMARY KEY)")
        store.guest("INSERT INTO mine VALUES (1)")
        for wrong in (
            "INSERT INTO mine VALUES (1)",
            "SELECT nothing",
            "nonsense",
            "SELECT 1; SELECT 2",
        ):
            with pytest.raises(sqlite3.Error):
                store.guest(wrong)
        store.append(LEAF)
    assert store.size == 1
    with store.transaction():
        assert store.guest("SELECT count(*) FROM mine") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM xl_entries",
        "SELECT leaf FROM XL_ENTRIES",
        'SELECT * FROM "xl_meta"',
        "SELECT * FROM main.xl_meta",
        "SELECT (SELECT count(*) FROM xl_inbox)",
        "WITH a AS (SELECT * FROM xl_meta) SELECT * FROM a",
        "INSERT INTO xl_meta VALUES ('a', 'b')",
        "UPDATE xl_entries SET leaf = x''",
        "DELETE FROM xl_outbox",
        "DROP TABLE xl_entries",
        "ALTER TABLE xl_entries RENAME TO mine2",
        "ALTER TABLE xl_entries ADD COLUMN x",
        "CREATE TABLE xl_mine (x)",
        "CREATE INDEX mine_i ON xl_entries (leaf)",
        "CREATE TRIGGER t AFTER INSERT ON xl_entries BEGIN SELECT 1; END",
        "CREATE TRIGGER t AFTER INSERT ON mine BEGIN DELETE FROM xl_outbox; END; ",
        "CREATE TABLE copied AS SELECT * FROM xl_certificates",
        "INSERT INTO mine SELECT idx FROM xl_entries",
        "SELECT value FROM xl_meta WHERE name = 'format'",
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE part",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "INSERT OR ROLLBACK INTO mine VALUES (1)",
        "INSERT OR/**/RollBack INTO mine VALUES (1)",
        "CREATE TABLE other (x UNIQUE ON CONFLICT ROLLBACK)",
        "CREATE TRIGGER t BEFORE INSERT ON mine BEGIN SELECT RAISE(ROLLBACK, 'x'); END",
    ],
)
def test_an_adapter_cannot_reach_beyond_its_tables(sql, store):
    """Our tables, transactions, settings and other files are out of reach, and nothing changes."""
    store.append(LEAF)
    store.query("SELECT value FROM xl_meta WHERE name = 'format'")  # prepared, and cached
    before = dict(store.query("SELECT name, sql FROM sqlite_master"))
    with store.transaction():
        store.guest("CREATE TABLE mine (x INTEGER PRIMARY KEY)")
        store.guest("INSERT INTO mine VALUES (1)")
        try:
            store.guest(sql)
        except (RuntimeError, sqlite3.Error):
            refused = True
        else:
            refused = sql.startswith("CREATE TRIGGER t AFTER INSERT ON mine")
        assert refused
        if sql.startswith("CREATE TRIGGER t AFTER INSERT ON mine"):
            with pytest.raises((RuntimeError, sqlite3.Error)):
                store.guest("INSERT INTO mine VALUES (7)")
            store.guest("DROP TRIGGER IF EXISTS t")
        assert store.guest("SELECT x FROM mine") == [(1,)]
        store.append(LEAF)
    after = dict(store.query("SELECT name, sql FROM sqlite_master"))
    after.pop("mine")
    assert after == before
    assert (store.size, store.meta("format")) == (2, "2")
    assert store.query("PRAGMA journal_mode") == [("wal",)]


def test_our_own_statements_work_after_an_adapters(store):
    """What holds for the guest ends with the guest's statement."""
    with store.transaction():
        with pytest.raises(RuntimeError):
            store.guest("SELECT value FROM xl_meta WHERE name = 'format'")
        assert store.meta("format") == "2"
        store.append(LEAF)
    assert store.size == 1


def test_an_adapters_sql_needs_a_transaction(store):
    """Outside a handler or ``node.transaction()`` it is a mistake."""
    with pytest.raises(RuntimeError):
        store.guest("SELECT 1")


def test_what_waits_for_the_disk_says_so(store):
    """Every transaction is durable but those that ask not to be; the next one is again."""
    level = "PRAGMA synchronous"
    with store.transaction(durable=False):
        assert store.query(level) == [(1,)]
        with store.transaction():
            store.append(LEAF)
    with store.transaction():
        assert store.query(level) == [(2,)]
    store.append(LEAF)
    assert store.query(level) == [(2,)]
    assert store.size == 2


def test_who_listens_is_told_how_a_transaction_ended(store):
    """Once, at the end of the outermost one."""
    told = []
    with store.transaction():
        store.then(told.append)
        with store.transaction():
            store.append(b"{}")
        assert told == []
    with suppress(ZeroDivisionError), store.transaction():
        store.then(told.append)
        _ = 1 / 0
    with store.transaction():
        pass
    assert told == [True, False]


def test_a_row_outside_of_a_transaction_is_not_taken(store):
    """Nobody would know when it is written."""
    with pytest.raises(RuntimeError, match="in a transaction"):
        store.insert("xl_sent", 1, 2.0)
