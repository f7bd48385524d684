"""Cells: which direction they hold in, which one is chosen, what happens when they clash."""

from __future__ import annotations

from typing import Any

import pytest
from semantic_cases import IRIS, PREFIXES, TEXT, cell, record, terms, world

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import Translator, translator
from xroad_lite.semantics.vocabulary import load_vocabulary

ITEM = {
    "type": "object",
    "x-jsonld-context": {"@vocab": IRIS["a"]},
    "properties": {"use": TEXT, "text": TEXT},
}
NAMES = {"type": "array", "items": ITEM}
SELECTION = '[ xm:step a:names ; xm:where a:use ; xm:in ( "one" xm:absent "two" ) ]'


def made(turtle: str, source: dict[str, Any], target: dict[str, Any]) -> Translator:
    """The translator from terms of ``a`` to terms of ``b`` by ``turtle``."""
    names = [f"a:{k}" for k in source] + [f"b:{k}" for k in target] + ["a:use", "a:text"]
    return translator(record("a", source), record("b", target), world(terms(*names), turtle))


def test_exact_cell_holds_both_ways() -> None:
    """``=`` without loss is read backwards too, and both fields are exact."""
    vocabulary = world(terms("a:x", "b:y") + cell("a:x", "b:y"))
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    there, back = translator(a, b, vocabulary), translator(b, a, vocabulary)
    assert there.apply({"x": "v"}).value == {"y": "v"}
    assert back.apply({"y": "v"}).value == {"x": "v"}
    assert there.report.field("/y").status == back.report.field("/x").status == "exact"


def test_broader_cell_holds_one_way() -> None:
    """``<`` is read from the narrower to the broader term, never back."""
    vocabulary = world(terms("a:x", "b:y") + cell("a:x", "b:y", "<"))
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    there, back = translator(a, b, vocabulary), translator(b, a, vocabulary)
    assert there.apply({"x": "v"}).value == {"y": "v"}
    assert there.report.field("/y").status == "broadened"
    assert back.apply({"y": "v"}).value == {}
    assert back.report.field("/x").status == "missing"


def test_narrower_cell_is_a_broader_one_from_the_other_side() -> None:
    """``>`` says nothing about a value of the first term, and ``<`` about one of the second."""
    vocabulary = world(terms("a:x", "b:y") + cell("a:x", "b:y", ">"))
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    assert translator(a, b, vocabulary).apply({"x": "v"}).value == {}
    assert translator(b, a, vocabulary).apply({"y": "v"}).value == {"x": "v"}


def test_a_chain_runs_backwards_only_when_definitional() -> None:
    """A chain of properties read as one is undone only where the mapping says it defines it."""
    nested = {
        "type": "object",
        "x-jsonld-context": {"@vocab": IRIS["a"]},
        "properties": {"z": TEXT},
    }
    a, b = record("a", {"x": nested}), record("b", {"y": TEXT})
    for more, expected in ((), {}), (("xm:definitional true",), {"x": {"z": "v"}}):
        chain = cell("( a:x a:z )", "b:y", "=", *more)
        vocabulary = world(terms("a:x", "a:z", "b:y") + chain)
        assert translator(a, b, vocabulary).apply({"x": {"z": "v"}}).value == {"y": "v"}
        assert translator(b, a, vocabulary).apply({"y": "v"}).value == expected


def test_property_chain_axiom_entails_the_flat_term_alone() -> None:
    """``owl:propertyChainAxiom`` is a broader cell from the chain to the flat property."""
    nested = {
        "type": "object",
        "x-jsonld-context": {"@vocab": IRIS["a"]},
        "properties": {"z": TEXT},
    }
    a, b = record("a", {"x": nested}), record("b", {"y": TEXT})
    axiom = "b:y owl:propertyChainAxiom ( a:x a:z ) ."
    vocabulary = world(terms("a:x", "a:z", "b:y") + axiom)
    there = translator(a, b, vocabulary)
    assert there.apply({"x": {"z": "v"}}).value == {"y": "v"}
    assert there.report.field("/y").status == "broadened"
    assert translator(b, a, vocabulary).apply({"y": "v"}).value == {}


@pytest.mark.parametrize(
    ("triple", "value"),
    [
        ("a:x owl:equivalentProperty b:y", {"y": "v"}),
        ("b:y owl:equivalentProperty a:x", {"y": "v"}),
        ("a:x rdfs:subPropertyOf b:y", {"y": "v"}),
        ("b:y rdfs:subPropertyOf a:x", {}),
        ("a:x skos:exactMatch b:y", {"y": "v"}),
        ("a:x skos:broadMatch b:y", {"y": "v"}),
        ("a:x skos:narrowMatch b:y", {}),
        ("a:x skos:closeMatch b:y", {}),
    ],
)
def test_triples_stand_for_cells(triple: str, value: dict[str, str]) -> None:
    """OWL and SKOS triples are cells without functions; a close match is none."""
    assert made(triple + " .", {"x": TEXT}, {"y": TEXT}).apply({"x": "v"}).value == value


def test_two_exact_cells_for_one_field_are_an_error_that_names_both() -> None:
    """Contradictory mappings stop the derivation, and a steward sees which two they are."""
    clash = cell("a:x", "b:y", name="first") + cell("a:z", "b:y", name="second")
    with pytest.raises(SemanticsError, match=r"m#first.*m#second") as caught:
        made(clash, {"x": TEXT, "z": TEXT}, {"y": TEXT})
    assert caught.value.code == "semantics.contradiction"
    assert caught.value.hint


def test_two_cells_of_one_rank_are_an_error() -> None:
    """A rank that two cells share orders nothing."""
    clash = cell("a:x", "b:y", "=", "xm:rank 1") + cell("a:z", "b:y", "=", "xm:rank 1")
    with pytest.raises(SemanticsError, match="claim this field"):
        made(clash, {"x": TEXT, "z": TEXT}, {"y": TEXT})


def test_exact_comes_before_broader() -> None:
    """An exact cell wins over a broader one, whatever their measures."""
    both = cell("a:x", "b:y", "<", "align:measure 1.0") + cell(
        "a:z", "b:y", "=", "align:measure 0.1"
    )
    result = made(both, {"x": TEXT, "z": TEXT}, {"y": TEXT}).apply({"x": "no", "z": "yes"})
    assert result.value == {"y": "yes"}


def test_measure_decides_between_broader_cells() -> None:
    """Of two broader cells the better measured one is read, alone."""
    both = cell("a:x", "b:y", "<", "align:measure 0.9") + cell(
        "a:z", "b:y", "<", "align:measure 0.7"
    )
    translate = made(both, {"x": TEXT, "z": TEXT}, {"y": TEXT})
    assert translate.apply({"x": "yes", "z": "no"}).value == {"y": "yes"}
    assert translate.apply({"z": "no"}).value == {}


def test_ranks_order_fallbacks() -> None:
    """Ranked cells are tried in order until one gives a value."""
    both = cell("a:x", "b:y", "=", "xm:rank 2") + cell("a:z", "b:y", "=", "xm:rank 1")
    translate = made(both, {"x": TEXT, "z": TEXT}, {"y": TEXT})
    assert translate.apply({"x": "second", "z": "first"}).value == {"y": "first"}
    assert translate.apply({"x": "second"}).value == {"y": "second"}


def test_broader_cells_that_tie_are_ambiguous_for_one_and_all_taken_for_many() -> None:
    """Nothing is chosen by the order of files: one value is left missing, an array takes all."""
    tie = cell("a:x", "b:y", "<", name="first") + cell("a:z", "b:y", "<", name="second")
    source = {"x": TEXT, "z": TEXT}
    one = made(tie, source, {"y": TEXT})
    assert one.apply({"x": "1", "z": "2"}).value == {}
    entry = one.report.field("/y")
    assert entry.status == "ambiguous"
    assert "m#first" in entry.reasoning[0]
    assert "m#second" in entry.reasoning[0]
    many = made(tie, source, {"y": {"type": "array", "items": TEXT}})
    assert many.apply({"x": "1", "z": "2"}).value == {"y": ["1", "2"]}
    assert many.apply({"z": "2"}).value == {"y": ["2"]}


def test_the_weaker_relation_of_two_files_holds() -> None:
    """Where one file says ``=`` and another ``<``, the pair is broader; both cells are named."""
    vocabulary = world(
        terms("a:x", "b:y"), cell("a:x", "b:y", name="one"), cell("a:x", "b:y", "<", name="two")
    )
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    assert translator(a, b, vocabulary).report.field("/y").status == "broadened"
    assert translator(b, a, vocabulary).apply({"y": "v"}).value == {}
    assert {fault.where[-3:] for fault in vocabulary.faults} == {"one", "two"}


def test_the_weaker_relation_holds_when_a_file_writes_the_pair_the_other_way_round() -> None:
    """``a = b`` in one file and ``b < a`` in another leave only the way from b to a."""
    vocabulary = world(terms("a:x", "b:y"), cell("a:x", "b:y"), cell("b:y", "a:x", "<"))
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    assert translator(a, b, vocabulary).apply({"x": "v"}).value == {}
    assert translator(b, a, vocabulary).report.field("/x").status == "broadened"


def test_composition_through_a_third_vocabulary() -> None:
    """A to B and B to C give A to C, broader as soon as one of them is."""
    turtle = terms("a:x", "c:z", "b:y") + cell("a:x", "c:z") + cell("c:z", "b:y", "<")
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    there = translator(a, b, world(turtle))
    assert there.apply({"x": "v"}).value == {"y": "v"}
    assert there.report.field("/y").status == "broadened"


def test_composition_rewrites_terms_inside_selections() -> None:
    """A selection written in B's words finds A's list, A's use and A's codes."""
    turtle = (
        terms("a:names", "a:use", "a:text", "c:names", "c:use", "c:text", "b:y")
        + cell("a:names", "c:names")
        + cell("a:text", "c:text")
        + cell("a:use", "c:use", "=", "xm:fn [ a xm:lookup ; xm:from a:uses ; xm:to c:uses ]")
        + 'a:official skos:inScheme a:uses ; skos:notation "one" ; skos:exactMatch c:official .'
        + 'c:official skos:inScheme c:uses ; skos:notation "OFF" .'
        + cell('( [ xm:step c:names ; xm:where c:use ; xm:in ( "OFF" ) ] c:text )', "b:y")
    )
    there = translator(record("a", {"names": NAMES}), record("b", {"y": TEXT}), world(turtle))
    names = [{"use": "two", "text": "no"}, {"use": "one", "text": "yes"}]
    assert there.apply({"names": names}).value == {"y": "yes"}


def test_cyclic_mappings_end() -> None:
    """Rings of cells, with functions and without, are walked once."""
    ring = "".join(cell(f"a:r{i}", f"a:r{(i + 1) % 9}") for i in range(9))
    cast = "xm:fn [ a xm:unit ; xm:factor 1000 ]"
    loop = cell("a:r0", "a:r3", "=", cast) + cell("a:r3", "a:r0", "=", cast)
    turtle = terms(*(f"a:r{i}" for i in range(9)), "b:y", "a:x") + ring + loop
    vocabulary = world(turtle + cell("a:r4", "b:y"))
    there = translator(record("a", {"x": TEXT}), record("b", {"y": TEXT}), vocabulary)
    assert there.report.field("/y").status == "missing"


def test_very_many_ways_are_an_error_not_a_wait() -> None:
    """A dense web of function cells is refused after a bounded search."""
    web = "".join(
        cell(f"a:r{i}", f"a:r{j}", "=", f"xm:fn [ a xm:unit ; xm:factor {i + 2} ]")
        for i in range(9)
        for j in range(9)
        if i != j
    )
    turtle = terms(*(f"a:r{i}" for i in range(9)), "b:y", "a:x") + web + cell("a:r4", "b:y")
    with pytest.raises(SemanticsError) as caught:
        translator(record("a", {"x": TEXT}), record("b", {"y": TEXT}), world(turtle))
    assert caught.value.code == "semantics.too_many_routes"


def test_selection_prefers_then_takes_the_first() -> None:
    """By the order of what is wanted, then by the list, then inside the chosen item alone."""
    there = made(cell(f"( {SELECTION} a:text )", "b:y"), {"names": NAMES}, {"y": TEXT})
    both = [{"text": "absent"}, {"use": "one", "text": "1"}, {"use": "one", "text": "2"}]
    assert there.apply({"names": both}).value == {"y": "1"}
    assert there.apply({"names": both[:1]}).value == {"y": "absent"}
    hollow = there.apply({"names": [{"use": "one"}, {"text": "absent"}]})
    assert hollow.value == {}
    none = there.apply({"names": [{"use": "other", "text": "x"}]})
    assert none.value == {}
    assert none.losses[0].kind == "missing"


def test_selection_backwards_makes_the_item_with_its_constant() -> None:
    """A definitional selection read backwards emits one item that carries the first preference."""
    turtle = terms("a:names", "a:use", "a:text", "b:y") + cell(
        f"( {SELECTION} a:text )", "b:y", "=", "xm:definitional true"
    )
    a, b = record("a", {"names": NAMES}), record("b", {"y": TEXT})
    back = translator(b, a, world(turtle))
    assert back.apply({"y": "v"}).value == {"names": [{"use": "one", "text": "v"}]}
    assert back.apply({}).value == {}


@pytest.mark.parametrize(
    "turtle",
    [
        cell(f"( {SELECTION} a:text )", "b:y"),
        cell("a:words", "b:y", "=", 'xm:fn [ a xm:join ; xm:sep " " ]'),
    ],
)
def test_an_array_whose_order_matters_must_be_a_list(turtle: str) -> None:
    """Selecting from a set, or joining one, is an error."""
    words = {"type": "array", "items": TEXT, "x-set": True}
    source = {"names": {**NAMES, "x-set": True}, "words": words}
    with pytest.raises(SemanticsError) as caught:
        made(turtle, source, {"y": TEXT})
    assert caught.value.code == "semantics.unordered"


def test_unselected_array_into_one_takes_a_sole_item() -> None:
    """One item is taken; of several none is, and the loss is named; the report says narrowed."""
    there = made(cell("a:x", "b:y"), {"x": {"type": "array", "items": TEXT}}, {"y": TEXT})
    assert there.apply({"x": ["1"]}).value == {"y": "1"}
    several = there.apply({"x": ["1", "2"]})
    assert several.value == {}
    assert several.losses[0].kind == "narrowed"
    assert there.report.field("/y").status == "narrowed"


def test_elements_that_lack_what_is_required_are_dropped_and_named() -> None:
    """Array to array goes element by element."""
    inner = {"@vocab": IRIS["b"]}
    item = {
        "type": "object",
        "x-jsonld-context": inner,
        "required": ["t"],
        "properties": {"t": TEXT},
    }
    turtle = terms("a:names", "a:use", "a:text", "b:y", "b:t")
    vocabulary = world(turtle + cell("a:names", "b:y") + cell("a:text", "b:t"))
    target = record("b", {"y": {"type": "array", "items": item}})
    there = translator(record("a", {"names": NAMES}), target, vocabulary)
    result = there.apply({"names": [{"text": "1"}, {"use": "one"}, {"text": "3"}]})
    assert result.value == {"y": [{"t": "1"}, {"t": "3"}]}
    assert [(loss.path, loss.kind) for loss in result.losses] == [("/y", "dropped")]
    assert "item 1 of /names" in result.losses[0].detail


def test_types_that_cannot_meet_are_no_route() -> None:
    """A text into a whole number needs a cast, and says so; with one it arrives."""
    source, target = {"x": TEXT}, {"y": {"type": "integer"}}
    plain = made(cell("a:x", "b:y"), source, target)
    assert plain.apply({"x": "5"}).value == {}
    assert "cast" in plain.report.field("/y").reasoning[0]
    to_integer = "xm:fn [ a xm:cast ; xm:to <http://www.w3.org/2001/XMLSchema#integer> ]"
    cast = made(cell("a:x", "b:y", "=", to_integer), source, target)
    assert cast.apply({"x": "5"}).value == {"y": 5}
    assert cast.apply({"x": "05"}).losses[0].kind == "missing"


def test_code_lists_meet_through_a_lookup_alone() -> None:
    """Codes of another scheme are never passed on as they are."""
    source = {"x": {**TEXT, "x-codelist": IRIS["a"] + "codes"}}
    target = {"y": {**TEXT, "x-codelist": IRIS["b"] + "codes"}}
    plain = made(cell("a:x", "b:y"), source, target)
    assert plain.apply({"x": "1"}).value == {}
    assert "lookup" in plain.report.field("/y").reasoning[0]


@pytest.mark.parametrize(
    ("turtle", "said"),
    [
        ("m:c a align:Cell ; align:entity1 a:x .", "second entity"),
        ("m:c a align:Cell ; align:entity1 a:x ; align:entity2 b:y .", "lacks a relation"),
        ("m:c a align:Cell ; align:entity2 b:y ; align:relation '=' .", "first entity"),
        (cell("a:x", "b:y", "~", name="c"), "none of"),
        (cell("a:x", "b:y", "=", "xm:fn [ a xm:eval ]", name="c"), "no function"),
        (cell("a:x", "b:y", "=", "xm:fn [ a xm:join ]", name="c"), "lacks sep"),
        (cell("a:x", "b:y", "=", 'xm:fn [ a xm:dateof ; xm:sep "" ]', name="c"), "takes no sep"),
        (cell("xm:args ( a:x a:x )", "b:y", name="c"), "without a function"),
        (cell("a:x", "b:y", "=", 'xm:fn [ a xm:split ; xm:sep "" ]', name="c"), "empty separator"),
        (cell("a:x", "b:y", "=", "xm:rank 'x'", name="c"), "no whole number"),
        (cell("a:x", "b:y", "=", "align:measure 7", name="c"), "between 0 and 1"),
        (cell("a:x, a:z", "b:y", name="c"), "said 2 times"),
        (cell("( )", "b:y", name="c"), "no steps"),
        (cell("[ xm:step a:x ]", "b:y", name="c"), "lacks"),
        (cell("'text'", "b:y", name="c"), "neither an IRI"),
    ],
)
def test_faulty_cells_are_named_and_not_used(turtle: str, said: str) -> None:
    """Every cell that cannot be used is a fault with its name and reason; the rest loads."""
    vocabulary = world(terms("a:x", "b:y") + turtle)
    assert [fault.where for fault in vocabulary.faults] == ["https://example.org/m#c"]
    assert said in vocabulary.faults[0].detail
    assert vocabulary.cells == ()


def test_endless_list_is_a_fault() -> None:
    """A list that is its own rest ends the cell, not the program."""
    turtle = "a:l rdf:first a:x ; rdf:rest a:l . " + cell("a:l", "b:y", name="c")
    assert "no end" in world(terms("a:x", "b:y") + turtle).faults[0].detail


@pytest.mark.parametrize("data", [b"<a", b"\xff", b"@prefix", b"[" * 5000, b"a " * 10])
def test_bytes_that_are_no_turtle(data: bytes) -> None:
    """Hostile files raise our error and nothing else."""
    with pytest.raises(SemanticsError) as caught:
        load_vocabulary({"vocabularies/x.ttl": data})
    assert caught.value.code == "semantics.turtle"


def test_a_class_is_no_property() -> None:
    """A cell between a class and a property is reported."""
    turtle = PREFIXES + "a:X a owl:Class . b:y a rdf:Property . " + cell("a:X", "b:y", name="c")
    assert any("class to a property" in fault.detail for fault in world(turtle).faults)


def _place(letter: str, key: str) -> dict[str, Any]:
    context = {key: IRIS[letter] + key}
    return {"type": "object", "x-jsonld-context": context, "properties": {key: TEXT}}


@pytest.mark.parametrize("array", [False, True])
def test_ranked_objects_of_different_shapes(array: bool) -> None:
    """Each source object is read by its own shape; the first that gives anything is taken."""
    source = record("a", {"home": _place("a", "street"), "work": _place("a", "road")})
    place = _place("b", "line")
    inside = {"p": {"type": "array", "items": place} if array else place}
    cells = (
        cell("a:home", "b:p", "=", "xm:rank 1")
        + cell("a:work", "b:p", "<", "xm:rank 2")
        + cell("a:street", "b:line")
        + cell("a:road", "b:line", "<")
    )
    names = ("a:home", "a:work", "a:street", "a:road", "b:p", "b:line")
    there = translator(source, record("b", inside), world(terms(*names) + cells))
    both = {"home": {"street": "1"}, "work": {"road": "2"}}
    for message, line in ((both, "1"), ({"work": {"road": "2"}}, "2")):
        expected = {"line": line}
        assert there.apply(message).value == {"p": [expected] if array else expected}


def test_tied_objects_of_different_shapes_are_all_taken_by_an_array() -> None:
    """Two broader cells of equal measure into an array: every object, each by its own shape."""
    source = record("a", {"home": _place("a", "street"), "work": _place("a", "road")})
    target = record("b", {"p": {"type": "array", "items": _place("b", "line")}})
    cells = cell("a:home", "b:p", "<") + cell("a:work", "b:p", "<")
    cells += cell("a:street", "b:line") + cell("a:road", "b:line", "<")
    names = ("a:home", "a:work", "a:street", "a:road", "b:p", "b:line")
    there = translator(source, target, world(terms(*names) + cells))
    both = {"home": {"street": "1"}, "work": {"road": "2"}}
    lines = there.apply(both).value["p"]  # type: ignore[index]
    assert sorted(item["line"] for item in lines) == ["1", "2"]


def test_a_template_with_a_part_absent_is_missing() -> None:
    """All parts are required; where only some are there, the loss says so."""
    filled = cell(
        "xm:args ( a:x a:z )", "b:y", "=", 'xm:fn [ a xm:template ; xm:pattern "{1}{2}" ]'
    )
    there = made(filled, {"x": TEXT, "z": TEXT}, {"y": TEXT})
    assert there.apply({"x": "1", "z": "2"}) == ({"y": "12"}, ())
    assert there.apply({}) == ({}, ())
    assert there.apply({"x": "1"}).losses[0].kind == "missing"


def test_a_selection_that_takes_absent_reads_the_same_thing_under_another_term() -> None:
    """What a selection looks at is absent only if no cell leads to it from the items."""
    use = {"type": "object", "x-jsonld-context": {"@vocab": IRIS["a"]}, "properties": {}}
    use["properties"] = {"use": TEXT, "family": TEXT}
    source = record("a", {"name": {"type": "array", "items": use}})
    there = translator(
        source,
        record("b", {"surname": TEXT}),
        world(
            terms("a:name", "a:use", "a:family", "b:surname")
            + cell("a:name", "c:name")
            + cell("a:use", "c:use")
            + cell("a:family", "c:family")
            + cell(
                '( [ xm:step c:name ; xm:where c:use ; xm:in ( "official" xm:absent ) ] c:family )',
                "b:surname",
            )
        ),
    )
    names = [{"use": "old", "family": "Soto"}, {"use": "official", "family": "Rojas"}]
    assert there.apply({"name": names}).value == {"surname": "Rojas"}


def test_a_rank_does_not_hide_the_way_without_one() -> None:
    """Of two cells on one pair both are looked at: the better one so far may end up the worse."""
    known = world(
        terms("a:x", "a:y", "b:z")
        + cell("a:x", "c:m", "<")
        + cell("a:y", "c:m", "<")
        + cell("c:m", "b:z", "<")
        + cell("c:m", "b:z", "=", "xm:rank 2")
    )
    there = translator(record("a", {"x": TEXT, "y": TEXT}), record("b", {"z": TEXT}), known)
    assert there.report.field("/z").status == "ambiguous"
