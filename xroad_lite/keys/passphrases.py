"""Where a passphrase or PIN comes from; never from a command line, which others can read.

A source is ``env:NAME``, ``file:PATH`` (its first line), ``fd:NUMBER`` (an open descriptor), or
``prompt`` on a terminal.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from xroad_lite.errors import KeysError

VARIABLE = "XROAD_LITE_PASSPHRASE"
DEFAULT = f"env:{VARIABLE}"
_MAX_BYTES = 4096


def passphrase_from(
    source: str = DEFAULT, *, prompt: str = "Passphrase: "
) -> Callable[[], bytes | None]:
    """What gives the passphrase when it is needed, once; None where a variable is not set.

    ``KeysError`` ``keys.passphrase`` when the source is none, or holds nothing.
    """
    kind, _, rest = source.partition(":")
    read = _SOURCES.get(kind)
    if read is None:
        raise KeysError(
            "keys.passphrase",
            f"got the passphrase source {kind!r:.20}: expected env:NAME, file:PATH, fd:NUMBER "
            "or prompt",
        )
    return cache(lambda: read(rest, prompt))


def _from_environment(name: str, _prompt: str) -> bytes | None:
    return os.environ.get(name, "").encode() or None


def _from_file(path: str, _prompt: str) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            return _line(file.read(_MAX_BYTES), f"file:{path}")
    except OSError as error:
        raise KeysError(
            "keys.passphrase", f"cannot read the passphrase in {path}: {error.strerror}"
        ) from None


def _from_descriptor(number: str, _prompt: str) -> bytes | None:
    try:
        with os.fdopen(int(number), "rb") as file:
            return _line(file.read(_MAX_BYTES), f"fd:{number}")
    except (OSError, ValueError):
        raise KeysError(
            "keys.passphrase", f"cannot read the passphrase from the file descriptor {number!r:.20}"
        ) from None


def _from_terminal(_name: str, prompt: str) -> bytes | None:
    try:
        return getpass.getpass(prompt).encode() or None
    except EOFError:
        return None


def _line(data: bytes, source: str) -> bytes:
    found = data.partition(b"\n")[0].rstrip(b"\r")
    if not found:
        raise KeysError("keys.passphrase", f"{source} holds no passphrase in its first line")
    return found


_SOURCES: dict[str, Callable[[str, str], bytes | None]] = {
    "env": _from_environment,
    "file": _from_file,
    "fd": _from_descriptor,
    "prompt": _from_terminal,
}
