"""Makes translators and runs them: one document in, one out, with its losses. Does not validate."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import Binding, bind
from xroad_lite.semantics.compiling import compiled, written
from xroad_lite.semantics.derive import Derivation
from xroad_lite.semantics.expressions import Program
from xroad_lite.semantics.plan import Apply, Chain, Expression, Missing, Nested, Read, Routine
from xroad_lite.semantics.report import Report, places, prospect
from xroad_lite.semantics.values import Cell, Function, Loss, Translation
from xroad_lite.semantics.vocabulary import Vocabulary

_IDENTITY = "def r0(s, losses):\n    return s"


@dataclass(frozen=True)  # not slotted: the report is made when it is first asked for, then kept
class Translator:
    """Reads documents of one schema in the words of another.

    ``source`` is the Python that runs; ``missing_required`` are JSON pointers of required target
    fields that nothing leads to; ``digest`` names the mapping applied: both schemas, the cells and
    the code tables used.
    """

    source: str
    digest: str
    missing_required: tuple[str, ...]
    routines: tuple[Routine, ...]
    bindings: tuple[Binding, Binding]
    vocabulary: Vocabulary
    run: Callable[[Any, list[Loss]], Any]

    def apply(self, value: object) -> Translation:
        """Translate one document; ``SemanticsError`` when it has not the shape of its schema."""
        losses: list[Loss] = []
        try:
            result = self.run(value, losses)
        except (AttributeError, TypeError, ValueError, KeyError, ArithmeticError) as error:
            raise SemanticsError(
                "semantics.value",
                f"the document has not the shape of its schema ({type(error).__name__})",
                hint="validate it against the source schema first",
            ) from None
        except RecursionError:
            raise SemanticsError("semantics.value", "the document is nested too deep") from None
        return Translation(result, tuple(losses))

    @cached_property
    def files(self) -> frozenset[str]:
        """The mappings that it goes by; they may be of a third domain."""
        return frozenset(cell.file for cell in _used(self.routines)[0])

    @cached_property
    def report(self) -> Report:
        """What the translation keeps, widens and loses, before any message flows."""
        source, target = self.bindings
        try:
            backwards = Derivation(target, source, self.vocabulary).derive()
        except SemanticsError:  # the way back contradicts itself: nothing is exact, which is true
            backwards = None
        return prospect(self.routines, backwards, source, target, self.vocabulary)


def translator(
    source: Mapping[str, Any], target: Mapping[str, Any], vocabulary: Vocabulary
) -> Translator:
    """Derive and compile the translator from one schema document to another.

    Raises ``SemanticsError``: a context that cannot be read, two keys with one meaning, two exact
    cells for one field. A term that no vocabulary declares is reported, never guessed.
    """
    bindings = (_bound(source, vocabulary), _bound(target, vocabulary))
    if source == target:
        return _identity(source, target, bindings, vocabulary)
    routines = Derivation(*bindings, vocabulary).derive()
    program = Program(lambda left, right: _table(vocabulary, left, right))
    text = written(program, routines)
    return Translator(
        source=text,
        digest=_digest(source, target, routines, vocabulary),
        missing_required=tuple(_unreached(routines, 0, "", frozenset())),
        routines=routines,
        bindings=bindings,
        vocabulary=vocabulary,
        run=compiled(text, program.constants),
    )


def _bound(document: Mapping[str, Any], vocabulary: Vocabulary) -> Binding:
    return bind(json_schema_of(document), vocabulary.unknown)


def _identity(
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    bindings: tuple[Binding, Binding],
    vocabulary: Vocabulary,
) -> Translator:
    return Translator(
        source=_IDENTITY,
        digest=_digest(source, target, (), vocabulary),
        missing_required=(),
        routines=Derivation(*bindings, vocabulary).derive(),
        bindings=bindings,
        vocabulary=vocabulary,
        run=lambda value, _: value,
    )


def _table(vocabulary: Vocabulary, source: str, target: str) -> dict[str, str]:
    return {code: other for code, (other, _) in vocabulary.counterparts(source, target).items()}


def _unreached(
    routines: tuple[Routine, ...], number: int, at: str, inside: frozenset[int]
) -> Iterator[str]:
    yield from _unreached_members(routines, routines[number].members, at, inside | {number})


def _unreached_members(
    routines: tuple[Routine, ...], members: tuple[Any, ...], at: str, inside: frozenset[int]
) -> Iterator[str]:
    for member in members:
        item = member.field
        pointer = f"{at}/{item.key}"
        if not item.required:
            continue
        if isinstance(member, Missing):
            yield pointer
        elif isinstance(member, Nested) and not item.array and member.routines[0] not in inside:
            yield from _unreached(routines, member.routines[0], pointer, inside)
        elif isinstance(member, Chain) and not item.array:
            yield from _unreached_members(routines, member.members, pointer, inside)


def _digest(
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    routines: tuple[Routine, ...],
    vocabulary: Vocabulary,
) -> str:
    cells, functions = _used(routines)
    lookups = sorted({(f.text("from"), f.text("to")) for f in functions if f.name == "lookup"})
    try:
        content = strict_json.canonical(
            {
                "source": source,
                "target": target,
                "cells": sorted(map(_cell_text, cells)),
                "codes": [[*pair, _table(vocabulary, *pair)] for pair in lookups],
            }
        )
    except (TypeError, ValueError, RecursionError):
        raise SemanticsError("semantics.schema", "a schema is no JSON document") from None
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _used(routines: tuple[Routine, ...]) -> tuple[set[Cell], set[Function]]:
    cells: set[Cell] = set()
    functions: set[Function] = set()
    for place in places(routines) if routines else ():
        route = getattr(place.member, "route", None)
        if route is not None:
            cells.update(route.cells)
            functions.update(_functions(route.expression))
    return cells, functions


def _functions(expression: Expression) -> Iterator[Function]:
    if isinstance(expression, Read):
        return
    if isinstance(expression, Apply):
        yield expression.function
        parts = expression.arguments
    else:
        parts = expression.options
    for part in parts:
        yield from _functions(part)


def _cell_text(cell: Cell) -> str:
    parts = (cell.sources, cell.target, cell.relation, cell.function, cell.rank, cell.measure)
    return repr(parts)
