"""Receives from the queues of one subsystem; does not look into what it receives.

Delivery tags are the transport's own: they grow for ever, and those of an earlier connection are
no longer known, because the broker delivers these messages again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from xroad_lite.transports.contract import Delivery
from xroad_lite.transports.rabbitmq import frames, names
from xroad_lite.transports.rabbitmq.address import Address
from xroad_lite.transports.rabbitmq.connection import BoundedConnection, Content
from xroad_lite.transports.rabbitmq.link import Link, LinkState
from xroad_lite.transports.rabbitmq.probe import Answer, Probe

CHECK_SECONDS = 3.0
MOST_PREFETCHED = 2_000


class Consumer:
    """The receiving half of a transport; ``memory`` bounds, in bytes, what is delivered and not yet
    acknowledged. ``listen`` and ``take`` are for one thread, all else happens in the I/O thread."""

    def __init__(
        self,
        loop: Any,
        address: Address,
        me: str,
        *,
        max_body: int,
        memory: int,
        notify: Callable[[], None],
    ) -> None:
        self.max_body = max_body
        self.missing: dict[str, str] = {}
        self._me = me
        self._memory = memory
        self._notify = notify
        self._lanes: dict[str, str] = {}
        self._asked = self._heard = self._tuned = 0  # of the calls of ``listen``: see ``_tuned_in``
        self._consumed: set[str] = set()
        self._deliveries: deque[Delivery] = deque()
        self._unacknowledged: dict[int, str] = {}
        self._depths: dict[str, int] = {}
        self._base = self._last = 0
        self._acknowledged = Acknowledged()
        self._channel: Any = None
        self._started = False
        self._link = Link(
            loop,
            address,
            f"{me} receives",
            on_open=self._opened,
            on_lost=self._lost,
            on_blocked=lambda: None,
        )
        self.end, self.recover = self._link.end, self._link.recover

    @property
    def state(self) -> LinkState:
        """How the connection is."""
        return self._link.state

    @property
    def ended(self) -> bool:
        """Whether the connection is closed for good."""
        return not self._started or self._link.ended

    @property
    def waiting(self) -> int:
        """Deliveries that lie here and were not taken yet."""
        return len(self._deliveries) if self._tuned_in else 0

    @property
    def _tuned_in(self) -> bool:
        """Whether the channel was opened for the last call of ``listen``: until it is closed, one
        of before brings what is not listened to any more, or comes again on the next."""
        return self._tuned == self._asked

    @property
    def depths(self) -> dict[str, int]:
        """Per lane, what lay in the queue when it was last looked at, and what came and is not
        acknowledged."""
        here = Counter(list(self._unacknowledged.values()))
        return {lane: count + here[lane] for lane, count in self._depths.items()}

    def listen(self, lanes: Sequence[str]) -> Callable[[], None]:
        """Receive on these lanes; starts anew, so that what is unacknowledged comes again.

        From now on nothing of before is taken. Returns what the I/O thread has to call for it.
        """
        self._asked += 1
        asked = self._asked
        return lambda: self._listen(asked, lanes)

    def _listen(self, asked: int, lanes: Sequence[str]) -> None:
        self._heard = asked
        self._lanes = {names.queue_name(self._me, lane): lane for lane in lanes}
        if self._started:
            self._link.drop(at_once=True)
        elif self._lanes:
            self._started = True
            self._link.connect()

    def take(self, limit: int) -> list[Delivery]:
        """The next deliveries, at most ``limit``."""
        taken: list[Delivery] = []
        if not self._tuned_in:
            return taken
        try:
            while len(taken) < limit:
                taken.append(self._deliveries.popleft())
        except IndexError:
            return taken
        return taken

    def acknowledge(self, tags: Sequence[int]) -> None:
        """Acknowledge what came over the present connection; of the rest nothing is known."""
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        new = {tag for tag in tags if self._unacknowledged.pop(tag, None) is not None}
        upto, single = self._acknowledged.add(sorted(tag - self._base for tag in new))
        number = channel.channel_number
        parts = [frames.acknowledgement(number, tag, multiple=False) for tag in single]
        if upto:
            parts.append(frames.acknowledgement(number, upto, multiple=True))
        if parts:
            channel.connection.emit(b"".join(parts))

    def _opened(self, connection: BoundedConnection) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Any) -> None:
        self._base = self._last
        self._acknowledged = Acknowledged()
        self._consumed = set()
        self._channel = channel
        self._tuned = self._heard
        channel.connection.sinks[channel.channel_number] = self
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(self._cancelled)
        share = self._memory // (self.max_body * max(1, len(self._lanes)))
        channel.basic_qos(
            prefetch_count=max(1, min(MOST_PREFETCHED, share)),
            callback=lambda _frame: self._check(channel),
        )

    def _check(self, channel: Any) -> None:
        if channel is self._channel and channel is not None:
            self._link.loop.call_later(CHECK_SECONDS, lambda: self._check(channel))
            self._look(channel)

    def _look(self, channel: Any) -> None:
        if channel is self._channel and channel is not None and channel.is_open:
            Probe(channel.connection, "queue", list(self._lanes), lambda a: self._found(channel, a))

    def _found(self, channel: Any, answers: dict[str, Answer]) -> None:
        if channel is not self._channel or not channel.is_open:
            return
        lanes = self._lanes
        self._depths = {lanes[n]: count for n, count in answers.items() if isinstance(count, int)}
        self.missing = {n: reason for n, reason in answers.items() if isinstance(reason, str)}
        for name in answers:
            if name not in self.missing and name not in self._consumed:
                self._consumed.add(name)
                channel.basic_consume(
                    name, on_message_callback=lambda *_: None, consumer_tag=lanes[name]
                )

    def _cancelled(self, reply: Any) -> None:
        lane = reply.method.consumer_tag  # its queue was deleted or moved: look what is there
        self._consumed = {name for name in self._consumed if self._lanes.get(name) != lane}
        channel = self._channel
        self._link.loop.call_later(0.2, lambda: self._look(channel))

    def _channel_closed(self, _channel: Any, error: Any) -> None:
        if getattr(error, "reply_code", 0) >= 300:
            self._link.drop(f"{error.reply_code} {error.reply_text}")

    def _lost(self, _error: Exception) -> None:
        self._channel = None
        self._deliveries.clear()
        self._unacknowledged.clear()
        self._notify()

    def on_confirm(self, tag: int, multiple: bool, taken: bool) -> None:
        """Nothing is published here."""

    def on_content(self, content: Content) -> None:
        """A message was delivered."""
        lane, tag = frames.read_delivery(content.method)
        self._last = self._base + tag
        self._unacknowledged[self._last] = lane
        self._deliveries.append(
            Delivery(self._last, lane, content.seal, content.salt, content.body)
        )

    def on_read(self) -> None:
        """Deliveries that came together are all here."""
        if self._deliveries:
            self._notify()


class Acknowledged:
    """Which of the delivery tags 1, 2, ... are acknowledged, to say it in few words."""

    def __init__(self) -> None:
        self._upto = 0
        self._beyond: set[int] = set()

    def add(self, tags: Sequence[int]) -> tuple[int, list[int]]:
        """``tags`` in rising order are acknowledged: all up to the first number that is given
        back (0: there is no new one) may be acknowledged at once, the others one by one."""
        new = [tag for tag in tags if tag > self._upto and tag not in self._beyond]
        self._beyond.update(new)
        before = self._upto
        while self._upto + 1 in self._beyond:
            self._upto += 1
            self._beyond.remove(self._upto)
        single = [tag for tag in new if tag > self._upto]
        fresh = any(tag <= self._upto for tag in new)
        return (self._upto if fresh and self._upto > before else 0), single
