"""The search and the choice equal a naive enumeration of every chain of cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_cases import IRIS, TEXT, cell, record, terms, world, world_files
from sharing import examples
from slow_reasoning import Reasoning, Template
from slow_road import SlowRoad, known

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import Vocabulary, translator
from xroad_lite.semantics.reconcile import by_target, reconciled
from xroad_lite.semantics.values import Cell, Term

SOURCES, HUBS, TARGET = ["x0", "x1", "x2"], ["h0", "h1", "h2"], "y"
Row = tuple[str, str, str, float]


def _iri(name: str) -> str:
    return IRIS[{"x": "a", "h": "c", "y": "b"}[name[0]]] + name


@st.composite
def webs(draw: Any) -> list[Row]:
    """Cells between three source terms, three of a hub and one of the target, each pair once."""
    names = [*SOURCES, *HUBS, TARGET]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=9, unique=True))
    turned = [pair if draw(st.booleans()) else pair[::-1] for pair in chosen]
    relation, measure = st.sampled_from("=<<>"), st.sampled_from([1.0, 0.7])
    return [(a, b, draw(relation), draw(measure)) for a, b in turned]


def _chains(web: list[Row], name: str, trail: tuple[str, ...]) -> Iterator[tuple[str, bool, float]]:
    """Every simple chain from a source term to ``name``: source, whether broader, measure."""
    if name in SOURCES:
        yield name, False, 1.0
        return
    for a, b, relation, measure in web:
        for source, target, holds in ((a, b, "=<"), (b, a, "=>")):
            if target == name and relation in holds and source not in trail:
                for start, broader, least in _chains(web, source, (*trail, source)):
                    yield start, broader or relation != "=", min(least, measure)


def naive(web: list[Row]) -> str | None:
    """The source term that the rules choose; None if none; ``!`` for a contradiction."""
    best: dict[str, tuple[bool, float]] = {}
    for start, broader, measure in _chains(web, TARGET, (TARGET,)):
        rank = (broader, -measure)
        best[start] = min(best.get(start, rank), rank)
    exact = [start for start, (broader, _) in best.items() if not broader]
    if exact:
        return exact[0] if len(exact) == 1 else "!"
    first = [start for start, rank in best.items() if rank == min(best.values())]
    return first[0] if len(first) == 1 else None


def _vocabulary(web: list[Row]) -> Vocabulary:
    rows = [
        Cell(f"{a}{relation}{b}", ((_iri(a),),), (_iri(b),), relation, measure=measure)
        for a, b, relation, measure in web
    ]
    cells, _ = reconciled(rows)
    known = {_iri(n): Term(_iri(n), frozenset(), (), "") for n in [*SOURCES, *HUBS, TARGET]}
    return Vocabulary("", known, cells, {}, {}, (), _by_target=by_target(cells))


@settings(max_examples=examples(100), deadline=None)
@given(webs())
def test_the_choice_equals_a_naive_one(web: list[Row]) -> None:
    """Exact before broader, then measure; two exact are an error, ties of broader are missing."""
    source = record("a", dict.fromkeys(SOURCES, TEXT))
    target, expected = record("b", {TARGET: TEXT}), naive(web)
    if expected == "!":
        with pytest.raises(SemanticsError, match="claim this field"):
            translator(source, target, _vocabulary(web))
        return
    there = translator(source, target, _vocabulary(web))
    value = there.apply({name: name for name in SOURCES}).value
    assert value == ({} if expected is None else {TARGET: expected})


def _on_hub(*relations: str) -> str:
    """Two source terms into a hub, by = and by <; the hub into the target, said several times."""
    ways = cell("a:x", "c:h") + cell("a:y", "c:h", "<")
    return ways + "".join(cell("c:h", "b:z", *said.split(maxsplit=1)) for said in relations)


DISAGREEING: dict[str, tuple[str, bool, list[str] | None]] = {
    "= and < of one pair: two broader ways tie": (_on_hub("=", "<"), False, None),
    "= and < of one pair: an array takes both": (_on_hub("=", "<"), True, ["X", "Y"]),
    "said twice, then weaker: two broader ways tie": (_on_hub("=", "=", "<"), False, None),
    "= and > of one pair: not into the target": (_on_hub("=", ">"), True, None),
    "< and > of one pair: nothing holds": (_on_hub("<", ">"), True, None),
    "=, < and > of one pair: nothing holds": (_on_hub("=", "<", ">"), True, None),
    "the weaker measure holds, too": (
        _on_hub("< align:measure 0.5", "=") + cell("a:w", "b:z", "<", "align:measure 0.9"),
        False,
        ["W"],
    ),
    "of two hubs only one still leads there": (
        cell("a:x", "c:h")
        + cell("c:h", "b:z")
        + cell("c:h", "b:z", ">")
        + cell("a:y", "c:i")
        + cell("c:i", "b:z"),
        False,
        ["Y"],
    ),
}


@pytest.mark.parametrize(("cells", "many", "expected"), DISAGREEING.values(), ids=list(DISAGREEING))
def test_cells_that_disagree_about_a_pair(
    cells: str, many: bool, expected: list[str] | None
) -> None:
    """Within one file as well the weaker relation holds, on both roads: worlds found at random."""
    declared = terms("a:w", "a:x", "a:y", "c:h", "c:i", "b:z")
    field = {"type": "array", "items": TEXT} if many else TEXT
    source, target = record("a", {"w": TEXT, "x": TEXT, "y": TEXT}), record("b", {"z": field})
    message = {"w": "W", "x": "X", "y": "Y"}
    value = {} if expected is None else {"z": expected if many else expected[0]}
    there = translator(source, target, world(declared + cells))
    assert there.apply(message).value == value
    road = SlowRoad(Reasoning(Template(source), known(world_files(declared + cells))), target)
    assert road.translate(message) == value


def test_no_object_is_exact_where_the_way_back_contradicts_itself() -> None:
    """An object is held to what a field is: exact only if the way back reads it exactly."""
    inner = {"type": "object", "properties": {}}
    source = record("a", {"o": inner, "x": TEXT})
    target = record("b", {"o": inner, "y": TEXT, "z": TEXT})
    declared = terms("a:o", "a:x", "b:o", "b:y", "b:z") + cell("a:o", "b:o")
    good = translator(source, target, world(declared + cell("a:x", "b:y")))
    assert good.report.field("/o").status == "exact"
    twice = cell("a:x", "b:y") + cell("a:x", "b:z")  # from the target both claim a:x
    bad = translator(source, target, world(declared + twice))
    assert bad.report.field("/o").status == "reversible"


def test_a_cell_is_never_an_argument_of_itself() -> None:
    """A ring from what a join gives back to one of its paths adds no second text."""
    declared = terms("a:x", "b:z", "c:m", "c:u", "c:v")
    joined = cell("xm:args ( c:m c:u )", "c:v", "=", 'xm:fn [ a xm:join ; xm:sep ", " ]')
    ring = cell("a:x", "c:m") + joined + cell("c:v", "c:u", "<") + cell("c:v", "b:z")
    source, target = record("a", {"x": TEXT}), record("b", {"z": TEXT})
    there = translator(source, target, world(declared + ring))
    assert there.apply({"x": "X"}).value == {"z": "X"}
    road = SlowRoad(Reasoning(Template(source), known(world_files(declared + ring))), target)
    assert road.translate({"x": "X"}) == {"z": "X"}
