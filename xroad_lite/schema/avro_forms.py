"""Other forms of Avro values: JSON for people, data for fastavro, defaults; does not check values.

In JSON for people a date, a time, a UUID and a decimal are texts, bytes are base64, and a union is
simply its value. Whoever reads it needs the schema to tell a text from a date.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from xroad_lite.errors import SchemaError
from xroad_lite.schema.avro_types import AvroType
from xroad_lite.schema.avro_values import Checker
from xroad_lite.schema.avro_widths import reachable

_PENDING = object()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(slots=True)
class Forms:
    """One conversion of one value."""

    checker: Checker = field(default_factory=Checker)
    _read: dict[tuple[int, int], Any] = field(default_factory=dict)

    def to_json(self, of: AvroType, value: Any) -> Any:
        """What JSON can hold, for people."""
        if of.kind == "union":
            branch = self.checker.branch(of, value)
            return value if branch is None else self.to_json(branch, value)
        if isinstance(value, dict):
            return {key: self._member_to_json(of, key, item) for key, item in value.items()}
        if isinstance(value, list | tuple) and of.inner is not None:
            return [self.to_json(of.inner, item) for item in value]
        return _plain(value)

    def _member_to_json(self, of: AvroType, key: str, item: Any) -> Any:
        if of.kind == "record" and key in of.fields:
            return self.to_json(of.fields[key].type, item)
        return self.to_json(of.inner, item) if of.inner is not None else item

    def from_json(self, of: AvroType, value: Any) -> Any:
        """The value that JSON for people means; what cannot be converted stays as it is."""
        key = (id(of), id(value))
        if key not in self._read:
            self._read[key] = self._from_json(of, value)
        return self._read[key]

    def _from_json(self, of: AvroType, value: Any) -> Any:
        if of.kind == "union":
            for branch in of.branches:
                if self.checker.fits(branch, found := self.from_json(branch, value)):
                    return found
            return value
        if isinstance(value, dict) and of.kind in ("record", "map"):
            return {key: self._member_from_json(of, key, item) for key, item in value.items()}
        if isinstance(value, list) and of.inner is not None:
            return [self.from_json(of.inner, item) for item in value]
        read = _FROM_TEXT.get(of.logical) or _FROM_TEXT.get(of.kind)
        if read is None or not isinstance(value, str):
            return value
        try:
            return read(value)
        except (ValueError, KeyError, InvalidOperation):
            return value

    def restored(self, of: AvroType, stored: Any) -> Any:
        """The value that a stored one is: days become a date, bytes a decimal, text a UUID."""
        if of.kind == "union":
            for branch in of.branches:
                if self.checker.fits(branch, found := self.restored(branch, stored)):
                    return found
            return stored
        if isinstance(stored, dict) and of.kind == "record":
            return {key: self.restored(of.fields[key].type, item) for key, item in stored.items()}
        if isinstance(stored, dict) and of.inner is not None:
            return {key: self.restored(of.inner, item) for key, item in stored.items()}
        if isinstance(stored, list) and of.inner is not None:
            return [self.restored(of.inner, item) for item in stored]
        return _stored(of, stored)

    def _member_from_json(self, of: AvroType, key: str, item: Any) -> Any:
        if of.kind == "record":
            return self.from_json(of.fields[key].type, item) if key in of.fields else item
        return item if of.inner is None else self.from_json(of.inner, item)

    def datum(self, of: AvroType, value: Any) -> Any:
        """What fastavro writes without guessing: branches named, defaults filled in."""
        if of.kind == "union":
            branch = self.checker.branch(of, value)
            if branch is None:
                return value
            found = self.datum(branch, value)
            return (branch.name, found) if branch.name else found
        if of.kind == "record":
            return {
                name: self.datum(item.type, value[name])
                if name in value
                else Forms().datum(item.type, item.value)
                for name, item in of.fields.items()
            }
        if of.kind == "map" and of.inner is not None:
            return {key: self.datum(of.inner, item) for key, item in value.items()}
        if of.kind == "array" and of.inner is not None:
            return [self.datum(of.inner, item) for item in value]
        if of.logical == "uuid" and isinstance(value, str):
            return UUID(value)
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, UUID) or (isinstance(value, float) and value - value != 0):
        return str(value)  # JSON has neither NaN nor infinities
    return value


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


_UNWRITABLE = {text: float(text) for text in ("nan", "inf", "-inf")}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "uuid": UUID,
    "date": datetime.date.fromisoformat,
    "time-millis": datetime.time.fromisoformat,
    "time-micros": datetime.time.fromisoformat,
    "timestamp-millis": _moment,
    "timestamp-micros": _moment,
    "local-timestamp-millis": _moment,
    "local-timestamp-micros": _moment,
    "bytes": _base64,
    "fixed": _base64,
    "float": _UNWRITABLE.__getitem__,
    "double": _UNWRITABLE.__getitem__,
}


def fill_defaults(root: AvroType) -> None:
    """Turn the defaults of all fields into values; ``SchemaError`` where one fits no type."""
    defaults = _Defaults()
    for found in reachable(root):
        for name, item in found.fields.items():
            if not item.has_default:
                continue
            item.value = defaults.value(item.type, item.default)
            if not Checker().fits(item.type, item.value):
                raise _wrong_default(f"of the field {name!r} of {found.name} does not fit its type")


def _wrong_default(message: str) -> SchemaError:
    return SchemaError(
        "schema.invalid",
        f"the default {message}",
        hint="for a union write a default of one of its branches",
    )


class _Defaults:
    """Defaults as they stand in a schema, as values: bytes are texts there, dates are numbers.

    A record's default may lean on the defaults of its fields, and those on others; each is worked
    out once, and one that leans on itself is refused.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Any] = {}

    def value(self, of: AvroType, default: Any) -> Any:
        key = (id(of), id(default))
        if key not in self._known:
            self._known[key] = _PENDING
            self._known[key] = self._value(of, default)
        if self._known[key] is _PENDING:
            raise _wrong_default(f"of {of.name or of.kind} needs itself")
        return self._known[key]

    def _value(self, of: AvroType, default: Any) -> Any:
        if of.kind == "union":
            values = [(branch, self.value(branch, default)) for branch in of.branches]
            return next((v for branch, v in values if Checker().fits(branch, v)), default)
        if of.kind == "record" and isinstance(default, dict):
            return {
                name: self.value(item.type, default.get(name, item.default))
                for name, item in of.fields.items()
                if name in default or item.has_default
            }
        if of.inner is not None and isinstance(default, dict):
            return {key: self.value(of.inner, item) for key, item in default.items()}
        if of.inner is not None and isinstance(default, list):
            return [self.value(of.inner, item) for item in default]
        return _stored(of, default)


def _stored(of: AvroType, default: Any) -> Any:
    try:
        if of.kind in ("bytes", "fixed") and isinstance(default, str):
            default = default.encode("latin-1")
        if of.logical in _FROM_STORED:
            return _FROM_STORED[of.logical](of, default)
    except (ValueError, OverflowError, TypeError, AttributeError):
        pass  # the check of the schema's defaults says what is wrong with it
    return default


def _moment_of(micros: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(microseconds=micros)


_FROM_STORED: dict[str, Callable[[AvroType, Any], Any]] = {
    "decimal": lambda of, raw: Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-of.scale),
    "uuid": lambda of, raw: UUID(raw) if of.kind == "string" else UUID(bytes=raw),
    "date": lambda _, raw: _EPOCH.date() + datetime.timedelta(days=raw),
    "time-millis": lambda _, raw: _moment_of(raw * 1000).time(),
    "time-micros": lambda _, raw: _moment_of(raw).time(),
    "timestamp-millis": lambda _, raw: _moment_of(raw * 1000),
    "timestamp-micros": lambda _, raw: _moment_of(raw),
    "local-timestamp-millis": lambda _, raw: _moment_of(raw * 1000).replace(tzinfo=None),
    "local-timestamp-micros": lambda _, raw: _moment_of(raw).replace(tzinfo=None),
}
