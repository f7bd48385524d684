"""Structured logs: a JSON object per line and request, to stderr; never a body, query or token."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import orjson
import structlog

_GATHERED_SECONDS = 0.1

log: Any = structlog.get_logger("xroad_lite.gateway")


def configure(*, json: bool) -> None:
    """Write lines for programs, or for people at a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(_text)
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    file: Any = _Gathered(sys.stderr) if json else sys.stderr
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _text(event: Any, default: Callable[[Any], Any]) -> str:
    return orjson.dumps(event, default=default).decode()


class _Gathered:
    """Lines of the same moment go out in one write: one each would hold up every answer."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: deque[str] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        atexit.register(self._write_out)
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, line: str) -> None:
        """Take a line, from any thread."""
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Soon, not now."""

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_GATHERED_SECONDS)
            self._some.clear()
            self._write_out()

    def _write_out(self) -> None:
        with self._writing, suppress(OSError):  # who no longer reads the log stops no call
            self._file.write("".join(self._lines.popleft() for _ in range(len(self._lines))))
            self._file.flush()
