"""Checks values against Avro types and chooses branches of unions; does not read or write bytes.

Values are those of fastavro: dicts, lists, ``Decimal``, ``date``, ``datetime``, ``UUID``, bytes.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from xroad_lite.schema.avro_types import AvroType
from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.violations import MASK, Violation, counted, shortened, shown

_BITS = {"int": 31, "long": 63}
_NAMES = {
    "null": "null",
    "boolean": "true or false",
    "int": "a whole number of 32 bits",
    "long": "a whole number of 64 bits",
    "float": "a number",
    "double": "a number",
    "bytes": "bytes",
    "fixed": "bytes",
    "string": "a text",
    "enum": "a text",
    "array": "an array",
    "map": "an object",
    "record": "an object",
    "decimal": "a decimal number",
    "uuid": "a UUID",
    "date": "a date",
    "time-millis": "a time of day",
    "time-micros": "a time of day",
    "timestamp-millis": "a date and time with zone",
    "timestamp-micros": "a date and time with zone",
    "local-timestamp-millis": "a date and time without zone",
    "local-timestamp-micros": "a date and time without zone",
}
_Path = tuple[str | int, ...]


@dataclass(slots=True)
class Checker:
    """One pass over one value; remembers which branches fit, so that unions cost no powers."""

    _fitting: dict[tuple[int, int], bool] = field(default_factory=dict)

    def violations(
        self, of: AvroType, value: Any, path: _Path = (), *, hidden: bool = False
    ) -> Iterator[Violation]:
        """What the value breaks, one after another."""
        hidden = hidden or of.personal
        if of.kind == "union":
            yield from self._of_union(of, value, path, hidden=hidden)
        elif not _is_of(of, value):
            yield _wrong(of, value, path, hidden=hidden)
        elif of.kind == "record":
            yield from self._of_record(of, value, path, hidden=hidden)
        elif of.inner is not None:
            items = value.items() if of.kind == "map" else enumerate(value)
            for step, item in items:
                if isinstance(step, str | int):
                    yield from self.violations(of.inner, item, (*path, step), hidden=hidden)
        else:
            yield from _details(of, value, path, hidden=hidden)

    def fits(self, of: AvroType, value: Any) -> bool:
        """Whether the value breaks nothing of the type."""
        key = (id(of), id(value))
        if key not in self._fitting:
            self._fitting[key] = next(self.violations(of, value), None) is None
        return self._fitting[key]

    def branch(self, of: AvroType, value: Any) -> AvroType | None:
        """The first branch of a union that the value fits; any other type is its own branch."""
        if of.kind != "union":
            return of
        return next((branch for branch in of.branches if self.fits(branch, value)), None)

    def _of_union(
        self, of: AvroType, value: Any, path: _Path, *, hidden: bool
    ) -> Iterator[Violation]:
        if self.branch(of, value) is not None:
            return
        near = [branch for branch in of.branches if _is_of(branch, value)]
        if len(near) == 1:
            yield from self.violations(near[0], value, path, hidden=hidden)
            return
        names = " or ".join(branch.name or _named(branch) for branch in of.branches)
        got = MASK if hidden or any(b.personal for b in of.branches) else shown(value)
        yield Violation(pointer(path), "union", f"got {got}, expected {shortened(names)}")

    def _of_record(
        self, of: AvroType, value: dict[str, Any], path: _Path, *, hidden: bool
    ) -> Iterator[Violation]:
        for name, item in of.fields.items():
            below = (*path, name)
            if name in value:
                personal = hidden or item.personal
                yield from self.violations(item.type, value[name], below, hidden=personal)
            elif not item.has_default:
                yield Violation(
                    pointer(path), "required", f'the field "{name}" is missing and has no default'
                )
        for name in value:
            if name not in of.fields:
                got = MASK if hidden else f'"{shortened(str(name))}"'
                yield Violation(
                    pointer(path),
                    "additionalProperties",
                    f"got {got}, which the schema does not know: expected only its fields",
                )


def _named(of: AvroType) -> str:
    return _NAMES.get(of.logical) or _NAMES[of.kind]


def _wrong(of: AvroType, value: Any, path: _Path, *, hidden: bool) -> Violation:
    got = MASK if hidden else shown(value)
    return Violation(pointer(path), "type", f"got {got}, expected {_named(of)}")


def _is_of(of: AvroType, value: Any) -> bool:
    """Whether the value is of the type's Python form; says nothing of what is inside."""
    test = _LOGICAL.get(of.logical) or _KINDS.get(of.kind)
    return test is not None and test(value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_uuid(value: Any) -> bool:
    if isinstance(value, UUID):
        return True
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_moment(*, zone: bool) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, datetime.datetime) and (value.utcoffset() is not None) is zone
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": _is_int,
    "long": _is_int,
    "float": lambda value: isinstance(value, float) or _is_int(value),
    "double": lambda value: isinstance(value, float) or _is_int(value),
    "bytes": lambda value: isinstance(value, bytes),
    "fixed": lambda value: isinstance(value, bytes),
    "string": lambda value: isinstance(value, str),
    "enum": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list | tuple),
    "map": lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value),
    "record": lambda value: isinstance(value, dict),
}
_LOGICAL: dict[str, Callable[[Any], bool]] = {
    "decimal": lambda value: isinstance(value, Decimal),
    "uuid": _is_uuid,
    "date": lambda v: isinstance(v, datetime.date) and not isinstance(v, datetime.datetime),
    "time-millis": lambda value: isinstance(value, datetime.time),
    "time-micros": lambda value: isinstance(value, datetime.time),
    "timestamp-millis": _is_moment(zone=True),
    "timestamp-micros": _is_moment(zone=True),
    "local-timestamp-millis": _is_moment(zone=False),
    "local-timestamp-micros": _is_moment(zone=False),
}


def _details(of: AvroType, value: Any, path: _Path, *, hidden: bool) -> Iterator[Violation]:
    """What a value of the right form may still break."""
    rule, expected = _detail(of, value)
    if rule:
        got = MASK if hidden else shown(value)
        yield Violation(pointer(path), rule, f"got {got}, expected {expected}")


def _detail(of: AvroType, value: Any) -> tuple[str, str]:
    if of.logical == "decimal":
        return _decimal_detail(of, value)
    if of.logical.endswith("-millis") and value.microsecond % 1000:
        return "precision", "whole milliseconds: what is finer would be lost"
    if of.logical:
        return "", ""
    if of.kind in _BITS and not -(1 << _BITS[of.kind]) <= value < 1 << _BITS[of.kind]:
        return "range", _NAMES[of.kind]
    if of.kind in ("float", "double") and isinstance(value, int) and value.bit_length() > 1000:
        return "range", "a number that a float can hold"
    if of.kind == "fixed" and len(value) != of.size:
        return "size", f"exactly {counted(of.size, 'byte')}"
    if of.kind == "enum" and value not in of.symbols:
        more = f" or {len(of.symbols) - 10} others" if len(of.symbols) > 10 else ""
        return "enum", f"one of: {', '.join(of.symbols[:10])}{more}"
    if of.kind == "string" and not _encodable(value):
        return "format", "text without half characters"
    return "", ""


def _decimal_detail(of: AvroType, value: Decimal) -> tuple[str, str]:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        return "precision", "a finite number"
    if -exponent > of.scale or value.adjusted() >= of.precision - of.scale:
        return "precision", f"at most {of.precision} digits, {of.scale} after the point"
    return "", ""


def _encodable(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
