"""The commands of docs/registry.md, as the lead agency, a steward and an operator type them."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from quick_cli import quick_program

from xroad_lite.registry import RegistryFolder

TEXT = (Path(__file__).parents[1] / "docs/registry.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder after all commands, and what each printed."""
    folder = tmp_path_factory.mktemp("guide")
    lines = "".join(BLOCKS).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    script = "\n".join(f"echo '#'\n{line[2:]}" for line in lines)
    with quick_program(tmp_path_factory.mktemp("bin")) as program:
        environment = {name: one for name, one in os.environ.items() if "XROAD_LITE" not in name}
        environment["PATH"] = f"{program}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = done.stdout.split("#\n")[1:]
    return folder, dict(zip([line[2:] for line in lines], said, strict=True))


def said_by(walked, words):
    """What the first command with these words printed."""
    return next(text for line, text in walked[1].items() if words in line)


def test_nothing_counts_before_two_of_three_have_signed(walked):
    """After Anna alone the root waits; after Bruno it only waits for the server."""
    assert "1 of its keys signed, expected 2" in said_by(walked, "registry init")
    assert "waits for the online keys" in said_by(walked, "sign registry --key root/bruno")
    assert "published 1:" in said_by(walked, "publish source registry --key lead")


def test_a_steward_publishes_alone(walked):
    """What the steward signed waits for the online keys, and holds the steward's part alone."""
    alone = "registry publish source registry --role health --key steward/health.pem"
    assert said_by(walked, alone).startswith("staged health: signed")
    newest = RegistryFolder(walked[0] / "registry").newest()
    assert "schemas/health/birth/2.json" in newest.paths


def test_a_replaced_key_stops_its_domain_until_it_is_signed_anew(walked):
    """Between the two the domain stands still; at the end nothing does, under a second root."""
    assert "health stands still" in said_by(walked, "--to steward/health-2.pem.pub")
    edition = RegistryFolder(walked[0] / "registry").newest().edition
    assert edition.root == 2
    assert [one.name for one in edition.roles if one.problem] == []


def test_doctor_says_under_which_root(walked):
    """The node was given the root, and found the registry good."""
    assert "under root 1" in " ".join(said_by(walked, "doctor").split())


def test_private_keys_are_private(walked):
    """Mode 0600, and encrypted unless it was told otherwise."""
    for one in (walked[0] / "root").glob("*.pem"):
        assert one.stat().st_mode & 0o777 == 0o600
        assert one.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    online = (walked[0] / "online/online.pem").read_text()
    assert online.startswith("-----BEGIN PRIVATE KEY-----")
    metadata = (walked[0] / "registry/metadata/2.root.json").read_bytes()
    assert json.loads(metadata)["signed"]["roles"]["root"]["threshold"] == 2
