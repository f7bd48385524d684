"""A connection that sends together what is written at once; does not read, or bound what waits."""

from __future__ import annotations

import asyncio
from typing import Any

_SENT_AT_ONCE = 65_536


class Gathered:
    """A transport whose ``write`` sends before the loop waits again, and not at once.

    A server writes head and content apart: each would be a packet, and a read at the other end.
    """

    __slots__ = ("_bytes", "_loop", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Send soon; much is sent at once, so that whoever writes on is told to pause."""
        if not self._waiting:
            self._loop.call_soon(self.send)
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes >= _SENT_AT_ONCE:
            self.send()

    def close(self) -> None:
        """Send what waits, then close."""
        self.send()
        self._transport.close()

    def send(self) -> None:
        """Send what waits now: whether the connection still stands is known only after that."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if waiting:
            self._transport.write(b"".join(waiting))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
