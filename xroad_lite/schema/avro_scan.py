"""Walks Avro bytes strictly before anything is built from them; does not make values.

Readers differ on bytes that the specification does not allow: an index of -1, a boolean of 7, a
repeated key, bytes left over. Some crash where a value nests a few thousand levels deep. What
passes here is read alike by all of them, and makes no more values than its bytes allow.
"""

from __future__ import annotations

from collections.abc import Callable

from xroad_lite.errors import SchemaError
from xroad_lite.schema.avro_types import AvroType

MAX_DEPTH = 100
"""How deep records, arrays and maps may nest."""
_MICROS = 86_400_000_000
_RANGES = {
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "date": (-719_162, 2_932_896),
    "time-millis": (0, _MICROS // 1000 - 1),
    "time-micros": (0, _MICROS - 1),
    "timestamp-millis": (-719_162 * _MICROS // 1000, 2_932_897 * _MICROS // 1000 - 1),
    "timestamp-micros": (-719_162 * _MICROS, 2_932_897 * _MICROS - 1),
}
_RANGES["local-timestamp-millis"] = _RANGES["timestamp-millis"]
_RANGES["local-timestamp-micros"] = _RANGES["timestamp-micros"]

Step = Callable[[bytes, int, int], int]
"""Takes the bytes, a position and a depth; returns the position behind the value."""


class Scanner:
    """The walk for one schema, compiled to closures."""

    def __init__(self, root: AvroType) -> None:
        self._steps: dict[int, Step] = {}
        self._root = self._step(root)

    def check(self, data: bytes) -> None:
        """Refuse bytes that are not exactly one value of the schema."""
        try:
            end = self._root(data, 0, 0)
        except IndexError:
            raise broken(len(data), "the bytes end in the middle of a value") from None
        if end != len(data):
            raise broken(end, f"{len(data) - end} bytes are left over after the value")

    def _step(self, of: AvroType) -> Step:
        if id(of) in self._steps:
            return self._steps[id(of)]
        steps = self._steps

        def later(data: bytes, at: int, depth: int) -> int:
            return steps[id(of)](data, at, depth)

        steps[id(of)] = later  # a record that holds itself finds this
        steps[id(of)] = self._made(of)
        return steps[id(of)]

    def _made(self, of: AvroType) -> Step:
        match of.kind:
            case "null":
                return lambda _data, at, _depth: at
            case "boolean":
                return _boolean
            case "int" | "long":
                return _integer(of.logical or of.kind)
            case "float":
                return _skip(4)
            case "double":
                return _skip(8)
            case "fixed":
                return _skip(of.size)
            case "bytes" | "string":
                return _text if of.kind == "string" else _bytes
            case "enum":
                return _enum(len(of.symbols))
            case "union":
                return _union([self._step(branch) for branch in of.branches])
            case "record":
                return _record([self._step(item.type) for item in of.fields.values()])
        assert of.inner is not None
        return _blocks(self._step(of.inner), keys=of.kind == "map")


def broken(at: int, reason: str) -> SchemaError:
    """The error for bytes that are no value of the schema."""
    return SchemaError(
        "schema.not_avro",
        f"the body cannot be read, at byte {at}: {reason}",
        hint="write it with the schema version that the message names, without a file header",
    )


def _long(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    value = shift = 0
    for position in range(at, at + 10):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if value >= 1 << 64 or (byte == 0 and position > at):
                break
            return (value >> 1) ^ -(value & 1), position + 1
    raise broken(at, "a number is longer than 64 bits, or padded")


def _integer(name: str) -> Step:
    low, high = _RANGES.get(name, _RANGES["long"])

    def step(data: bytes, at: int, _depth: int) -> int:
        value, end = _long(data, at)
        if not low <= value <= high:
            raise broken(at, f"a number is beyond what {name} can hold")
        return end

    return step


def _boolean(data: bytes, at: int, _depth: int) -> int:
    if data[at] > 1:
        raise broken(at, f"a boolean is {data[at]}: expected 0 or 1")
    return at + 1


def _skip(size: int) -> Step:
    def step(data: bytes, at: int, _depth: int) -> int:
        if at + size > len(data):
            raise IndexError
        return at + size

    return step


def _bytes(data: bytes, at: int, _depth: int) -> int:
    size, start = _long(data, at)
    if size < 0:
        raise broken(at, "a length is negative")
    if start + size > len(data):
        raise IndexError
    return start + size


def _text(data: bytes, at: int, depth: int) -> int:
    end = _bytes(data, at, depth)
    _, start = _long(data, at)
    try:
        data[start:end].decode("utf-8")
    except UnicodeDecodeError:
        raise broken(start, "a string is not UTF-8") from None
    return end


def _enum(count: int) -> Step:
    def step(data: bytes, at: int, _depth: int) -> int:
        index, end = _long(data, at)
        if not 0 <= index < count:
            raise broken(at, f"an enum has index {index}: expected 0 to {count - 1}")
        return end

    return step


def _union(branches: list[Step]) -> Step:
    def step(data: bytes, at: int, depth: int) -> int:
        index, start = _long(data, at)
        if not 0 <= index < len(branches):
            raise broken(at, f"a union has branch {index}: expected 0 to {len(branches) - 1}")
        return branches[index](data, start, depth)

    return step


def _record(fields: list[Step]) -> Step:
    def step(data: bytes, at: int, depth: int) -> int:
        _check_depth(at, depth)
        for read in fields:
            at = read(data, at, depth + 1)
        return at

    return step


def _blocks(item: Step, *, keys: bool) -> Step:
    def step(data: bytes, at: int, depth: int) -> int:
        _check_depth(at, depth)
        seen: set[bytes] = set()
        while True:
            count, start = _long(data, at)
            if count == 0:
                return start
            size = None
            if count < 0:
                size, start = _long(data, start)
            end = start
            for _ in range(abs(count)):
                end = item(data, _key(data, end, seen) if keys else end, depth + 1)
            if size is not None and end - start != size:
                raise broken(at, "a block is not as long as it says")
            at = end

    return step


def _key(data: bytes, at: int, seen: set[bytes]) -> int:
    end = _text(data, at, 0)
    _, start = _long(data, at)
    key = data[start:end]
    if key in seen:
        raise broken(at, "a key of a map stands twice")
    seen.add(key)
    return end


def _check_depth(at: int, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise broken(at, f"the value nests deeper than {MAX_DEPTH} levels")
