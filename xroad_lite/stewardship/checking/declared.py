"""Which fields the usable versions of a schema declare, for agreements that name some of them.

Does not read bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xroad_lite.errors import XRoadError
from xroad_lite.registry.models import Subject
from xroad_lite.schema.fields import MAX_FIELDS, fields
from xroad_lite.schema.pointers import parsed
from xroad_lite.stewardship.checking.reading import Reading

_USABLE = ("active", "deprecated")


@dataclass(slots=True)
class Tree:
    """Declared fields as a tree; ``free`` is a place where any name may stand."""

    children: dict[str, Tree] = field(default_factory=dict)
    free: bool = False
    pointers: list[str] = field(default_factory=list)

    def has(self, steps: tuple[str, ...]) -> bool:
        """Whether a field is declared; a position, or ``*``, stands for the items of an array."""
        node = self
        for step in steps:
            if node.free:
                return True
            item = "*" if step.isdecimal() and step not in node.children else step
            below = node.children.get(item) or node.children.get("*")
            if below is None:
                return False
            node = below
        return True


class Declared:
    """Reads each type's schemas once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._trees: dict[str, Tree | None] = {}

    def of(self, subject: Subject) -> Tree | None:
        """What the versions in use declare; None where that cannot be told."""
        if subject.type not in self._trees:
            self._trees[subject.type] = self._read(subject)
        return self._trees[subject.type]

    def _read(self, subject: Subject) -> Tree | None:
        tree = Tree()
        numbers = [n for n, one in subject.versions.items() if one.status in _USABLE]
        resources = self._reading.resources[subject.kind]
        for number in numbers:
            document = self._reading.schema(subject.type, number, subject.kind)
            if document is None:
                return None
            try:
                found = fields(document, subject.kind, resources)
            except XRoadError:
                return None  # told where the schema stands
            if len(found) >= MAX_FIELDS:
                return None
            for one in found:
                _put(tree, parsed(one.path), one.says)
                tree.pointers.append(one.path)
        return tree if numbers else None


def _put(tree: Tree, steps: tuple[str, ...], says: Any) -> None:
    node = tree
    for step in steps:
        node = node.children.setdefault(step, Tree())
    if "properties" not in says and "fields" not in says and _holds_names(says):
        node.free = True


def _holds_names(says: Any) -> bool:
    """Whether a value of this kind may be an object of which nothing is said."""
    types = says.get("type", "object")
    if says.get("additionalProperties") is False:
        return False
    return "object" in types if isinstance(types, list) else types == "object"
