"""Laws of translation: identity, round trip, composition, determinism; and hostile messages."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_cases import (
    BOUND,
    TEXT,
    bundled,
    cell,
    files,
    patients,
    record,
    schema,
    terms,
    vocabulary,
    world,
)
from sharing import examples

from xroad_lite import semantics
from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import load_vocabulary, translator

PERSON = {
    "codigoPersonal": "P1",
    "identificadorNacimiento": "N-1",
    "nombres": ["Ana", "Luz"],
    "apellidos": "Rojas Soto",
    "fechaNacimiento": "2024-02-29",
    "sexo": "F",
    "domicilio": {"calle": "Larga 1", "region": "Maule", "codigoPostal": "346"},
}


@pytest.mark.parametrize("name", [*BOUND, "xroad/error"])
def test_the_same_schema_is_the_identity(name: str) -> None:
    """A document read by its own schema is itself, without losses."""
    value = {"anything": [1, None, {}]}
    result = bundled(name, name).apply(value)
    assert result == (value, ())
    assert bundled(name, name).missing_required == ()


@pytest.mark.parametrize("pair", list(itertools.permutations(BOUND, 2)), ids="->".join)
def test_round_trip_of_exact_fields(pair: tuple[str, str]) -> None:
    """A to B and back is the identity on every field that the report calls exact."""
    there, back = bundled(*pair), bundled(*reversed(pair))
    exact = [f for f in there.report.target if f.status == "exact" and f.pointer.count("/") == 1]
    for patient in patients(10):
        message = patient
        if pair[0] != "health/birth":
            message = bundled("health/birth", pair[0]).apply(patient).value
        again = back.apply(there.apply(message).value).value
        for field in exact:
            [key] = [source[1:] for source in field.sources]
            assert again.get(key) == message.get(key)


@pytest.mark.parametrize("end", ["welfare/allowance", "tax/taxpayer"])
def test_composition(end: str) -> None:
    """Health to Welfare or Taxation derived at once equals the way through Civil Registry."""
    first, second = bundled("health/birth", "citizens/person"), bundled("citizens/person", end)
    whole = bundled("health/birth", end)
    for patient in patients(50):
        assert whole.apply(patient).value == second.apply(first.apply(patient).value).value


def test_nothing_depends_on_the_order_of_files_or_triples() -> None:
    """Shuffled files and lines give the same digest, the same source and the same report."""
    shuffled = dict(random.Random(5).sample(sorted(files().items()), len(files())))
    again = load_vocabulary(shuffled)
    assert again.digest == vocabulary().digest
    blocks = {
        path: b"\n\n".join(_shuffled_blocks(data.split(b"\n\n"))) for path, data in shuffled.items()
    }
    turned = load_vocabulary(blocks)
    assert turned.digest != vocabulary().digest
    assert turned.cells == vocabulary().cells
    for pair in itertools.permutations(BOUND, 2):
        one, two = bundled(*pair), translator(schema(pair[0]), schema(pair[1]), turned)
        assert (one.source, one.digest, one.report) == (two.source, two.digest, two.report)


def _shuffled_blocks(blocks: list[bytes]) -> list[bytes]:
    head, rest = blocks[:1], blocks[1:]
    random.Random(7).shuffle(rest)
    return head + rest


def test_the_digest_names_schemas_cells_and_codes() -> None:
    """Another schema, cell or code table gives another digest; a comment in a file does not."""
    a, b = record("a", {"x": TEXT}), record("b", {"y": TEXT})
    base = terms("a:x", "b:y", "a:z")
    one = translator(a, b, world(base + cell("a:x", "b:y")))
    assert one.digest == translator(a, b, world(base + cell("a:x", "b:y") + "# more\n")).digest
    unused = world(base + cell("a:x", "b:y") + cell("a:z", "b:other"))
    assert one.digest == translator(a, b, unused).digest
    assert one.digest != translator(a, b, world(base + cell("a:x", "b:y", "<"))).digest
    assert one.digest != translator({**a, "title": "t"}, b, world(base + cell("a:x", "b:y"))).digest


def test_missing_required_names_pointers() -> None:
    """Required fields that nothing leads to are named before any message flows."""
    assert bundled("citizens/person", "citizens/birth-registered").missing_required == (
        "/fechaInscripcion",
    )
    assert bundled("health/birth", "citizens/person").missing_required == ()
    assert bundled("citizens/birth-registered", "welfare/allowance").missing_required == ()
    assert bundled("citizens/person", "tax/taxpayer").missing_required == ()
    assert bundled("xroad/error", "citizens/person").missing_required == (
        "/identificadorNacimiento",
        "/fechaNacimiento",
    )


def test_the_report_before_traffic() -> None:
    """Per target field a status and the path of reasoning; per source field kept or dropped."""
    report = bundled("health/birth", "citizens/person").report
    assert report.field("/sexo").status == "exact"
    assert report.field("/apellidos").status == "reversible"
    assert report.field("/fallecido").status == "narrowed"
    assert report.field("/codigoPersonal").status == "missing"
    [read, by] = report.field("/fechaNacimiento").reasoning
    assert read == "read /birthDate"
    assert "dateform" in by
    assert "health--citizens#fechaNacimiento" in by
    dropped = {field.pointer for field in report.source if field.status == "dropped"}
    assert "/active" in dropped
    assert "/birthDate" not in dropped
    assert "class mismatch" in bundled("citizens/person", "welfare/allowance").report.notes[0]
    assert report.to_json()["target"][0]["pointer"] == "/codigoPersonal"


def test_shared_meaning_needs_no_cell_between_two_domains() -> None:
    """Civil Registry's and Taxation's date of birth meet in the EU Core Vocabularies."""
    entry = bundled("citizens/person", "tax/taxpayer").report.field("/dateOfBirth")
    assert entry.status == "exact"
    assert all("citizens--tax" not in step for step in entry.reasoning)
    read = bundled("citizens/person", "tax/taxpayer").apply(PERSON).value
    assert read == {
        "taxpayerCode": "P1",
        "dateOfBirth": "2024-02-29",
        "firstNames": "Ana Luz",
        "lastName": "Rojas Soto",
        "taxDomicile": {"streetAddress": "Larga 1", "region": "Maule", "postalCode": "346"},
    }


KEYS = [*schema("health/birth")["properties"], "@id", "use", "value", "given", "line"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)


KEYWORDS = (
    "type properties items k required enum const default allOf oneOf $ref x-jsonld-context",
    "x-jsonld-type x-codelist format @id @type @container @vocab @base",
)
SCHEMAS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        ["string", "object", "array", "#", "#/properties/k", "@list", "@id", "https://x.org/k", "k"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(" ".join(KEYWORDS).split()),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=examples(60), deadline=None)
@given(SCHEMAS)
def test_hostile_schemas_raise_only_our_error(document: Any) -> None:
    """Whatever stands where a schema should, a translator comes out or a SemanticsError does."""
    try:
        made = translator(document, schema("citizens/person"), vocabulary())
    except SemanticsError:
        return
    assert made.apply({}).value == {}
    assert made.report.target


@settings(max_examples=examples(60), deadline=None)
@given(JSON)
def test_hostile_messages_raise_only_our_error(value: Any) -> None:
    """Whatever is in a message, a translation comes out or a SemanticsError does."""
    for pair in (("health/birth", "citizens/person"), ("citizens/person", "health/birth")):
        with suppress(SemanticsError):
            assert isinstance(bundled(*pair).apply(value).value, dict)


def test_deep_message_is_bounded() -> None:
    """A message nested beyond the stack raises our error where the schema goes as deep."""
    properties = {"child": {"type": "array", "items": {"$ref": "#"}}, "name": TEXT}
    a, b = ({**record(letter, properties), "$id": letter} for letter in "ab")
    names = ["a:name", "a:child", "b:name", "b:child"]
    made = world(terms(*names) + cell("a:name", "b:name") + cell("a:child", "b:child"))
    message: dict[str, Any] = {"name": "leaf"}
    for _ in range(100_000):
        message = {"child": [message]}
    with pytest.raises(SemanticsError, match="too deep"):
        translator(a, b, made).apply(message)
    while message.get("child"):  # taken apart by hand: freeing it would need the stack too
        message = message["child"][0]


def test_the_input_is_never_changed_nor_shared() -> None:
    """Lists are copied: who changes the reading does not change the original."""
    patient = {"resourceType": "Patient", "name": [{"given": ["Ana"]}]}
    read = bundled("health/birth", "citizens/person").apply(patient).value
    read["nombres"].append("x")
    assert patient["name"] == [{"given": ["Ana"]}]


def test_public_names() -> None:
    """The names that other rooms may call."""
    assert sorted(semantics.__all__) == [
        "Loss",
        "Report",
        "Translation",
        "Translator",
        "Vocabulary",
        "load_vocabulary",
        "open_target",
        "translator",
    ]
