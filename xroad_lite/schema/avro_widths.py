"""Refuses Avro schemas with which a few bytes make a huge value; does not read bodies.

An array of items that take no bytes may declare any count: six bytes cost 14 seconds and 3 GB.
Records whose fields take no bytes multiply in the same way without any array.
"""

from __future__ import annotations

from xroad_lite.errors import SchemaError
from xroad_lite.schema.avro_types import AvroType

MAX_FREE = 64
"""How many values that take no bytes a record may hold, with the records inside it."""


def check_widths(root: AvroType) -> None:
    """Refuse arrays and maps of zero-width items, and records that are endless or multiply."""
    free: dict[int, int] = {}
    zero: set[int] = set()
    types = reachable(root)
    for found in types:
        _count_free(found, free, zero)
    for found in types:
        if found.kind in ("array", "map") and found.inner is not None and id(found.inner) in zero:
            raise SchemaError(
                "schema.zero_width_items",
                f"the items of this {found.kind} take no bytes ({_described(found.inner)}), so a "
                "few bytes could declare millions of them",
                hint="write how many there are as a number",
            )


def reachable(root: AvroType) -> list[AvroType]:
    """Every type that a type is made of, itself first."""
    found = {id(root): root}
    pending = [root]
    while pending:
        for below in pending.pop().below():
            if id(below) not in found:
                found[id(below)] = below
                pending.append(below)
    return list(found.values())


def _count_free(start: AvroType, free: dict[int, int], zero: set[int]) -> None:
    """Number the free values of a type and of the records that lie directly in it."""
    pending = [start]
    entered: set[int] = set()
    while pending:
        here = pending[-1]
        waiting = [] if id(here) in free else [t for t in _direct(here) if id(t) not in free]
        if id(here) in free:
            pending.pop()
        elif waiting and id(here) in entered:
            raise SchemaError(
                "schema.endless_type",
                f"the record {here.name!r} holds itself directly, so that no value could ever end",
                hint="make the field a union with null, or an array",
            )
        elif waiting:
            entered.add(id(here))
            pending.extend(waiting)
        else:
            _number(here, free, zero)
            pending.pop()


def _number(here: AvroType, free: dict[int, int], zero: set[int]) -> None:
    nothing = here.kind == "null" or (here.kind == "fixed" and here.size == 0)
    if nothing or (here.kind == "record" and all(id(t) in zero for t in _direct(here))):
        zero.add(id(here))
    free[id(here)] = sum(free[id(t)] for t in _direct(here)) + (id(here) in zero)
    if free[id(here)] > MAX_FREE:
        raise SchemaError(
            "schema.zero_width_fields",
            f"the record {here.name!r} holds more than {MAX_FREE} values that take no bytes",
            hint="leave out fields that can only be null",
        )


def _direct(here: AvroType) -> list[AvroType]:
    return [item.type for item in here.fields.values()] if here.kind == "record" else []


def _described(inner: AvroType) -> str:
    return f"{inner.kind} {inner.name}".strip()
