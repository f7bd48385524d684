"""What a log costs as it grows: appends in groups, proofs, search, and what its upkeep takes."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.peers import record
from xroad_lite import strict_json, times
from xroad_lite.envelope import Attributes, Seal, seal
from xroad_lite.identifiers import SubsystemId, new_message_id
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.segments import ends_by_entries
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Signer
from xroad_lite.messagelog.search import Criteria, Index, search
from xroad_lite.messagelog.tables import TABLES
from xroad_lite.messagelog.upkeep.backup import backup
from xroad_lite.messagelog.upkeep.fsck import fsck
from xroad_lite.stewardship import Authority

GROUP = 500
_NOW = 1_790_000_000
_A_SECOND = 20
"""Messages that a measured log says were sent within one second."""
_SAMPLED = 5
"""Of so many groups one is written by sqlite alone, too."""
_BASE = "https://demo.xroad-lite.example/"
_SOURCE, _RECIPIENT = "DEMO/GOV/HEALTH/births", "DEMO/GOV/CIVIL/registry"


class Rows:
    """The rows of some groups once more, by sqlite alone: what no log can do without."""

    _TABLES = ("xl_entries", "xl_hashes", "xl_bodies", "xl_messages")

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "rows.sqlite3", isolation_level=None)
        self._connection.executescript(
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + TABLES
        )
        self.appending, self.count = 0.0, 0

    def take(self, store: Store, first: int) -> None:
        """Write what the store has from an entry on, in one transaction."""
        sql = "SELECT * FROM {} WHERE idx >= ?"
        rows = {table: store.query(sql.format(table), (first,)) for table in self._TABLES}
        self.appending += timed(lambda: self._write(rows))
        self.count += store.size - first

    def _write(self, rows: dict[str, list[tuple[object, ...]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, found in rows.items():
            marks = ",".join("?" * len(found[0]))
            self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", found)
        self._connection.execute("COMMIT")


class Log:
    """A log under measurement: messages of 1 KB, each sealed as a node seals it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "log.sqlite3")
        self._signer = (
            Authority.create("Bench", now=_NOW).issue(SubsystemId.parse(_SOURCE), now=_NOW).signer
        )
        self._body = strict_json.dumps(record(1))
        self.rows = Rows(folder)
        self.appending = 0.0
        """CPU seconds in the store so far."""
        self.waiting = 0.0
        """The same by the clock on the wall."""

    def message(self, number: int) -> tuple[bytes, Seal, bytes, bytes]:
        """Leaf, seal, salt and body of the next message, sealed."""
        at = _NOW + number / _A_SECOND
        attributes = Attributes(
            id=new_message_id(at),
            source=_SOURCE,
            recipient=_RECIPIENT,
            type="health.birth",
            time=times.to_text(at),
            datacontenttype="application/json",
            dataschema=f"{_BASE}schemas/health/birth/1",
            sequence=f"{number + 1:016d}",
            agreement=f"{_BASE}agreements/births/1",
            purpose="https://w3id.org/dpv#FulfilmentOfObligation",
            registry="1:" + "A" * 43,
            subject=os.urandom(8).hex(),
        )
        made = seal(attributes, self._body, self._signer, issued_at=int(at))
        leaf = entries.message(entries.OUT, at, made.opened, registry=attributes.registry)
        return leaf, made.opened, made.salt, made.body

    def grow(self, count: int) -> None:
        """Append that many messages in groups; sealing them is not counted."""
        for _ in range(0, count, GROUP):
            first = self.store.size
            group = [self.message(first + number) for number in range(GROUP)]
            cpu, wall = time.process_time(), time.perf_counter()
            with self.store.transaction():
                for leaf, opened, salt, body in group:
                    self.store.next_sequence(entries.OUT, _RECIPIENT)
                    self.store.append_message(
                        leaf, opened, direction=entries.OUT, salt=salt, body=body
                    )
            self.appending += time.process_time() - cpu
            self.waiting += time.perf_counter() - wall
            if first // GROUP % _SAMPLED == 0:
                self.rows.take(self.store, first)

    def checkpoint(self) -> Note:
        """Over all of it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Signer(_SOURCE, Ed25519PrivateKey.generate())
        return Checkpoint(key.name, self.store.size, self.store.root()).sign(key)


def growth(log: Log, count: int) -> Iterator[tuple[float, float]]:
    """CPU and wall seconds of each tenth."""
    for _ in range(10):
        cpu, wall = log.appending, log.waiting
        log.grow(count // 10)
        yield log.appending - cpu, log.waiting - wall


def timed(function: Callable[[], object]) -> float:
    """CPU seconds."""
    began = time.process_time()
    function()
    return time.process_time() - began


def bare(folder: Path, count: int) -> dict[str, float]:
    """Entries a second, where an entry is a leaf alone."""
    store = Store(folder / "bare.sqlite3")
    leaf = entries.outcome(_NOW, 7, entries.HANDLED, 1)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(0, count, GROUP):
        with store.transaction():
            for _ in range(GROUP):
                store.append(leaf)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    store.close()
    return {
        "leaves alone, a second of the clock": count / wall,
        "leaves alone, a second of CPU": count / cpu,
    }


def log_at_scale(count: int) -> dict[str, float]:
    """Measure a log of ``count`` messages."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = bare(folder, count // 5)
        log = Log(folder)
        tenths = list(growth(log, count))
        store, tenth = log.store, count // 10
        found |= {
            "messages, a second of the clock": count / log.waiting,
            "messages, a second of CPU": count / log.appending,
            "their rows by sqlite alone": log.rows.count / log.rows.appending,
            "last tenth by the first, CPU": tenths[-1][0] / tenths[0][0],
            "last tenth by the first, clock": tenths[-1][1] / tenths[0][1],
            "bytes a message": store.path.stat().st_size / count,
        }
        rnd = random.Random(1)
        proofs = timed(
            lambda: [
                merkle.inclusion_proof(rnd.randrange(count), count, store.read_hash)
                for _ in range(1000)
            ]
        )
        found["one proof, ms"] = proofs
        reader = Store(store.path, readonly=True)
        found["search index, messages a second"] = count / timed(lambda: Index.of(reader).close())
        index = Index.of(reader)
        subject = str(store.query("SELECT subject FROM xl_messages WHERE idx = ?", (tenth,))[0][0])
        criteria = Criteria(type="health.birth", subject=subject)
        found["one search, ms"] = timed(lambda: [search(index, criteria) for _ in range(1000)])
        found["fsck, entries a second"] = count / timed(lambda: fsck(reader))
        reader.close()
        found["backup, entries a second"] = count / timed(lambda: backup(store.path, folder / "b"))
        note = log.checkpoint()
        ends = ends_by_entries(0, count, tenth)[:1]
        moved = timed(lambda: moving.archive(store, folder / "archive", ends, note, _NOW))
        found["archive, entries a second"] = tenth / moved
        store.close()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found["memory at most, MB"] = peak
        return found


def show(found: dict[str, float]) -> None:
    """For people."""
    for name, value in found.items():
        print(f"  {name:36}{value:14,.2f}")


if __name__ == "__main__":
    import sys

    show(log_at_scale(int(sys.argv[1])))
