"""Ways of reasoning from one term to another, cell by cell. Does not look at schemas."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from xroad_lite.semantics.functions import KINDS
from xroad_lite.semantics.names import short
from xroad_lite.semantics.values import BROADER, EXACT, Cell, Path, shown, step_iri
from xroad_lite.semantics.vocabulary import Vocabulary

Namer: TypeAlias = Callable[[str], str]
"""Writes an IRI for people."""


@dataclass(frozen=True, slots=True)
class Link:
    """One step from a term to another, and where it is said.

    ``sentence`` is the cell as people read it; ``loss`` is ``exact``, ``broadened``, ``narrowed``
    or ``reversible`` (for some values).
    """

    source: str
    target: str
    relation: str
    loss: str
    sentence: str
    said_by: str
    file: str


_WORST = ("narrowed", "broadened", "reversible", "exact")


def overall(links: Iterable[Link]) -> str:
    """What a whole way keeps: the worst of its steps."""
    losses = {link.loss for link in links}
    return next((loss for loss in _WORST if loss in losses), "exact")


def links_of(vocabulary: Vocabulary, name: Namer = short) -> dict[str, list[Link]]:
    """Every step that may be taken, by the term that it starts from; ``name`` writes terms."""
    found: dict[str, list[Link]] = defaultdict(list)
    cells = _cell_links(vocabulary.cells, name)
    for link in itertools.chain(cells, _code_links(vocabulary.matches, name)):
        found[link.source].append(link)
    return found


def way(links: Mapping[str, Iterable[Link]], start: str, end: str) -> tuple[Link, ...] | None:
    """The best way: exact before broader, then the shortest; None when there is none."""
    order = itertools.count()
    heap: list[tuple[tuple[bool, int], int, str, tuple[Link, ...]]]
    heap = [((False, 0), next(order), start, ())]
    seen: set[str] = set()
    while heap:
        (broader, length), _, term, taken = heapq.heappop(heap)
        if term == end:
            return taken
        if term in seen:
            continue
        seen.add(term)
        for link in links.get(term, ()):
            cost = (broader or link.relation != EXACT, length + 1)
            heapq.heappush(heap, (cost, next(order), link.target, (*taken, link)))
    return None


def _cell_links(cells: Iterable[Cell], name: Namer) -> Iterator[Link]:
    for cell in cells:
        for path in cell.sources:
            source, target = step_iri(path[-1]), step_iri(cell.target[-1])
            if source != target:
                yield Link(
                    source,
                    target,
                    cell.relation,
                    _loss(cell),
                    cell_sentence(cell, name),
                    cell.name,
                    cell.file,
                )


def _code_links(matches: Mapping[str, Mapping[str, str]], name: Namer) -> Iterator[Link]:
    for concept, row in matches.items():
        for other, relation in row.items():
            loss = "exact" if relation == EXACT else "broadened"
            said = f"{name(concept)} {relation} {name(other)}"
            yield Link(concept, other, relation, loss, said, "the codes' match", "")


def _loss(cell: Cell) -> str:
    kind = KINDS[cell.function.name] if cell.function is not None else None
    if kind is not None and kind.lossy:
        return kind.lossy
    if cell.relation == BROADER:
        return "broadened"
    plain = kind is None and _single(cell.sources[0]) and _single(cell.target)
    return "exact" if plain else "reversible"


def _single(path: Path) -> bool:
    return len(path) == 1 and isinstance(path[0], str)


def cell_sentence(cell: Cell, name: Namer = short) -> str:
    """``a + b = c by join(sep=', '), rank 2``: what a cell says; ``name`` writes its terms."""
    function = ""
    if cell.function is not None:
        given = ", ".join(
            f"{key}={_parameter(value, name)}" for key, value in cell.function.parameters
        )
        function = f" by {cell.function.name}({given})"
    rank = f", rank {cell.rank}" if cell.rank is not None else ""
    sources = " + ".join(shown(path, name) for path in cell.sources)
    return f"{sources} {cell.relation} {shown(cell.target, name)}{function}{rank}"


def _parameter(value: str | int | float | bool, name: Namer) -> str:
    if isinstance(value, str) and "://" in value:
        return name(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
