"""Deadlines that are put off, on a clock of the test's own."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.gateway.deadlines import Deadline


class _Timer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class _Loop:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, int, _Timer]] = []
        self._count = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, moment: float, call: Callable[[], None]) -> _Timer:
        timer = _Timer(call)
        heapq.heappush(self.timers, (moment, next(self._count), timer))
        return timer

    def until(self, moment: float) -> None:
        while self.timers and self.timers[0][0] <= moment:
            at, _, timer = heapq.heappop(self.timers)
            self.now = max(self.now, at)
            if timer.call is not None:
                timer.call()
        self.now = moment


_STEPS = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(1, 20)), max_size=20)


@given(_STEPS)
def test_it_is_told_once_and_at_its_moment(steps: list[tuple[int, int | None]]) -> None:
    """However often it was put off, drawn nearer or cleared: as a timer made anew each time."""
    loop: Any = _Loop()
    told: list[float] = []
    expected: list[float] = []
    deadline = Deadline(loop, lambda: told.append(loop.now))
    due: float | None = None
    for passes, seconds in [*steps, (100, None)]:
        moment = loop.now + passes
        if due is not None and due <= moment:
            expected.append(due)
            due = None
        loop.until(moment)
        assert deadline.is_set == (due is not None)
        if seconds is None:
            deadline.clear()
            due = None
        else:
            deadline.set(seconds)
            due = loop.now + seconds
    assert told == expected


def test_putting_it_off_makes_no_timer() -> None:
    """As with every request of a connection that is kept."""
    loop: Any = _Loop()
    deadline = Deadline(loop, lambda: None)
    for _ in range(100):
        deadline.set(10)
        loop.until(loop.now + 0.01)
        deadline.clear()
    assert len(loop.timers) == 1


def test_what_has_ended_is_late_no_more() -> None:
    """A connection that is gone holds no timer."""
    loop: Any = _Loop()
    told: list[float] = []
    deadline = Deadline(loop, lambda: told.append(loop.now))
    deadline.set(1)
    deadline.end()
    loop.until(10)
    assert told == []
    assert not deadline.is_set
