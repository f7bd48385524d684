"""Compatibility between versions of a schema; does not know registries or who reads which version.

``check_compatibility`` asks, for each pair of versions that a mode compares, whether a reader can
read all that a writer may write: Avro by Avro's own rules, JSON Schema by a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xroad_lite.schema.evolution.findings import Incompatibility
from xroad_lite.schema.evolution.modes import Question, questions

__all__ = ["Incompatibility", "check_compatibility"]


def check_compatibility(
    new: Any,
    old: Any,
    kind: str,
    mode: str,
    *,
    resources: Mapping[str, Any] | None = None,
) -> list[Incompatibility]:
    """Why a new version does not go together with the old; empty when it does.

    ``old`` is an earlier version, or a list of them with the newest last, of which the
    _TRANSITIVE modes take all and the others the last. BACKWARD: the new version reads what the old
    one wrote. FORWARD: the old one reads what the new one writes. FULL: both. ``resources`` are the
    files that the schemas refer to. ``SchemaError`` where a version is itself wrong, ``ValueError``
    for an unknown kind or mode.
    """
    found: dict[Incompatibility, None] = {}
    asked = list(questions(new, old, kind, mode))
    check = _check(kind, resources or {})
    for question in asked:
        found.update(dict.fromkeys(check(question)))
    return list(found)


def _check(kind: str, resources: Mapping[str, Any]) -> Callable[[Question], list[Incompatibility]]:
    if kind == "json":
        from xroad_lite.schema.evolution.json_check import JSONCheck

        return JSONCheck(resources)
    from xroad_lite.schema.evolution.avro_check import check_avro

    return lambda question: check_avro(question, resources)
