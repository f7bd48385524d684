"""A node's desk: what others than handlers say, ask, take and finish, from any thread, as futures.

Orders are done by the node's own thread, many in one transaction, so that hundreds of callers share
one write to the disk; a future is done when its order is on disk. Does not wait for anybody.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from xroad_lite.errors import RequestError, XRoadError
from xroad_lite.exchange import Draft, Judgement
from xroad_lite.exchange.calls import canonical
from xroad_lite.identifiers import MessageType
from xroad_lite.messagelog import Incoming
from xroad_lite.node.answers import read_answer, reply_draft
from xroad_lite.node.effects import Effects, Writer
from xroad_lite.node.handling import Dispatcher
from xroad_lite.node.left_out import Published
from xroad_lite.node.message import Message
from xroad_lite.node.orders import Order, Taker, end, is_wanted, outcome, settle
from xroad_lite.node.receiving import Receiver
from xroad_lite.node.terms import Terms
from xroad_lite.policy import REQUEST
from xroad_lite.transports import REPLIES

T = TypeVar("T")
_GROUP = 256
"""How many orders share a transaction; all wait for the last."""


class Desk:
    """``node.desk``. All methods may be called from any thread.

    In a handler nobody does what is ordered before it ends: there ``Node.request`` asks.
    """

    def __init__(
        self,
        writer: Writer,
        dispatcher: Dispatcher,
        receiver: Receiver,
        terms: Terms,
        *,
        listen: Callable[[str], None],
        unlisten: Callable[[str], None],
        wake: Callable[[], None],
        answer_type: Callable[[str], str | None],
        rests: Callable[[float], bool],
        withdraw: Callable[[str, float], bool],
    ) -> None:
        """``answer_type`` is what answers a type of requests; ``rests``: what came must wait;
        ``withdraw`` sends no more what is left of an event.
        """
        self._writer = writer
        self._store = writer.store
        self._dispatcher = dispatcher
        self._receiver = receiver
        self._terms = terms
        self._listen, self._unlisten = listen, unlisten
        self._wake = wake
        self.answer_type = answer_type
        self._rests = rests
        self._withdraw = withdraw
        self._closed = False
        self._orders: deque[Order] = deque()
        self._woken = False
        """Whether the node has been woken since it last looked for orders."""
        self._takers: dict[str, deque[Taker]] = {}
        self._held: dict[str, set[str]] = {}
        """By type those who hold it."""
        self._holding = threading.Lock()
        self._finished: list[int] = []
        """In the open transaction: they leave the inbox together."""
        self._served: dict[str, list[Taker]] = {}
        """By type those whom the transaction that receives gives what came, and then are told."""
        self._lent: dict[int, Incoming] = {}
        self._asked: dict[str, Future[Message]] = {}
        self._ends: list[tuple[float, str]] = []
        receiver.lend = self._lend

    # from any thread

    def publish(self, type: str, body: Any, **options: Any) -> Future[Published]:
        """Publish one event; see ``Effects.publish``."""

        def work(_: float) -> Published:
            effects = Effects(self._writer)
            event = effects.publish(type, body, **options)
            effects.write()
            return event

        return self._soon(work)

    def withdraw(self, event: str) -> Future[bool]:
        """Send no more what waits in the outbox of an event; False when nothing of it waits."""
        return self._soon(partial(self._withdraw, event))

    def ask(
        self,
        recipient: str,
        type: str,
        body: Any,
        *,
        timeout: float,
        reads: str | None = None,
        **attributes: Any,
    ) -> Future[Message]:
        """Ask ``recipient``; done when its answer is here, or after ``timeout`` seconds.

        Arguments and errors are those of ``Node.request``.
        """
        self._listen(REPLIES)
        answer: Future[Message] = Future()

        def work(now: float) -> None:
            effects = Effects(self._writer)
            draft = Draft(
                operation=REQUEST,
                type=type,
                body=body,
                recipient=canonical(recipient),
                expires=now + timeout,
                **attributes,
            )
            message_id = effects.add(draft)
            self._terms.ask(message_id, reads)
            effects.write()
            self._asked[message_id] = answer
            heapq.heappush(self._ends, (now + timeout, message_id))

        self._order(Order(work, True, answer, awaited=False))
        return answer

    def hold(self, type: str, *, reads: str | None = None, holder: str = "") -> None:
        """Receive messages of ``type`` from now on, and keep them for ``take``.

        ``reads`` is as in ``Node.subscribe``. Once is enough, for each ``holder`` that will
        ``release`` it; ``RuntimeError`` if a handler has it.
        """
        type = str(MessageType.parse(type))
        if type in self._dispatcher.subscriptions:
            raise RuntimeError(f"there is a handler for {type}: its messages are not taken")
        with self._holding:
            if type not in self._held:
                self._terms.subscribe(type, reads, confluent_prefix=False)
                if self.answer_type(type) is not None:
                    self._dispatcher.asked.add(type)
                self._listen(type)
            self._held.setdefault(type, set()).add(holder)

    def release(self, type: str, holder: str = "") -> None:
        """Receive no more messages of ``type``, unless somebody else holds it too.

        What comes then waits on the transport, and what is here, until it is held again.
        """
        with self._holding:
            holders = self._held.get(type, set())
            holders.discard(holder)
            if type in self._held and not holders:
                del self._held[type]
                self._unlisten(type)

    def take(
        self, type: str, *, limit: int = 1, lease: float = 60.0, wait: bool = True
    ) -> Future[list[Message]]:
        """The next messages of a type that is held, at least one; done when there is one.

        Without ``wait`` it is done at once, with none if there is none.
        They are the caller's for ``lease`` seconds: what is not finished by then is taken again,
        its ``attempt`` one higher. No two of one source and subject are out at the same time.
        Cancel the future to wait no more.
        """
        taker = Taker(limit, lease, wait)

        def work(_: float) -> None:
            self._takers.setdefault(type, deque()).append(taker)

        self._order(Order(work, False, taker.future, awaited=False))
        return taker.future

    def finish(self, entry: int, answer: Any = None, *, type: str | None = None) -> Future[None]:
        """Log that a message that was taken is handled; with ``type`` send ``answer`` too.

        ``type`` is that of the answer to a request. ``RequestError`` ``request.not_taken`` when
        nobody has the message, or it was finished before.
        """

        def work(now: float) -> None:
            row, draft = self._row(entry), None
            if type is not None:
                draft = reply_draft(self._receiver.judgement(entry, now), type, answer)
            self._dispatcher.finished(row, draft, now)
            self._finished.append(entry)
            del self._lent[entry]

        return self._soon(work)

    def fail(self, entry: int, error: XRoadError) -> Future[None]:
        """Give a message back as a failing handler does: tried again later, then a dead letter.

        ``RejectedError`` makes it a dead letter at once.
        """

        def work(now: float) -> None:
            row = self._row(entry)
            self._dispatcher.failed(row, error, now)
            del self._lent[entry]

        return self._soon(work)

    def give_back(self, entry: int) -> Future[None]:
        """Let a message be taken again at once, as if nobody had taken it."""

        def work(_: float) -> None:
            self._dispatcher.inbox.returned(self._row(entry).index)
            del self._lent[entry]

        return self._soon(work, False)

    def read_as(self, entry: int, reads: str) -> Future[Judgement]:
        """Read a message in other terms than it was taken in; ``reads`` is as in ``hold``.

        ``ConfigurationError`` ``config.reads`` for unknown terms, ``SemanticsError`` where it
        cannot be read in them.
        """

        def work(now: float) -> Judgement:
            return self._receiver.read(entry, now, reads=self._terms.target(reads).iri)

        return self._soon(work, False)

    def check_reads(self, reads: str) -> Future[None]:
        """``ConfigurationError`` ``config.reads`` if the registry has no such terms to read in."""

        def work(_: float) -> None:
            self._terms.target(reads)

        return self._soon(work, False)

    def _soon(self, work: Callable[[float], T], durable: bool = True) -> Future[T]:
        future: Future[T] = Future()
        self._order(Order(work, durable, future))
        return future

    def _order(self, order: Order) -> None:
        self._orders.append(order)
        if self._closed:
            self.close()
        elif not self._woken:
            self._woken = True
            self._wake()

    # by the node's thread

    def pump(self, now: float) -> bool:
        """Do what was ordered, and give out what came; True if there was anything."""
        self._woken = False  # before it looks: whoever finds it true is seen
        orders = [self._orders.popleft() for _ in range(min(_GROUP, len(self._orders)))]
        orders = [one for one in orders if one.begins()]
        if orders:
            self._do(orders, now)
        gave = self._tell_answers(now)
        return self._give_out(now) or gave or bool(orders)

    def close(self) -> None:
        """End all that wait, and whoever still comes: the node is closing."""
        self._closed = True
        ended = RequestError("request.closed", "the node is closing")
        waiting = [one.future for one in self._orders]
        takers = [*self._takers.values(), *self._served.values()]
        waiting += [one.future for those in takers for one in those]
        for future in (*waiting, *self._asked.values()):
            end(future, ended)
        self._orders.clear()
        self._takers.clear()
        self._asked.clear()

    def _do(self, orders: list[Order], now: float) -> None:
        self._finished.clear()
        try:
            with self._store.transaction(durable=any(one.durable for one in orders)):
                outcomes = [(one, *outcome(one.work, now)) for one in orders]
                if self._finished:
                    self._dispatcher.inbox.done(*self._finished)
        except BaseException as error:
            for one in orders:
                one.done(None, error)
            raise
        for one, result, failure in outcomes:
            one.done(result, failure)

    def _tell_answers(self, now: float) -> bool:
        answered, self._receiver.answered = self._receiver.answered, []
        for message_id, index in answered:
            if message_id in self._asked:
                self._terms.asked(message_id)
                settle(self._asked.pop(message_id), partial(self._answer, index, now))
        while self._ends and self._ends[0][0] < now:
            _, message_id = heapq.heappop(self._ends)
            if message_id in self._asked:
                self._terms.asked(message_id)
                settle(self._asked.pop(message_id), partial(_late, message_id))
        return bool(answered)

    def _answer(self, index: int, now: float) -> Message:
        try:
            return read_answer(self._receiver.judgement(index, now), index)
        finally:
            self._receiver.forget(index)

    def _lend(self, row: Incoming, now: float) -> float | None:
        """Give a taker who waits what comes, in the transaction that accepts it; until when.

        None where nobody waits, or it must stand in line: behind others of its subject, or
        because it is late, or what came must wait.
        """
        waiting = self._takers.get(row.subscription)
        served = self._served.get(row.subscription)
        if not (waiting or served) or row.subject is not None:
            return None
        if row.expires is not None and row.expires < now:
            return None
        taker = served[-1] if served else None
        if taker is None or len(taker.rows) >= taker.limit:
            taker = self._next_taker(row.subscription, now)
            if taker is None:
                return None
        taker.rows.append(row)
        return now + taker.lease

    def _next_taker(self, type_: str, now: float) -> Taker | None:
        waiting = self._takers.get(type_) or deque()
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
        if kept:
            return
        served, self._served = self._served, {}
        for type_, takers in served.items():
            for taker in reversed(takers):
                taker.rows.clear()
                self._takers[type_].appendleft(taker)

    def _tell_served(self) -> bool:
        """Hand over what the last transaction that received has given."""
        served, self._served = self._served, {}
        for taker in (one for takers in served.values() for one in takers):
            if is_wanted(taker.future):
                self._hand_over(taker, taker.rows)
            else:
                for row in taker.rows:
                    self._dispatcher.inbox.returned(row.index)
        return bool(served)

    def _hand_over(self, taker: Taker, rows: list[Incoming]) -> None:
        self._lent.update((row.index, row) for row in rows)
        taker.future.set_result([self._dispatcher.message(row) for row in rows])

    def _give_out(self, now: float) -> bool:
        gave = self._tell_served()
        for type_, takers in self._takers.items():
            while takers and takers[0].future.done():
                takers.popleft()
            if takers and not self._rests(now):
                gave |= self._give(type_, takers, now)
            for one in [one for one in takers if not one.waits]:
                takers.remove(one)
                if is_wanted(one.future):
                    one.future.set_result([])
        return gave

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

    def _row(self, entry: int) -> Incoming:
        row = self._lent.get(entry)
        if row is None:
            raise RequestError(
                "request.not_taken",
                f"the message of log entry {entry} is not out: it was finished, or never taken",
                hint="take it again",
            )
        return row


def _late(message_id: str) -> Message:
    raise RequestError(
        "request.timeout",
        f"no answer in time to the request {message_id}",
        hint="see with: xroad-lite status whether it was sent; then ask again",
    )


def _first_of_each_order(rows: list[Incoming]) -> list[Incoming]:
    found: dict[object, Incoming] = {}
    for row in rows:
        key = row.index if row.subject is None else (row.source, row.subject)
        found.setdefault(key, row)
    return list(found.values())
