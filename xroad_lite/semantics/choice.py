"""Chooses among routes: exact before broader, then rank, then measure. Does not search for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.plan import Expression, FirstOf, Gather, Route
from xroad_lite.semantics.values import BROADER, EXACT


@dataclass(frozen=True, slots=True)
class Chosen:
    """The route taken, if any; else the candidates that tied."""

    route: Route | None
    tied: tuple[Route, ...] = ()


def chosen(routes: Sequence[Route], *, many: bool, where: str) -> Chosen:
    """The best of ``routes`` for a field at ``where``; ``many`` when it takes an array.

    Raises ``SemanticsError`` when two exact cells, or two of one rank, claim the field.
    """
    distinct = _distinct(routes)
    if not distinct:
        return Chosen(None)
    best = distinct[0]
    if best.ranks:
        ranked = [route for route in distinct if route.ranks]
        for first, second in pairwise(ranked):
            if first.ranks == second.ranks and first.relation == second.relation:
                raise contradiction(first, second, where)
        return Chosen(joined(FirstOf, ranked) if len(ranked) > 1 else best)
    peers = [route for route in distinct if _peers(route, best)]
    if best.relation == EXACT and len(peers) > 1:
        raise contradiction(peers[0], peers[1], where)
    if len(peers) == 1:
        return Chosen(best)
    return Chosen(joined(Gather, peers)) if many else Chosen(None, tuple(peers))


def contradiction(first: Route, second: Route, where: str) -> SemanticsError:
    """The error that names both cells."""
    names = [" then ".join(cell.name for cell in route.cells) for route in (first, second)]
    return SemanticsError(
        "semantics.contradiction",
        f"{where}: two cells claim this field alike: {names[0]} and {names[1]}; expected one",
        hint="rank them with xm:rank, or weaken one to <",
    )


def _distinct(routes: Sequence[Route]) -> list[Route]:
    kept: dict[Expression, Route] = {}
    for route in sorted(routes, key=_order):
        kept.setdefault(route.expression, route)
    return list(kept.values())


def _order(route: Route) -> tuple[object, ...]:
    names = tuple(cell.name for cell in route.cells)
    return (route.relation != EXACT, route.ranks, -route.measure, len(names), names)


def _peers(route: Route, best: Route) -> bool:
    if route.ranks or route.relation != best.relation:
        return False
    return best.relation == EXACT or route.measure == best.measure


def joined(kind: type[FirstOf] | type[Gather], routes: Sequence[Route]) -> Route:
    """One route of several: the first that gives a value, or all values."""
    return Route(
        kind(tuple(route.expression for route in routes)),
        BROADER if any(route.relation == BROADER for route in routes) else EXACT,
        routes[0].ranks,
        min(route.measure for route in routes),
        tuple(dict.fromkeys(cell for route in routes for cell in route.cells)),
    )
