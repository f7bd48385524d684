"""A moment by which something must have come, put off with every step; does not know what comes.

Making and cancelling a timer for each step is dearer than most steps. So there is one timer, which
looks when it goes off whether the moment has moved on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls ``late`` once, when its moment is over."""

    __slots__ = ("_at", "_late", "_looks", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._at = math.inf
        self._looks = math.inf
        """When the timer goes off."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is a moment to wait for."""
        return self._at < math.inf

    def set(self, seconds: float) -> None:
        """Its moment is so many seconds from now, whatever it was."""
        self._at = self._loop.time() + seconds
        if self._at < self._looks:
            self._look_at(self._at)

    def clear(self) -> None:
        """Nothing is awaited."""
        self._at = math.inf

    def end(self) -> None:
        """Nothing will be awaited any more."""
        self._at = self._looks = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer, self._looks = None, math.inf
        if self._at <= self._loop.time():
            self._at = math.inf
            self._late()
        elif self.is_set:
            self._look_at(self._at)
