"""Adapters and PostgreSQL are killed at random points: no row is lost, none comes twice."""

import os
import random
import signal
from collections import Counter

import pytest
import sqlalchemy as sa
import yaml
from loading import ADAPTERS, empty, run
from processes import Process, context, in_the_middle, paths, published, wait
from test_sql import OUTBOX, TABLE

from xroad_lite.testing import CIVIL, HEALTH

pytestmark = pytest.mark.long

LONG = "XROAD_LITE_CHAOS" in os.environ
KILLS = 60 if LONG else 4
BURST = 20
PEOPLE = {
    "type": "health.birth",
    "reads": "citizens.person",
    "table": "people",
    "columns": {"id": "identificadorNacimiento", "born": "fechaNacimiento"},
}


@pytest.fixture
def adapters(instance, tmp_path, monkeypatch):
    """A function that starts a publishing and a receiving adapter on a database.

    It gives both, and functions that count the work of each.
    """
    monkeypatch.setenv("PYTHONPATH", paths())
    made, started = context(), []

    def begin(url, source):
        for who, what in (
            (HEALTH, {"publish": [source]}),
            (CIVIL, {"receive": [PEOPLE]}),
        ):
            folder = instance.node_folder(who)
            document = {"node": str(folder), "database": url, "every": 0.02, **what}
            file = tmp_path / f"{folder.name}.yaml"
            file.write_text(yaml.safe_dump(document))
            started.append(Process(made, "sql", "SqlAdapter", str(file)))
        for one in started:
            one.start()
        log = instance.node_folder(HEALTH) / "log.sqlite3"
        return started, [lambda: published(log), lambda: arrived(url)]

    yield begin
    for one in started:
        one.kill()


class Writer:
    """The hospital's own program: it writes births, three in a transaction, some rolled back."""

    def __init__(self, url, chance):
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.now = "now()" if url.startswith("postgresql") else "strftime('%Y-%m-%d %H:%M:%f')"
        self.chance, self.number, self.open = chance, 0, None

    def step(self):
        """Begin, go on, or end; whatever happens to the server."""
        try:
            if self.open is None:
                self.open = self.engine.connect()
            for _ in range(self.chance.randrange(1, 4)):
                self.open.exec_driver_sql(
                    f"INSERT INTO births VALUES ('B-{self.number}', '2026-03-14', 'Rojas', 'Elena',"
                    f" {self.now})"
                )
                self.number += 1
            if self.chance.random() < 0.7:
                self.end(rolled_back=self.chance.random() < 0.2)
        except sa.exc.DBAPIError:  # whether it was committed, the table says
            self.number += 10
            self.open = None

    def burst(self):
        """Write so much that the adapters are busy for a while."""
        for _ in range(BURST):
            self.step()
        self.end()

    def end(self, *, rolled_back=False):
        """Commit what is open, or not."""
        if self.open is not None:
            (self.open.rollback if rolled_back else self.open.commit)()
            self.open.close()
            self.open = None


def kill_backend(url, chance):
    """SIGKILL one of the server's processes in mid-transaction: the server ends all others too."""
    ours = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    found = run(
        url, f"SELECT pid FROM pg_stat_activity WHERE {ours} ORDER BY xact_start NULLS LAST"
    )
    if found:
        os.kill(found[chance.randrange(min(2, len(found)))][0], signal.SIGKILL)


def arrived(url):
    """How many rows the registry has."""
    return run(url, "SELECT count(*) FROM people")[0][0]


def check(url, both):
    """Everything arrives in the end, each birth once; gives how many."""
    wait(lambda: arrived(url) >= run(url, "SELECT count(*) FROM births")[0][0], both)
    births = run(url, "SELECT id FROM births")
    assert Counter(run(url, "SELECT id FROM people")) == Counter(births)
    return len(births)


def tables(url, changed_at):
    """Both institutions' tables, without the key that would hide what came twice."""
    return (
        f"CREATE TABLE births (id varchar(40) PRIMARY KEY, born date, family varchar(80),"
        f" given varchar(80), changed_at {changed_at})",
        "CREATE TABLE people (id varchar(40), born date)",
    )


def test_adapters_are_killed(adapters, tmp_path):
    """Both, by SIGKILL, at random points of their work on SQLite, by a watermark."""
    url, chance = f"sqlite:///{tmp_path}/data.sqlite3", random.Random(1)
    run(url, *tables(url, "text"), "CREATE TABLE xroad_received (id text PRIMARY KEY)")
    run(url, "PRAGMA journal_mode=WAL")
    both, counts = adapters(url, TABLE | {"overlap": 2.0})
    writer = Writer(url, chance)
    for number in range(KILLS):
        writer.burst()
        in_the_middle(counts[number % 2], both, chance)
        both[number % 2].kill()
    assert check(url, both) > KILLS * BURST / 2


SOURCES = [OUTBOX, TABLE | {"overlap": 5.0}] if LONG else [OUTBOX]


@pytest.mark.parametrize("source", SOURCES, ids=["outbox", "watermark"][: len(SOURCES)])
def test_postgresql_is_killed(source, adapters, postgresql):
    """Its processes in mid-transaction, itself, and both adapters, while a hospital writes."""
    url, chance = postgresql.url, random.Random(2)
    empty(url)
    script = (ADAPTERS / "sql" / "outbox-postgresql.sql").read_text()
    run(url, *tables(url, "timestamptz"), script)
    both, counts = adapters(url, source)
    writer = Writer(url, chance)
    ends = [both[0].kill, both[1].kill, postgresql.kill, lambda: kill_backend(url, chance)]
    for number in range(KILLS):
        writer.burst()
        in_the_middle(counts[number % 2], both, chance)
        writer.step()
        ends[number % 4]()
        postgresql.start()
    writer.end()
    assert check(url, both) > KILLS * BURST / 2
