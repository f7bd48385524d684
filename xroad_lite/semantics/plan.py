"""What a translator does, before it is Python: where each target value is read. Does not run.

Expressions are relative to one source object; members say what becomes of one target field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from xroad_lite.semantics.binding import Field
from xroad_lite.semantics.names import pointer_part
from xroad_lite.semantics.values import Cell, Function


@dataclass(frozen=True, slots=True)
class Pick:
    """Chooses one item of a list by the value at a key of it; ``None`` in ``wanted`` is absent."""

    where: str | None
    wanted: tuple[str | None, ...]
    having: str | None


@dataclass(frozen=True, slots=True)
class Hop:
    """One key followed in the source; ``array`` when its value is a list."""

    key: str
    array: bool
    pick: Pick | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The value at the end of some hops."""

    hops: tuple[Hop, ...]
    end: Field

    @property
    def many(self) -> bool:
        """Whether there may be several values."""
        return any(hop.array and hop.pick is None for hop in self.hops)

    @property
    def pointer(self) -> str:
        """The keys, joined as a JSON pointer without positions."""
        return "".join(f"/{pointer_part(hop.key)}" for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function applied to what its arguments give."""

    function: Function
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first of several that gives a value: ranked cells."""

    options: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Gather:
    """All values of several: equally good broader cells into an array."""

    options: tuple[Expression, ...]


Expression: TypeAlias = Read | Apply | FirstOf | Gather


@dataclass(frozen=True, slots=True)
class Route:
    """A way from the source to a target field: what to compute, and why it may be done."""

    expression: Expression
    relation: str = "="
    ranks: tuple[int, ...] = ()
    measure: float = 1.0
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A target field that takes a value."""

    field: Field
    route: Route


@dataclass(frozen=True, slots=True)
class Nested:
    """A target object, or array of them, that source objects become by other routines.

    There is one routine for each of ``options``, the places where such an object is read.
    """

    field: Field
    route: Route
    routines: tuple[int, ...]
    required: tuple[str, ...]

    @property
    def options(self) -> tuple[Read, ...]:
        """The places, best first where they are ranked."""
        return reads(self.route.expression)


@dataclass(frozen=True, slots=True)
class Chain:
    """A target object that the mapping's chain makes out of the same source object."""

    field: Field
    members: tuple[Member, ...]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One item that a selection read backwards makes, with its constants."""

    constants: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A target array with one item for each selection."""

    field: Field
    items: tuple[Item, ...]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A required target field without a route, whose schema admits or proposes one value."""

    field: Field
    value: Any


@dataclass(frozen=True, slots=True)
class Missing:
    """A target field without a value; ``kind`` is missing, ambiguous or unbound."""

    field: Field
    kind: str
    reason: str


Member: TypeAlias = Value | Nested | Chain | Items | Constant | Missing


@dataclass(frozen=True, slots=True)
class Routine:
    """How a source object of one shape becomes a target object of another."""

    target: int
    source: int
    members: tuple[Member, ...]


def is_many(expression: Expression) -> bool:
    """Whether an expression may give several values."""
    if isinstance(expression, Read):
        return expression.many
    if isinstance(expression, Gather):
        return True
    if isinstance(expression, FirstOf):
        return any(map(is_many, expression.options))
    name = expression.function.name
    if name in ("join", "template", "constant"):
        return False
    return name in ("split", "alltexts") or is_many(expression.arguments[0])


def reads(expression: Expression) -> tuple[Read, ...]:
    """Every place in the source that an expression looks at."""
    if isinstance(expression, Read):
        return (expression,)
    parts = expression.arguments if isinstance(expression, Apply) else expression.options
    return tuple(read for part in parts for read in reads(part))
