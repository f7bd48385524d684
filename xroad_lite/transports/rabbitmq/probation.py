"""Keeps the order of what goes to one queue when the broker refuses some of it; pure.

With many parcels in flight, one may be rejected or returned and the next be taken. So the first
parcel for a routing key goes alone on a new channel, and the others once it is confirmed. After a
refusal everything for that key is refused likewise until the caller has seen it, and then again
the first goes alone.
"""

from __future__ import annotations

from collections import deque

from xroad_lite.transports.contract import Outcome
from xroad_lite.transports.rabbitmq.letters import Letter


class Probation:
    """Which routing keys work on this channel. Not thread-safe."""

    def __init__(self) -> None:
        self.parked = 0
        self._proven: set[str] = set()
        self._probing: dict[str, deque[Letter]] = {}
        self._refused: dict[str, Outcome] = {}

    def admit(self, key: str, letter: Letter) -> Outcome | None:
        """CONFIRMED: it may be sent; None: it is parked here; else its outcome without sending."""
        if key in self._proven:
            return Outcome.CONFIRMED
        if key in self._refused:
            return self._refused[key]
        if key in self._probing:
            self._probing[key].append(letter)
            self.parked += 1
            return None
        self._probing[key] = deque()
        return Outcome.CONFIRMED

    def settle(self, key: str, outcome: Outcome) -> deque[Letter]:
        """What became of a parcel that was sent; gives back those that were parked behind it.

        They are next when it was CONFIRMED, else they have the same outcome.
        """
        parked = self._probing.pop(key, deque())
        self.parked -= len(parked)
        if outcome is not Outcome.CONFIRMED:
            self._proven.discard(key)
            self._refused[key] = outcome
        elif key not in self._refused:
            self._proven.add(key)
        return parked

    def seen(self) -> None:
        """The caller knows all outcomes so far."""
        self._refused.clear()

    def reset(self) -> list[Letter]:
        """The channel is gone; gives back all that was parked."""
        parked = [letter for some in self._probing.values() for letter in some]
        self.parked = 0
        self._proven.clear()
        self._probing.clear()
        self._refused.clear()
        return parked
