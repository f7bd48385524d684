"""Data minimisation in Avro, where a record must stay complete; does not know agreements."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from xroad_lite.schema.avro_forms import fill_defaults
from xroad_lite.schema.avro_types import AvroDocuments, AvroField, AvroType
from xroad_lite.schema.avro_values import Checker
from xroad_lite.schema.projection import Fields, holds


def project_record(document: Any, resources: Mapping[str, Any], value: Any, tree: Fields) -> Any:
    """The value with only the allowed fields; a removed one takes its default, or null."""
    root = AvroDocuments(resources).read(document)
    fill_defaults(root)
    return kept_of(root, value, tree)


def kept_of(root: AvroType, value: Any, tree: Fields) -> Any:
    """The same for a type whose defaults have been worked out."""
    return _kept(root, value, tree, Checker())


def _kept(of: AvroType, value: Any, tree: Fields, checker: Checker) -> Any:
    if tree.whole:
        return value
    chosen = checker.branch(of, value)
    if isinstance(value, dict) and chosen is not None and chosen.kind == "record":
        return _kept_record(chosen, value, tree, checker)
    inner = AvroType("null") if chosen is None or chosen.inner is None else chosen.inner
    if isinstance(value, dict):
        return {
            key: _kept(inner, item, below, checker)
            for key, item in value.items()
            if (below := tree.children.get(key)) is not None and holds(item, below)
        }
    if isinstance(value, list):
        below = tree.item()
        return [_kept(inner, v, below, checker) for v in value if below and holds(v, below)]
    return None


def _kept_record(
    of: AvroType, value: dict[str, Any], tree: Fields, checker: Checker
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in of.fields.items():
        below = tree.children.get(name)
        if name in value and below is not None and holds(value[name], below):
            found[name] = _kept(item.type, value[name], below, checker)
        elif item.has_default:
            found[name] = copy.deepcopy(item.value)
        elif _nullable(item):
            found[name] = None
    return found


def _nullable(item: AvroField) -> bool:
    return item.type.kind == "null" or any(b.kind == "null" for b in item.type.branches)


def removed_without_default(
    document: Any, resources: Mapping[str, Any], tree: Fields
) -> Iterator[tuple[str, ...]]:
    """The paths of fields that a projection removes and that nothing can stand for."""
    yield from _removed(AvroDocuments(resources).read(document), tree, ())


def _removed(of: AvroType, tree: Fields, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if tree.whole:
        return
    for branch in of.branches:
        yield from _removed(branch, tree, path)
    for name, item in of.fields.items():
        below = tree.children.get(name)
        if below is not None:
            yield from _removed(item.type, below, (*path, name))
        elif not item.has_default and not _nullable(item):
            yield (*path, name)
    if of.kind == "array" and of.inner is not None and (item_tree := tree.item()) is not None:
        yield from _removed(of.inner, item_tree, (*path, "*"))
    if of.kind == "map" and of.inner is not None:
        for name, below in tree.children.items():
            yield from _removed(of.inner, below, (*path, name))
