"""Publishes parcels with confirms in flight; does not send anything again: its caller does.

What was on the way when a connection is lost is LOST as a whole, and so is what the caller hands
over before it has seen that: only then can it send everything again in the old order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from xroad_lite.errors import TransportError
from xroad_lite.transports.contract import Outcome
from xroad_lite.transports.rabbitmq import frames, names
from xroad_lite.transports.rabbitmq.address import Address
from xroad_lite.transports.rabbitmq.connection import BoundedConnection, Content
from xroad_lite.transports.rabbitmq.letters import Letter
from xroad_lite.transports.rabbitmq.link import Link, LinkState
from xroad_lite.transports.rabbitmq.probation import Probation
from xroad_lite.transports.rabbitmq.probe import Answer, Probe
from xroad_lite.transports.rabbitmq.rejections import Rejections

CHECK_SECONDS = 3.0
STALL_SECONDS = 4.0
LONGEST_STALL = 64.0
_WATCH_SECONDS = 0.5
_CHUNK = 262_144
_POISON = range(400, 600)  # the broker's answer to something that we sent, not to its own shutdown


@dataclass(frozen=True, slots=True)
class Window:
    """How much may be on the way: parcels and bytes without a confirm, parcels handed over."""

    parcels: int = 1_000
    bytes: int = 64 * 1_048_576
    backlog: int = 4_000


class Publisher:
    """The publishing half of a transport. ``hand_over`` and ``take_outcomes`` are for any thread,
    all else happens in the I/O thread."""

    max_body = 0  # what the broker gives back as unroutable is not kept

    def __init__(
        self, loop: Any, address: Address, me: str, window: Window, notify: Callable[[], None]
    ) -> None:
        self.exchange = names.exchange_name(me)
        self.missing = ""
        self._window = window
        self._notify = notify
        self._lock = threading.Lock()
        self._waiting: deque[Letter] = deque()
        self._sent: dict[int, Letter] = {}
        self._sent_bytes = 0
        self._number = 0
        self._outcomes: list[tuple[int, Outcome]] = []
        self._fenced = False
        self._careful = 0
        self._patience = STALL_SECONDS
        self._rejections = Rejections()
        self._probation = Probation()
        self._channel: Any = None
        self._link = Link(
            loop,
            address,
            f"{me} publishes",
            on_open=self._opened,
            on_lost=self._lost,
            on_blocked=self.pump,
        )
        self.start, self.end = self._link.connect, self._link.end
        self.recover = self._link.recover

    @property
    def state(self) -> LinkState:
        """How the connection is."""
        return self._link.state

    @property
    def ended(self) -> bool:
        """Whether the connection is closed for good."""
        return self._link.ended

    @property
    def ready(self) -> bool:
        """Whether parcels go out now."""
        return self._channel is not None

    @property
    def unconfirmed(self) -> int:
        """Parcels that the broker has not answered for."""
        return len(self._sent)

    @property
    def room(self) -> int:
        """How many more parcels ``hand_over`` takes."""
        held = len(self._waiting) + self._probation.parked + len(self._sent)
        return max(0, self._window.backlog - held)

    def hand_over(self, letters: Sequence[Letter]) -> None:
        """Take all of these letters, in order, or none: ``transport.full``."""
        with self._lock:
            if self._fenced:
                self._outcomes += [(letter.tag, Outcome.LOST) for letter in letters]
                self._notify()
                return
            if len(letters) > self.room:
                raise TransportError(
                    "transport.full",
                    f"got {len(letters)} parcels: there is room for {self.room} until the broker "
                    "confirms earlier ones",
                    hint="wait for outcomes; see the transport's status",
                )
            self._waiting.extend(letters)

    def take_outcomes(self) -> list[tuple[int, Outcome]]:
        """The outcomes since the last call; with them a loss has been seen."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
            self._fenced = False
            self._probation.seen()
        return outcomes

    def pump(self) -> None:
        """Write as much as window and broker allow."""
        channel, connection = self._channel, self._channel and self._channel.connection
        if channel is None or not channel.is_open or self.state.blocked:
            return
        with self._lock:  # a letter is in one of the places at any moment
            letters = list(self._next_letters())
        parts: list[bytes] = []
        size = 0
        for letter in letters:
            parts += letter.frames(channel.channel_number, self.exchange, connection.frame_max)
            size += len(letter.header) + len(letter.body)
            if size > _CHUNK:
                connection.emit(b"".join(parts))
                parts, size = [], 0
        if parts:
            connection.emit(b"".join(parts))

    def _next_letters(self) -> Iterator[Letter]:
        window, now = self._window, time.monotonic()
        while self._waiting and len(self._sent) < (1 if self._careful else window.parcels):
            if self._sent_bytes >= window.bytes:
                return
            letter = self._waiting.popleft()
            verdict = self._probation.admit(letter.key, letter)
            if verdict is Outcome.CONFIRMED:
                self._number += 1
                self._sent[self._number] = letter
                self._sent_bytes += len(letter.body)
                letter.sent_at = now
                yield letter
            elif verdict is not None:
                self._outcomes.append((letter.tag, verdict))
                self._notify()

    def _opened(self, connection: BoundedConnection) -> None:
        def answered(answers: dict[str, Answer]) -> None:
            answer = answers[self.exchange]
            self.missing = "" if isinstance(answer, int) else f"exchange {self.exchange}: {answer}"
            if not self.missing:
                connection.channel(on_open_callback=self._channel_opened)
            else:
                self._link.loop.call_later(CHECK_SECONDS, lambda: self._check(connection, answered))

        self._check(connection, answered)

    def _check(
        self, connection: BoundedConnection, answered: Callable[[dict[str, Answer]], None]
    ) -> None:
        if connection.is_open:
            Probe(connection, "exchange", [self.exchange], answered)

    def _channel_opened(self, channel: Any) -> None:
        channel.connection.sinks[channel.channel_number] = self
        channel.add_on_close_callback(self._channel_closed)
        channel.confirm_delivery(lambda _frame: None, lambda _frame: self._begin(channel))

    def _begin(self, channel: Any) -> None:
        with self._lock:
            self._number = 0
            self._probation.reset()
            self._channel = channel
        self._notify()
        self.pump()
        self._watch(channel)

    def _watch(self, channel: Any) -> None:
        """Give the connection up when a confirm does not come at all.

        A quorum queue that is just being recovered may swallow what is published to it (seen on
        3.10.8, right after a restart). Without a majority it is slow for good reason: so the
        patience doubles each time.
        """
        if channel is not self._channel:
            return
        oldest, now = next(iter(self._sent.values()), None), time.monotonic()
        if oldest is None:
            self._patience = STALL_SECONDS
        if self._rejections.overdue(now):
            self._rejections.renewed()
            self._link.drop("rejected for a while: trying a new connection", at_once=True)
        elif oldest and not self.state.blocked and now - oldest.sent_at > self._patience:
            self._link.drop(f"no confirm within {self._patience:.0f} s", at_once=True)
            self._patience = min(LONGEST_STALL, 2 * self._patience)
        else:
            self._link.loop.call_later(_WATCH_SECONDS, lambda: self._watch(channel))

    def _channel_closed(self, _channel: Any, error: Any) -> None:
        if getattr(error, "reply_code", 0) in _POISON:
            self._settle_loss(error)
            self._link.drop(f"{error.reply_code} {error.reply_text}")

    def _lost(self, error: Exception) -> None:
        self._settle_loss(error)
        self._notify()

    def _settle_loss(self, error: Any) -> None:
        """All that was sent is LOST. Where the broker objects to one parcel, the same are sent one
        at a time next, and the one that it objects to again is REJECTED, lest it come for ever."""
        refused = getattr(error, "reply_code", 0) in _POISON
        with self._lock:
            self._channel = None
            if not self._sent:
                return
            alone = refused and self._careful > 0 and len(self._sent) == 1
            self._careful = max(0, self._careful - 1) if alone else 0
            if refused and not alone:
                self._careful = len(self._sent)
            outcome = Outcome.REJECTED if alone else Outcome.LOST
            self._outcomes += [(sent.tag, outcome) for sent in self._sent.values()]
            held = [*self._probation.reset(), *self._waiting]
            self._outcomes += [(letter.tag, Outcome.LOST) for letter in held]
            self._sent.clear()
            self._waiting.clear()
            self._sent_bytes = 0
            self._fenced = True

    def on_confirm(self, tag: int, multiple: bool, taken: bool) -> None:
        """The broker has answered for the parcel with this number, or for all up to it."""
        numbers = _up_to(self._sent, tag) if multiple else [tag]
        with self._lock:
            for number in numbers:
                letter = self._sent.pop(number, None)
                if letter is None:
                    continue
                self._sent_bytes -= len(letter.body)
                self._careful = max(0, self._careful - 1)
                self._rejections.note(letter.key, letter.sent_at, taken=taken)
                self._settle(letter, Outcome.CONFIRMED if taken else Outcome.REJECTED)

    def on_read(self) -> None:
        """All confirms that came together are known: tell of them, and use the room they made."""
        if self._outcomes:
            self._notify()
            self.pump()

    def _settle(self, letter: Letter, outcome: Outcome) -> None:
        outcome = Outcome.UNROUTABLE if letter.returned else outcome
        parked = self._probation.settle(letter.key, outcome)
        self._outcomes.append((letter.tag, outcome))
        if outcome is Outcome.CONFIRMED:
            self._waiting.extendleft(reversed(parked))
        else:
            self._outcomes += [(one.tag, outcome) for one in parked]

    def on_content(self, content: Content) -> None:
        """A parcel came back as unroutable; its confirm follows."""
        key, message_id = frames.read_returned(content.method, content.header)
        for sent in self._sent.values():
            if not sent.returned and sent.key == key and sent.message_id == message_id:
                sent.returned = True
                return


def _up_to(numbers: dict[int, Letter], last: int) -> list[int]:
    return list(takewhile(lambda number: number <= last, numbers))
