"""Reads a registry's source directory: which files there are, and their bytes; judges no content.

A source may come from anybody, in a pull request. No symbolic link is followed, nothing but plain
files is opened, and there is an end to names, to sizes and to their sum.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import limit_of

MAX_ENTRIES: Final = 100_000
"""How many names a source may hold."""
MAX_BYTES: Final = 256 * 1_048_576
"""How many bytes its documents may have together."""
MAX_PATH_BYTES: Final = 255
ENDINGS: Final = frozenset(
    {".yaml", ".json", ".avsc", ".ttl", ".tsv", ".rdf", ".pem", ".crl", ".der", ".jws"}
)
"""Endings of documents; all other files are left where they are."""

_OPEN: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC
)
_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


class SourceFault(NamedTuple):
    """What cannot be taken from a source: its path, a stable code, a sentence."""

    path: str
    code: str
    problem: str


@dataclass(slots=True)
class Source:
    """The documents by path, the other files by name alone, and what could not be taken."""

    documents: dict[str, bytes] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    faults: list[SourceFault] = field(default_factory=list)


def walk_source(path: Path) -> Source:
    """Read all that a source directory holds; faults are collected, paths come in order.

    Folders and files whose names begin with a dot are left out. ``RegistryError`` if there is no
    directory.
    """
    if not path.is_dir():
        raise RegistryError(
            "registry.out_of_reach",
            f"there is no directory {path}: expected one with instance.yaml and members/",
            hint="begin one with: xroad-lite init",
        )
    source = Source()
    taken = 0
    for number, (relative, entry) in enumerate(_entries(path, source.faults)):
        if number >= MAX_ENTRIES:
            problem = f"the source holds more than {MAX_ENTRIES:,} names: the rest was not read"
            source.faults.append(SourceFault(relative, "registry.too_large", problem))
            break
        if os.path.splitext(relative)[1] not in ENDINGS:  # noqa: PTH122  a path per file is slow
            source.others.append(relative)
            continue
        data = _read(relative, entry, source.faults)
        if data is not None:
            source.documents[relative] = data
            taken += len(data)
        if taken > MAX_BYTES:
            problem = (
                f"the documents are beyond {MAX_BYTES:,} bytes together: the rest was not read"
            )
            source.faults.append(SourceFault(relative, "registry.too_large", problem))
            break
    source.documents = dict(sorted(source.documents.items()))
    source.others.sort()
    return source


def read_source(path: Path) -> dict[str, bytes]:
    """All documents of a source directory, by relative path; ``RegistryError`` at the first fault.

    Symbolic links are refused: what is published lies in the directory itself.
    """
    source = walk_source(path)
    if source.faults:
        fault = min(source.faults)
        raise RegistryError(fault.code, f"{fault.path} {fault.problem}")
    return source.documents


def _entries(root: Path, faults: list[SourceFault]) -> Iterator[tuple[str, str]]:
    """Every plain file below the root, without following links; what is none is a fault.

    Its path in the source, and its path.
    """
    pending = [(str(root), "")]
    while pending:
        folder, before = pending.pop()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    relative = f"{before}{entry.name}"
                    if entry.name.startswith("."):
                        continue
                    if entry.is_symlink():
                        faults.append(_fault(relative, "symbolic_link", "is a symbolic link"))
                    elif entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, f"{relative}/"))
                    elif not entry.is_file(follow_symlinks=False):
                        mode = entry.stat(follow_symlinks=False).st_mode
                        faults.append(_fault(relative, "no_file", f"is {_kind(mode)}"))
                    elif _is_name(relative):
                        yield relative, entry.path
                    else:
                        faults.append(_fault(relative, "file_name", _NAME_PROBLEM))
        except OSError as error:
            faults.append(
                _fault(
                    before.rstrip("/") or ".", "unreadable", f"cannot be listed: {error.strerror}"
                )
            )


_NAME_PROBLEM: Final = (
    f"has a name that not every system can hold: expected UTF-8 text without control characters, "
    f"backslashes and colons, at most {MAX_PATH_BYTES} bytes with its folders"
)


def _fault(relative: str, code: str, problem: str) -> SourceFault:
    shown = relative.encode("utf-8", "backslashreplace").decode()
    return SourceFault(shown, f"registry.{code}", problem)


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "no plain file")


def _is_name(relative: str) -> bool:
    try:
        size = len(relative.encode())
    except UnicodeEncodeError:
        return False
    return (
        size <= MAX_PATH_BYTES and relative.isprintable() and not set(relative) & set('\\:"<>|?*')
    )


def _read(relative: str, path: str, faults: list[SourceFault]) -> bytes | None:
    limit = limit_of(relative)
    try:
        descriptor = os.open(path, _OPEN)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):  # it was changed since it was listed
                faults.append(_fault(relative, "no_file", f"is {_kind(status.st_mode)}"))
                return None
            data = file.read(limit + 1)
    except OSError as error:
        faults.append(_fault(relative, "unreadable", f"cannot be read: {error.strerror}"))
        return None
    if len(data) > limit:
        size = max(status.st_size, len(data))
        problem = f"has {size:,} bytes: expected at most {limit:,}"
        faults.append(_fault(relative, "too_large", problem))
        return None
    return data
