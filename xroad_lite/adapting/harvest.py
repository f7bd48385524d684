"""Publishes each version of each item of a source once, whatever is killed when.

What was published is remembered in the node's own store, in the transaction that publishes it. Does
not read the source: the adapter gives a function that does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from xroad_lite.adapting.columns import Columns, plain
from xroad_lite.adapting.items import Item, Source, batches
from xroad_lite.errors import XRoadError
from xroad_lite.node import Node

_TABLES = (
    "CREATE TABLE IF NOT EXISTS adapter_items (source TEXT, key TEXT, digest TEXT NOT NULL,"
    " reason TEXT, PRIMARY KEY (source, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS adapter_sources (source TEXT PRIMARY KEY, state TEXT NOT NULL)"
    " WITHOUT ROWID",
)

_LOG = logging.getLogger("xroad_lite")

Settle = Callable[[Sequence[tuple[Item, str | None]]], None]


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is known of an item: the digest of its last version, and why that was refused."""

    digest: str
    reason: str | None = None


_NOTHING = _Mark("")


class Harvest:
    """One source of one message type. ``name`` is stable: what was published is known by it.

    ``columns`` makes bodies of rows (``sparse`` ones may lack some); left out, a row is the body.
    ``overlap`` is for how many seconds after a watermark was first seen items below it may still
    appear: in a database, how long the longest transaction takes. ``start`` is the watermark to
    begin with. ``forget`` is whether an item that is read no more is forgotten, and published
    should it come again.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        type: str,
        *,
        columns: Columns | None = None,
        sparse: bool = False,
        overlap: float = 0.0,
        start: Any = None,
        forget: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = Source(node, name, type, columns, sparse).open(_TABLES)
        self._node, self._name = node, name
        self._overlap = overlap
        self._start = start
        self._forget = forget
        self._clock = clock

    def take(self, read: Callable[[Any], Iterable[Item]], settle: Settle | None = None) -> int:
        """Publish what ``read(watermark)`` gives and is new or changed; gives how many items.

        ``read`` gives all items from the watermark on (None: all there are), those at the watermark
        itself too. ``settle`` gets the items of each batch after its commit, each with None or the
        reason why its content was refused: the place to say so in the source. It may see an item
        again. Whatever is raised leaves what was committed, and the rest for the next time.
        """
        begun = self._clock()
        known, state = self._remembered()
        seen: dict[str, tuple[Any, str]] = {}
        highest, count = None, 0
        for batch in batches(read(state["since"])):
            _check_keys(batch, seen)
            count += self._publish(batch, known)
            if settle is not None:
                settle([(item, known[item.key].reason) for item in batch])
            highest = plain(batch[-1].watermark)
        self._finish(_moved(state, highest, begun, self._clock(), self._overlap), known, seen)
        return count

    def _publish(self, batch: Sequence[Item], known: dict[str, _Mark]) -> int:
        new = [item for item in batch if known.get(item.key, _NOTHING).digest != _digest(item)]
        if not new:
            return 0
        marks = {}
        with self._node.transaction() as effects:
            for item in new:
                reason = self._source.publish(effects, item)
                if reason is not None:
                    _LOG.warning("%s %s: %s", self._name, item.key, reason)
                marks[item.key] = mark = _Mark(_digest(item), reason)
                effects.sql(
                    "INSERT OR REPLACE INTO adapter_items VALUES (?, ?, ?, ?)",
                    (self._name, item.key, mark.digest, mark.reason),
                )
        known.update(marks)
        return len(new)

    def _remembered(self) -> tuple[dict[str, _Mark], dict[str, Any]]:
        with self._node.transaction() as effects:
            rows = effects.sql(
                "SELECT key, digest, reason FROM adapter_items WHERE source = ?", (self._name,)
            )
            states = effects.sql(
                "SELECT state FROM adapter_sources WHERE source = ?", (self._name,)
            )
        state = json.loads(states[0][0]) if states else {"since": self._start, "seen": []}
        return {key: _Mark(digest, reason) for key, digest, reason in rows}, state

    def _finish(self, state: dict[str, Any], known: Iterable[str], seen: Iterable[str]) -> None:
        """Remember how far this round came, and forget what it did not see."""
        gone = set(known).difference(seen) if self._forget else ()
        with self._node.transaction() as effects:
            effects.sql(
                "INSERT INTO adapter_sources VALUES (?, ?) ON CONFLICT (source) DO UPDATE"
                " SET state = excluded.state WHERE state <> excluded.state",
                (self._name, json.dumps(state)),
            )
            for key in gone:
                effects.sql(
                    "DELETE FROM adapter_items WHERE source = ? AND key = ?", (self._name, key)
                )


def _moved(
    state: dict[str, Any], highest: Any, begun: float, now: float, overlap: float
) -> dict[str, Any]:
    """Where to read from next: the highest watermark that was known ``overlap`` before this round.

    A round reads what had committed when it began. So what commits within ``overlap`` of the first
    sight of a higher watermark is read by some round that still begins below it.
    """
    since, seen = state["since"], list(state["seen"])
    latest = seen[-1][1] if seen else since
    if highest is not None and highest != latest:
        seen.append([now, highest])
    while seen and (not overlap or seen[0][0] + overlap <= begun):
        since = seen.pop(0)[1]
    return {"since": since, "seen": seen}


def _check_keys(batch: Sequence[Item], seen: dict[str, tuple[Any, str]]) -> None:
    """Two items of one key would be published again and again, each as a change of the other."""
    for item in batch:
        version = item.watermark, _digest(item)
        earlier = seen.setdefault(item.key, version)
        if earlier[0] == version[0] and earlier != version:
            raise XRoadError(
                "source.key",
                f"two items have the key {item.key}",
                hint="choose as key what is unique in the source",
            )


def _digest(item: Item) -> str:
    text = json.dumps([item.row, item.subject], sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()
