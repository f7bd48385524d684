"""A database beside the bus: publishes its rows once, and writes what is received into it once."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError

from xroad_lite import Columns, Harvest, Item, Message, Node, RejectedError, XRoadError, run_adapter

PAGE = 500
OUTBOX = ("number", "type", "subject", "body", "refused")
RECEIVED = sa.table("xroad_received", sa.column("id"))


@dataclass(frozen=True)
class Table:
    """A table, view or outbox of messages of one type; ``columns`` have places in a body."""

    type: str
    table: str
    columns: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    outbox: bool = False
    key: list[str] = field(default_factory=list)
    watermark: str | None = None
    overlap: float = 60.0
    start: str | int | float | None = None
    subject: str | None = None
    reads: str | None = None


@dataclass(frozen=True)
class Configuration:
    """What adapter.yaml says; README.md explains it."""

    node: str
    database: str
    every: float = 2.0
    publish: list[Table] = field(default_factory=list)
    receive: list[Table] = field(default_factory=list)


class SqlAdapter:
    """The node and the database, joined as the configuration says."""

    def __init__(self, node: Node, configuration: Configuration) -> None:
        self.engine = sa.create_engine(configuration.database, pool_pre_ping=True)
        self.sources = [(one, self._source(node, one)) for one in configuration.publish]
        for one in configuration.receive:
            if not one.columns or not set(one.key) <= set(one.columns):
                raise XRoadError("sql.columns", f"{one.table}: expected columns, the key too")
            self._check(one.table, one.columns)
            self._check(RECEIVED.name, ["id"])
            write = partial(self.receive, one, Columns.of(one.columns))
            node.subscribe(one.type, reads=one.reads)(write)

    def _source(self, node: Node, one: Table) -> Harvest:
        columns = Columns.of(one.columns, one.constants)
        options = {"columns": columns, "overlap": one.overlap, "start": one.start}
        if one.outbox:
            options = {"columns": columns if one.columns else None}
        elif not (one.key and one.watermark):
            raise XRoadError("sql.source", f"{one.table}: expected outbox, or key and watermark")
        names = {one.watermark, one.subject, *one.key, *(one.columns or ())} - {None}
        self._check(one.table, OUTBOX if one.outbox else names)
        return Harvest(node, f"{one.table} {one.type}", one.type, **options)

    def _check(self, table: str, names: Iterable[str]) -> None:
        """What is missing is said at the start, not at the first row."""
        try:
            with self.engine.connect() as connection:
                connection.execute(sa.select(_table(table, names)).where(sa.false()))
        except DBAPIError as error:
            raise XRoadError("sql.table", f"{table}: {error.orig}") from None

    def poll(self) -> int:
        """Publish what is new in every source; gives how many rows."""
        return sum(
            harvest.take(partial(self.outbox, one), partial(self.settle, one))
            if one.outbox
            else harvest.take(partial(self.rows, one))
            for one, harvest in self.sources
        )

    def outbox(self, one: Table, _: Any) -> Iterator[Item]:
        """What waits in an outbox, by its numbers; a body is JSON."""
        table = _table(one.table, OUTBOX)
        waits = sa.select(table).where(table.c.type == one.type, table.c.refused.is_(None))
        for row in self._pages(waits, [table.c.number]):
            body = row["body"]
            with suppress(ValueError, TypeError):  # what is no JSON is refused by its schema
                body = json.loads(body)
            yield Item(str(row["number"]), body, subject=row["subject"])

    def settle(self, one: Table, outcomes: Iterable[tuple[Item, str | None]]) -> None:
        """Take what was published out of an outbox; what was refused stays, with its reason."""
        table = _table(one.table, OUTBOX)
        with self.engine.begin() as connection:
            for item, reason in outcomes:
                change = sa.update(table).values(refused=reason) if reason else sa.delete(table)
                connection.execute(change.where(table.c.number == int(item.key)))

    def rows(self, one: Table, since: Any) -> Iterator[Item]:
        """The rows of a table or view from a watermark on, in its order."""
        order = list(_table(one.table, [one.watermark, *one.key]).c)
        query = sa.select(sa.text("*")).select_from(order[0].table).where(order[0].is_not(None))
        for row in self._pages(query, order, since):
            subject = None if one.subject is None else row[one.subject]
            key = json.dumps([row[name] for name in one.key], default=str)
            yield Item(key, dict(row), row[one.watermark], subject and str(subject))

    def _pages(self, query: Any, order: list[Any], since: Any = None) -> Iterator[Mapping]:
        """All rows in this order, a page at a time: no transaction stays open between."""
        page = query if since is None else query.where(order[0] >= _typeless(since))
        while True:
            with self.engine.connect() as connection:
                found = connection.execute(page.order_by(*order).limit(PAGE)).mappings().all()
            yield from found
            if len(found) < PAGE:
                return
            page = query.where(_after(order, [found[-1][one.name] for one in order]))

    def receive(self, one: Table, columns: Columns, message: Message) -> None:
        """Write a message once. While the database is away it waits: no message is to blame."""
        row = {name: _typeless(value) for name, value in columns.row(message.body).items()}
        while True:
            try:
                with self.engine.begin() as connection:
                    mine = sa.select(RECEIVED).where(RECEIVED.c.id == message.id)
                    if not connection.execute(mine).first():
                        connection.execute(sa.insert(RECEIVED).values(id=message.id))
                        _write(connection, one, row)
                return
            except DBAPIError as error:
                if not self._away(error):  # its text is left out: it may hold what is personal
                    kind = RejectedError if isinstance(error, DataError) else XRoadError
                    raise kind("sql.refused", type(error.orig).__name__) from None
            time.sleep(1)

    def _away(self, error: DBAPIError) -> bool:
        with suppress(DBAPIError), self.engine.connect():
            return error.connection_invalidated
        return True


def _write(connection: sa.Connection, one: Table, row: Mapping[str, Any]) -> None:
    table = _table(one.table, row)
    if one.key:
        same = [table.c[name] == row[name] for name in one.key]
        if connection.execute(sa.update(table).where(*same).values(row)).rowcount:
            return
    connection.execute(sa.insert(table).values(row))


def _table(name: str, columns: Iterable[str]) -> Any:
    schema, _, table = name.rpartition(".")
    return sa.table(table, *map(sa.column, columns), schema=schema or None)


def _typeless(value: Any) -> Any:
    """A value whose type the database infers from where it stands, as of what people type."""
    value = json.dumps(value) if isinstance(value, dict | list) else value
    return sa.literal(value, sa.types.NullType())


def _after(order: list[Any], values: list[Any]) -> Any:
    (first, *rest), (value, *more) = order, values
    after = first > _typeless(value)
    return sa.or_(after, sa.and_(first == _typeless(value), _after(rest, more))) if rest else after


if __name__ == "__main__":
    run_adapter(SqlAdapter, Configuration)
