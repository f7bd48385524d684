"""The commands of docs/registry.md, as the lead agency, a steward and an operator type them."""

import json

import pytest
from guide import commands, typed

from xroad_lite.registry import RegistryFolder

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def walked(tmp_path_factory, program):
    """The folder after all commands, and what each printed."""
    return typed(commands("registry.md"), tmp_path_factory.mktemp("guide"), program)


def test_nothing_counts_before_two_of_three_have_signed(walked):
    """After Anna alone the root waits; after Bruno it only waits for the server."""
    assert "1 of its keys signed, expected 2" in walked.first("registry init")
    assert "waits for the online keys" in walked.first("sign registry --key root/bruno")
    assert "published 1:" in walked.first("publish source registry --key lead")


def test_a_steward_publishes_alone(walked):
    """What the steward signed waits for the online keys, and holds the steward's part alone."""
    alone = "registry publish source registry --role health --key steward/health.pem"
    assert walked.first(alone).startswith("staged health: signed")
    newest = RegistryFolder(walked.folder / "registry").newest()
    assert "schemas/health/birth/2.json" in newest.paths


def test_a_replaced_key_stops_its_domain_until_it_is_signed_anew(walked):
    """Between the two the domain stands still; at the end nothing does, under a second root."""
    assert "health stands still" in walked.first("--to steward/health-2.pem.pub")
    edition = RegistryFolder(walked.folder / "registry").newest().edition
    assert edition.root == 2
    assert [one.name for one in edition.roles if one.problem] == []


def test_doctor_says_under_which_root(walked):
    """The node was given the root, and found the registry good."""
    assert "under root 1" in " ".join(walked.first("doctor").split())


def test_private_keys_are_private(walked):
    """Mode 0600, and encrypted unless it was told otherwise."""
    for one in (walked.folder / "root").glob("*.pem"):
        assert one.stat().st_mode & 0o777 == 0o600
        assert one.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    online = (walked.folder / "online/online.pem").read_text()
    assert online.startswith("-----BEGIN PRIVATE KEY-----")
    metadata = (walked.folder / "registry/metadata/2.root.json").read_bytes()
    assert json.loads(metadata)["signed"]["roles"]["root"]["threshold"] == 2
