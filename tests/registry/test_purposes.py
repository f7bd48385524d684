"""Purposes: which one covers which, and documents that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from xroad_lite.errors import RegistryError
from xroad_lite.registry.purposes import Purposes

DPV = "https://w3id.org/dpv#"
BUNDLED = Purposes.read((Path(__file__).parents[2] / "vocabularies/purposes.yaml").read_bytes())


@pytest.mark.parametrize(
    ("allowed", "asked", "covered"),
    [
        ("ServiceProvision", "ServiceProvision", True),
        ("ServiceProvision", "PaymentManagement", True),
        ("EnforceSecurity", "CounterMoneyLaundering", True),
        ("Personalisation", "PersonalisedBenefits", True),
        ("ServiceProvision", "PersonalisedBenefits", True),
        ("PaymentManagement", "ServiceProvision", False),
        ("ServiceProvision", "LegalCompliance", False),
        ("Unknown", "Unknown", True),
        ("ServiceProvision", "Unknown", False),
    ],
)
def test_a_purpose_covers_itself_and_the_narrower_ones(
    allowed: str, asked: str, covered: bool
) -> None:
    """Through every step of the hierarchy, by each of several parents, and never upwards."""
    assert BUNDLED.covers(DPV + allowed, DPV + asked) is covered


def test_every_bundled_purpose_has_its_title_in_three_languages() -> None:
    """An auditor reads them in English, Spanish and Portuguese."""
    assert len(BUNDLED.titles) > 60
    assert all(set(titles) == {"en", "es", "pt"} for titles in BUNDLED.titles.values())


def test_an_instance_adds_its_own_below() -> None:
    """A whole IRI stands beside the prefixed names."""
    data = (
        b"prefix: https://w3id.org/dpv#\npurposes:\n  PublicBenefit: {}\n"
        b"  https://cl.example/p#Census: {broader: [PublicBenefit]}\n"
    )
    assert Purposes.read(data).covers(DPV + "PublicBenefit", "https://cl.example/p#Census")


@pytest.mark.parametrize(
    ("purposes", "says"),
    [
        ("  A: {broader: [B]}\n", "is not listed"),
        ("  A: {broader: [B]}\n  B: {broader: [A]}\n", "narrower than the next"),
        ("  A: {broader: [A]}\n", "narrower than the next"),
        ("  A: {broader: B}\n", "broader"),
    ],
)
def test_what_cannot_be_meant_is_refused(purposes: str, says: str) -> None:
    """A purpose that is not there, a circle, a text for a list."""
    data = f"prefix: https://w3id.org/dpv#\npurposes:\n{purposes}".encode()
    with pytest.raises(RegistryError, match=says):
        Purposes.read(data)
