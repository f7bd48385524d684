"""Makes one body of cells out of what many files say. Does not read files or choose routes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final, TypeAlias

from xroad_lite.semantics.functions import inverse
from xroad_lite.semantics.names import short
from xroad_lite.semantics.values import (
    BROADER,
    EXACT,
    NARROWER,
    Cell,
    Fault,
    step_iri,
)

BACKWARDS: Final = " (backwards)"
"""What the name of a cell ends with that is read against the way it is written."""
_Key: TypeAlias = tuple[object, ...]
_TURNED = {EXACT: EXACT, BROADER: NARROWER, NARROWER: BROADER}


def reconciled(cells: Iterable[Cell]) -> tuple[tuple[Cell, ...], list[Fault]]:
    """All cells as they may be read, weaker relations winning, in one order; and what clashed."""
    groups: dict[_Key, list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=_order):
        oriented = _oriented(cell)
        groups[_pair(oriented)].append(oriented)
    kept, faults = [], []
    for group in groups.values():
        weakest, said = _weakest(group)
        faults.extend(said)
        if weakest is None:
            continue
        found = readings(weakest)
        kept.extend(found)
        if not found:
            detail = "it can be read neither way: > is read backwards alone, which this cell is not"
            faults.extend(Fault(cell.file, cell.name, detail, "wrong") for cell in group)
    return tuple(sorted(kept, key=_order)), faults


def readings(cell: Cell) -> list[Cell]:
    """The directions in which a cell may be read: forwards, and backwards where it holds."""
    found = [] if cell.relation == NARROWER else [cell]
    backwards = _backwards(cell)
    return [*found, backwards] if backwards is not None else found


def by_target(cells: Iterable[Cell]) -> Mapping[str, tuple[Cell, ...]]:
    """The cells by the first property of their target path."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[step_iri(cell.target[0])].append(cell)
    return {iri: tuple(group) for iri, group in found.items()}


def named(cell: Cell) -> Iterator[str]:
    """Every term that a cell names, inside its selections too."""
    for step in (*(step for path in cell.sources for step in path), *cell.target):
        yield step_iri(step)
        if not isinstance(step, str):
            yield step.where
            if step.having is not None:
                yield step.having


def namespace(iri: str) -> str:
    """An IRI without its last part."""
    return iri[: len(iri) - len(short(iri))]


def nearly_alike(cells: Iterable[Cell], terms: Iterable[str]) -> Iterator[Fault]:
    """Cells in a rare namespace that is almost a common one: a slip of the pen, most likely."""
    used = [(iri, cell) for cell in cells for iri in named(cell)]
    spaces = Counter(namespace(iri) for iri, _ in used)
    counts = spaces + Counter(map(namespace, terms))
    common = sorted(counts.most_common(50))
    near = {
        space: get_close_matches(
            space, [other for other, count in common if count >= 5 * counts[space]], 1, 0.9
        )
        for space in sorted(spaces)
    }
    for iri, cell in used:
        space = namespace(iri)
        if near[space]:
            other = near[space][0]
            detail = f"{iri} lies in {space}, which is almost {other}; it is used as it stands"
            yield Fault(cell.file, cell.name.removesuffix(BACKWARDS), detail)


def _backwards(cell: Cell) -> Cell | None:
    if len(cell.sources) != 1 or cell.rank is not None or cell.relation == BROADER:
        return None
    chain = len(cell.sources[0]) > 1 or len(cell.target) > 1
    if chain and not cell.definitional:
        return None
    function = cell.function
    if function is not None:
        function = inverse(function)
        if function is None:
            return None
    return replace(
        cell,
        name=cell.name + BACKWARDS,
        sources=(cell.target,),
        target=cell.sources[0],
        relation=_TURNED[cell.relation],
        function=function,
    )


def _oriented(cell: Cell) -> Cell:
    """Cells between two terms, turned so that both ways of writing one pair look alike."""
    if cell.function or len(cell.sources) != 1 or cell.rank is not None:
        return cell
    left, right = cell.sources[0], cell.target
    plain = len(left) == len(right) == 1 and isinstance(left[0], str) and isinstance(right[0], str)
    if not plain or str(left[0]) <= str(right[0]):
        return cell
    return replace(cell, sources=(right,), target=left, relation=_TURNED[cell.relation])


def _pair(cell: Cell) -> _Key:
    return (cell.sources, cell.target, cell.function, cell.rank)


def _weakest(group: Sequence[Cell]) -> tuple[Cell | None, list[Fault]]:
    first = group[0]
    relations = {cell.relation for cell in group}
    measure = min(cell.measure for cell in group)
    definitional = all(cell.definitional for cell in group)
    if len(relations) == 1:
        return replace(first, measure=measure, definitional=definitional), []
    both = {BROADER, NARROWER} <= relations
    weaker = None if both else (relations - {EXACT}).pop()
    detail = f"of this pair is said {' and '.join(sorted(relations))}; " + (
        f"the weaker {weaker} holds" if weaker else "none of them holds"
    )
    severity = "warning" if weaker else "wrong"
    faults = [Fault(cell.file, cell.name, detail, severity) for cell in group]
    if weaker is None:
        return None, faults
    return replace(first, relation=weaker, measure=measure, definitional=definitional), faults


def _order(cell: Cell) -> tuple[str, ...]:
    return (
        repr(cell.target),
        repr(cell.sources),
        cell.relation,
        repr(cell.function),
        repr(cell.rank),
        repr(cell.measure),
        cell.name,
        cell.file,
    )
