"""Data minimisation: keeps the fields that an agreement allows; does not know agreements.

A field is a JSON Pointer in which ``*``, or any position, stands for every item of an array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xroad_lite.schema.pointers import parsed


class Fields:
    """Allowed fields as a tree: a leaf (``whole``) keeps everything below it."""

    __slots__ = ("children", "whole")

    def __init__(self) -> None:
        self.whole = False
        self.children: dict[str, Fields] = {}

    @classmethod
    def of(cls, pointers: Sequence[str]) -> Fields:
        """The tree of some JSON Pointers."""
        root = cls()
        for text in pointers:
            node = root
            for segment in parsed(text):
                node = node.children.setdefault(segment, cls())
            node.whole = True
        return root

    def item(self) -> Fields | None:
        """What is allowed of every item of an array."""
        found = [node for name, node in self.children.items() if name == "*" or name.isdecimal()]
        return _merged(found) if found else None


def _merged(nodes: list[Fields]) -> Fields:
    if len(nodes) == 1:
        return nodes[0]
    merged = Fields()
    merged.whole = any(node.whole for node in nodes)
    names = {name for node in nodes for name in node.children}
    for name in names:
        merged.children[name] = _merged([n.children[name] for n in nodes if name in n.children])
    return merged


def project(
    document: Any,
    kind: str,
    value: Any,
    fields: Sequence[str],
    *,
    resources: Mapping[str, Any] | None = None,
) -> Any:
    """A copy of the value with only the allowed fields.

    A pointer to an object keeps it whole; the parents of what is kept are kept, with only the kept
    children; no fields keep nothing (an object becomes ``{}``). A field that is a plain value where
    the pointer expects an object is removed. In Avro a record must stay complete: a removed field
    takes its default, or null where its type allows that. Idempotent; the value is not changed.
    """
    tree = Fields.of(fields)
    if kind == "avro":
        from xroad_lite.schema.avro_projection import project_record

        return project_record(document, resources or {}, value, tree)
    return kept(value, tree)


def kept(value: Any, tree: Fields) -> Any:
    """What a tree of fields allows of a JSON value."""
    if tree.whole:
        return value
    if isinstance(value, dict):
        return {
            name: kept(value[name], below)
            for name in value
            if (below := tree.children.get(name)) is not None and holds(value[name], below)
        }
    if isinstance(value, list):
        below = tree.item()
        return [] if below is None else [kept(v, below) for v in value if holds(v, below)]
    return None


def holds(value: Any, tree: Fields) -> bool:
    """Whether anything that the tree allows can lie in the value."""
    return tree.whole or isinstance(value, dict | list)


def missing_for_projection(
    document: Any,
    fields: Sequence[str],
    *,
    kind: str = "json",
    resources: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """The required fields of a schema that the projection would remove, as JSON Pointers.

    Every body projected to these fields would break the schema, so an agreement that allows only
    them cannot work. Looks along ``properties``, ``items``, ``allOf`` and ``$ref``; what only some
    alternatives of an ``anyOf`` require is not counted. In Avro: the fields that have neither a
    default nor null. The schema must be one that compiles.
    """
    from xroad_lite.schema.required_fields import missing_avro, missing_json

    find = missing_avro if kind == "avro" else missing_json
    return tuple(sorted(set(find(document, resources or {}, Fields.of(fields)))))
