"""What ``registry check`` says of trusted instances, and of agreements with their members."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from xroad_lite.registry import RegistryFolder, Snapshot, read_source
from xroad_lite.registry.metadata import metadata_path
from xroad_lite.stewardship import check_registry
from xroad_lite.testing import two_agency_instance

NOW = 1_790_000_000.0
OTHER = {
    "instance": "PE",
    "base": "https://pe.example/",
    "root": "trusted/pe.root.json",
    "registry": ["https://registry.pe.example/"],
}
BIRTHS = "agreements/births-1.yaml"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The two agencies, which trust PE; its root is any root that signs itself."""
    made = two_agency_instance(tmp_path_factory.mktemp("instance"), now=NOW)
    root = RegistryFolder(made.folder / "registry").path / metadata_path("root", 1)
    found = read_source(made.source) | {"trusted/pe.root.json": root.read_bytes()}
    return found | {"trusted/pe.yaml": yaml.safe_dump(OTHER).encode()}


def codes(documents: dict[str, bytes]) -> list[str]:
    """The codes of all that is wrong."""
    return sorted(one.code for one in check_registry(documents, now=NOW) if one.is_wrong)


def trusting(documents: dict[str, bytes], **changed: Any) -> dict[str, bytes]:
    """With another entry for PE."""
    return documents | {"trusted/pe.yaml": yaml.safe_dump(OTHER | changed).encode()}


def agreed(documents: dict[str, bytes], **changed: Any) -> dict[str, bytes]:
    """With other parties of the agreement on births, which nobody has approved then."""
    text = yaml.safe_load(documents[BIRTHS]) | changed
    kept = {path: data for path, data in documents.items() if not path.endswith(".jws")}
    return kept | {BIRTHS: yaml.safe_dump(text).encode()}


def test_trust_in_another_instance_is_well(documents: dict[str, bytes]) -> None:
    """Nothing is wrong with it, nor with an agreement with its member, in whose types it may be."""
    assert codes(documents) == []
    assert codes(agreed(documents, consumer="PE/GOV/CIVIL")) == []
    theirs = agreed(documents, provider="PE/GOV/CIVIL/x", types=["pe.only"], fields={"pe.only": []})
    assert codes(theirs) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"instance": "DEMO"}, "registry.duplicate"),
        ({"base": "https://demo.xroad-lite.example/x/"}, "registry.trusted"),
        ({"root": "trusted/none.root.json"}, "registry.missing_file"),
        ({"root": "instance.yaml"}, "registry.metadata"),
        ({"registry": []}, "registry.document"),
        ({"instance": "P/E"}, "registry.document"),
    ],
)
def test_a_faulty_entry_is_named(
    documents: dict[str, bytes], changed: dict[str, Any], code: str
) -> None:
    """This instance itself, names that overlap, no root, no address, no identifier."""
    assert code in codes(trusting(documents, **changed))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"consumer": "XX/GOV/CIVIL"}, "registry.untrusted_instance"),
        ({"consumer": "group:PE/GOV/CIVIL/a/friends"}, "registry.foreign_party"),
        ({"provider": "PE/GOV/A/a", "consumer": "PE/GOV/B/b"}, "registry.foreign_party"),
    ],
)
def test_a_party_that_cannot_be_is_named(
    documents: dict[str, bytes], changed: dict[str, Any], code: str
) -> None:
    """Of an instance that is not trusted, a group of another, or nobody of ours."""
    assert code in codes(agreed(documents, **changed))


def test_a_group_holds_our_own_alone(documents: dict[str, bytes]) -> None:
    """Whoever is of another instance has an agreement by name."""
    group = {"group": "friends", "title": {"en": "Friends"}, "members": ["PE/GOV/CIVIL"]}
    more = documents | {"groups/friends.yaml": yaml.safe_dump(group).encode()}
    assert codes(more) == ["registry.foreign_party"]
    assert Snapshot.draft(more).parties.standing("group:friends") == frozenset()
