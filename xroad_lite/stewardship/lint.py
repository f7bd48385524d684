"""Holds a schema against the house rules, and says where it breaks them; does not change it.

The rules stand in ``lint_rules``, each with a name that does not change and a reason. A steward who
must break one says why in the schema: ``"x-lint": {"date": "the law asks for free text"}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xroad_lite.errors import SemanticsError
from xroad_lite.registry.places import places
from xroad_lite.schema import compile_schema
from xroad_lite.schema.fields import Field, fields
from xroad_lite.semantics import Vocabulary
from xroad_lite.semantics import binding as bound
from xroad_lite.stewardship.checking.schemas import steps
from xroad_lite.stewardship.meanings import meanings

_MAX_FINDINGS = 1_000


@dataclass(frozen=True, slots=True)
class Broken:
    """One place that breaks a rule.

    ``at`` is a JSON Pointer into the schema's file, ``path`` one into bodies (``*`` for items),
    ``line`` and ``column`` count from 1, 0 where they are not known.
    """

    rule: str
    at: str
    path: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: {self.message} ({self.rule})"


@dataclass(frozen=True, slots=True)
class View:
    """A schema as the rules see it, with the words that the registry has for it."""

    document: Any
    kind: str
    resources: Mapping[str, Any]
    languages: Sequence[str]
    vocabulary: Vocabulary | None
    fields: Sequence[Field]
    meanings: Mapping[str, bound.Field]
    context_fault: str = ""
    holders: Mapping[str, Field] = field(default_factory=dict)

    def meaning(self, one: Field) -> bound.Field | None:
        """What a field is bound to."""
        return self.meanings.get(one.path)


def lint(
    document: Any,
    kind: str,
    *,
    data: bytes = b"",
    resources: Mapping[str, Any] | None = None,
    languages: Sequence[str] = (),
    vocabulary: Vocabulary | None = None,
) -> list[Broken]:
    """What in a schema breaks the house rules, in the order of its file; at most 1,000 findings.

    ``data`` are the file's bytes, for line numbers; ``languages`` those in which everything must be
    named (any one if empty); ``vocabulary`` has the terms and code lists that it may use, all if
    None. ``SchemaError`` for a schema that does not compile.
    """
    from xroad_lite.stewardship.lint_rules import RULES

    compile_schema(document, kind, resources=resources)
    view = _view(document, kind, resources or {}, languages, vocabulary)
    allowed = {one.at: one.says.get("x-lint") for one in view.fields if one.at is not None}
    found: dict[tuple[str, str, str], Broken] = {}
    for rule in RULES:
        for at, path, message in rule.check(view):
            waived = allowed.get(at)
            if not (isinstance(waived, dict) and waived.get(rule.name)):
                found.setdefault((rule.name, at, message), Broken(rule.name, at, path, message))
            if len(found) >= _MAX_FINDINGS:
                break
    return _in_order(list(found.values()), document, kind, data)


def _view(
    document: Any,
    kind: str,
    resources: Mapping[str, Any],
    languages: Sequence[str],
    vocabulary: Vocabulary | None,
) -> View:
    try:
        means, fault = meanings(document), ""
    except SemanticsError as error:
        means, fault = {}, error.message
    listed = fields(document, kind, resources)
    return View(document, kind, resources, languages, vocabulary, listed, means, fault)


def _in_order(found: list[Broken], document: Any, kind: str, data: bytes) -> list[Broken]:
    """The findings with their lines, by line."""
    wanted = {one.at: steps(document, one.at) for one in found}
    name = "schema.avsc" if kind == "avro" else "schema.json"
    known = places(name, data, wanted.values()) if data else {}
    placed = []
    for one in found:
        line, column = known.get(wanted[one.at], (0, 0))
        placed.append(replace(one, line=line, column=column))
    return sorted(placed, key=lambda one: (one.line, one.column))
