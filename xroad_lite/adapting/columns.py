"""Flat rows to bodies and back: which column stands where in a body, and as what.

Does not translate meaning: that is what bindings and mappings are for.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Self

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError, RejectedError

_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True} | {
    "false": False,
    "f": False,
    "no": False,
    "0": False,
}
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = "date "


@dataclass(frozen=True, slots=True)
class Columns:
    """A mapping of columns to places in a body.

    ``places`` gives each column its path, steps apart by dots and numbers for places in a list
    (``identifier.0.value``), and what it is read as, or None. None for all of them: each column
    stands under its own name, which may be a path. ``constants`` are values by path that every body
    has.
    """

    places: Mapping[str, tuple[str, str | None]] | None = None
    constants: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, columns: Mapping[str, Any] | None, constants: Mapping[str, Any] | None = None
    ) -> Self:
        """From a configuration: ``column: path``, or ``column: {to: path, as: kind}``.

        The kinds are ``text``, ``integer``, ``number``, ``boolean``, ``json``, and ``date`` with a
        form as in strptime, for instance ``date %d/%m/%Y``. ``ConfigurationError`` for others.
        """
        if columns is None:
            return cls(None, constants)
        places = {str(name): _place(str(name), given) for name, given in columns.items()}
        paths = sorted([path for path, _ in places.values()] + list(constants or {}))
        for first in paths:
            if any(other != first and other.startswith(first + ".") for other in paths):
                raise ConfigurationError(
                    "config.columns", f"{first} cannot be a value and hold others as well"
                )
        if len(set(paths)) != len(paths):
            raise ConfigurationError("config.columns", f"one place is given twice: {paths}")
        return cls(places, constants)

    def body(self, row: Mapping[str, Any], *, sparse: bool = False) -> dict[str, Any]:
        """The body that a row makes; what is None is left out.

        A ``sparse`` row may lack columns, and where it is nested a column is a path into it. Else
        ``RejectedError`` tells of a missing one, as of a mapping for another table; it also names
        the column whose value is not what it is to be read as.
        """
        if not isinstance(row, Mapping):
            got = type(row).__name__
            raise RejectedError("columns.row", f"got a {got}: expected names with values")
        tree: dict[str, Any] = {}
        for path, value in (self.constants or {}).items():
            _put(tree, path, value)
        for name, (path, kind) in self._of(row).items():
            if name not in row and not sparse:
                raise RejectedError(
                    "columns.missing",
                    f"there is no column {name}: the row has {', '.join(row)}",
                )
            value = row[name] if name in row else self.at(row, name)
            if value is not None:
                _put(tree, path, _read(name, value, kind))
        made = _listed(tree)
        assert isinstance(made, dict)
        return made

    def row(self, body: Any) -> dict[str, Any]:
        """The row that a body makes: every column, with None for what the body lacks."""
        if self.places is None:
            return dict(body)
        found = {name: self.at(body, path) for name, (path, _) in self.places.items()}
        texts = {name for name, (_, kind) in self.places.items() if kind == "text"}
        return {
            name: str(value) if name in texts and value is not None else value
            for name, value in found.items()
        }

    @staticmethod
    def at(body: Any, path: str | None) -> Any:
        """What stands at a path (None: the whole); a single value is also the first of its kind."""
        for step in path.split(".") if path else ():
            if isinstance(body, list):
                body = dict(enumerate(body)).get(int(step)) if step.isdecimal() else None
            elif isinstance(body, dict) and (step in body or step != "0"):
                body = body.get(step)
            elif step != "0":
                return None
        return body

    def _of(self, row: Mapping[str, Any]) -> Mapping[str, tuple[str, str | None]]:
        return {name: (name, None) for name in row} if self.places is None else self.places


def plain(value: Any) -> Any:
    """A database's value as JSON has it: times in RFC 3339, exact numbers, bytes in base64."""
    match value:
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case None | bool() | int() | float() | str() | dict() | list():
            return value
        case _:
            return str(value)


def _place(name: str, given: Any) -> tuple[str, str | None]:
    path, kind = given, None
    if isinstance(given, Mapping) and set(given) <= {"to", "as"}:
        path, kind = given.get("to", name), given.get("as")
    known = kind is None or kind in _KINDS or str(kind).startswith(_DATE)
    if not isinstance(path, str) or not all(path.split(".")) or not known:
        raise ConfigurationError(
            "config.columns",
            f"column {name}: got {given!r}, expected a path, or {{to: path, as: kind}} with one of "
            f"{', '.join(_KINDS)}, date FORM",
        )
    return path, kind


def _read(name: str, value: Any, kind: str | None) -> Any:
    if kind is None:
        return plain(value)
    try:
        if kind.startswith(_DATE):
            form = kind.removeprefix(_DATE)
            return datetime.strptime(str(value), form).date().isoformat()  # noqa: DTZ007
        return _KINDS[kind](value)
    except (ValueError, KeyError, OverflowError):
        raise RejectedError(
            "columns.value", f"column {name}: got {str(value)[:80]!r}, expected {kind}"
        ) from None


def _integer(value: Any) -> int:
    text = str(plain(value)).strip()
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _number(value: Any) -> int | float:
    text = str(plain(value)).strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise ValueError
    return number


def _json(value: Any) -> Any:
    return strict_json.loads(value.encode()) if isinstance(value, str) else plain(value)


_KINDS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: str(value if isinstance(value, Decimal) else plain(value)),
    "integer": _integer,
    "number": _number,
    "boolean": lambda value: _BOOLEANS[str(value).strip().lower()],
    "json": _json,
}


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise RejectedError("columns.path", f"{path} lies below a column that has a value")
    if last in tree:
        raise RejectedError("columns.path", f"two columns stand at {path}")
    tree[last] = _Value(value)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that was put in place: what it holds is not looked into."""

    value: Any


def _listed(tree: Any) -> Any:
    """The tree with lists where the steps are numbers; gaps are closed."""
    if isinstance(tree, _Value):
        return tree.value
    if tree and all(step.isdecimal() for step in tree):
        return [_listed(tree[step]) for step in sorted(tree, key=int)]
    return {step: _listed(below) for step, below in tree.items()}
