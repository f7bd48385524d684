"""Who waits at the desk for messages of a type, and who has which; does not finish them.

What has no subject is given in the very transaction that accepts it, and told once that is on disk;
all else is lent from the inbox.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from xroad_lite.errors import RequestError
from xroad_lite.messagelog import Incoming, Store
from xroad_lite.node.handling import Dispatcher
from xroad_lite.node.message import Message
from xroad_lite.node.orders import Taker, is_wanted

_GROUP = 256
"""How many are lent in one transaction."""


class Taking:
    """The takers, first come first served, and what is out. For the node's thread alone."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, rests: Callable[[float], bool]
    ) -> None:
        """``rests``: what came must wait."""
        self._store = store
        self._dispatcher = dispatcher
        self._rests = rests
        self._waiting: dict[str, deque[Taker]] = {}
        self._served: dict[str, list[Taker]] = {}
        """By type those whom the open transaction, which receives, gives what came."""
        self._given: list[Taker] = []
        """Those whom a transaction that is on disk gave something, and who are to be told."""
        self._lent: dict[int, Incoming] = {}

    def wait(self, type_: str, taker: Taker) -> None:
        """Let somebody stand in line."""
        self._waiting.setdefault(type_, deque()).append(taker)

    def futures(self) -> Iterator[Future[list[Message]]]:
        """Of all who wait, or are to be told."""
        for takers in (*self._waiting.values(), self._given):
            yield from (one.future for one in takers)

    def row(self, entry: int) -> Incoming:
        """A message that is out; ``RequestError`` ``request.not_taken`` if nobody has it."""
        row = self._lent.get(entry)
        if row is None:
            raise RequestError(
                "request.not_taken",
                f"the message of log entry {entry} is not out: it was finished, or never taken",
                hint="take it again",
            )
        return row

    def came_back(self, entry: int) -> None:
        """Nobody has it any more."""
        del self._lent[entry]

    # as it comes

    def lend(self, row: Incoming, now: float) -> float | None:
        """Give a taker who waits what comes, in the transaction that accepts it; until when.

        None where nobody waits, or it must stand in line: behind others of its subject, or
        because it is late, or what came must wait.
        """
        served = self._served.get(row.subscription)
        if row.subject is not None or not (served or self._waiting.get(row.subscription)):
            return None
        if row.expires is not None and row.expires < now:
            return None
        taker = served[-1] if served else None
        if taker is None or len(taker.rows) >= taker.limit:
            taker = self._next(row.subscription, now)
            if taker is None:
                return None
        taker.rows.append(row)
        return now + taker.lease

    def _next(self, type_: str, now: float) -> Taker | None:
        waiting = self._waiting.get(type_)
        while waiting and waiting[0].future.done():
            waiting.popleft()
        if not waiting or self._rests(now):
            return None
        if not self._served:
            self._store.then(self._ended)
        self._served.setdefault(type_, []).append(waiting[0])
        return waiting.popleft()

    def _ended(self, kept: bool) -> None:
        """The transaction has ended in which some were served; undone, they wait as before."""
        served, self._served = self._served, {}
        for type_, takers in served.items():
            if kept:
                self._given += takers
                continue
            for taker in reversed(takers):
                taker.rows.clear()
                self._waiting[type_].appendleft(taker)

    # from the inbox

    def give_out(self, now: float) -> bool:
        """Tell whom something was given, and lend what is due; True if there was anything."""
        gave = self._tell_given()
        for type_, takers in self._waiting.items():
            while takers and takers[0].future.done():
                takers.popleft()
            if takers and not self._rests(now):
                gave |= self._give(type_, takers, now)
            for one in [one for one in takers if not one.waits]:
                takers.remove(one)
                if is_wanted(one.future):
                    one.future.set_result([])
        return gave

    def _tell_given(self) -> bool:
        given, self._given = self._given, []
        for taker in given:
            if is_wanted(taker.future):
                self._hand_over(taker, taker.rows)
            else:
                for row in taker.rows:
                    self._dispatcher.inbox.returned(row.index)
        return bool(given)

    def _give(self, type_: str, takers: deque[Taker], now: float) -> bool:
        """Lend what is due, to one taker after the other."""
        wanted = min(_GROUP, sum(one.limit for one in takers))
        due = _first_of_each_order(self._dispatcher.inbox.due(now, wanted, (type_,)))
        if not due:
            return False
        with self._store.transaction(durable=False):
            due = [row for row in due if not self._dispatcher.expired(row, now)]
            given: list[tuple[Taker, list[Incoming]]] = []
            while due and takers:
                taker = takers.popleft()
                if is_wanted(taker.future):
                    given.append((taker, [self._again(row) for row in due[: taker.limit]]))
                    due = due[taker.limit :]
            ends = [(row, now + taker.lease) for taker, rows in given for row in rows]
            self._dispatcher.inbox.lend([(row.index, row.attempts, at) for row, at in ends])
        for taker, rows in given:
            self._hand_over(taker, rows)
        return True

    def _again(self, row: Incoming) -> Incoming:
        """Who was out before and was not finished in time has had one attempt more."""
        return row._replace(attempts=row.attempts + 1) if row.index in self._lent else row

    def _hand_over(self, taker: Taker, rows: list[Incoming]) -> None:
        self._lent.update((row.index, row) for row in rows)
        taker.future.set_result([self._dispatcher.message(row) for row in rows])


def _first_of_each_order(rows: list[Incoming]) -> list[Incoming]:
    found: dict[object, Incoming] = {}
    for row in rows:
        key = row.index if row.subject is None else (row.source, row.subject)
        found.setdefault(key, row)
    return list(found.values())
