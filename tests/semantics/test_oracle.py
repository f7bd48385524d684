"""The compiled translation equals the slow road, on bundled schemas and on random worlds."""

from __future__ import annotations

import itertools
import os
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph
from semantic_cases import (
    BOUND,
    IRIS,
    OWN,
    PREFIXES,
    bundled,
    cell,
    files,
    messages,
    patients,
    schema,
)
from slow_reasoning import Contradiction, Reasoning, Template
from slow_road import SlowRoad, comparable, known

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import Translator, load_vocabulary, translator

CODES = (
    PREFIXES
    + "".join(
        f'{one} skos:inScheme {scheme} ; skos:notation "{code}" .\n'
        for one, scheme, code in [
            ("a:red", "a:colours", "r"),
            ("a:blue", "a:colours", "b"),
            ("a:navy", "a:colours", "n"),
            ("b:rot", "b:farben", "ROT"),
            ("b:blau", "b:farben", "BLAU"),
        ]
    )
    + "a:red skos:exactMatch b:rot . a:blue skos:exactMatch b:blau .\n"
    + "a:navy skos:broadMatch b:blau .\n"
)


@cache
def _bundled_knowledge() -> Graph:
    return known(files())


@cache
def _bundled_road(source: str, target: str) -> SlowRoad:
    return SlowRoad(_reasoning(source), schema(target))


@cache
def _reasoning(source: str) -> Reasoning:
    return Reasoning(Template(schema(source)), _bundled_knowledge())


@pytest.mark.sampled(4)
@pytest.mark.parametrize("pair", list(itertools.permutations(BOUND, 2)), ids="->".join)
def test_bundled_pairs_equal_the_slow_road(pair: tuple[str, str]) -> None:
    """Every pair of bundled schemas, on messages made from real patients."""
    source, target = pair
    fast = bundled(source, target)
    unbound = {field.pointer for field in fast.report.source if field.status == "unbound"}
    assert unbound <= {"/resourceType", "/id", "/extension", "/modifierExtension"}
    road = _bundled_road(source, target)
    for patient in patients(2)[::4]:
        message = patient
        if source != "health/birth":
            message = bundled("health/birth", source).apply(patient).value
        expected = road.translate(message)
        result = comparable(fast.apply(message).value, fast.bindings[1])
        assert result == comparable(expected, fast.bindings[1])


OTHERS = [pair for pair in itertools.permutations((*BOUND, *OWN), 2) if set(pair) & set(OWN)]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("source", [*BOUND, *OWN])
def test_examples_equal_the_slow_road_into_every_other_schema(source: str) -> None:
    """Every pair with a schema of a domain without patients, on the examples that it gives."""
    for target in [target for one, target in OTHERS if one == source]:
        fast = bundled(source, target)
        for message in messages(source, 2 if source in OWN else 1):
            expected = _bundled_road(source, target).translate(message)
            result = comparable(fast.apply(message).value, fast.bindings[1])
            assert result == comparable(expected, fast.bindings[1]), target


class World:
    """Two schemas, the cells between them and a strategy for messages, grown field by field."""

    def __init__(self) -> None:
        self.sources: dict[str, Any] = {}
        self.targets: dict[str, Any] = {}
        self.contexts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self.values: dict[str, st.SearchStrategy[Any]] = {}
        self.declared: list[str] = []
        self.cells: list[str] = []

    def source(self, key: str, sub: Any, values: st.SearchStrategy[Any], **term: Any) -> str:
        """A source field; gives the IRI of its term."""
        return self._add(0, self.sources, key, sub, term, values)

    def target(self, key: str, sub: Any, **term: Any) -> str:
        """A target field; gives the IRI of its term."""
        return self._add(1, self.targets, key, sub, term, None)

    def _add(
        self, side: int, fields: dict[str, Any], key: str, sub: Any, term: Any, values: Any
    ) -> str:
        letter = "ab"[side]
        fields[key] = sub
        self.contexts[side][key] = {"@id": f"{letter}:{len(self.declared)}", **term}
        name = f"{letter}:{len(self.declared)}"
        self.declared.append(name)
        if values is not None:
            self.values[key] = values
        return f"<{IRIS[letter]}{name[2:]}>"

    def schemas(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The source schema and the target schema."""
        return tuple(  # type: ignore[return-value]
            {
                "type": "object",
                "properties": fields,
                "x-jsonld-context": {letter: IRIS[letter], **self.contexts[side]},
            }
            for side, (letter, fields) in enumerate([("a", self.sources), ("b", self.targets)])
        )

    def files(self) -> dict[str, bytes]:
        """The vocabulary files that the schemas need."""
        declared = "".join(
            f"<{IRIS[name[0]]}{name[2:]}> a rdf:Property .\n" for name in self.declared
        )
        text = PREFIXES + declared + "".join(self.cells)
        return {"vocabularies/w.ttl": text.encode(), "vocabularies/codes.ttl": CODES.encode()}


TEXTS = st.text("abcXYZ áñ,;:-/@#\"'\\{}", min_size=1, max_size=8)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "integer": st.integers(-(2**50), 2**50),
    "boolean": st.booleans(),
    "number": st.integers(-4000, 4000).map(lambda n: n / 8),
}
DATES = st.one_of(
    st.dates().map(lambda d: d.strftime("%d/%m/%Y").rjust(10, "0")),
    st.sampled_from(["31/02/2020", "1/2/2020", "29/02/2023", "29/02/2024", "x", ""]),
)
LIST = {"@container": "@list"}


def _array(kind: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": kind}}


def _plain(world: World, draw: Any, n: int) -> None:
    kind = draw(st.sampled_from(sorted(SCALARS)))
    shapes = ["one", "list", "set"]
    left, right = draw(st.sampled_from(shapes)), draw(st.sampled_from(shapes))
    values = SCALARS[kind] if left == "one" else st.lists(SCALARS[kind], max_size=3, unique=True)
    term = LIST if left == "list" else {}
    source = {"type": [kind, "null"]} if left == "one" else _array(kind)
    a = world.source(f"p {n}", source, values, **term)
    wanted = kind if kind != "number" or draw(st.booleans()) else "integer"
    target = {"type": wanted} if right == "one" else _array(wanted)
    if left == "set" and right == "list":
        target = {"type": wanted}
        right = "one"
    b = world.target(f"q{n}", target, **(LIST if right == "list" else {}))
    world.cells.append(cell(a, b, draw(st.sampled_from("=<"))))


def _joined(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", _array("string"), st.lists(TEXTS | st.just(""), max_size=3), **LIST)
    b = world.target(f"q{n}", {"type": "string"})
    world.cells.append(cell(a, b, "=", 'xm:fn [ a xm:join ; xm:sep ", " ]'))


def _split(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "string"}, TEXTS | st.just("a-b-c"))
    b = world.target(f"q{n}", _array("string"), **LIST)
    world.cells.append(cell(a, b, "=", 'xm:fn [ a xm:split ; xm:sep "-" ]'))


def _ranked(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "boolean"}, st.booleans())
    other = world.source(f"r{n}", {"type": "string"}, TEXTS)
    b = world.target(f"q{n}", {"type": "boolean"})
    world.cells.append(cell(a, b, "=", "xm:rank 1"))
    world.cells.append(cell(other, b, "<", "xm:rank 2", "xm:fn [ a xm:constant ; xm:value true ]"))


def _looked_up(world: World, draw: Any, n: int) -> None:
    codes = st.sampled_from(["r", "b", "n", "?"])
    source: Any = {"type": "string", "x-codelist": IRIS["a"] + "colours"}
    target: Any = {"type": "string", "x-codelist": IRIS["b"] + "farben"}
    term: dict[str, Any] = {}
    if draw(st.booleans()):
        source, target = ({"type": "array", "items": sub} for sub in (source, target))
        codes, term = st.lists(codes, max_size=3), LIST  # type: ignore[assignment]
    a = world.source(f"p{n}", source, codes, **term)
    b = world.target(f"q{n}", target, **term)
    world.cells.append(
        cell(a, b, "=", "xm:fn [ a xm:lookup ; xm:from a:colours ; xm:to b:farben ]")
    )


def _dated(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "string"}, DATES)
    b = world.target(
        f"q{n}", {"type": "string"}, **{"@type": "http://www.w3.org/2001/XMLSchema#date"}
    )
    world.cells.append(
        cell(a, b, "=", 'xm:fn [ a xm:dateform ; xm:from "DD/MM/YYYY" ; xm:to "YYYY-MM-DD" ]')
    )


def _templated(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "string"}, st.text("abc", min_size=1, max_size=4))
    other = world.source(f"r{n}", {"type": "string"}, st.text("xyz", min_size=1, max_size=4))
    b = world.target(f"q{n}", {"type": "string"})
    world.cells.append(
        cell(f"xm:args ( {a} {other} )", b, "=", 'xm:fn [ a xm:template ; xm:pattern "{2}, {1}!" ]')
    )


def _objects(inner: dict[str, Any], letter: str, n: int) -> dict[str, Any]:
    context = {key: f"{IRIS[letter]}{letter}{n}{key}" for key in inner}
    return {"type": "object", "properties": inner, "x-jsonld-context": context}


def _inner(world: World, n: int, keys: str) -> None:
    for key in keys:
        world.declared.extend([f"a:a{n}{key}", f"b:b{n}{key}"])
        world.cells.append(cell(f"a:a{n}{key}", f"b:b{n}{key}"))


def _nested(world: World, draw: Any, n: int) -> None:
    one = st.fixed_dictionaries({}, optional={"u": TEXTS, "v": TEXTS, "@id": TEXTS, "w": TEXTS})
    left, right = draw(st.sampled_from(["one", "list"])), draw(st.sampled_from(["one", "list"]))
    fields = {"u": {"type": "string"}, "v": {"type": "string"}}
    source, target = _objects(fields, "a", n), _objects(dict(fields), "b", n)
    if draw(st.booleans()):
        target["required"] = ["u"]
    if left == "list":
        a = world.source(
            f"p{n}",
            {"type": "array", "items": source},
            st.lists(one, min_size=1, max_size=3),
            **LIST,
        )
    else:
        a = world.source(f"p{n}", source, one)
    wrapped = {"type": "array", "items": target} if right == "list" else target
    b = world.target(f"q{n}", wrapped, **(LIST if right == "list" else {}))
    _inner(world, n, "uv")
    world.cells.append(cell(a, b, draw(st.sampled_from("=<"))))


def _selected(world: World, draw: Any, n: int) -> None:
    use, mark = st.sampled_from(["one", "two", "three", None]), st.sampled_from(["", " ", "k", "k"])
    item = st.fixed_dictionaries({"u": use, "v": TEXTS, "w": mark})
    fields = {key: {"type": "string"} for key in "uvw"}
    world.declared.extend(f"a:a{n}{key}" for key in "uvw")
    a = world.source(
        f"p{n}",
        {"type": "array", "items": _objects(fields, "a", n)},
        st.lists(item, min_size=1, max_size=4),
        **LIST,
    )
    b = world.target(f"q{n}", {"type": "string"})
    wanted = draw(st.permutations(['"one"', '"two"', "xm:absent"]))
    having = f" ; xm:having a:a{n}w" if draw(st.booleans()) else ""
    selection = f"[ xm:step {a} ; xm:where a:a{n}u ; xm:in ( {' '.join(wanted[:2])} ){having} ]"
    world.cells.append(cell(f"( {selection} a:a{n}v )", b))


def _chained(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "string"}, TEXTS)
    other = world.source(f"r{n}", {"type": "string"}, TEXTS)
    fields = {"u": {"type": "string"}, "v": {"type": "string"}}
    b = world.target(f"q{n}", _objects(fields, "b", n))
    world.declared.extend([f"b:b{n}u", f"b:b{n}v"])
    world.cells.append(cell(a, f"( {b} b:b{n}u )") + cell(other, f"( {b} b:b{n}v )"))


def _tied(world: World, draw: Any, n: int) -> None:
    a = world.source(f"p{n}", {"type": "string"}, TEXTS)
    other = world.source(f"r{n}", {"type": "string"}, TEXTS)
    many = draw(st.booleans())
    b = world.target(f"q{n}", _array("string") if many else {"type": "string"})
    world.cells.append(cell(a, b, "<") + cell(other, b, "<"))


def _relation(draw: Any) -> tuple[str, list[str]]:
    """A relation, with a rank or a measure now and then."""
    more = draw(st.sampled_from([[], [], ["xm:rank 1"], ["xm:rank 2"], ["align:measure 0.5"]]))
    return draw(st.sampled_from("==<<>")), more


def _competing(world: World, draw: Any, n: int) -> None:
    """Several ways to one field, some through a third vocabulary; some contradict each other."""
    many = draw(st.booleans())
    b = world.target(f"q{n}", _array("string") if many else {"type": "string"})
    for letter in "xyz"[: draw(st.integers(1, 3))]:
        a = world.source(f"p{n}{letter}", {"type": "string"}, TEXTS)
        relation, more = _relation(draw)
        if draw(st.booleans()):
            world.cells.append(cell(a, b, relation, *([] if relation == ">" else more)))
            continue
        between = f"c:c{n}{draw(st.sampled_from('uv'))}"
        world.cells.append(cell(a, between, relation))
        relation, more = _relation(draw)
        world.cells.append(cell(between, b, relation, *([] if relation == ">" else more)))


def _converted(world: World, draw: Any, n: int) -> None:
    """Functions on both halves of a way, there and back as well."""
    split = 'xm:fn [ a xm:split ; xm:sep "-" ]'
    a = world.source(f"p{n}", {"type": "string"}, TEXTS | st.just("a-b-c"))
    b = world.target(f"q{n}", {"type": "string"})
    world.cells.append(cell(a, f"c:c{n}", "=", split))
    if draw(st.booleans()):
        world.cells.append(cell(b, f"c:c{n}", "=", split))
    else:
        world.cells.append(cell(f"c:c{n}", b, "=", 'xm:fn [ a xm:join ; xm:sep "/" ]'))


def _selected_elsewhere(world: World, draw: Any, n: int) -> None:
    """A selection in the words of a third vocabulary, codes and all."""
    coded = draw(st.booleans())
    uses = ["r", "b", "n"] if coded else ["ROT", "BLAU", "x"]
    item = st.fixed_dictionaries({"u": st.sampled_from([*uses, None]), "v": TEXTS})
    fields: dict[str, Any] = {"u": {"type": "string"}, "v": {"type": "string"}}
    if coded:
        fields["u"]["x-codelist"] = IRIS["a"] + "colours"
    world.declared.extend(f"a:a{n}{key}" for key in "uv")
    a = world.source(
        f"p{n}",
        {"type": "array", "items": _objects(fields, "a", n)},
        st.lists(item, min_size=1, max_size=4),
        **LIST,
    )
    b = world.target(f"q{n}", {"type": "string"})
    lookup = ["xm:fn [ a xm:lookup ; xm:from a:colours ; xm:to b:farben ]"] if coded else []
    world.cells.append(cell(a, f"c:s{n}"))
    if draw(st.integers(0, 3)):
        world.cells.append(cell(f"a:a{n}u", f"c:w{n}", "=", *lookup))
    world.cells.append(cell(f"a:a{n}v", f"c:v{n}"))
    wanted = draw(st.sampled_from(['"ROT" "BLAU"', '"BLAU" xm:absent', 'xm:absent "ROT"']))
    selection = f"[ xm:step c:s{n} ; xm:where c:w{n} ; xm:in ( {wanted} ) ]"
    world.cells.append(cell(f"( {selection} c:v{n} )", b))


def _shared(world: World, draw: Any, n: int) -> None:
    """Both schemas have the very term: no cell comes before it."""
    a = world.source(f"p{n}", {"type": "string"}, TEXTS)
    other = world.source(f"r{n}", {"type": "string"}, TEXTS)
    world.targets[f"q{n}"] = {"type": "string"}
    world.contexts[1][f"q{n}"] = a[1:-1]
    world.cells.append(cell(other, a, draw(st.sampled_from("=<"))))


def _named(world: World, draw: Any, n: int) -> None:
    """Texts that stand for IRIs, by a prefix of their own context."""
    texts = st.sampled_from(["a:x", "https://example.org/q?a=b#c", "no iri", "mailto:a@b"])
    a = world.source(f"p{n}", {"type": "string"}, texts, **{"@type": "@id"})
    b = world.target(
        f"q{n}", {"type": "string"}, **({"@type": "@id"} if draw(st.booleans()) else {})
    )
    world.cells.append(cell(a, b))


GROWERS = [
    _competing,
    _competing,
    _converted,
    _selected_elsewhere,
    _shared,
    _named,
    _plain,
    _joined,
    _split,
    _ranked,
    _looked_up,
    _dated,
    _templated,
    _nested,
    _selected,
    _chained,
    _tied,
    _selected,  # twice and thrice: the rarest branches are in these
    _selected,
    _nested,
]


@st.composite
def worlds(draw: Any) -> tuple[World, list[Any]]:
    """A random world and two messages of its source schema, with keys that nobody declared."""
    world = World()
    for n, grow in enumerate(draw(st.lists(st.sampled_from(GROWERS), min_size=3, max_size=6))):
        grow(world, draw, n)
    noise = {"@type": st.just("x"), "@context": st.just({"p0": None}), "zz": TEXTS}
    present = {
        key: st.one_of(value, value, value, st.none()) for key, value in world.values.items()
    }
    message = st.fixed_dictionaries(present, optional=noise)
    return world, draw(st.lists(message, min_size=1, max_size=2))


@settings(max_examples=int(os.environ.get("XROAD_LITE_SOAK_WORLDS", "8")), deadline=None)
@given(worlds())
def test_random_worlds_equal_the_slow_road(drawn: tuple[World, list[Any]]) -> None:
    """Random schemas, contexts, cells and bodies: both roads arrive at the same document.

    Where the slow road finds two cells that claim a field alike, the product names them.
    """
    world, messages = drawn
    source, target = world.schemas()
    known_to_both = world.files()
    road = SlowRoad(Reasoning(Template(source), known(known_to_both)), target)
    try:
        road.check()
    except Contradiction:
        with pytest.raises(SemanticsError) as caught:
            translator(source, target, load_vocabulary(known_to_both))
        assert caught.value.code == "semantics.contradiction"
        return
    fast = translator(source, target, load_vocabulary(known_to_both))
    assert {field.status for field in fast.report.source} <= {"kept", "dropped"}
    assert "unbound" not in {field.status for field in fast.report.target}
    back = _back(source, target, known_to_both)
    for message in messages:
        expected = road.translate(message)
        result = comparable(fast.apply(message).value, fast.bindings[1])
        assert result == comparable(expected, fast.bindings[1])
        _exact_returns(fast, back, message)


def _back(source: Any, target: Any, world: dict[str, bytes]) -> Translator | None:
    try:
        return translator(target, source, load_vocabulary(world))
    except SemanticsError:  # the way back contradicts itself, so that nothing is exact
        return None


def _exact_returns(there: Translator, back: Translator | None, message: Any) -> None:
    """There and back is the identity on every field that the report calls exact."""
    exact = [entry for entry in there.report.target if entry.status == "exact"]
    exact = [entry for entry in exact if entry.pointer.count("/") == 1]
    assert back is not None or not exact
    again = back.apply(there.apply(message).value).value if back is not None else {}
    for entry in exact:
        [key] = [pointer[1:] for pointer in entry.sources]
        field = there.bindings[0].root.by_iri(_iri_at(there, key))
        if field is not None and field.leaf and message.get(key) not in (None, []):
            assert again.get(key) == message[key], entry


def _iri_at(there: Translator, key: str) -> str:
    return next(field.iri or "" for field in there.bindings[0].root.fields if field.key == key)
