"""What an institution runs: one subsystem with its key, log and transport.

Does not contain a rule of its own: ``exchange`` judges, the log keeps, the transport carries.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from xroad_lite import times
from xroad_lite.errors import (
    KeysError,
    LogError,
    RefusedError,
    RegistryError,
    RequestError,
    TransportError,
)
from xroad_lite.exchange import (
    Draft,
    Judgement,
    Ready,
    check_own,
    prepare,
)
from xroad_lite.identifiers import MessageType, SubsystemId, new_message_id
from xroad_lite.messagelog import Store
from xroad_lite.node.answers import answer_error, refusal
from xroad_lite.node.courier import Courier
from xroad_lite.node.desk import Desk
from xroad_lite.node.effects import Effects
from xroad_lite.node.evidence import Evidence
from xroad_lite.node.handling import Dispatcher, Handler, Subscription
from xroad_lite.node.keys_in_use import KeysInUse
from xroad_lite.node.left_out import LeftOutTalk, Published
from xroad_lite.node.lock import take_lock, until_free
from xroad_lite.node.message import Message
from xroad_lite.node.receipts import are_due
from xroad_lite.node.receiving import Receiver
from xroad_lite.node.registered import Registered
from xroad_lite.node.registries import Registries
from xroad_lite.node.replaying import Replaying
from xroad_lite.node.sending import Sender
from xroad_lite.node.settings import Settings
from xroad_lite.node.terms import Terms
from xroad_lite.node.upkeep import Upkeep
from xroad_lite.registry import Snapshot
from xroad_lite.transports import REPLIES, open_transport

_H = TypeVar("_H", bound=Handler)
_IDLE_SECONDS = 0.5
_TROUBLE = TransportError, LogError, RegistryError, KeysError, RefusedError
_TROUBLE_SECONDS = 1.0


class Node:
    """One node = one subsystem = one log. Open with ``Node.open``; safe for threads.

    Only one thread at a time is in ``run`` or ``step``; ``publish``, ``request`` and
    ``transaction`` may be called from any.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        talk: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.id = SubsystemId.parse(settings.subsystem)
        self._me = str(self.id)
        self._clock = clock
        self._talk = talk or logging.getLogger("xroad_lite").warning
        self._closing = threading.Event()
        self._released = False
        self._handling = threading.RLock()
        """Held while handlers run. Whoever takes both takes this one first."""
        self._pumping = threading.RLock()
        """Held while messages are received and sent."""
        self._courier = Courier(self._carry)
        self._handler_thread: int | None = None
        self._keys = KeysInUse(settings, self._talk)
        self._lock = take_lock(settings.path(settings.log))
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            self._evidence = Evidence(settings, self._talk)
            undo.callback(self._evidence.abandon)
            self.store = Store(settings.path(settings.log))
            self._evidence.begin(self.store, self.now())
            self._registry = Registries(settings, self.store, self._clock())
            self._registered = Registered(self._registry, self._me)
            self._terms = Terms(self._registry, settings.path("vocabulary"))
            signer = self._keys.signer(self._registered, self._clock())
            self._transport = open_transport(
                settings.transport, self.id, base=settings.folder, max_body=settings.max_body
            )
            undo.pop_all()
        self._evidence.choose_key(self._registered.log_key)
        self._sender = Sender(
            self.store,
            self._transport,
            signer,
            settings.outbox_limit,
            settings.max_body,
        )
        self._receiver = Receiver(
            self.store,
            self._transport,
            self._registry,
            self._sender,
            me=self._me,
            max_body=settings.max_body,
            terms=self._terms,
            refuse=self._answer_refusal,
            holder=lambda: self._keys.holder,
        )
        self._dispatcher = Dispatcher(
            self.store,
            self,
            settings.retry,
            self._judged,
            self._receiver.forget,
            self._sender.receipts,
            lambda text: self._talk(text),
        )
        self._replaying = Replaying(self.store, self._judged)
        self.desk = Desk(
            self,
            self._dispatcher,
            self._receiver,
            self._terms,
            listen=self._listen,
            unlisten=self._unlisten,
            wake=self._transport.wake,
            answer_type=self._registered.answer_type,
            rests=lambda now: self._registered.maintenance(now) is not None,
            withdraw=self._sender.withdraw,
        )
        """For threads that neither run nor handle: the gateway's."""
        self._evidence.begin_witnessing(self.desk, self.serve)
        self._upkeep = Upkeep(
            self.store,
            self._registry,
            self._registered,
            self._keys,
            self._sender,
            self._receiver,
            refresh_seconds=settings.refresh_seconds,
            now=self._clock(),
            choose_log_key=lambda: self._evidence.choose_key(self._registered.log_key),
            live=self._live,
            talk=lambda text: self._talk(text),
        )
        self._left_out = LeftOutTalk(self._talk)
        self._listening: set[str] = set()
        self._listened_for: Snapshot | None = None
        """For whose agreements it was made sure that receipts can come."""

    @classmethod
    def open(
        cls,
        settings: str | Path | Settings,
        *,
        clock: Callable[[], float] = time.time,
        talk: Callable[[str], None] | None = None,
        standby: bool = False,
    ) -> Self:
        """Open the node that ``node.yaml`` (or the folder with it) describes.

        ``talk`` receives a line for people when a handler fails or something is out of reach; left
        out, it goes to the logger ``xroad_lite`` as a warning.
        A ``standby`` waits while another process keeps the log, and takes over when it has ended.
        Raises ``ConfigurationError``, ``KeysError``, ``RegistryError``, ``LogError`` or
        ``TransportError``; their hints say what to do.
        """
        if not isinstance(settings, Settings):
            settings = Settings.read(Path(settings))
        if standby:
            return until_free(lambda: cls(settings, clock=clock, talk=talk), talk)
        return cls(settings, clock=clock, talk=talk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop ``run``, and give the transport, store and lock back. Nothing durable is lost.

        In a handler it takes effect when the handlers that have begun are done and committed.
        """
        self._closing.set()
        self._transport.wake()
        if self._handler_thread != threading.get_ident():
            with self._handling, self._pumping:
                self._release()

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self.desk.close()
            self._transport.close()
            self._evidence.close(self.now())
            self.store.close()
            self._lock.close()

    # what adapters call

    def subscribe(
        self,
        type: str,
        *,
        reads: str | None = None,
        confluent_prefix: bool = False,
        replays: bool = False,
    ) -> Callable[[_H], _H]:
        """Have messages of ``type`` handled by the decorated function.

        ``reads`` names the message type (or ``type/version``) in whose terms the handler wants the
        body; left out, it comes as it was sent. ``SemanticsError`` when a required field of those
        terms has no source in any newest version of ``type``. ``confluent_prefix`` also takes
        bodies with Confluent's wire prefix, 0x00 and the number of their schema. ``replays`` also
        shows it what ``log replay --to node`` asks for: ``message.replay`` is true then, and the
        message was handled before.
        """

        def decorate(handler: _H) -> _H:
            name = str(MessageType.parse(type))
            self._add(Subscription(name, handler), reads, confluent_prefix)
            if replays:
                self._replaying.take(name, handler)
            return handler

        return decorate

    def serve(self, type: str, *, reads: str | None = None) -> Callable[[_H], _H]:
        """Have requests of ``type`` answered by what the decorated function returns.

        The registry must list a service of this subsystem that is asked by ``type``; the answer
        must be valid under the service's response type.
        """
        answers = self._registered.service(type)

        def decorate(handler: _H) -> _H:
            self._add(Subscription(str(MessageType.parse(type)), handler, answers), reads)
            return handler

        return decorate

    def publish(self, type: str, body: Any, **options: Any) -> Published:
        """Publish one event, durable when this returns; see ``Effects.publish``."""
        with self.transaction() as effects:
            return effects.publish(type, body, **options)

    @contextmanager
    def transaction(self) -> Iterator[Effects]:
        """Publications and SQL that commit together when the block ends without an error."""
        effects = Effects(self)
        try:
            yield effects
            with self.store.transaction():
                effects.write()
                effects.commit()
        except BaseException:
            effects.undo()
            raise
        self._transport.wake()

    def request(
        self,
        recipient: str,
        type: str,
        body: Any,
        *,
        purpose: str | None = None,
        timeout: float = 30.0,
        reads: str | None = None,
        subject: str | None = None,
        user_id: str | None = None,
        issue: str | None = None,
        represented_party: str | None = None,
        traceparent: str | None = None,
    ) -> Message:
        """Ask ``recipient`` and wait at most ``timeout`` seconds for its answer.

        ``reads`` is as in ``subscribe``, for the answer. ``RequestError`` ``request.timeout`` when
        none came, ``request.refused`` with the answer's own code and reason when it was an error.
        In a handler the request goes out at once: it is no part of the handler's effects.
        """
        if self.store.in_transaction:
            raise RuntimeError("request before sql: the request must be sent to be answered")
        asking = self.desk.ask(
            recipient,
            type,
            body,
            timeout=timeout,
            reads=reads,
            purpose=purpose,
            subject=subject,
            user_id=user_id,
            issue=issue,
            represented_party=represented_party,
            traceparent=traceparent,
        )
        while not asking.done() and not self._closing.is_set():
            self._advance()
        if self._closing.is_set() and asking.cancel():
            raise RequestError("request.closed", "the node is closing: nobody waits for the answer")
        return asking.result()

    def run(self, until: Callable[[], bool] | None = None, *, seconds: float | None = None) -> None:
        """Send, receive and handle until ``close`` is called, or ``until()`` is true when idle.

        It ends after ``seconds`` at the latest, however busy: what has begun then is done.
        Handlers run in this thread. While one takes long, another thread sends and receives, unless
        the handler has begun with SQL: then the store is its own until it ends.
        """
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        with self._courier:
            while not self._closing.is_set():
                busy = self.step()
                left = ends - time.monotonic()
                if left <= 0 or (not busy and until is not None and until()):
                    return
                if not busy:
                    self._transport.wait(min(left, self._idle_seconds()))

    def step(self) -> bool:
        """One round of sending, receiving and handling; True if there was anything to do.

        A transport out of reach or a full disk stops nothing for good: it is said, and tried again.
        """
        with self._handling:
            if self._closing.is_set():
                return False
            try:
                with self._pumping:
                    busy = self._exchange()
                busy |= self._handle()
                with self._pumping:
                    return self._sender.pump(self.now()) or busy
            except _TROUBLE as error:
                if error.code == "log.forked":
                    raise
                self._talk(f"{error}; trying again")
                self._closing.wait(_TROUBLE_SECONDS)
                return False
            finally:
                if self._closing.is_set():  # a handler has asked for it
                    with self._pumping:
                        self._release()

    def _handle(self) -> bool:
        now = self.now()
        if self._registered.maintenance(now) is not None:  # what came waits in the inbox
            return False
        self._handler_thread = threading.get_ident()
        try:
            with self._courier.handlers():
                return self._dispatcher.pump(now) or self._replaying.pump(now)
        finally:
            self._handler_thread = None

    def _carry(self) -> None:
        """Receive and send while a handler takes long; what is in the way, ``step`` will say."""
        with self._pumping:
            if not self._closing.is_set():
                with suppress(*_TROUBLE):
                    self._exchange()

    @property
    def snapshot(self) -> Snapshot:
        """The registry as this node knows it now."""
        return self._registry.current

    def snapshot_of(self, instance: str) -> Snapshot | None:
        """The newest known snapshot of this instance, or of another that is trusted."""
        current = self.snapshot
        own = instance == current.instance.instance
        return current if own else self._registry.trusted_now.get(instance)

    def status(self) -> dict[str, Any]:
        """What waits where, for people and monitoring."""
        return {
            "subsystem": self._me,
            **self._registry.status(self.now()),
            "maintenance": self._registered.planned(self.now()),
            "log_entries": self.store.size,
            **self._evidence.status(),
            "outbox": self._sender.outbox.status(),
            "inbox": len(self._receiver.inbox),
            "undecided": self._receiver.inbox.undecided_count(),
            "receipts": self._sender.receipts.status(self.now(), self.settings.receipt_within),
            "dead": len(self._receiver.inbox.dead_letters()),
            "counters": self.store.counters(),
            "transport": self._transport.status(),
        }

    def _live(self, now: float) -> dict[str, Any]:
        """What only the running process knows, for ``xroad-lite status``."""
        return {
            "at": times.to_text(now),
            **self._registry.status(now),
            "maintenance": self._registered.planned(now),
            **self._evidence.status(),
            "transport": self._transport.status(),
        }

    # what effects call

    def now(self) -> float:
        """Unix seconds, by this node's clock."""
        return round(self._clock() * 1000) / 1000

    def prepare(self, draft: Draft) -> list[Ready]:
        """Check a draft under the registry of now; one ready message per recipient."""
        now = self.now()
        self._evidence.check(now)
        known = self._registry.known
        ready = prepare(
            draft,
            known.current,
            self._me,
            now,
            new_message_id(now),
            known.fresh_until,
            self._keys.holder,
            trusted=self._registry.trusted_now,
        )
        check_own(known.current, self._me, self._sender.signer.chain, now)
        self._sender.check(ready)
        self._left_out.say(ready)
        return ready

    def check_room(self, count: int) -> None:
        """``TransportError`` ``transport.outbox_full`` if so many more may not wait to be sent."""
        self._sender.check_room(count)

    def write(self, ready: Sequence[Ready]) -> list[int]:
        """Seal, log and queue ready messages, inside the open transaction."""
        return self._sender.write(ready, self.now())

    def names(self, code: str) -> set[str]:
        """What stands for a person in seals that this node can read; see ``usage.names_of``."""
        return self._upkeep.names(code)

    # the rest

    def _add(
        self, subscription: Subscription, reads: str | None, confluent_prefix: bool = False
    ) -> None:
        if subscription.type in self._dispatcher.subscriptions:
            raise RuntimeError(f"there is a handler for {subscription.type} already")
        self._terms.subscribe(subscription.type, reads, confluent_prefix=confluent_prefix)
        self._dispatcher.subscriptions[subscription.type] = subscription
        if subscription.answers is not None:
            self._dispatcher.asked.add(subscription.type)
        self._listen(subscription.type)

    def _listen(self, lane: str) -> None:
        if lane not in self._listening:
            if self.store.in_transaction:
                raise RuntimeError("listen before sql: it waits for whoever waits for the store")
            with self._pumping:
                self._listening.add(lane)
                self._transport.listen(self._listening)

    def _unlisten(self, lane: str) -> None:
        with self._pumping:
            self._listening.discard(lane)
            self._transport.listen(self._listening)

    def _exchange(self) -> bool:
        """Everything but handlers."""
        now = self.now()
        self._evidence.pump(self._registry.current, now)
        self._upkeep.pump(now)
        self._await_receipts()
        busy = self.desk.pump(now) | self._sender.pump(now) | self._receiver.pump(now)
        return self._sender.receipts.pump(now, self) or busy

    def _await_receipts(self) -> None:
        """Listen for receipts, where an agreement of the registry of now asks for them."""
        current = self._registry.current
        if current is not self._listened_for:
            self._listened_for = current
            if are_due(current, self._me):
                self._listen(REPLIES)

    def _idle_seconds(self) -> float:
        now = self.now()
        with self._pumping:
            if self._released:  # closed by another thread, after the round that found nothing
                return 0.0
            open_for_all = self._registered.maintenance(now) is None
            handling = self._receiver.inbox.next_due(now) if open_for_all else None
            sending = self._sender.next_due()
        due = [moment for moment in (sending, handling) if moment is not None]
        soonest = min(due, default=float("inf")) - now
        return max(0.001, min(_IDLE_SECONDS, soonest))

    def _judged(self, index: int) -> Judgement:
        return self._receiver.judgement(index, self.now())

    def _advance(self) -> None:
        """Move messages while waiting, unless another thread is at it."""
        if self._pumping.acquire(timeout=0.01):
            try:
                if not self._released and not self._exchange():
                    self._transport.wait(0.05)
            finally:
                self._pumping.release()

    def _answer_refusal(self, found: Judgement) -> None:
        """Tell the sender of a request why it was refused, if an agreement covers an answer."""
        if found.attributes.inreplyto is not None:
            return
        if self._registered.answer_type(found.attributes.type) is None:
            return
        answer_error(self, found, refusal(found.verdict))
