"""Receives and sends while a handler runs long, so that nobody waits for it; runs no handlers.

Looks now and then only, in a thread that sleeps while no handlers run: as long as handlers are
quick, one thread does everything in turn, which is cheaper than two that take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

PATIENCE_SECONDS = 0.05


class Courier:
    """Calls ``move`` again and again while handlers have run for longer than a moment.

    Used as a context, for as long as its thread is to live.
    """

    def __init__(self, move: Callable[[], object]) -> None:
        self._move = move
        self._since: float | None = None
        self._handling = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._handling.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def handlers(self) -> Iterator[None]:
        """Handlers run within this block, in the caller's thread."""
        self._since = time.monotonic()
        if not self._handling.is_set():
            self._handling.set()
        try:
            yield
        finally:
            self._since = None

    def _run(self) -> None:
        while True:
            self._handling.wait()
            if self._ended.wait(PATIENCE_SECONDS):
                return
            self._handling.clear()
            # Both are read after clearing: whoever begins or ends now sets it again.
            since, ended = self._since, self._ended.is_set()
            if since is not None or ended:
                self._handling.set()
            if since is not None and time.monotonic() - since >= PATIENCE_SECONDS:
                self._move()
