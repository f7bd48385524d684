"""Makes Avro values by an Avro schema; does not check or encode them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from xroad_lite.schema.avro_types import AvroDocuments, AvroType
from xroad_lite.schema.sampling.making import (
    DEEP,
    MAX_DEPTH,
    MAX_PARTS,
    ODD,
    Path,
    StuckError,
    keep,
    replaced,
    word,
)

_BASE = datetime.datetime(2024, 2, 29, 13, 45, tzinfo=datetime.UTC)


@dataclass(slots=True)
class AvroMaker:
    """One value of one Avro type, with the type of each of its parts."""

    document: Any
    random: Random
    mode: str
    resources: Mapping[str, Any]
    types: dict[Path, AvroType] = field(default_factory=dict)
    _parts: int = 0

    def make(self) -> Any:
        """A value that should be valid."""
        return self._make(AvroDocuments(self.resources).read(self.document), ())

    def spoilt(self, value: Any) -> Iterator[Any]:
        """Copies that may break one rule each."""
        for path, of in list(self.types.items()):
            part = value
            for step in path:
                part = part[step]
            for wrong in self._wrong(of, part):
                yield replaced(value, path, wrong)

    def _wrong(self, of: AvroType, part: Any) -> Iterator[Any]:
        if of.kind == "record" and isinstance(part, dict):
            for name in part:
                yield {key: one for key, one in part.items() if key != name}
            yield {**part, "unexpectedField": 1}
        elif of.kind == "enum":
            yield "NOT_A_SYMBOL"
        elif of.kind in ("int", "long") and not of.logical:
            yield 1 << 63
            yield 1 << 31
        elif of.kind == "fixed" and isinstance(part, bytes):
            yield part + b"\0"
        elif of.logical == "decimal":
            yield Decimal(10) ** (of.precision - of.scale)
            yield Decimal(1).scaleb(-of.scale - 1)
        yield from ODD

    def _make(self, of: AvroType, path: Path) -> Any:
        self._parts += 1
        if self._parts > MAX_PARTS or len(path) > MAX_DEPTH:
            raise StuckError
        if of.kind != "union":
            self.types[path] = of
        if of.logical in _LOGICAL:
            return _LOGICAL[of.logical](of, self.random)
        match of.kind:
            case "union":
                return self._make(self._branch(of, len(path)), path)
            case "record":
                return {
                    name: self._make(item.type, (*path, name)) for name, item in of.fields.items()
                }
            case "array" | "map":
                return self._several(of, path)
        return _PLAIN[of.kind](of, self.random)

    def _branch(self, of: AvroType, depth: int) -> AvroType:
        if depth > DEEP:
            return min(of.branches, key=lambda one: (bool(one.name), one.inner is not None))
        if self.mode == "least":
            return of.branches[0]
        others = [one for one in of.branches if one.kind != "null"]
        return self.random.choice(others if self.mode == "full" and others else of.branches)

    def _several(self, of: AvroType, path: Path) -> Any:
        assert of.inner is not None
        count = self.random.randint(1, 2) if keep(self.random, self.mode, len(path)) else 0
        if of.kind == "array":
            return [self._make(of.inner, (*path, position)) for position in range(count)]
        names = [f"key{number}" for number in range(count)]
        return {name: self._make(of.inner, (*path, name)) for name in names}


_Make = Callable[[AvroType, Random], Any]
_PLAIN: dict[str, _Make] = {
    "null": lambda *_: None,
    "boolean": lambda _, random: random.random() < 0.5,
    "int": lambda _, random: random.randint(0, 1000),
    "long": lambda _, random: random.randint(0, 1_000_000),
    "float": lambda _, random: random.randint(0, 4000) / 4,
    "double": lambda _, random: random.randint(0, 100_000) / 100,
    "bytes": lambda _, random: random.randbytes(6),
    "fixed": lambda of, random: random.randbytes(of.size),
    "string": lambda _, random: word(random, 0, None),
    "enum": lambda of, random: random.choice(of.symbols),
}


def _moment(_: AvroType | None, random: Random) -> datetime.datetime:
    return _BASE - datetime.timedelta(seconds=random.randrange(86_400 * 365 * 30))


def _decimal(of: AvroType, random: Random) -> Decimal:
    return Decimal(random.randrange(10 ** min(of.precision, 9))).scaleb(-of.scale)


_LOGICAL: dict[str, _Make] = {
    "decimal": _decimal,
    "uuid": lambda _, random: UUID(int=random.getrandbits(128), version=4),
    "date": lambda _, random: _moment(None, random).date(),
    "time-millis": lambda _, random: _moment(None, random).time(),
    "time-micros": lambda _, random: _moment(None, random).time(),
    "timestamp-millis": _moment,
    "timestamp-micros": _moment,
    "local-timestamp-millis": lambda _, random: _moment(None, random).replace(tzinfo=None),
    "local-timestamp-micros": lambda _, random: _moment(None, random).replace(tzinfo=None),
}
