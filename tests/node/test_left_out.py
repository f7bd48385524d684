"""Who gets none of a publication: the publisher is told, and the talk says it once."""

import json
import subprocess

import pytest

from xroad_lite.node import Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, LAW, PURPOSE

TAX = "DEMO/GOV/TAX/office"
OTHER = "https://w3id.org/dpv#ServiceProvision"


@pytest.fixture
def several(instance, clock):
    """Tax may have births, too, for two purposes."""
    agree(instance, [PURPOSE, OTHER])
    instance.publish(clock())
    return instance


def agree(instance, purposes, version=1):
    """An agreement of Health with Tax."""
    instance.add_agreement(
        "for-tax",
        version=version,
        provider=HEALTH,
        consumer=TAX,
        operation="publish",
        types=["health.birth"],
        purposes=purposes,
        title={"en": "Births for the tax office"},
        basis={"en": "Tax Act"},
        basis_iri=LAW,
    )


def test_the_publisher_is_told_whom_policy_left_out(several, clock):
    """The event goes to the others; its id says who has none, and the talk says it once."""
    said = []
    with Node.open(several.node_folder(HEALTH), clock=clock, talk=said.append) as health:
        for _ in range(3):
            event = health.publish("health.birth", BIRTH, subject="B-1")
            (left_out,) = event.left_out
            assert (left_out.recipient, left_out.code) == (TAX, "policy.purpose")
        (line,) = [one for one in said if "does not go to" in one]
        assert TAX in line
        assert CIVIL not in line
        with health.transaction() as effects:
            assert effects.publish("health.birth", BIRTH).left_out == (left_out,)
        assert health.status()["outbox"]["waiting"] == 4


def test_that_nobody_is_left_out_any_more_is_said_too(several, clock):
    """A purpose of its own for Tax, in a newer snapshot."""
    said = []
    with Node.open(several.node_folder(HEALTH), clock=clock, talk=said.append) as health:
        health.publish("health.birth", BIRTH)
        agree(several, [PURPOSE], version=2)
        clock.turn(3600)
        several.publish(clock())
        health.step()
        assert health.publish("health.birth", BIRTH).left_out == ()
        assert "goes to everybody again" in said[-1]


def test_send_tells_whom_it_left_out(several, program):
    """People on standard error, programs in the JSON."""
    folder = several.node_folder(HEALTH)
    (folder / "birth.json").write_text(json.dumps(BIRTH))
    send = [program / "xroad-lite", "send", "health.birth", "birth.json", "--wait", "0"]
    done = subprocess.run(send, cwd=folder, capture_output=True, text=True, timeout=60)
    assert f"health.birth does not go to {TAX}" in done.stderr
    done = subprocess.run([*send, "--json"], cwd=folder, capture_output=True, text=True, timeout=60)
    (left_out,) = json.loads(done.stdout)["left_out"]
    assert (left_out["recipient"], left_out["code"]) == (TAX, "policy.purpose")
