"""Structured logs: a JSON object per line and request, to stderr; never a body, query or token."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog

_GATHERED_SECONDS = 0.1

log: Any = structlog.get_logger("xroad_lite.gateway")


def configure(*, json: bool) -> None:
    """Write lines for programs, or for people at a terminal."""
    chain: list[Any] = [_line] if json else _for_people()
    factory: Any = _Gathered if json else structlog.WriteLoggerFactory
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=chain[-1], foreign_pre_chain=chain[:-1])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _for_people() -> list[Any]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]


def _line(logger: Any, level: str, event: Any) -> str:
    """An event as JSON, in one step: there is one for each request."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, level, event)
    event["level"] = level
    event["timestamp"] = datetime.now(UTC)
    return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z).decode()


class _Gathered:
    """Lines of the same moment go out in one write: one each would hold up every answer."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: deque[str] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        atexit.register(self._write_out)
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def __call__(self, *_: Any) -> _Gathered:
        """It is the logger for all."""
        return self

    def write(self, line: str) -> None:
        """Take a line, from any thread."""
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    info = warning = error = write

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_GATHERED_SECONDS)
            self._some.clear()
            self._write_out()

    def _write_out(self) -> None:
        with self._writing, suppress(OSError):  # who no longer reads the log stops no call
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            self._file.write("\n".join((*lines, "")))
            self._file.flush()
