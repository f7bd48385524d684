"""Two agencies and the servers that adapters connect; each server is started once, if installed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import databases
import pytest
from loading import ADAPTERS, empty, run, statements

from xroad_lite.errors import LogError
from xroad_lite.node import Node
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import CIVIL, HEALTH, TwoAgencies, two_agency_instance


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentInstance:
    """The instance of two agencies, built once."""
    return two_agency_instance(tmp_path_factory.mktemp("built"), now=time.time() - 60)


@pytest.fixture
def instance(built: DevelopmentInstance, tmp_path: Path) -> DevelopmentInstance:
    """A copy of the instance, which the test may change."""
    return built.copied(tmp_path / "instance")


@pytest.fixture(scope="module")
def nodes(
    built: DevelopmentInstance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoAgencies]:
    """Both nodes, open, by the clock on the wall: servers have no other.

    Each module has its own: in whose terms a type is read stays with the node.
    """
    built = built.copied(tmp_path_factory.mktemp("nodes") / "instance")
    health = Node.open(built.node_folder(HEALTH))
    civil = Node.open(built.node_folder(CIVIL))
    yield TwoAgencies(built, health, civil, time.time)  # type: ignore[arg-type]
    health.close()
    civil.close()


@pytest.fixture
def two(nodes: TwoAgencies) -> Iterator[TwoAgencies]:
    """Both nodes as if they were new: opening them takes longer than most tests."""
    yield nodes
    nodes.settle()
    for node in (nodes.health, nodes.civil):
        node._dispatcher.subscriptions.clear()
        for table in ("adapter_items", "adapter_sources", "rest_delivered", "xl_inbox"):
            with suppress(LogError):
                node.store.execute(f"DELETE FROM {table}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.Database]:
    """A running PostgreSQL."""
    if not databases.POSTGRESQL:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    yield from _running(databases.postgresql())


@pytest.fixture(scope="session")
def mariadb() -> Iterator[databases.Database]:
    """A running MariaDB."""
    if not databases.MARIADB.exists():
        pytest.skip("no MariaDB here: apt-get install mariadb-server-core")
    yield from _running(databases.mariadb())


def _running(database: databases.Database) -> Iterator[databases.Database]:
    try:
        database.start()
        yield database
    finally:
        database.stop()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with the tables of ``adapters/sql``, on each server in turn."""
    import sqlalchemy as sa

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/data.sqlite3"
    else:
        url = request.getfixturevalue(request.param).url
    empty(url)
    kind = sa.make_url(url).get_backend_name()
    script = (ADAPTERS / "sql" / f"outbox-{kind}.sql").read_text()
    born = "timestamptz" if kind == "postgresql" else "datetime(6)"
    births = (
        "CREATE TABLE births (id varchar(40) PRIMARY KEY, born date, family varchar(80),"
        f" given varchar(80), changed_at {born})"
    )
    people = (
        "CREATE TABLE people (id varchar(40) PRIMARY KEY, born date, names text,"
        " twins boolean, writes integer DEFAULT 1)"
    )
    run(url, births, people, *statements(kind, script))
    return url
