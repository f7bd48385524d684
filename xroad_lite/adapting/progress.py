"""How far a sequence of rows was published: each row once and in order, whatever is killed when.

For what does not change and is read from its beginning, as a file. Does not read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from xroad_lite.adapting.columns import Columns
from xroad_lite.adapting.items import Item, Source, batches
from xroad_lite.adapting.rows import Row
from xroad_lite.node import Node

_TABLES = (
    "CREATE TABLE IF NOT EXISTS adapter_progress (source TEXT PRIMARY KEY, done INTEGER NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS adapter_faults (source TEXT, number INTEGER, line INTEGER,"
    " reason TEXT, content TEXT, PRIMARY KEY (source, number)) WITHOUT ROWID",
)


class Progress:
    """One sequence of rows of one message type; ``name`` is its own for ever.

    ``columns`` makes bodies of rows (``sparse`` ones may lack some); left out, a row is the body.
    ``subject`` names the value that says whose order a row belongs to.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        type: str,
        *,
        columns: Columns | None = None,
        sparse: bool = False,
        subject: str | None = None,
    ) -> None:
        self._source = Source(node, name, type, columns, sparse).open(_TABLES)
        self._node, self._name = node, name
        self._subject = subject

    @property
    def done(self) -> int:
        """How many rows were published or kept as faults."""
        with self._node.transaction() as effects:
            rows = effects.sql("SELECT done FROM adapter_progress WHERE source = ?", (self._name,))
        return rows[0][0] if rows else 0

    def take(self, rows: Iterable[Row]) -> int:
        """Publish what was not yet of the rows, given from the first on; gives how many.

        A row that has a problem, or whose content is refused, is kept as a fault. Whatever is
        raised leaves what was committed, and the rest for the next time.
        """
        first = done = self.done
        for batch in batches(islice(rows, done, None)):
            with self._node.transaction() as effects:
                for number, row in enumerate(batch, done):
                    item = self._item(number, row)
                    reason = row.problem or self._source.publish(effects, item)
                    if reason is not None:
                        effects.sql(
                            "INSERT INTO adapter_faults VALUES (?, ?, ?, ?, ?)",
                            (self._name, number, row.line, reason, json.dumps(row.values)),
                        )
                done += len(batch)
                effects.sql(
                    "INSERT OR REPLACE INTO adapter_progress VALUES (?, ?)", (self._name, done)
                )
        return done - first

    def _item(self, number: int, row: Row) -> Item:
        subject = row.values.get(self._subject) if self._subject else None
        return Item(str(number), row.values, subject=None if subject is None else str(subject))

    def faults(self) -> list[Row]:
        """The rows that were not published, each with its problem."""
        with self._node.transaction() as effects:
            rows = effects.sql(
                "SELECT line, content, reason FROM adapter_faults WHERE source = ? ORDER BY number",
                (self._name,),
            )
        return [Row(line, json.loads(content), reason) for line, content, reason in rows]

    def forget(self) -> None:
        """Forget a sequence that will not come again."""
        with self._node.transaction() as effects:
            for table in ("adapter_progress", "adapter_faults"):
                effects.sql(f"DELETE FROM {table} WHERE source = ?", (self._name,))  # noqa: S608
