"""Real FHIR patients on the way from Health to Civil Registry, Social Welfare and Taxation."""

from __future__ import annotations

import jsonschema_rs
import pytest
from semantic_cases import bundled, patients, schema

# Written by hand from reading HL7's ten files.
HAND_CHECKED = {
    "ch-example": {  # a name as one text only; deceasedBoolean false
        "identificadorNacimiento": "3112219680806371X",
        "nombreCompleto": "张无忌",
        "fechaNacimiento": "1974-12-25",
        "sexo": "M",
        "fallecido": False,
        "domicilio": {
            "calle": "马当路190号",
            "localidad": "上海市",
            "comuna": "黄埔区",
            "codigoPostal": "200000",
        },
    },
    "dicom": {  # no birth date at all
        "identificadorNacimiento": "MINT1234",
        "apellidos": "MINT_TEST",
        "sexo": "M",
    },
    "example": {  # three names: official, usual, maiden
        "identificadorNacimiento": "12345",
        "nombres": ["Peter", "James"],
        "apellidos": "Chalmers",
        "fechaNacimiento": "1974-12-25",
        "sexo": "M",
        "fallecido": False,
        "domicilio": {
            "calle": "534 Erewhon St",
            "localidad": "PleasantVille",
            "comuna": "Rainbow",
            "region": "Vic",
            "codigoPostal": "3999",
            "direccionCompleta": "534 Erewhon St PeasantVille, Rainbow, Vic  3999",
        },
    },
    "f001": {  # two usual identifiers, the second without a value
        "identificadorNacimiento": "738472983",
        "nombres": ["Pieter"],
        "apellidos": "van de Heuvel",
        "fechaNacimiento": "1944-11-17",
        "sexo": "M",
        "partoMultiple": True,
        "fallecido": False,
        "domicilio": {
            "calle": "Van Egmondkade 23",
            "localidad": "Amsterdam",
            "codigoPostal": "1024 RJ",
            "pais": "NLD",
        },
    },
    "infant-mom": {  # no identifier; official before maiden
        "nombres": ["Leia"],
        "apellidos": "Solo",
        "fechaNacimiento": "1995-10-12",
        "sexo": "F",
    },
    "infant-twin-1": {  # two identifiers without use: the first; a twin by its order
        "identificadorNacimiento": "MRN7465737865",
        "nombres": ["Jaina"],
        "apellidos": "Solo",
        "fechaNacimiento": "2017-05-15",
        "sexo": "F",
        "partoMultiple": True,
        "ordenParto": 1,
    },
    "mom": {
        "identificadorNacimiento": "444222222",
        "nombres": ["Eve"],
        "apellidos": "Everywoman",
        "fechaNacimiento": "1973-05-31",
        "sexo": "F",
        "domicilio": {"calle": "2222 Home Street"},
    },
    "newborn": {  # neither name nor identifier
        "fechaNacimiento": "2017-09-05",
        "sexo": "M",
        "partoMultiple": True,
        "ordenParto": 2,
    },
    "pat1": {  # no birth date
        "identificadorNacimiento": "654321",
        "nombres": ["Duck"],
        "apellidos": "Donald",
        "sexo": "M",
    },
    "xcda": {  # a name without use
        "identificadorNacimiento": "12345",
        "nombres": ["Henry"],
        "apellidos": "Levin",
        "fechaNacimiento": "1932-09-24",
        "sexo": "M",
    },
}
NO_BIRTHS = {"dicom", "infant-mom", "newborn", "pat1"}


def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(name), validate_formats=True)


def _birth(**more: object) -> dict[str, object]:
    return {
        "resourceType": "Patient",
        "identifier": [{"value": "N-1"}],
        "birthDate": "2024-02-29",
        **more,
    }


def test_ten_examples_read_as_checked_by_hand() -> None:
    """HL7's ten examples give exactly the values that a person found in them."""
    translator = bundled("health/birth", "citizens/person")
    read = {p["id"]: translator.apply(p).value for p in patients(0)}
    assert read == HAND_CHECKED


def test_examples_without_what_a_birth_needs_are_refused_by_the_schema() -> None:
    """Four of the ten lack a birth date or an identifier; those and no others are refused."""
    validator = _validator("health/birth")
    assert {p["id"] for p in patients(0) if not validator.is_valid(p)} == NO_BIRTHS


def test_every_synthea_patient_arrives_everywhere() -> None:
    """All 200 are valid births; each reading is valid in Civil Registry, Welfare and Taxation."""
    person = bundled("health/birth", "citizens/person")
    allowance = bundled("citizens/birth-registered", "welfare/allowance")
    taxpayer = bundled("citizens/person", "tax/taxpayer")
    births, persons = _validator("health/birth"), _validator("citizens/person")
    registered = _validator("citizens/birth-registered")
    allowances, taxpayers = _validator("welfare/allowance"), _validator("tax/taxpayer")
    everyone = patients()[10:]
    assert len(everyone) == 200
    for number, patient in enumerate(everyone):
        assert births.is_valid(patient)
        read = person.apply(patient).value
        persons.validate(read)
        assert read["identificadorNacimiento"] == patient["identifier"][0]["value"]
        assert read["apellidos"] == patient["name"][0]["family"]
        read["codigoPersonal"] = f"P{number}"
        taxpayers.validate(taxpayer.apply(read).value)
        entry = {k: v for k, v in read.items() if k not in ("fallecido", "fechaDefuncion")}
        entry["fechaInscripcion"] = "2024-03-01"
        registered.validate(entry)
        granted = allowance.apply(entry).value
        allowances.validate(granted)
        assert granted["childBorn"] == patient["birthDate"]
        assert granted["childGivenNames"] == " ".join(patient["name"][0]["given"])
        assert granted["childSex"] == {"male": "boy", "female": "girl"}[patient["gender"]]


def test_the_way_back_gives_what_was_reversible() -> None:
    """Person to Patient and to Person again changes nothing that the report calls reversible."""
    there = bundled("health/birth", "citizens/person")
    back = bundled("citizens/person", "health/birth")
    births = _validator("health/birth")
    for patient in patients(60):
        if patient["id"] in NO_BIRTHS:
            continue
        person = there.apply(patient).value
        patient_again = back.apply(person).value
        births.validate(patient_again)
        again = there.apply(patient_again).value
        for lost in ("fechaDefuncion", "partoMultiple"):
            person.pop(lost, None)
            again.pop(lost, None)
        assert again == person


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        (["usual", "official"], 1),
        (["old", "secondary", None], 2),
        ([None, None], 0),
        (["temp", "secondary"], 1),
        (["old"], 0),
    ],
)
def test_identifier_is_picked_by_use_then_by_order(uses: list[str | None], expected: int) -> None:
    """Official, usual, absent, secondary, temporary, old; of equals the first."""
    identifiers = [
        {"value": f"N-{n}", **({"use": use} if use else {})} for n, use in enumerate(uses)
    ]
    result = bundled("health/birth", "citizens/person").apply(_birth(identifier=identifiers))
    assert result.value["identificadorNacimiento"] == f"N-{expected}"


def test_identifier_without_a_value_is_no_candidate() -> None:
    """A preferred identifier that carries no value, or a blank one, does not hide another."""
    identifiers = [{"use": "official"}, {"use": "official", "value": " "}, {"value": "N-2"}]
    result = bundled("health/birth", "citizens/person").apply(_birth(identifier=identifiers))
    assert result.value["identificadorNacimiento"] == "N-2"


@pytest.mark.parametrize("date", ["2024", "2024-02", "2023-02-29", "2024-02-29T00:00:00Z"])
def test_partial_or_unreal_date_is_missing(date: str) -> None:
    """A year, a month, a day that never was: no day of birth, and the loss says so."""
    result = bundled("health/birth", "citizens/person").apply(_birth(birthDate=date))
    assert "fechaNacimiento" not in result.value
    assert [(loss.path, loss.kind) for loss in result.losses] == [("/fechaNacimiento", "missing")]
    assert not _validator("citizens/person").is_valid(result.value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"deceasedBoolean": False}, {"fallecido": False}),
        ({"deceasedBoolean": True}, {"fallecido": True}),
        (
            {"deceasedDateTime": "2015-02-14T23:30:00-05:00"},
            {"fallecido": True, "fechaDefuncion": "2015-02-14"},
        ),
        ({"deceasedDateTime": "2015-02-14"}, {"fallecido": True, "fechaDefuncion": "2015-02-14"}),
        ({"deceasedDateTime": "2015"}, {"fallecido": True}),
    ],
)
def test_deceased_in_both_forms(said: dict[str, object], expected: dict[str, object]) -> None:
    """The boolean as it is; a date-time gives true, and its date as written, no zone shifted."""
    value = bundled("health/birth", "citizens/person").apply(_birth(**said)).value
    found = {k: v for k, v in value.items() if k in ("fallecido", "fechaDefuncion")}
    assert found == expected


def test_several_names_are_named_as_a_loss() -> None:
    """What is left behind by a selection comes back with the result, without any value in it."""
    names = [{"family": "Rojas"}, {"use": "maiden", "family": "Secreto"}]
    result = bundled("health/birth", "citizens/person").apply(_birth(name=names))
    assert result.value["apellidos"] == "Rojas"
    assert [(loss.path, loss.kind) for loss in result.losses] == [("/nombres", "narrowed")]
    assert "Secreto" not in str(result.losses)


@pytest.mark.parametrize(
    "animal",
    [
        {"animal": {"species": {}}},
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}]},
        {"modifierExtension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}]},
    ],
)
def test_an_animal_is_nobodys_birth(animal: dict[str, object]) -> None:
    """FHIR's animals, in the old form and the new, are refused by the schema."""
    validator = _validator("health/birth")
    assert validator.is_valid(_birth())
    assert not validator.is_valid(_birth(**animal))


@pytest.mark.parametrize(
    "broken",
    [
        {"resourceType": "Person"},
        {"identifier": []},
        {"identifier": [{"value": ""}, {"value": "  "}, {"system": "x"}]},
        {"birthDate": "24-01-01"},
        {"birthDate": "2024-13"},
        {"birthDate": None},
        {"gender": "m"},
        {"deceasedBoolean": True, "deceasedDateTime": "2020"},
    ],
)
def test_what_is_no_birth_is_refused(broken: dict[str, object]) -> None:
    """Each way of not being a FHIR R4 birth is refused by the schema."""
    assert not _validator("health/birth").is_valid(_birth(**broken))


def test_a_newborn_may_lack_a_name_and_bring_more() -> None:
    """No name, a partial date, null among given names, elements not described: all are births."""
    validator = _validator("health/birth")
    for more in (
        {},
        {"birthDate": "2024"},
        {"name": [{"given": [None, "Ana"], "_given": [{"id": "g"}, None]}]},
        {"_birthDate": {"extension": []}, "photo": [{}], "contact": [{"gender": "female"}]},
    ):
        assert validator.is_valid(_birth(**more))
