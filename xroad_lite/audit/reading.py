"""Reads the parts of a log in several processes, and goes on where an earlier run stopped.

Does not judge: parts come back in order. A part that is done is a line in the file of ``resume``,
under a first line that says of what; a file about anything else is not believed.
"""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from xroad_lite import strict_json
from xroad_lite.audit.opening import Bundle, Log, open_evidence
from xroad_lite.errors import ConfigurationError
from xroad_lite.messagelog.evidence.examining import examine
from xroad_lite.messagelog.evidence.parts import PART, Part, Source

Progress = Callable[[int, int], None]
Range = tuple[int, int]
Stamped = Sequence[int]
_FEW = 2 * PART
"""Entries for which processes of their own would cost more than they give."""

_COLLECTED_AFTER = 100_000
"""New objects between two searches for garbage: reading leaves none that needs a search."""

_source: Source | None = None


def read_parts(
    evidence: Log | Bundle,
    stamped: Stamped,
    *,
    processes: int,
    resume: Path | None,
    identity: str,
    progress: Progress,
) -> Iterator[Part]:
    """Every part in order; ``identity`` says of what exactly, for ``resume``."""
    source = evidence.source
    ranges = source.ranges()
    with ExitStack() as open_:
        open_.enter_context(_seldom_collecting())
        known, add = open_.enter_context(_kept(resume, _fingerprint(identity, ranges, stamped)))
        todo = [one for one in ranges if one not in known]
        read = open_.enter_context(_reader(evidence.path, source, processes, len(todo), stamped))
        made = read(todo)
        for one in ranges:
            if one in known:
                part = known.pop(one)
            else:
                part = next(made)
                add(part)
            yield part
            progress(part.last, source.size)


def default_processes() -> int:
    """As many as this process may use processors."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTED_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _reader(
    path: Path, source: Source, processes: int, parts: int, stamped: Stamped
) -> Iterator[Callable[[list[Range]], Iterator[Part]]]:
    if processes < 2 or parts * PART <= _FEW:
        yield lambda todo: (examine(source, *one, stamped) for one in todo)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_open, initargs=(path,)
    ) as pool:
        yield lambda todo: (
            Part.from_json(one) for one in pool.map(_read, todo, [stamped] * len(todo))
        )
        pool.shutdown(cancel_futures=True)


def _open(path: Path) -> None:
    global _source
    gc.set_threshold(_COLLECTED_AFTER)
    evidence = open_evidence(path)
    assert isinstance(evidence, Log | Bundle)
    _source = evidence.source


def _read(range_: Range, stamped: Stamped) -> dict[str, Any]:
    assert _source is not None
    return examine(_source, *range_, stamped).to_json()


def _fingerprint(identity: str, ranges: Sequence[Range], stamped: Stamped) -> str:
    said = strict_json.canonical([identity, list(ranges), list(stamped)])
    return hashlib.sha256(said).hexdigest()


@contextmanager
def _kept(
    resume: Path | None, fingerprint: str
) -> Iterator[tuple[dict[Range, Part], Callable[[Part], None]]]:
    """What an earlier run did, and how to add to it."""
    if resume is None:
        yield {}, lambda _: None
        return
    known, length = _done(resume, fingerprint) if _is_begun(resume) else ({}, 0)
    with resume.open("r+b" if length else "wb") as file:
        file.truncate(length)  # a line that was not finished is done again
        file.seek(length)
        if not length:
            file.write(_head(fingerprint))
        yield known, lambda part: _add(file, part)


def _is_begun(resume: Path) -> bool:
    return resume.exists() and resume.stat().st_size > 0


def _head(fingerprint: str) -> bytes:
    return strict_json.dumps({"of": fingerprint}) + b"\n"


def _add(file: BinaryIO, part: Part) -> None:
    file.write(strict_json.dumps(part.to_json()) + b"\n")
    file.flush()


def _done(resume: Path, fingerprint: str) -> tuple[dict[Range, Part], int]:
    """The parts that are whole, and where the last of them ends."""
    known: dict[Range, Part] = {}
    with resume.open("rb") as file:
        if file.readline() != _head(fingerprint):
            raise _other(resume)
        length = file.tell()
        for line in file:
            try:
                if not line.endswith(b"\n"):
                    break
                part = Part.from_json(strict_json.loads(line))
            except (strict_json.StrictJSONError, ValueError, TypeError, KeyError):
                break
            known[part.first, part.last] = part
            length += len(line)
    return known, length


def _other(resume: Path) -> ConfigurationError:
    return ConfigurationError(
        "config.resume",
        f"{resume} is about other evidence, or about another state of it",
        hint="remove it, or name another file",
    )
