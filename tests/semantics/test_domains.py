"""What the bundled domains say to each other, against tables written by hand."""

from __future__ import annotations

import pytest
from semantic_cases import BOUND, OWN, bundled, messages, schema

USEFUL = {
    ("business/company", "tax/company"): {
        "/companyKind": "broadened",
        "/companyStatus": "exact",
        "/registeredOffice/postalCode": "exact",
    },
    ("customs/declaration", "tax/import-record"): {
        "/importerCode": "exact",
        "/importLine/*/lineTonnes": "reversible",
    },
    ("public-works/contract", "business/company"): {"/codigoEmpresa": "reversible"},
    ("citizens/civil-status", "housing/applicant"): {
        "/codigoPostulante": "exact",
        "/nombrePostulante": "broadened",
        "/situacionConyugal": "broadened",
    },
    ("citizens/person", "education/enrolment"): {"/sexo": "exact", "/residencia": "broadened"},
    ("citizens/person", "justice/party"): {"/dataObito": "exact", "/endereco/comarca": "broadened"},
    ("education/enrolment", "welfare/allowance"): {
        "/childCode": "exact",
        "/childSex": "exact",
        "/householdAddress": "broadened",
    },
}


@pytest.mark.parametrize("pair", USEFUL, ids="->".join)
def test_useful_pairs_report_what_a_steward_expects(pair: tuple[str, str]) -> None:
    """Nothing that the target requires is missing, and no field is ambiguous."""
    fast = bundled(*pair)
    assert fast.missing_required == ()
    assert "ambiguous" not in {field.status for field in fast.report.target}
    for pointer, status in USEFUL[pair].items():
        assert fast.report.field(pointer).status == status, pointer


@pytest.mark.parametrize(
    "pair",
    [("business/company", "tax/company"), ("customs/declaration", "tax/import-record")],
    ids="->".join,
)
def test_one_domain_reads_the_example_of_another(pair: tuple[str, str]) -> None:
    """The Tax Office's examples are what it reads in those of the registries, with no loss."""
    source, target = (schema(name)["examples"][0] for name in pair)
    result = bundled(*pair).apply(source)
    assert result.value == target
    assert result.losses == ()


def test_a_married_citizen_applies_with_a_partner() -> None:
    """Six states of the Civil Registry are two for Housing; names are joined."""
    person = schema("citizens/civil-status")["examples"][0]
    assert bundled("citizens/civil-status", "housing/applicant").apply(person).value == {
        "codigoPostulante": "P-1984-0021",
        "nombrePostulante": "Marta Inés Soto Vera",
        "nacimiento": "1984-03-09",
        "situacionConyugal": "CP",
    }


def test_a_contract_names_its_contractor() -> None:
    """Of a contract for works the Business Registry reads the company; of one in tender, none."""
    contracts = schema("public-works/contract")["examples"]
    read = bundled("public-works/contract", "business/company").apply
    assert read(contracts[0]).value == {
        "codigoEmpresa": "E-7700123",
        "razonSocial": "Maquinarias del Sur SpA",
    }
    assert read(contracts[1]).value == {}


def test_a_pupil_becomes_the_child_of_a_household() -> None:
    """By way of the Civil Registry, in the words of Welfare."""
    pupil = schema("education/enrolment")["examples"][0]
    assert bundled("education/enrolment", "welfare/allowance").apply(pupil).value == {
        "childCode": "P-2016-0342",
        "childBorn": "2016-02-29",
        "childGivenNames": "Ana Luz",
        "childSurname": "Rojas Soto",
        "childSex": "girl",
        "householdAddress": {
            "street": "Rua Larga 120, ap. 4",
            "town": "Talca",
            "district": "Talca",
            "region": "Maule",
            "postcode": "3460000",
        },
    }


@pytest.mark.sampled(3)
@pytest.mark.parametrize("source", OWN)
def test_what_is_exact_comes_back(source: str) -> None:
    """From each example to every other domain and back: exact fields are what they were."""
    for target in (*BOUND, *OWN):
        there, back = bundled(source, target), bundled(target, source)
        exact = [field for field in there.report.target if field.status == "exact"]
        for message in messages(source, 2):
            again = back.apply(there.apply(message).value).value
            for field in exact:
                [pointer] = field.sources
                if pointer.count("/") == 1:
                    assert again.get(pointer[1:]) == message.get(pointer[1:]), (target, pointer)


@pytest.mark.parametrize(
    "way",
    [
        ("education/enrolment", "citizens/person", "welfare/allowance"),
        ("customs/declaration", "business/company", "tax/company"),
        ("public-works/contract", "business/company", "tax/company"),
    ],
    ids="->".join,
)
def test_a_way_through_a_registry_is_the_way_itself(way: tuple[str, str, str]) -> None:
    """Composition: what is derived at once says all that the two steps say."""
    first, middle, last = way
    for message in messages(first, 2):
        stepwise = bundled(middle, last).apply(bundled(first, middle).apply(message).value).value
        whole = bundled(first, last).apply(message).value
        assert stepwise.items() <= whole.items()
