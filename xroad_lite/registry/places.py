"""Finds where in a document a value stands, by line and column; does not judge the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from xroad_lite import strict_json
from xroad_lite.registry import yaml_values
from xroad_lite.registry.yaml_values import Path, Places, line_and_column

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_START: Final = (1, 1)


def places(path: str, data: bytes, wanted: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Where each wanted value stands in the file ``path``; its nearest container if it is missing.

    Line and column count from 1; what cannot be found at all stands at the beginning.
    """
    wanted = set(wanted)
    known: Places = {one[:end]: None for one in wanted for end in range(len(one) + 1)}
    if path.endswith((".json", ".avsc")):
        _JSONWalk(known).take_all(data)
    else:
        with suppress(yaml_values.YAMLRefusedError):  # what stands before a fault has its place
            yaml_values.read(data, known)
    return {one: _nearest(known, one) for one in wanted}


def _nearest(known: Places, path: Path) -> tuple[int, int]:
    for end in range(len(path), -1, -1):
        if (found := known[path[:end]]) is not None:
            return found
    return _START


def json_fault(data: bytes) -> tuple[int, int]:
    """Where bytes that ``strict_json`` refuses cease to be what it takes."""
    try:
        text = data.decode("utf-8")
        json.loads(text)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        return line_and_column(before, len(before))
    except json.JSONDecodeError as error:
        return error.lineno, error.colno
    except (ValueError, RecursionError):
        return _START
    walk = _JSONWalk({})
    walk.take_all(data)
    return walk.repeated or _START


class _JSONWalk:
    """Follows the tokens of a JSON text; knows at each value by which path it is reached."""

    __slots__ = ("_expects_key", "_keys", "_path", "_places", "repeated")

    def __init__(self, places: Places) -> None:
        self.repeated: tuple[int, int] | None = None
        self._places = places
        self._keys: list[set[str] | None] = []  # of the open objects; arrays have none
        self._path: list[str | int] = []
        self._expects_key = False

    def take_all(self, data: bytes) -> None:
        """Go through the bytes, as far as they nest like JSON that is read."""
        text = data.decode("utf-8", "replace")
        for match in _TOKEN.finditer(text):
            if len(self._path) > strict_json.MAX_DEPTH:
                return
            self._take(match[0], text, match.start())

    def _take(self, sign: str, text: str, offset: int) -> None:
        if sign in ("{", "["):
            self._note(text, offset)
            self._keys.append(set() if sign == "{" else None)
            self._path.append("" if sign == "{" else 0)
            self._expects_key = sign == "{"
        elif sign in ("}", "]"):
            del self._keys[-1:], self._path[-1:]
            self._expects_key = False
        elif sign == ",":
            self._next()
        elif sign != ":":
            if self._expects_key:
                self._key(sign, text, offset)
            self._note(text, offset)
            self._expects_key = False

    def _next(self) -> None:
        if self._keys and self._keys[-1] is not None:
            self._expects_key = True
        elif self._path and isinstance(self._path[-1], int):
            self._path[-1] += 1

    def _key(self, token: str, text: str, offset: int) -> None:
        key, keys = _unescaped(token), self._keys[-1]
        self._path[-1] = key
        if keys is not None and key in keys and self.repeated is None:
            self.repeated = line_and_column(text, offset)
        elif keys is not None:
            keys.add(key)

    def _note(self, text: str, offset: int) -> None:
        if self._places and self._places.get(path := tuple(self._path), _START) is None:
            self._places[path] = line_and_column(text, offset)


def _unescaped(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token
