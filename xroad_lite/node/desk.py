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
from xroad_lite.exchange import Draft, Judgement, Ready
from xroad_lite.exchange.calls import canonical
from xroad_lite.identifiers import MessageType
from xroad_lite.node.answers import read_answer, reply_draft
from xroad_lite.node.effects import Effects, Writer
from xroad_lite.node.handling import Dispatcher
from xroad_lite.node.left_out import Published
from xroad_lite.node.message import Message
from xroad_lite.node.orders import Order, Taker, end, outcome, settle
from xroad_lite.node.receiving import Receiver
from xroad_lite.node.taking import Taking
from xroad_lite.node.terms import Terms
from xroad_lite.policy import REQUEST
from xroad_lite.transports import REPLIES

T = TypeVar("T")
_GROUP = 256
"""How many orders share a transaction; all wait for the last."""
_ENDS_KEPT = 1000
"""Ends of questions that were answered before: beyond this they are let go of."""


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
        self._withdraw = withdraw
        self._closed = False
        self._orders: deque[Order] = deque()
        self._taking = Taking(writer.store, dispatcher, rests)
        self._held: dict[str, set[str]] = {}
        """By type those who hold it."""
        self._holding = threading.Lock()
        self._finished: list[int] = []
        """In the open transaction: they leave the inbox together."""
        self._ready: list[Ready] = []
        """In the open transaction: they are sealed and logged together."""
        self._asked: dict[str, Future[Message]] = {}
        self._ends: list[tuple[float, str]] = []
        receiver.lend = self._taking.lend

    # from any thread

    def publish(self, type: str, body: Any, **options: Any) -> Future[Published]:
        """Publish one event; see ``Effects.publish``."""

        def work(_: float) -> Published:
            effects = Effects(self._writer)
            event = effects.publish(type, body, **options)
            self._write_later(effects.take())
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
            draft = Draft(
                operation=REQUEST,
                type=type,
                body=body,
                recipient=canonical(recipient),
                expires=now + timeout,
                **attributes,
            )
            ready = self._writer.prepare(draft)
            message_id = ready[0].attributes["id"]
            self._write_later(ready)
            self._terms.ask(message_id, reads)
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
            self._taking.wait(type, taker)

        self._order(Order(work, False, taker.future, awaited=False))
        return taker.future

    def finish(self, entry: int, answer: Any = None, *, type: str | None = None) -> Future[None]:
        """Log that a message that was taken is handled; with ``type`` send ``answer`` too.

        ``type`` is that of the answer to a request. ``RequestError`` ``request.not_taken`` when
        nobody has the message, or it was finished before.
        """

        def work(now: float) -> None:
            row = self._taking.row(entry)
            if type is not None:
                draft = reply_draft(self._receiver.judgement(entry, now), type, answer)
                self._write_later(self._writer.prepare(draft))
            self._dispatcher.finished(row, now)
            self._finished.append(entry)
            self._taking.came_back(entry)

        return self._soon(work)

    def fail(self, entry: int, error: XRoadError) -> Future[None]:
        """Give a message back as a failing handler does: tried again later, then a dead letter.

        ``RejectedError`` makes it a dead letter at once.
        """

        def work(now: float) -> None:
            self._dispatcher.failed(self._taking.row(entry), error, now)
            self._taking.came_back(entry)

        return self._soon(work)

    def give_back(self, entry: int) -> Future[None]:
        """Let a message be taken again at once, as if nobody had taken it."""

        def work(_: float) -> None:
            self._dispatcher.inbox.returned(self._taking.row(entry).index)
            self._taking.came_back(entry)

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
        else:
            self._wake()

    # by the node's thread

    def pump(self, now: float) -> bool:
        """Do what was ordered, and give out what came; True if there was anything."""
        orders = [self._orders.popleft() for _ in range(min(_GROUP, len(self._orders)))]
        orders = [one for one in orders if one.begins()]
        if orders:
            self._do(orders, now)
        gave = self._tell_answers(now)
        return self._taking.give_out(now) or gave or bool(orders)

    def close(self) -> None:
        """End all that wait, and whoever still comes: the node is closing."""
        self._closed = True
        ended = RequestError("request.closed", "the node is closing")
        waiting = [one.future for one in self._orders] + [*self._taking.futures()]
        for future in (*waiting, *self._asked.values()):
            end(future, ended)
        self._orders.clear()
        self._asked.clear()

    def _write_later(self, ready: list[Ready]) -> None:
        """At the end of the open transaction; what the outbox has no room for fails its order."""
        self._writer.check_room(len(self._ready) + len(ready))
        self._ready += ready

    def _do(self, orders: list[Order], now: float) -> None:
        self._finished.clear()
        self._ready.clear()
        try:
            with self._store.transaction(durable=any(one.durable for one in orders)):
                outcomes = [(one, *outcome(one.work, now)) for one in orders]
                self._writer.write(self._ready)
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
        if len(self._ends) > 2 * len(self._asked) + _ENDS_KEPT:
            self._ends = [one for one in self._ends if one[1] in self._asked]
            heapq.heapify(self._ends)
        return bool(answered)

    def _answer(self, index: int, now: float) -> Message:
        try:
            return read_answer(self._receiver.judgement(index, now), index)
        finally:
            self._receiver.forget(index)


def _late(message_id: str) -> Message:
    raise RequestError(
        "request.timeout",
        f"no answer in time to the request {message_id}",
        hint="see with: xroad-lite status whether it was sent; then ask again",
    )
