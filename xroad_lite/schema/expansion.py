"""How much work a schema can make of one body; does not validate bodies.

Two references to a schema that holds two references, and so on, double at every step: 40 such lines
keep a validator busy for hours. The cost of every schema is counted over the graph of what it
applies, which takes no longer than reading it; it tells which schemas need to be watched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xroad_lite.errors import SchemaError
from xroad_lite.schema.references import Documents, Place, referred
from xroad_lite.schema.work import Node, Work

MAX_COST = 1_000_000
"""How many schemas may apply along one path of a body before each body is counted."""
_MAX_BODY_DEPTH = 200
_MAX_CHAIN = 500
_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas",
             "dependencies")  # fmt: skip
_ITEMS = ("prefixItems", "items", "additionalItems", "unevaluatedItems")
_REST = ("additionalProperties", "unevaluatedProperties")
_KINDS = {
    "patternProperties": "patterns",
    "contains": "contains",
    "propertyNames": "names",
    **dict.fromkeys(_REST, "rest"),
    **dict.fromkeys(_IN_PLACE, "in_place"),
    **dict.fromkeys(_ITEMS, "items"),
}
"""By keyword, in which list of a node the schemas below it stand."""
_MAX_NAMES = 50_000


@dataclass(slots=True)
class _Cost:
    """The schemas applied to one value: ``own`` to itself, the others to what lies in it."""

    own: int = 1
    named: dict[str, int] = field(default_factory=dict)
    rest: int = 0
    items: int = 0

    def total(self) -> int:
        """The cost along the dearest path, capped."""
        return min(self.own + max(self.rest, self.items, *self.named.values(), 0), MAX_COST + 1)

    def add(self, other: _Cost) -> None:
        """What applies to the same value adds up, field by field."""
        self.own = min(self.own + other.own, MAX_COST + 1)
        for name in self.named.keys() | other.named.keys():
            cost = self.named.get(name, self.rest) + other.named.get(name, other.rest)
            self.named[name] = min(cost, MAX_COST + 1)
        self.rest = min(self.rest + other.rest, MAX_COST + 1)
        self.items = min(self.items + other.items, MAX_COST + 1)

    def coarse(self) -> _Cost:
        """An upper bound without names, for schemas that would be too much work to tell exactly."""
        return _Cost(self.own, {}, max(self.rest, *self.named.values(), 0), self.items)


def work_of(documents: Documents) -> Work | None:
    """What counts the work of each body, for the few schemas of which one could make too much.

    Resolves every reference on the way. ``SchemaError`` for a reference that leads nowhere or back
    to itself, and for a schema that is too much work whatever the body.
    """
    nodes = _Graph(documents).nodes
    order = _ordered(nodes)
    if not any(node.multiplies() for node in nodes):
        return None
    totals = [0] * len(nodes)
    for depth in range(_MAX_BODY_DEPTH + 1):
        below, totals = totals, _totals(nodes, order, totals)
        if max(totals) > MAX_COST:
            _check_least(depth)
            return Work(nodes)
        if totals == below:
            break
    return None


def _totals(nodes: list[Node], order: list[int], below: list[int]) -> list[int]:
    costs: list[_Cost] = [_Cost()] * len(nodes)
    budget = _MAX_NAMES
    for index in order:
        node = nodes[index]
        cost = _own(node, below)
        for step in node.in_place:
            cost.add(costs[step])
        if node.dynamic:
            cost.add(max((costs[step] for step in node.dynamic), key=_Cost.total))
        budget -= len(cost.named) if node.in_place else 0
        costs[index] = cost if budget > 0 else cost.coarse()
    return [cost.total() for cost in costs]


def _own(node: Node, below: list[int]) -> _Cost:
    """What one schema applies by itself, with the costs of a body that is one level less deep."""
    patterns = sum(below[i] for i in node.patterns)
    return _Cost(
        1 + sum(below[i] for i in node.names),
        {name: below[i] + patterns for name, i in node.named.items()},
        max((below[i] for i in node.rest), default=0) + patterns,
        max((below[i] for i in node.items), default=0) + sum(below[i] for i in node.contains),
    )


def _check_least(depth: int) -> None:
    if depth == 0:
        raise SchemaError(
            "schema.expansion",
            f"the schema applies more than {MAX_COST:,} subschemas to any value: its references "
            "multiply each other",
            hint="refer to each shared definition once, and combine alternatives in one anyOf",
        )


class _Graph:
    """Every schema that is reachable, numbered in the order of discovery; the root is 0."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.numbers: dict[tuple[int, str], int] = {}
        self.nodes: list[Node] = []
        self.number(documents.root)
        at = 0
        while at < len(self.nodes):
            while at < len(self.nodes):  # grows while it is walked
                self.connect(self.nodes[at])
                at += 1
            for node in self.nodes[:at]:  # whatever was loaded may be meant by any $dynamicRef
                self.connect_dynamic(node)

    def number(self, place: Place) -> int:
        schema = place.schema
        key = (id(schema) if isinstance(schema, dict) else int(schema), place.base)
        if key not in self.numbers:
            self.numbers[key] = len(self.nodes)
            self.nodes.append(Node(place))
        return self.numbers[key]

    def connect(self, node: Node) -> None:
        counted = node.place.keywords()
        for keyword, name, place in node.place.subschemas():
            number = self.number(place)
            if keyword == "properties" and keyword in counted:
                node.named[name] = number
            elif keyword in _KINDS and keyword in counted:
                getattr(node, _KINDS[keyword]).append(number)
        if (target := referred(self.documents, node.place)) is not None:
            node.in_place.append(self.number(target))

    def connect_dynamic(self, node: Node) -> None:
        static = referred(self.documents, node.place, "$dynamicRef")
        if static is not None:
            name = node.place.schema["$dynamicRef"].partition("#")[2]
            meant = [static, *self.documents.dynamic(name)]
            node.dynamic = [self.number(place) for place in meant]


def _ordered(nodes: list[Node]) -> list[int]:
    """The numbers so that each schema follows those that it applies to the same value."""
    order = [at for at, node in enumerate(nodes) if not (node.in_place or node.dynamic)]
    length = dict.fromkeys(order, 1)
    entered: set[int] = set()
    for start in range(len(nodes)):
        pending = [start] if start not in length else []
        while pending:
            index = pending[-1]
            steps = [*nodes[index].in_place, *nodes[index].dynamic]
            waiting = [i for i in steps if i not in length]
            if index in length:
                pending.pop()
            elif index in entered and waiting:
                raise _cycle(nodes, waiting)
            elif waiting:
                entered.add(index)
                pending.extend(waiting)
            else:
                length[index] = 1 + max((length[i] for i in steps), default=0)
                _check_length(length[index])
                order.append(index)
                pending.pop()
    return order


def _check_length(length: int) -> None:
    if length > _MAX_CHAIN:
        raise SchemaError(
            "schema.expansion",
            f"a chain of references and alternatives is longer than {_MAX_CHAIN} schemas",
            hint="refer to the last definition directly",
        )


def _cycle(nodes: list[Node], waiting: list[int]) -> SchemaError:
    names = [n.place.keywords().get("$ref") for n in nodes if set(n.in_place) & set(waiting)]
    name = next((name for name in names if name), "allOf")
    return SchemaError(
        "schema.reference_cycle",
        f"{str(name)[:120]!r} leads back to itself for the same value, so no validator can end",
        hint="put the reference under a property or under items, or remove it",
    )
