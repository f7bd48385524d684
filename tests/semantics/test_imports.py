"""Mappings that others wrote: the EU's alignments, SSSOM tables; targets that are vocabularies."""

from __future__ import annotations

import pytest
from semantic_cases import IRIS, SHARED, TEXT, record, terms, world_files

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import Vocabulary, load_vocabulary, open_target, translator

PERSON = {
    "type": "object",
    "x-jsonld-type": "http://www.w3.org/ns/person#Person",
    "x-jsonld-context": {
        "m8g": "http://data.europa.eu/m8g/",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "person": "http://www.w3.org/ns/person#",
        "locn": "http://www.w3.org/ns/locn#",
        "fullName": "foaf:name",
        "givenName": "foaf:givenName",
        "familyName": "foaf:familyName",
        "birthName": "person:birthName",
        "dateOfBirth": "m8g:birthDate",
        "domicile": "m8g:domicile",
        "citizenship": "person:citizenship",
    },
    "properties": {
        **dict.fromkeys(("fullName", "givenName", "familyName", "birthName", "dateOfBirth"), TEXT),
        "citizenship": TEXT,
        "domicile": {
            "type": "object",
            "x-jsonld-context": {
                "postCode": "locn:postCode",
                "addressArea": "locn:addressArea",
                "thoroughfare": "locn:thoroughfare",
                "locatorDesignator": "locn:locatorDesignator",
            },
            "properties": dict.fromkeys(
                ("postCode", "addressArea", "thoroughfare", "locatorDesignator"), TEXT
            ),
        },
    },
}


def _alignments(*names: str) -> Vocabulary:
    folder = SHARED / "sssom-semic"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    found = {
        f"vocabularies/mappings/{path.name}": path.read_bytes()
        for path in sorted(folder.glob("*.ttl"))
        if any(name in path.name for name in names)
    }
    return load_vocabulary(found)


def test_the_eu_alignment_of_core_person_loads_whole() -> None:
    """Every cell is used or is a fault with its name: no second entity, no relation, not listed."""
    faults = {
        fault.where.rpartition("/")[2]: fault.detail for fault in _alignments("Person").faults
    }
    assert "second entity" in faults["27"]
    assert "relation" in faults["2"]
    assert all("missing from align:map" in faults[n] for n in ("48", "49", "50", "51", "52"))
    assert set(faults) == {"2", "27", "48", "49", "50", "51", "52"}


def test_a_misspelt_namespace_is_reported() -> None:
    """``http://w3.org/ns/locn#`` among many ``http://www.w3.org/ns/locn#``."""
    details = [fault.detail for fault in _alignments("Location").faults]
    assert any("almost http://www.w3.org/ns/locn#" in detail for detail in details)


def test_sister_files_that_differ_leave_the_weaker_relation() -> None:
    """addressId is exact in one EU file and broader in the other: broader holds, both are named."""
    faults = [f for f in _alignments("Person", "Location").faults if "the weaker <" in f.detail]
    assert len({fault.file for fault in faults}) == 2


def test_core_person_arrives_in_schema_org() -> None:
    """Without a target schema every property is an array; ties give all, the rest is dropped."""
    vocabulary = _alignments("Person")
    there = translator(PERSON, open_target(PERSON, "https://schema.org/", vocabulary), vocabulary)
    record = {
        "fullName": "Ana Rojas",
        "birthName": "Ana Soto",
        "givenName": "Ana",
        "familyName": "Rojas",
        "dateOfBirth": "1990-02-28",
        "citizenship": "CL",
        "domicile": {
            "postCode": "346",
            "addressArea": "Centro",
            "thoroughfare": "Larga",
            "locatorDesignator": "12",
        },
    }
    value = there.apply(record).value
    assert sorted(value.pop("name")) == ["Ana Rojas", "Ana Soto"]
    [address] = value.pop("address")
    assert sorted(address.pop("streetAddress")) == ["12", "Larga"]
    assert address == {"postalCode": ["346"]}
    assert value == {
        "givenName": ["Ana"],
        "familyName": ["Rojas"],
        "birthDate": ["1990-02-28"],
    }
    status = {field.pointer: field.status for field in there.report.target}
    assert status["/name"] == "broadened"
    assert status["/address"] == "broadened"
    dropped = {field.pointer for field in there.report.source if field.status != "kept"}
    assert dropped == {"/citizenship", "/domicile/addressArea"}


SSSOM = (
    "# curie_map:\n#   a: https://example.org/a#\n#   b: https://example.org/b#\n"
    "# mapping_set_id: https://example.org/set\n"
    "subject_id\tpredicate_id\tobject_id\tmapping_justification\tconfidence\n"
)


def _table(*rows: str) -> Vocabulary:
    text = SSSOM + "".join(row.replace(" ", "\t") + "\n" for row in rows)
    files = world_files(terms("a:x", "a:z", "b:y", "b:w"))
    return load_vocabulary({**files, "vocabularies/mappings/a--b.tsv": text.encode()})


def test_sssom_rows_are_cells() -> None:
    """Exact and broad matches are read, confidence is the measure."""
    vocabulary = _table(
        "a:x skos:exactMatch b:y semapv:ManualMappingCuration 0.9",
        "a:z skos:broadMatch b:w semapv:ManualMappingCuration",
    )
    assert vocabulary.faults == ()
    there = translator(
        record("a", {"x": TEXT, "z": TEXT}), record("b", {"y": TEXT, "w": TEXT}), vocabulary
    )
    assert there.apply({"x": "1", "z": "2"}).value == {"y": "1", "w": "2"}
    assert [field.status for field in there.report.target] == ["exact", "broadened"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a:x skos:closeMatch b:y j", "never composes"),
        ("a:x skos:exactMatch q:y j", "undeclared prefix"),
        (" skos:exactMatch b:y j", "is empty"),
        ("a:x skos:exactMatch b:y j 1.5", "between 0 and 1"),
        ("a:x skos:exactMatch b:y j high", "between 0 and 1"),
        ("a:x skos:exactMatch", "is empty"),
    ],
)
def test_faulty_rows_are_named(row: str, said: str) -> None:
    """A row that cannot be used is a fault with its number."""
    [fault] = _table(row).faults
    assert fault.where == "row 1"
    assert said in fault.detail


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a\tb\n1\t2\n"])
def test_what_is_no_sssom_table(data: bytes) -> None:
    """A table without its columns, or not UTF-8, raises our error."""
    with pytest.raises(SemanticsError) as caught:
        load_vocabulary({"vocabularies/mappings/a--b.tsv": data})
    assert caught.value.code == "semantics.sssom"


def test_borrowed_terms_are_known_only_where_no_vocabulary_owns_the_namespace() -> None:
    """A cell vouches for a term of a vocabulary that is not loaded, never for one that is."""
    cells = "a:x owl:equivalentProperty c:z . a:typo owl:equivalentProperty c:z ."
    vocabulary = load_vocabulary(world_files(terms("a:x") + cells))
    assert vocabulary.unknown(IRIS["c"] + "z") is None
    assert vocabulary.unknown(IRIS["a"] + "typo") is not None
