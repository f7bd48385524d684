"""Writes a loaded vocabulary as plain tables and reads it back, fast. Does not parse Turtle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Any, Final

import orjson

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.reconcile import by_target
from xroad_lite.semantics.values import Cell, Fault, Function, Path, Selection, Step, Term
from xroad_lite.semantics.vocabulary import Vocabulary

_FORM: Final = 3


class _Terms(Mapping[str, Term]):
    """The terms of a cache, each read from its row when it is asked for: most never are.

    A row is JSON text, so that the collector of garbage has nothing to look at in thousands.
    """

    __slots__ = ("_kinds", "_rows")

    def __init__(self, rows: dict[str, str], kinds: list[frozenset[str]]) -> None:
        if not isinstance(rows, dict):
            raise TypeError("the terms of a cache are no table")
        self._rows, self._kinds = rows, kinds

    def __getitem__(self, iri: str) -> Term:
        kind, labels, file = orjson.loads(self._rows[iri])
        return Term(iri, self._kinds[kind], tuple((tag, text) for tag, text in labels), file)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, iri: object) -> bool:
        return iri in self._rows


def frozen(vocabulary: Vocabulary) -> bytes:
    """The tables of a vocabulary as JSON; the same vocabulary gives the same bytes."""
    kinds = sorted({term.kinds for term in vocabulary.terms.values()}, key=sorted)
    numbers = {kind: number for number, kind in enumerate(kinds)}
    return orjson.dumps(
        {
            "form": _FORM,
            "digest": vocabulary.digest,
            "kinds": [sorted(kind) for kind in kinds],
            "terms": {
                iri: orjson.dumps([numbers[term.kinds], term.labels, term.file]).decode()
                for iri, term in vocabulary.terms.items()
            },
            "cells": [_cell_row(cell) for cell in vocabulary.cells],
            "notations": vocabulary.notations,
            "matches": vocabulary.matches,
            "faults": [astuple(fault) for fault in vocabulary.faults],
            "borrowed": sorted(vocabulary.borrowed),
        }
    )


def thawed(data: bytes, digest: str) -> Vocabulary:
    """The vocabulary in ``data``, if it is the one that ``digest`` names; else ``SemanticsError``.

    A cache is believed: it must lie where only this node writes.
    """
    try:
        tables: Mapping[str, Any] = orjson.loads(data)
        if tables["form"] != _FORM or tables["digest"] != digest:
            raise ValueError("of another vocabulary")
        kinds = [frozenset(kind) for kind in tables["kinds"]]
        cells = tuple(map(_cell, tables["cells"]))
        return Vocabulary(
            digest=digest,
            terms=_Terms(tables["terms"], kinds),
            cells=cells,
            notations=tables["notations"],
            matches=tables["matches"],
            faults=tuple(Fault(*row) for row in tables["faults"]),
            borrowed=frozenset(tables["borrowed"]),
            _by_target=by_target(cells),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise SemanticsError(
            "semantics.cache",
            f"the cache is not that of vocabulary {digest}: {type(error).__name__}",
            hint="load the vocabulary from its files again",
        ) from None


def _cell_row(cell: Cell) -> list[Any]:
    function = cell.function
    return [
        cell.name,
        [_path_row(path) for path in cell.sources],
        _path_row(cell.target),
        cell.relation,
        None if function is None else [function.name, list(map(list, function.parameters))],
        cell.rank,
        cell.measure,
        cell.definitional,
        cell.file,
    ]


def _path_row(path: Path) -> list[Any]:
    return [
        step if isinstance(step, str) else [step.step, step.where, list(step.wanted), step.having]
        for step in path
    ]


def _cell(row: list[Any]) -> Cell:
    name, sources, target, relation, function, *rest = row
    made = None
    if function is not None:
        made = Function(function[0], tuple((key, value) for key, value in function[1]))
    return Cell(name, tuple(map(_path, sources)), _path(target), relation, made, *rest)


def _path(row: list[Any]) -> Path:
    return tuple(map(_step, row))


def _step(row: str | list[Any]) -> Step:
    if isinstance(row, str):
        return row
    return Selection(row[0], row[1], tuple(row[2]), row[3])
