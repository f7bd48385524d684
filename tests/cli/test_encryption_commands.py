"""Keys to encrypt to on the command line, and the key of an agreement's pseudonyms."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.encryption import KEY, PublicKey, parties_of, producers_of
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import CIVIL, HEALTH, two_agency_instance

TAX = "DEMO/GOV/TAX/office"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DevelopmentInstance:
    """Two agencies; no variables are set but the source."""
    for name in [one for one in os.environ if one.startswith("XROAD_LITE_")]:
        monkeypatch.delenv(name)
    made = two_agency_instance(tmp_path, now=time.time())
    monkeypatch.setenv("XROAD_LITE_SOURCE", str(made.source))
    return made


def asked(*words: object) -> Any:
    """What a command gives with --json."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    return json.loads(done.stdout)


def test_a_key_is_made_beside_the_old_and_listed(instance: DevelopmentInstance) -> None:
    """The entry that it prints is one that the registry takes; the old key stays for reading."""
    node = instance.node_folder(CIVIL)
    refused = asked("keys", "new", "--use", "encryption", "--no-passphrase", "--node", node)
    assert refused["error"]["code"] == "keys.exists"
    made = asked("keys", "renew", "--use", "encryption", "--no-passphrase", "--node", node)
    assert (made["number"], made["kid"]) == (2, PublicKey.read(made["encryption_key"]).kid)
    assert oct((node / "encryption-2.pem").stat().st_mode)[-3:] == "600"
    assert [one["state"] for one in asked("keys", "list", "--node", node)["encryption_keys"]] == [
        "encrypted to",
        "not listed",
    ]
    file = instance.source / "members/civil.yaml"
    member = yaml.safe_load(file.read_text())
    entry = made["encryption_key"] | {"from": "2020-01-01T00:00:00Z"}
    member["subsystems"][0]["encryption_keys"].append(entry)
    file.write_text(yaml.safe_dump(member))
    instance.publish(time.time())
    assert [one["state"] for one in asked("keys", "list", "--node", node)["encryption_keys"]] == [
        "for reading",
        "encrypted to",
    ]


def test_a_new_agreement_has_a_key_for_its_parties(instance: DevelopmentInstance) -> None:
    """Each version has one of its own; one that is approved keeps it."""
    options = ("--provider", HEALTH, "--consumer", TAX, "--type", "health.birth")
    made = asked("agreement", "new", "tax-births", *options)
    assert made["pseudonym_key"]
    file = instance.source / made["path"]
    first = yaml.safe_load(file.read_text())["pseudonym_key"]
    assert [name for name, _ in parties_of(first.encode(), KEY)] == [HEALTH, TAX]
    assert producers_of(first.encode(), KEY) == {f"{instance.base}agreements/tax-births/1"}
    assert asked("agreement", "key", "tax-births")["path"] == made["path"]
    second = yaml.safe_load(file.read_text())["pseudonym_key"]
    assert second != first
    assert len(re.findall("pseudonym", file.read_text())) == 2  # the field, and why it is there
    later = asked("agreement", "new", "tax-births")
    third = yaml.safe_load((instance.source / later["path"]).read_text())["pseudonym_key"]
    assert producers_of(third.encode(), KEY) == {f"{instance.base}agreements/tax-births/2"}
    approved = asked("agreement", "key", "births")
    assert approved["error"]["code"] == "registry.approved"
    assert "agreement new births" in approved["error"]["hint"]


def test_without_keys_of_its_parties_an_agreement_begins_without_one(
    instance: DevelopmentInstance,
) -> None:
    """It says why; later one can be made."""
    assert not asked("agreement", "new", "begun")["pseudonym_key"]
    refused = asked("agreement", "key", "begun")
    assert refused["error"]["code"] == "registry.no_encryption_key"
    assert "TODO is no registered party" in refused["error"]["message"]


def test_doctor_says_whether_the_private_keys_are_here(instance: DevelopmentInstance) -> None:
    """The one that is encrypted to now is needed, others for what is old."""
    node = instance.node_folder(CIVIL)

    def row() -> tuple[str, str]:
        rows = asked("doctor", "--node", node)["rows"]
        ((state, found),) = ((r["state"], r["found"]) for r in rows if "encryption" in r["what"])
        return state, found

    assert row() == ("good", "all 1 that the registry lists are here")
    made = asked("keys", "renew", "--use", "encryption", "--no-passphrase", "--node", node)
    file = instance.source / "members/civil.yaml"
    member = yaml.safe_load(file.read_text())
    entry = made["encryption_key"] | {"from": "2020-01-01T00:00:00Z"}
    member["subsystems"][0]["encryption_keys"].append(entry)
    file.write_text(yaml.safe_dump(member))
    instance.publish(time.time())
    assert row() == ("good", "all 2 that the registry lists are here")
    (node / "encryption.pem").unlink()
    assert row() == ("optional", "1 of 2 listed keys are not here")
    (node / "encryption-2.pem").unlink()
    state, found = row()
    assert state == "missing"
    assert made["kid"][:16] in found
