"""Agreements as ODRL policies: there and back is the same; what cannot be held is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld
from sharing import examples

from xroad_lite.errors import RegistryError
from xroad_lite.registry import Agreement
from xroad_lite.stewardship.odrl import from_odrl, to_odrl

BASE = "https://cl.example/"
ODRL = "http://www.w3.org/ns/odrl/2/"
PLAIN: dict[str, Any] = {
    "agreement": "births",
    "version": 3,
    "title": {"es": "Nacimientos", "pt-BR": "Nascimentos"},
    "provider": "CL/GOV/HEALTH/births",
    "consumer": "CL/GOV/CIVIL",
    "operation": "publish",
    "types": ["health.birth"],
    "purposes": ["https://w3id.org/dpv#LegalCompliance"],
    "legal_basis": {"text": {"es": "Ley 4.808"}, "iri": "https://law.example/4808"},
    "period": {"from": "2026-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"},
}
MORE: dict[str, Any] = {
    "fields": {"health.birth": ["/id", "/name/*/family"], "health.answer": []},
    "drain": "PT48H",
    "retention": "P365D",
    "max_age": "P2D",
    "receipt": True,
    "confidential": True,
    "pseudonym_key": '{"protected":"e30"}',
    "endpoints": {"api": [{"method": "GET", "path": "/persons/*"}]},
    "service_level": {"availability": "99.5 %", "answers_within": "PT5S"},
    "purposes": ["https://w3id.org/dpv#LegalCompliance", "https://cl.example/own"],
    "types": ["health.birth", "health.death"],
    "operation": "request",
    "x-note": {"a": [1, None]},
}
OPEN = {key: one for key, one in PLAIN.items() if key != "consumer"} | {"open": True}


def again(document: dict[str, Any]) -> Agreement:
    """The agreement after a way there and back."""
    made = to_odrl(Agreement.model_validate(document), BASE)
    return Agreement.model_validate(from_odrl(made, BASE))


@settings(max_examples=examples(100), deadline=None)
@given(st.sets(st.sampled_from(sorted(MORE))), st.booleans())
def test_there_and_back_is_the_same(more: set[str], is_open: bool) -> None:
    """Whatever an agreement says, in any combination, unknown fields too."""
    document = (OPEN if is_open else PLAIN) | {key: MORE[key] for key in more}
    assert again(document) == Agreement.model_validate(document)


def test_it_means_the_same_to_a_reader_of_json_ld() -> None:
    """Expanded, every word is ODRL's, DPV's or ours, and nothing is dropped as unknown."""
    (found,) = jsonld.expand(
        to_odrl(Agreement.model_validate(PLAIN | {"fields": MORE["fields"]}), BASE)
    )
    assert found["@id"] == f"{BASE}agreements/births/3"
    assert found["@type"] == [f"{ODRL}Agreement"]
    assert found[f"{ODRL}assignee"] == [{"@id": f"{BASE}parties/CL/GOV/CIVIL"}]
    permission = found[f"{ODRL}permission"][0]
    assert permission[f"{ODRL}action"] == [{"@id": f"{ODRL}distribute"}]
    purpose, begins, _ = permission[f"{ODRL}constraint"]
    assert purpose[f"{ODRL}leftOperand"] == [{"@id": f"{ODRL}purpose"}]
    assert purpose[f"{ODRL}rightOperand"] == [{"@id": "https://w3id.org/dpv#LegalCompliance"}]
    assert begins[f"{ODRL}rightOperand"][0]["@type"].endswith("#dateTime")
    assert found["https://w3id.org/dpv#hasLegalBasis"][0]["@id"] == "https://law.example/4808"
    assert len(found) == len(to_odrl(Agreement.model_validate(PLAIN), BASE)) - 1


def refused(**changed: Any) -> str:
    """What is said of a policy in which something is changed, added or taken away."""
    policy = copy.deepcopy(to_odrl(Agreement.model_validate(PLAIN), BASE)) | changed
    with pytest.raises(RegistryError) as caught:
        from_odrl(policy, BASE)
    assert caught.value.code == "registry.odrl"
    return caught.value.message


def permission(**changed: Any) -> list[dict[str, Any]]:
    """The one permission, changed."""
    found = to_odrl(Agreement.model_validate(PLAIN), BASE)["permission"][0]
    return [copy.deepcopy(found) | changed]


COUNT = {"leftOperand": "count", "operator": "lteq", "rightOperand": 3}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"prohibition": [{"action": "use"}]}, "prohibition"),
        ({"obligation": []}, "obligation"),
        ({"permission": permission(duty=[{"action": "delete"}])}, "duty"),
        ({"permission": permission(action="sell")}, "sell"),
        ({"permission": permission(constraint=[COUNT])}, "count lteq"),
        ({"permission": permission(constraint=[])}, "purpose isAnyOf"),
        ({"permission": permission(target="https://other.example/asset")}, "target"),
        ({"permission": []}, "permission"),
        ({"permission": permission() + permission(action="use")}, "same action"),
        ({"assigner": "https://other.example/me"}, "assigner"),
        ({"@type": "Set"}, "@type"),
        ({"@type": "Offer"}, "@type"),
        ({"@context": "http://www.w3.org/ns/odrl.jsonld"}, "@context"),
        ({"uid": f"{BASE}agreements/births/9"}, "uid"),
        ({"xl:agreement": {"version": 3, "provider": "CL/GOV/X/y"}}, "provider"),
        ({"xl:agreement": [1]}, "form"),
        ({"inheritFrom": "https://other.example/p"}, "inheritFrom"),
    ],
)
def test_what_an_agreement_cannot_hold_is_named(changed: dict[str, Any], named: str) -> None:
    """Never dropped in silence."""
    assert named in refused(**changed)
