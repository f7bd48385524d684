"""Searches the ways from a source schema to a term, best first. Does not choose between them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.binding import Binding
from xroad_lite.semantics.choice import chosen
from xroad_lite.semantics.functions import KINDS
from xroad_lite.semantics.plan import Apply, Expression, Hop, Pick, Read, Route
from xroad_lite.semantics.reconcile import BACKWARDS
from xroad_lite.semantics.values import (
    BROADER,
    EXACT,
    Cell,
    Function,
    Path,
    Selection,
    Step,
    shown,
    step_iri,
)
from xroad_lite.semantics.vocabulary import Vocabulary

MAX_DEPTH: Final = 12
"""Cells on one way: each rewriting of a step, or of what a selection looks at, takes one."""
MAX_STATES: Final = 5_000


@dataclass(frozen=True, slots=True)
class _State:
    """A path still to be followed, and the functions that wait for its value."""

    path: Path
    waiting: tuple[Function, ...] = ()
    relation: str = EXACT
    ranks: tuple[int, ...] = ()
    measure: float = 1.0
    cells: tuple[Cell, ...] = ()
    trail: frozenset[Path] = frozenset()

    @property
    def cost(self) -> tuple[bool, tuple[int, ...], float, int]:
        return (self.relation != EXACT, self.ranks, -self.measure, len(self.cells))

    def no_better_than(self, other: _State) -> bool:
        """Whether all that goes on from here, with the same ranks, is no better than from there."""
        weaker = self.relation == other.relation or other.relation == EXACT
        return weaker and self.measure <= other.measure

    def through(self, cell: Cell, path: Path) -> _State:
        waiting = self.waiting if cell.function is None else (*self.waiting, cell.function)
        ranks = self.ranks if cell.rank is None else (*self.ranks, cell.rank)
        return _State(
            path,
            waiting,
            BROADER if BROADER in (self.relation, cell.relation) else EXACT,
            ranks,
            min(self.measure, cell.measure),
            (*self.cells, cell),
            self.trail | {self.path},
        )


_Place: TypeAlias = tuple[Path, tuple[Function, ...], tuple[int, ...]]
_Question: TypeAlias = tuple[int, Path, int, frozenset[Cell]]


@dataclass(slots=True)
class Search:
    """Finds routes within one bound source, by the cells of one vocabulary."""

    source: Binding
    vocabulary: Vocabulary
    known: dict[_Question, tuple[Route, ...]] = field(default_factory=dict)

    def routes(
        self, shape: int, path: Path, depth: int = 0, inside: frozenset[Cell] = frozenset()
    ) -> tuple[Route, ...]:
        """Every way to ``path`` from the source object; the field itself, if it is there.

        For an argument, ``inside`` has the cells that it is an argument of: a cell applied to
        what it gives itself would find nothing new.
        """
        key = (shape, path, depth, inside)
        if key not in self.known:
            self.known[key] = ()
            self.known[key] = tuple(self._search(shape, path, depth, inside))
        return self.known[key]

    def _search(
        self, shape: int, path: Path, depth: int, inside: frozenset[Cell]
    ) -> Iterator[Route]:
        order = itertools.count()
        start = _State(path)
        heap = [(start.cost, next(order), start)]
        seen: dict[_Place, list[_State]] = {}
        while heap:
            _, _, state = heapq.heappop(heap)
            before = seen.setdefault((state.path, state.waiting, state.ranks), [])
            if any(map(state.no_better_than, before)):
                continue
            before.append(state)
            if len(seen) > MAX_STATES:
                raise SemanticsError(
                    "semantics.too_many_routes",
                    f"more than {MAX_STATES} ways towards {shown(path)}",
                    hint="look for cells that form rings with functions",
                )
            read = self._followed(shape, state.path)
            if read is not None:
                yield _route(state, read)
                continue
            if depth + len(state.cells) < MAX_DEPTH:
                yield from self._several(shape, state, depth, inside)
                for following in self._next(state):
                    if following.path in following.trail:
                        continue  # back where it came from: functions there and back add nothing
                    heapq.heappush(heap, (following.cost, next(order), following))

    def _followed(self, shape: int, path: Path) -> Read | None:
        """The path walked in the source's own shapes, or None where it leads nowhere."""
        hops: list[Hop] = []
        here: int | None = shape
        found = None
        for step in path:
            found = self.source.shapes[here].by_iri(step_iri(step)) if here is not None else None
            if found is None:
                return None
            here = found.shape
            pick = None
            if isinstance(step, Selection):
                pick = self._pick(here, step) if here is not None else None
                if pick is None:
                    return None
                if found.array and not found.ordered:
                    raise unordered(found.key, "selected from")
            hops.append(Hop(found.key, found.array, pick))
        return Read(tuple(hops), found) if found is not None else None

    def _pick(self, shape: int, step: Selection) -> Pick | None:
        item = self.source.shapes[shape]
        where = item.by_iri(step.where)
        having = item.by_iri(step.having) if step.having is not None else None
        if step.having is not None and having is None:
            return None
        if where is None and (None not in step.wanted or self._selects(shape, step.where)):
            return None  # or it is there under another term, which a cell will come to
        if where is not None and (where.array or not where.leaf):
            return None
        return Pick(
            where.key if where is not None else None, step.wanted, having.key if having else None
        )

    def _selects(self, shape: int, where: str) -> bool:
        """Whether items have what a selection looks at under another term."""
        for route in self.routes(shape, (where,)):
            expression = route.expression
            while isinstance(expression, Apply) and expression.function.name == "lookup":
                expression = expression.arguments[0]
            if isinstance(expression, Read) and len(expression.hops) == 1:
                return expression.end.leaf and not expression.end.array
        return False

    def _next(self, state: _State) -> Iterator[_State]:
        for position, step in enumerate(state.path):
            before, after = state.path[:position], state.path[position + 1 :]
            for cell in self.vocabulary.cells_into(step_iri(step)):
                matches = len(cell.sources) == 1 and _matches(cell, state.path, position)
                if matches and not _undoes(cell, state.cells):
                    end = state.path[position + len(cell.target) :]
                    if cell.function is None or not end:
                        yield state.through(cell, (*before, *cell.sources[0], *end))
            if isinstance(step, Selection):
                for cell, rewritten in self._inside(step):
                    plain = replace(cell, function=None)
                    yield state.through(plain, (*before, rewritten, *after))

    def _inside(self, step: Selection) -> Iterator[tuple[Cell, Selection]]:
        """The selection with one of its own terms read through a cell."""
        for cell in self.vocabulary.cells_into(step.step):
            if (iri := _plain(cell)) and cell.function is None:
                yield cell, replace(step, step=iri)
        for cell in self.vocabulary.cells_into(step.where):
            if iri := _plain(cell):
                wanted = self._wanted(cell.function, step.wanted)
                if wanted is not None:
                    yield cell, replace(step, where=iri, wanted=wanted)
        for cell in self.vocabulary.cells_into(step.having or ""):
            if (iri := _plain(cell)) and cell.function is None:
                yield cell, replace(step, having=iri)

    def _wanted(
        self, function: Function | None, wanted: tuple[str | None, ...]
    ) -> tuple[str | None, ...] | None:
        if function is None:
            return wanted
        if function.name != "lookup":
            return None
        table = self.vocabulary.counterparts(function.text("from"), function.text("to"))
        found: list[str | None] = []
        for value in wanted:
            if value is None:
                found.append(None)
            else:
                found.extend(sorted(code for code, (other, _) in table.items() if other == value))
        return tuple(found) or None

    def _several(
        self, shape: int, state: _State, depth: int, inside: frozenset[Cell]
    ) -> Iterator[Route]:
        """Ways through cells with several arguments, each searched on its own."""
        for position, step in enumerate(state.path):
            for cell in self.vocabulary.cells_into(step_iri(step)):
                whole = position + len(cell.target) == len(state.path)
                fresh = len(cell.sources) > 1 and cell not in inside
                if fresh and whole and _matches(cell, state.path, position):
                    before, deeper = state.path[:position], depth + len(state.cells) + 1
                    ways = [
                        self.routes(shape, (*before, *source), deeper, inside | {cell})
                        for source in cell.sources
                    ]
                    yield from _applied(cell, state, ways)


def _applied(cell: Cell, state: _State, ways: list[tuple[Route, ...]]) -> Iterator[Route]:
    """The way through a cell with several arguments, each given by the best of its ways."""
    if cell.function is None:
        return
    enough = any if KINDS[cell.function.name].arguments == "all" else all
    found = [best for best in map(_best, ways if enough(ways) else ()) if best is not None]
    if found:
        beyond = state.through(replace(cell, function=None), ())
        parts = tuple(route.expression for route in found)
        worst = [beyond.relation, *(route.relation for route in found)]
        yield Route(
            _wrapped(Apply(cell.function, parts), state.waiting),
            BROADER if BROADER in worst else EXACT,
            beyond.ranks,
            min([beyond.measure, *(route.measure for route in found)]),
            (*state.cells, cell, *(c for route in found for c in route.cells)),
        )


def unordered(key: str, why: str) -> SemanticsError:
    """The error for an array whose order matters but which is not bound as a list."""
    return SemanticsError(
        "semantics.unordered",
        f"the array {key!r} is {why}, so its order matters: expected @container @list",
        hint='bind it with "@container": "@list" in x-jsonld-context',
    )


def _matches(cell: Cell, path: Path, position: int) -> bool:
    return path[position : position + len(cell.target)] == cell.target


def _undoes(cell: Cell, taken: tuple[Cell, ...]) -> bool:
    """Whether its function was applied the other way on this way: there and back adds nothing."""
    turned = cell.name.removesuffix(BACKWARDS)
    turned = turned if turned != cell.name else cell.name + BACKWARDS
    return cell.function is not None and any(
        other.name == turned and other.file == cell.file for other in taken
    )


def _plain(cell: Cell) -> str | None:
    """The source term of a cell between two single terms."""
    if len(cell.sources) != 1 or len(cell.target) != 1 or len(cell.sources[0]) != 1:
        return None
    step: Step = cell.sources[0][0]
    return step if isinstance(step, str) and isinstance(cell.target[0], str) else None


def _route(state: _State, read: Read) -> Route:
    expression = _wrapped(read, state.waiting)
    return Route(expression, state.relation, state.ranks, state.measure, state.cells)


def _wrapped(expression: Expression, waiting: tuple[Function, ...]) -> Expression:
    for function in reversed(waiting):
        expression = Apply(function, (expression,))
    return expression


def _best(routes: tuple[Route, ...]) -> Route | None:
    return chosen(routes, many=True, where="an argument").route
