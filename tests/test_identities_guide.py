"""The commands of docs/identities.md, as a steward and an operator type them."""

import json
import shutil

import pytest
from guide import commands, typed

from xroad_lite.node import Node

pytestmark = pytest.mark.long


def shown(lines, folder, program):
    """What the last command printed, as JSON."""
    return json.loads(typed(lines, folder, program).said[-1][1])


def civil(folder):
    """The node of the Civil Registry, which takes births in."""
    node = Node.open(folder / "play/instance/nodes/civil")
    node.subscribe("health.birth")(lambda message: None)
    return node


@pytest.fixture(scope="module")
def played(tmp_path_factory, program):
    """The folder after all commands but those of the token, and what the node's keys are then."""
    folder = tmp_path_factory.mktemp("guide")
    begin, *rest = commands("identities.md")
    typed([begin], folder, program)
    with civil(folder):  # so that there is somebody to send to
        pass
    lines = ["cd play", *rest, "xroad-lite keys list --json"]
    return folder, shown(lines, folder, program)


def test_the_guide_ends_with_a_revoked_key_and_a_listed_one(played, program):
    """Two keys, the first revoked, the second listed; two messages, each sealed by another."""
    folder, found = played
    states = [(one["number"], one["state"]) for one in found["keys"]]
    assert states == [(1, "revoked"), (2, "listed")]
    assert all(700 < one["days_left"] < 731 for one in found["keys"])
    pem = (folder / "play/instance/nodes/health/key-2.pem").read_text()
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    log = ["xroad-lite log verify --node play/instance/nodes/health --json"]
    assert shown(log, folder, program)["seals"] == 2


@pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="needs SoftHSM 2")
def test_the_guide_with_a_token(played, program):
    """The same node seals with a key that is in no file, and the Civil Registry accepts it.

    Of the three births the first was sealed by the stolen key: whenever that was, it is refused.
    """
    folder, _ = played
    digest = next(one for one in commands("identities.md") if one.startswith("digest()"))
    lines = [
        "cd play",
        digest,
        "export XROAD_LITE_NODE=instance/nodes/health XROAD_LITE_REGISTRY_KEYS=instance/keys",
        *commands("identities.md", "token"),
        "xroad-lite keys list --json",
    ]
    (one,) = shown(lines, folder, program)["keys"]
    assert (one["number"], one["state"]) == (1, "listed")
    assert not list((folder / "play/instance/nodes/health").glob("key*.pem"))
    log = ["xroad-lite log verify --node play/instance/nodes/health --json"]
    assert shown(log, folder, program)["seals"] == 3
    with civil(folder) as node:
        while node.step():
            pass
        counters = node.status()["counters"]
    assert (counters["received.accepted"], counters["received.refused"]) == (2, 1)
