"""From the inbox to handlers: order, attempts, dead letters, and effects that commit with the mark.

Does not receive or send: it reads accepted messages from the store, and what handlers publish goes
to the outbox in the transaction that marks the message as handled.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xroad_lite.errors import (
    KeysError,
    LogError,
    RefusedError,
    RegistryError,
    RejectedError,
    TransportError,
    XRoadError,
)
from xroad_lite.exchange import Draft, Judgement
from xroad_lite.messagelog import Inbox, Incoming, Store, entries
from xroad_lite.messagelog.receipts import Told
from xroad_lite.node.answers import answer_error, reply_draft
from xroad_lite.node.effects import Effects, Writer
from xroad_lite.node.message import Message
from xroad_lite.node.receipts import Receipts
from xroad_lite.node.settings import Retry

BATCH = 256
MAX_CRASHES = 20
_GROUP_SECONDS = 0.02

Handler = Callable[[Message], Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler for one message type, and whether what it returns is the answer to a request."""

    type: str
    handler: Handler
    answers: str | None = None
    """The response type, for a service."""


class Dispatcher:
    """Runs handlers, one at a time, in the order of the inbox."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        retry: Retry,
        judged: Callable[[int], Judgement],
        forget: Callable[[int], None],
        receipts: Receipts,
        log: Any,
    ) -> None:
        self._store = store
        self._writer = writer
        self._retry = retry
        self._judged = judged
        self._forget = forget
        self._receipts = receipts
        self._log = log
        self.inbox = Inbox(store)
        self.inbox.recover()
        self._any_dead = False
        self.subscriptions: dict[str, Subscription] = {}
        self.asked: set[str] = set()
        """Types of requests: their senders are told of a dead letter."""

    def pump(self, now: float) -> bool:
        """Handle what is due; True if there was anything."""
        rows = self.inbox.due(now, BATCH, self.subscriptions)
        if not rows:
            return False
        self._any_dead = self.inbox.any_dead()
        suspect: Incoming | None = None
        if any(row.suspect for row in rows):
            rows, suspect = _told_apart(rows)
        if rows:
            self.inbox.started([row.index for row in rows])
            self._handle_all(rows, now)
        if suspect is not None:
            self.inbox.crashing(suspect.index)
            self._handle_all([suspect], now)
        return True

    # for what is handled elsewhere: see ``desk``

    def message(self, row: Incoming) -> Message:
        """A message as one sees it who cannot publish with it."""
        return self._message(row, None)

    def expired(self, row: Incoming, now: float) -> bool:
        """Whether nobody waits for it any more; then the log says so."""
        if row.expires is None or row.expires >= now:
            return False
        with self._store.transaction():
            self._say(row, entries.EXPIRED, now)
            self.inbox.done(row.index)
        return True

    def finished(self, row: Incoming, now: float) -> None:
        """It is handled; its answer, if it has one, and ``inbox.done`` are the caller's."""
        self._say(row, entries.HANDLED, now)
        self._forget(row.index)

    def failed(self, row: Incoming, error: Exception, now: float) -> None:
        """It could not be handled now: tried again later, or a dead letter."""
        self._failed(row, error, now)

    def _handle_all(self, rows: list[Incoming], now: float) -> None:
        """Handlers run outside a transaction; their effects commit in groups."""
        group: list[tuple[Incoming, Effects]] = []
        parked: set[tuple[str, str]] = set()
        began = time.monotonic()
        for row in rows:
            if row.subject is not None and (row.source, row.subject) in parked:
                continue
            effects = Effects(self._writer)
            try:
                handled = self._handle(row, effects, now)
            except Exception as error:  # whatever an adapter raises is its failure
                effects.undo()
                self._commit(group, now)
                group = []
                if _is_ours(error):
                    raise
                self._failed(row, error, now)
                if row.subject is not None:
                    parked.add((row.source, row.subject))
                continue
            except BaseException:  # this thread is ending: it must not keep the store locked
                effects.undo()
                raise
            if handled:
                group.append((row, effects))
            if effects.uses_sql or time.monotonic() - began > _GROUP_SECONDS:
                self._commit(group, now)
                group, began = [], time.monotonic()
        self._commit(group, now)

    def _handle(self, row: Incoming, effects: Effects, now: float) -> bool:
        """Run the handler; False when the message needed none any more."""
        if self.expired(row, now):
            return False
        if row.crashes >= MAX_CRASHES:
            error = XRoadError(
                "handler.crashed", f"the process ended {row.crashes} times while handling it"
            )
            self._bury(row, error, now)
            return False
        subscription = self.subscriptions[row.subscription]
        message = self._message(row, effects)
        result = subscription.handler(message)
        if subscription.answers is not None:
            effects.add(self._reply(message, subscription.answers, result))
        return True

    def _message(self, row: Incoming, effects: Effects | None) -> Message:
        found = self._judged(row.index)
        return Message(
            body=found.reading,
            original=found.value,
            attributes=found.attributes,
            losses=found.losses,
            entry=row.index,
            attempt=row.attempt,
            subject=found.subject,
            dead_before=tuple(self.inbox.dead_before(row)) if self._any_dead else (),
            _effects=effects,
        )

    def _reply(self, message: Message, type_: str, body: Any) -> Draft:
        found = self._judged(message.entry)
        assert found.opened is not None
        return reply_draft(found, type_, body)

    def _commit(self, group: list[tuple[Incoming, Effects]], now: float) -> None:
        if not group:
            return
        try:
            with self._store.transaction():
                self._writer.write([one for _, effects in group for one in effects.take()])
                for row, _ in group:
                    self.finished(row, now)
                self.inbox.done(*(row.index for row, _ in group))
            for _, effects in group:
                effects.commit()
        except BaseException:
            for _, effects in group:
                effects.undo()
            raise

    def _say(self, row: Incoming, result: str, now: float) -> None:
        """Log what became of a message, in the open transaction."""
        attempts = row.attempt
        self._store.append(entries.outcome(now, row.index, result, attempts))
        self._store.count(result)
        self._receipts.came_to(row.index, Told(result, now))

    def _failed(self, row: Incoming, error: Exception, now: float) -> None:
        ours = _described(error)
        stored = self._stored(row, error, ours)
        self._log(f"{row.subscription} entry {row.index}, attempt {row.attempt}: {stored}")
        final = isinstance(error, RejectedError) or row.attempts + 1 >= self._retry.attempts
        wait = self._retry.first * self._retry.factor**row.attempts
        if final or (row.expires is not None and now + wait > row.expires):
            self._bury(row, ours, now, stored)
        else:
            self.inbox.retry(row.index, now + wait, stored.code, stored.message)

    def _stored(self, row: Incoming, error: Exception, ours: XRoadError) -> XRoadError:
        """What the log and people may know of a failure: of a confidential message no words."""
        if "datacommit" not in self._store.entry(row.index).attributes():
            return ours
        place = _place(error)
        return XRoadError(ours.code, f"{type(error).__name__}{place}; the message is confidential")

    def _bury(
        self, row: Incoming, error: XRoadError, now: float, stored: XRoadError | None = None
    ) -> None:
        """Make it a dead letter, with the reason as it is ``stored``; who asked is told."""
        stored = stored or error
        reason = {"code": stored.code, "message": stored.message[:1000]}
        attempts = row.attempt
        with self._store.transaction():
            self._store.append(entries.outcome(now, row.index, entries.DEAD, attempts, reason))
            self._store.count(entries.DEAD)
            code = error.code if isinstance(error, RejectedError) else "handler.failed"
            self._receipts.came_to(row.index, Told(entries.DEAD, now, code=code))
            self.inbox.bury(row.index, stored.code, stored.message[:1000])
            if row.subscription in self.asked:
                self._answer_error(self._judged(row.index), error)

    def _answer_error(self, found: Judgement, error: XRoadError) -> None:
        code, text = "service.failed", "the service could not answer: its operator knows why"
        if isinstance(error, RejectedError):  # any other text may hold what is nobody's business
            code, text = error.code, error.message[:500]
        body = {"code": code, "message": text}
        answer_error(self._writer, found, body)


def _told_apart(rows: list[Incoming]) -> tuple[list[Incoming], Incoming]:
    """What no suspect stands before, and the suspect that has ended the process least often.

    So whichever ended the process ends it again only when all others have been handled.
    """
    calm: list[Incoming] = []
    suspects: dict[object, Incoming] = {}
    for row in rows:
        order = row.index if row.subject is None else (row.source, row.subject)
        if order in suspects:
            continue
        if row.suspect:
            suspects[order] = row
        else:
            calm.append(row)
    return calm, min(suspects.values(), key=lambda row: (row.crashes, row.index))


def _is_ours(error: Exception) -> bool:
    """Whether no handler is to blame: disk, registry, key or a full outbox stop everything."""
    if isinstance(error, LogError | RegistryError | KeysError):
        return True
    if isinstance(error, RefusedError):  # the registry here has expired, or lists no key of ours
        return error.check in (2, 3)
    return isinstance(error, TransportError) and error.code == "transport.outbox_full"


def _described(error: Exception) -> XRoadError:
    """The failure in words that can be stored: no adapter's text may stop the node."""
    if isinstance(error, XRoadError):
        kind = RejectedError if isinstance(error, RejectedError) else XRoadError
        return kind(_storable(error.code), _storable(error.message))
    text = f"{type(error).__name__}: {error}{_place(error)}"
    return XRoadError("handler.failed", _storable(text))


def _place(error: Exception) -> str:
    """Where in the code it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f" at {last[0].name}:{last[0].lineno}" if last else ""


def _storable(text: object) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode()
