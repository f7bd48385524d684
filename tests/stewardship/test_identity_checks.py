"""What registry check says of lists of revocations, and of a subsystem's own groups."""

import pytest
import yaml
from certificates_made import NOW, made, p256, revocation_list
from cryptography import x509

from xroad_lite.keys import to_pem
from xroad_lite.stewardship.checking.own_groups import check_own_groups
from xroad_lite.stewardship.checking.reading import read_all
from xroad_lite.stewardship.checking.revocations import check_revocation_lists

DAY = 86_400
ROOT, MIDDLE = p256(), p256()
FILES = {
    "instance.yaml": yaml.safe_dump(
        {
            "instance": "CL",
            "base": "https://cl.example/",
            "title": {"en": "Test"},
            "authorities": ["authorities/root.pem"],
        }
    ).encode(),
    "authorities/root.pem": to_pem(made("root", "root", ROOT.public_key(), ROOT, ca=True)),
    "intermediates/middle.pem": to_pem(made("middle", "root", MIDDLE.public_key(), ROOT, ca=True)),
}
NAMED = yaml.safe_load(FILES["instance.yaml"]) | {"intermediates": ["intermediates/middle.pem"]}


def said(check, files):
    """Code and severity of what a check finds."""
    found = list(check(read_all(FILES | files, NOW, [])))
    assert all(one.message and one.hint for one in found)
    return [(one.path, one.code, one.severity) for one in found]


LISTS = [
    (revocation_list("root", ROOT, 1, next_update=NOW + 30 * DAY), None),
    (revocation_list("root", ROOT, next_update=NOW + DAY), ("registry.crl_overdue", "warning")),
    (revocation_list("root", ROOT, 1, next_update=NOW - DAY), ("registry.crl_overdue", "warning")),
    (
        revocation_list("root", p256(), 1, next_update=NOW + 30 * DAY),
        ("registry.crl_signer", "wrong"),
    ),
    (
        revocation_list("middle", MIDDLE, 1, next_update=NOW + 30 * DAY),
        ("registry.crl_signer", "wrong"),
    ),
    (
        revocation_list("root", ROOT, 1, more=((x509.DeltaCRLIndicator(1), True),)),
        ("keys.revocation_list", "wrong"),
    ),
    (b"no list", ("keys.revocation_list", "wrong")),
]


@pytest.mark.parametrize(("data", "expected"), LISTS)
def test_lists_of_revocations(data, expected):
    """Whole, signed by somebody known here, and not overdue; an old one is only warned of."""
    found = said(check_revocation_lists, {"crls/one.crl": data})
    assert found == ([("crls/one.crl", *expected)] if expected else [])


def test_a_list_of_an_intermediate_that_is_named():
    """Then it is known who signed it."""
    found = revocation_list("middle", MIDDLE, 1, next_update=NOW + 30 * DAY)
    files = {"crls/one.crl": found, "instance.yaml": yaml.safe_dump(NAMED).encode()}
    assert said(check_revocation_lists, files) == []
    assert said(check_revocation_lists, {"elsewhere/one.crl": b"junk"}) == []


OWN = "group:CL/GOV/CIVIL/births/partners"


@pytest.mark.parametrize(
    ("provider", "consumer", "faults"),
    [
        ("CL/GOV/CIVIL/births", OWN, 0),
        (OWN, "CL/GOV/CIVIL/births", 0),
        ("CL/GOV/CIVIL", OWN, 1),
        ("CL/GOV/HEALTH/births", OWN, 1),
        (OWN, OWN, 2),
        (OWN, None, 1),
        ("group:hospitals", "group:hospitals", 0),
    ],
)
def test_own_groups(provider, consumer, faults):
    """Only opposite their own subsystem: else she would decide who gets another's data."""
    agreement = {
        "agreement": "a",
        "version": 1,
        "title": {"en": "A"},
        "provider": provider,
        "operation": "publish",
        "types": ["health.birth"],
        "purposes": ["https://w3id.org/dpv#ServiceProvision"],
        "legal_basis": {"text": {"en": "Law"}, "iri": "https://example.org/law"},
        "period": {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"},
    } | ({"consumer": consumer} if consumer else {"open": True})
    found = said(check_own_groups, {"agreements/a-1.yaml": yaml.safe_dump(agreement).encode()})
    assert found == [("agreements/a-1.yaml", "registry.parties", "wrong")] * faults
