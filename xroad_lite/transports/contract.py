"""What every transport does, in one vocabulary; does not look into what it carries.

A transport promises at least once: a parcel is CONFIRMED when it is durable on the other side, and
a delivery comes again until it is acknowledged. Order holds per (sender, recipient, lane). The node
calls from one thread; ``wake`` alone may be called from any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

MAX_BODY_BYTES = 1_048_576
"""The largest body, unless settings say otherwise (at most 64 MiB)."""

REPLIES = "xroad.replies"
"""The lane on which replies and sealed errors travel, whatever their type."""


class Parcel(NamedTuple):
    """One message on its way out.

    ``tag`` is the sender's own number for it, given back with the outcome. ``recipient`` is a
    subsystem's text form, None for open data that goes to whoever listens on the lane. ``lane`` is
    the message type, or ``REPLIES``. ``attributes`` are mirrored for other languages, never
    believed; they are made when a transport asks for them.
    """

    tag: int
    recipient: str | None
    lane: str
    seal: bytes
    salt: bytes
    body: bytes
    attributes: Callable[[], Mapping[str, str]] = dict

    def __repr__(self) -> str:
        return f"Parcel(tag={self.tag}, recipient={self.recipient!r}, lane={self.lane!r})"


class Delivery(NamedTuple):
    """One message that arrived; ``tag`` acknowledges it. Nothing in it has been checked."""

    tag: int
    lane: str
    seal: bytes
    salt: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"Delivery(tag={self.tag}, lane={self.lane!r})"


class Outcome(Enum):
    """What became of a parcel."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "no queue yet"
    REJECTED = "rejected"
    LOST = "connection lost"


class Transport(Protocol):
    """Carries parcels for one subsystem. All methods but ``wait`` return at once.

    After LOST the caller sends again from the oldest; until it has asked for ``outcomes``, whatever
    it hands over is LOST as well. After REJECTED or UNROUTABLE it holds later parcels of the same
    recipient and lane behind the refused one, else their order breaks.
    """

    def listen(self, lanes: Iterable[str]) -> None:
        """Receive on these lanes from now on and on no other; what lies there comes first."""
        ...

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Hand over parcels, in order; each has an outcome later, in ``outcomes``."""
        ...

    def outcomes(self) -> list[tuple[int, Outcome]]:
        """The outcomes since the last call, by tag."""
        ...

    def receive(self, limit: int) -> list[Delivery]:
        """At most ``limit`` deliveries that were not given out before on this connection."""
        ...

    def acknowledge(self, tags: Sequence[int]) -> None:
        """These deliveries are durable here and need not come again."""
        ...

    def wait(self, timeout: float) -> None:
        """Return when something may have arrived, ``wake`` was called, or ``timeout`` s passed."""
        ...

    def wake(self) -> None:
        """End a ``wait`` that another thread is in."""
        ...

    def status(self) -> dict[str, object]:
        """For people and monitoring: at least ``connected`` (bool) and ``detail`` (text)."""
        ...

    def close(self) -> None:
        """Give back what is held; unacknowledged deliveries will come again."""
        ...
