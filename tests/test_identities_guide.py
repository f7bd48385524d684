"""The commands of docs/identities.md, as a steward and an operator type them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from quick_cli import quick_program

from xroad_lite.node import Node

TEXT = (Path(__file__).parents[1] / "docs/identities.md").read_text()
BLOCKS = re.findall(r"```console([^\n]*)\n(.*?)```", TEXT, re.S)


def commands(kind):
    """The commands of a kind of block, as one script."""
    lines = "".join(block for name, block in BLOCKS if name.strip() == kind).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return "\n".join(line[2:] for line in lines)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a script in a folder, until its first error; gives its last line, as JSON."""
    with quick_program(tmp_path_factory.mktemp("bin")) as program:
        environment = {name: one for name, one in os.environ.items() if "XROAD_LITE" not in name}
        environment["PATH"] = f"{program}:{environment['PATH']}"

        def runs(folder, script):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout.splitlines()[-1])

        yield runs


def civil(folder):
    """The node of the Civil Registry, which takes births in."""
    node = Node.open(folder / "play/instance/nodes/civil")
    node.subscribe("health.birth")(lambda message: None)
    return node


@pytest.fixture(scope="module")
def played(run, tmp_path_factory):
    """The folder after all commands but those of the token, and what the node's keys are then."""
    folder = tmp_path_factory.mktemp("guide")
    begin, _, rest = commands("").partition("\n")
    run(folder, begin + "\necho null")
    with civil(folder):  # so that there is somebody to send to
        pass
    return folder, run(folder, "cd play\n" + rest + "\nxroad-lite keys list --json")


def test_the_guide_ends_with_a_revoked_key_and_a_listed_one(played, run):
    """Two keys, the first revoked, the second listed; two messages, each sealed by another."""
    folder, found = played
    states = [(one["number"], one["state"]) for one in found["keys"]]
    assert states == [(1, "revoked"), (2, "listed")]
    assert all(700 < one["days_left"] < 731 for one in found["keys"])
    pem = (folder / "play/instance/nodes/health/key-2.pem").read_text()
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    log = "cd play && xroad-lite log verify --node instance/nodes/health --json"
    assert run(folder, log)["seals"] == 2


@pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="needs SoftHSM 2")
def test_the_guide_with_a_token(played, run):
    """The same node seals with a key that is in no file, and the Civil Registry accepts it.

    Of the three births the first was sealed by the stolen key: whenever that was, it is refused.
    """
    folder, _ = played
    digest = next(line[2:] for line in TEXT.splitlines() if line.startswith("$ digest()"))
    script = [
        f"cd play\n{digest}",
        "export XROAD_LITE_NODE=instance/nodes/health XROAD_LITE_REGISTRY_KEYS=instance/keys",
        commands("token"),
        "xroad-lite keys list --json",
    ]
    (one,) = run(folder, "\n".join(script))["keys"]
    assert (one["number"], one["state"]) == (1, "listed")
    assert not list((folder / "play/instance/nodes/health").glob("key*.pem"))
    log = "cd play && xroad-lite log verify --node instance/nodes/health --json"
    assert run(folder, log)["seals"] == 3
    with civil(folder) as node:
        while node.step():
            pass
        counters = node.status()["counters"]
    assert (counters["received.accepted"], counters["received.refused"]) == (2, 1)
