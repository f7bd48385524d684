"""registry check, of keys to encrypt to, confidential agreements, and the keys of pseudonyms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from xroad_lite.encryption import PrivateKey, new_pseudonym_key
from xroad_lite.registry import read_source
from xroad_lite.stewardship import check_registry
from xroad_lite.testing import CIVIL, HEALTH, two_agency_instance

NOW = 1_790_000_000.0
BIRTHS, PERSONS = "agreements/births-1.yaml", "agreements/persons-1.yaml"
HEALTH_MEMBER, CIVIL_MEMBER = "members/health.yaml", "members/civil.yaml"
KEYS = [PrivateKey.generate().public for _ in range(3)]
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A good source."""
    return read_source(two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW).source)


def setting(**changed: object) -> Edit:
    """Sets fields of a document."""
    return lambda value: value.update(changed)


def listing(*entries: object) -> Edit:
    """Lists encryption keys of a member's only subsystem."""
    return lambda value: value["subsystems"][0].update(encryption_keys=list(entries))


def wrapped(agreement: str, *parties: str) -> str:
    """A pseudonym key of an agreement of the instance."""
    iri = f"https://demo.xroad-lite.example/agreements/{agreement}"
    wraps = [(name, key) for name, key in zip(parties, KEYS, strict=False)]
    return new_pseudonym_key(iri, wraps)


def found(documents: dict[str, bytes], edits: dict[str, Edit]) -> set[tuple[str, str, str]]:
    """Severity, code and path of what is wrong when these documents are edited."""
    spoilt = dict(documents)
    for path, edit in edits.items():
        value = yaml.safe_load(spoilt[path])
        edit(value)
        spoilt[path] = yaml.safe_dump(value).encode()
    findings = check_registry(spoilt, now=NOW)
    wanted = [one for one in findings if "approv" not in one.code]
    assert all(one.message and (one.line or one.severity == "warning") for one in wanted)
    return {(one.severity, one.code, one.path) for one in wanted}


OURS = {
    HEALTH_MEMBER: listing(KEYS[0].members()),
    CIVIL_MEMBER: listing(KEYS[1].members()),
    PERSONS: setting(pseudonym_key=wrapped("persons/1", HEALTH, CIVIL)),
}


def test_confidential_is_good_where_each_party_has_a_key(documents: dict[str, bytes]) -> None:
    """As a development instance makes them, and with keys of our own."""
    assert not found(documents, {BIRTHS: setting(confidential=True)})
    assert not found(documents, OURS | {BIRTHS: setting(confidential=True)})


OFF_CURVE = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
CASES: list[tuple[dict[str, Edit], tuple[str, str, str]]] = [
    (
        {CIVIL_MEMBER: listing(KEYS[1].members(), OFF_CURVE)},
        ("wrong", "registry.encryption_key", CIVIL_MEMBER),
    ),
    (
        {CIVIL_MEMBER: listing(KEYS[1].members(), KEYS[1].members())},
        ("wrong", "registry.duplicate", CIVIL_MEMBER),
    ),
    (
        {HEALTH_MEMBER: listing(*(one.members() for one in KEYS[:2]))},
        ("wrong", "registry.shared_encryption_key", HEALTH_MEMBER),
    ),
    (
        {BIRTHS: setting(confidential=True), CIVIL_MEMBER: listing()},
        ("wrong", "registry.no_encryption_key", BIRTHS),
    ),
    (
        {
            BIRTHS: setting(confidential=True),
            CIVIL_MEMBER: listing(KEYS[1].members() | {"until": "2020-01-01T00:00:00Z"}),
        },
        ("wrong", "registry.no_encryption_key", BIRTHS),
    ),
    ({PERSONS: setting(pseudonym_key="{}")}, ("wrong", "registry.pseudonym_key", PERSONS)),
    (
        {PERSONS: setting(pseudonym_key=wrapped("persons/2", HEALTH, CIVIL))},
        ("wrong", "registry.pseudonym_key", PERSONS),
    ),
    (
        {PERSONS: setting(pseudonym_key=wrapped("persons/1", HEALTH))},
        ("warning", "registry.pseudonym_key", PERSONS),
    ),
    (
        {
            PERSONS: setting(
                pseudonym_key=wrapped("persons/1", HEALTH, CIVIL, "DEMO/GOV/TAX/office")
            )
        },
        ("wrong", "registry.pseudonym_key", PERSONS),
    ),
    (
        {PERSONS: setting(pseudonym_key=wrapped("persons/1", CIVIL, HEALTH))},
        ("wrong", "registry.pseudonym_key", PERSONS),
    ),
    ({PERSONS: setting(pseudonym_key=None)}, ("warning", "registry.no_pseudonym_key", PERSONS)),
]


@pytest.mark.parametrize(("edits", "expected"), CASES)
def test_what_could_not_be_encrypted_is_found(
    edits: dict[str, Edit], expected: tuple[str, str, str], documents: dict[str, bytes]
) -> None:
    """Where it stands, and nothing beside it but what follows from it."""
    said = found(documents, OURS | edits)
    assert expected in said
    codes = {code for _, code, _ in said}
    follows = {"registry.shared_encryption_key", "registry.pseudonym_key"}
    assert codes - follows <= {expected[1]}, said
