"""A source's items, and how each becomes a message; does not know which were published before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

from xroad_lite.adapting.columns import Columns
from xroad_lite.errors import RefusedError, RejectedError, XRoadError
from xroad_lite.node import Node
from xroad_lite.node.effects import Effects

BATCH = 100
"""Items that are published in one transaction."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Item:
    """One item as the source has it now: ``key`` names it, ``row`` is its content.

    ``watermark`` is what the source is asked from later on: a JSON value then, a time as its text.
    Items come in its order.
    """

    key: str
    row: Any
    watermark: Any = None
    subject: str | None = None

    @classmethod
    def of(
        cls, row: Any, *, key: str, watermark: str | None = None, subject: str | None = None
    ) -> Self:
        """An item whose key, watermark and subject stand at these paths in it."""
        mark = None if watermark is None else Columns.at(row, watermark)
        whose = None if subject is None else Columns.at(row, subject)
        return cls(str(Columns.at(row, key)), row, mark, None if whose is None else str(whose))


@dataclass(frozen=True, slots=True)
class Source:
    """One source of one message type, by a name that is its own for ever.

    ``columns`` makes bodies of rows (``sparse`` ones may lack some); left out, a row is the body.
    """

    node: Node
    name: str
    type: str
    columns: Columns | None = None
    sparse: bool = False

    def open(self, tables: Sequence[str]) -> Self:
        """Make the adapter's tables in the node's store, where they are not there."""
        with self.node.transaction() as effects:
            for table in tables:
                effects.sql(table)
        return self

    def publish(self, effects: Effects, item: Item) -> str | None:
        """Publish one item with others; the reason, when it is its content that is refused."""
        try:
            columns, row = self.columns, item.row
            body = row if columns is None else columns.body(row, sparse=self.sparse)
            effects.publish(self.type, body, subject=item.subject)
        except XRoadError as error:
            if not refuses_content(error):
                raise
            return str(error)
        return None


def batches(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    """As many as are published in one transaction, again and again."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch


def refuses_content(error: XRoadError) -> bool:
    """Whether this very content is refused, now and later; all else may pass when tried again."""
    if isinstance(error, RefusedError):
        return error.check in (1, 8) and error.code != "schema.unknown"
    return isinstance(error, RejectedError) or error.code == "transport.too_large"
