"""One connection that is made again whenever it is lost; does not know what it is used for.

Lives in the I/O thread. The hosts are tried in turn, at once the first time round, then with
exponential backoff and jitter.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pika.exceptions import ConnectionWrongStateError

from xroad_lite.transports.rabbitmq.address import Address
from xroad_lite.transports.rabbitmq.connection import BoundedConnection, parameters

FIRST_DELAY = 0.25
LONGEST_DELAY = 8.0
CLOSE_SECONDS = 1.5
_STABLE_SECONDS = 5.0


@dataclass(slots=True)
class LinkState:
    """What people want to know of a connection; written in the I/O thread, read in any."""

    connected: bool = False
    blocked: bool = False
    host: str = ""
    since: float = 0.0
    trouble: str = ""


class Link:
    """Keeps a connection for its user, who is told when one is open and when it is lost."""

    def __init__(
        self,
        loop: Any,
        address: Address,
        name: str,
        *,
        on_open: Callable[[BoundedConnection], None],
        on_lost: Callable[[Exception], None],
        on_blocked: Callable[[], None],
    ) -> None:
        self.state = LinkState(since=time.time())
        self.loop = loop
        self._address = address
        self._name = name
        self._on_open = on_open
        self._on_lost = on_lost
        self._on_blocked = on_blocked
        self._connection: BoundedConnection | None = None
        self._turn = random.randrange(len(address.hosts))  # noqa: S311
        self._failures = 0
        self._timer: Any = None
        self._opened_at = 0.0
        self._begun = self._ended = False

    def connect(self) -> None:
        """Try the next host."""
        self._begun, self._timer = True, None
        if self._ended:
            return
        host, port = self._address.hosts[self._turn % len(self._address.hosts)]
        self._turn += 1
        self.state.host = f"{host}:{port}"
        self._connection = BoundedConnection(
            parameters(self._address, host, port, self._name),
            on_open_callback=self._opened,
            on_open_error_callback=self._failed,
            on_close_callback=self._closed,
            custom_ioloop=self.loop,
        )

    def drop(self, reason: str = "", *, at_once: bool = False) -> None:
        """Give the connection up and make a new one, ``at_once`` or after the usual delay."""
        if reason:
            self.state.trouble = reason
        if at_once:
            self._failures = -1
        self._close()

    def recover(self) -> None:
        """After an error of our own: start again, whatever state this is in."""
        if self._connection is not None and not self._connection.is_closed:
            self._connection.abort("an error of this program")
        elif self._begun:
            self._again()

    def end(self) -> None:
        """Give the connection up for good."""
        self._ended = True
        self._close()

    @property
    def ended(self) -> bool:
        """Whether nothing is open any more after ``end``."""
        return self._ended and (self._connection is None or self._connection.is_closed)

    def _close(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            connection.close()
        except ConnectionWrongStateError:  # closing already
            return
        self.loop.call_later(CLOSE_SECONDS, lambda: self._abort(connection))

    def _abort(self, connection: BoundedConnection) -> None:
        """End a connection whose broker does not answer (a channel there may hang)."""
        if connection is self._connection and not connection.is_closed:
            connection.abort("the broker did not close the connection in time")

    def _opened(self, connection: Any) -> None:
        state = self.state
        state.connected, state.blocked, state.since = True, False, time.time()
        self._opened_at = time.monotonic()
        connection.add_on_connection_blocked_callback(lambda *_: self._block(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._block(False))
        self._on_open(connection)

    def _block(self, blocked: bool) -> None:
        self.state.blocked = blocked
        self._on_blocked()

    def _failed(self, _connection: Any, error: Any) -> None:
        self.state.trouble = f"{self.state.host}: {describe(error)}"
        self._again()

    def _closed(self, _connection: Any, error: Any) -> None:
        state = self.state
        state.connected, state.blocked, state.since = False, False, time.time()
        if not self._ended and getattr(error, "reply_code", 0) != 200:
            state.trouble = f"{state.host}: {describe(error)}"
        if time.monotonic() - self._opened_at > _STABLE_SECONDS:
            self._failures = min(self._failures, 0)
        self._on_lost(error)
        self._again()

    def _again(self) -> None:
        self._connection = None
        if self._timer is not None:
            self.loop.remove_timeout(self._timer)
        if not self._ended:
            self._timer = self.loop.call_later(self._delay(), self.connect)

    def _delay(self) -> float:
        beyond = self._failures - len(self._address.hosts)
        self._failures += 1
        if beyond < 0:
            return 0.0
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(beyond, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311


def describe(error: object) -> str:
    """An exception of pika in a few words, without the class names of its wrappers."""
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code is not None:
        return f"{code} {text}"
    inner = getattr(error, "exceptions", None) or getattr(error, "exception", None)
    inner = inner or [one for one in getattr(error, "args", ()) if isinstance(one, Exception)]
    if inner:
        return describe(inner[-1] if isinstance(inner, list | tuple) else inner)
    return f"{type(error).__name__}: {error}"[:300]
