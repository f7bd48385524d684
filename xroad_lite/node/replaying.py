"""Messages of the node's own log, shown again to handlers that asked for replays.

Nothing comes from the transport for it, nothing is written to the log, no receipt is given, and
nothing is tried again. Does not choose: who keeps the log's file asks (``log replay --to node``).
"""

from __future__ import annotations

from collections.abc import Callable

from xroad_lite.errors import LogError
from xroad_lite.exchange import Judgement
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.replays import SHOWN, ReplayTable
from xroad_lite.node.handling import Handler
from xroad_lite.node.message import replayed

_AT_ONCE = 16


class Replaying:
    """The handlers that take replays, by type; ``read`` reads an accepted entry again."""

    def __init__(self, store: Store, read: Callable[[int], Judgement]) -> None:
        self._store = store
        self._read = read
        self._table = ReplayTable(store)
        self._handlers: dict[str, Handler] = {}

    def take(self, type_: str, handler: Handler) -> None:
        """Show replays of this type to the handler from now on."""
        if not self._handlers:
            self._table.create()
        self._handlers[type_] = handler

    def pump(self, now: float) -> bool:
        """Show what is asked for; True if there was anything."""
        if not self._handlers:
            return False
        asked = self._table.due(now, _AT_ONCE)
        for index in asked:
            result = self._shown(index)
            with self._store.transaction(durable=False):
                self._table.became(index, result)
        return bool(asked)

    def _shown(self, index: int) -> str:
        confidential = False
        try:
            entry = self._store.entry(index)
            sealed = entry.attributes()
            confidential = "datacommit" in sealed
            _check(index, entry)
            if sealed["type"] not in self._handlers:
                return f"no subscription of the node takes replays of {sealed['type']}"
            self._handlers[sealed["type"]](replayed(self._read(index), index))
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is its failure
            text = "the message is confidential" if confidential else str(error)
            said = f"{type(error).__name__}: {text}"
            return said.encode("utf-8", "backslashreplace").decode()[:1000]
        return SHOWN


def _check(index: int, entry: entries.Entry) -> None:
    accepted = (entry.fields.get("verdict") or {}).get("outcome") == entries.ACCEPTED
    if not accepted or "inreplyto" in entry.attributes():
        raise LogError("log.not_accepted", f"entry {index} is no message that was accepted")
