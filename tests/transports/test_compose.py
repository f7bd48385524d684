"""``compose.yaml``: what it starts is there, and its settings are ones that a broker takes.

Does not start containers: the settings run on the broker of this machine.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from broker import BIN, INSTALL, installed, start_broker

from xroad_lite.transports import MAX_BODY_BYTES

FILE = Path(__file__).parents[2] / "compose.yaml"


@pytest.fixture(scope="module")
def compose():
    """The file as YAML, its merges done."""
    return yaml.safe_load(FILE.read_text())


def settings_of(compose):
    """The lines of rabbitmq.conf that it mounts."""
    lines = compose["configs"]["settings"]["content"].split("\n")
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if line)


def test_one_broker_is_started_and_three_on_request(compose):
    """On the ports of this machine that the comment names; the others by the profile alone."""
    services = compose["services"]
    profiles = [one.get("profiles") for one in services.values()]
    assert profiles == [None, ["cluster"], ["cluster"]]
    ports = [one["ports"] for one in services.values()]
    assert ports == [[f"127.0.0.1:{number}:5672"] for number in (5672, 5673, 5674)]


def test_what_is_named_is_there(compose):
    """Volumes, settings, services to wait for, and the peers of the cluster."""
    services = compose["services"]
    for name, one in services.items():
        assert one["hostname"] == name
        assert [volume.split(":")[0] for volume in one["volumes"]] == [name]
        assert name in compose["volumes"]
        assert [each["source"] for each in one["configs"]] == list(compose["configs"])
        for first, condition in one.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert services[first]["healthcheck"]["test"][1] == "rabbitmq-diagnostics"
    peers = [value for name, value in settings_of(compose).items() if ".nodes." in name]
    assert peers == [f"rabbit@{name}" for name in services]


def test_the_broker_is_one_that_the_guide_allows(compose):
    """One image for all, of a version that the guide names, with room for the largest body."""
    (image,) = {one["image"] for one in compose["services"].values()}
    name, _, version = image.partition(":")
    assert name == "rabbitmq"
    assert (3, 10) <= tuple(map(int, version.split("."))) < (5, 0)
    assert int(settings_of(compose)["max_message_size"]) >= MAX_BODY_BYTES
    (variables,) = {tuple(one["environment"]) for one in compose["services"].values()}
    assert variables == ("RABBITMQ_ERLANG_COOKIE",)


@pytest.mark.long
@pytest.mark.skipif(not installed(), reason=f"needs RabbitMQ: {INSTALL}")
def test_a_broker_starts_on_its_settings_and_is_found_healthy(compose, tmp_path):
    """Also while its peers cannot be reached, as where the cluster was not asked for."""
    broker = start_broker(tmp_path / "broker", settings=settings_of(compose))
    try:
        how, program, *words = compose["services"]["rabbit1"]["healthcheck"]["test"]
        assert how == "CMD"
        check = [BIN / program, "-n", broker.name, *words]
        subprocess.run(check, env=broker.environment, check=True, capture_output=True, timeout=60)
        shown = broker.ctl("environment")
        assert "{max_message_size,67108864}" in shown
        assert "{cluster_partition_handling,pause_minority}" in shown
    finally:
        broker.stop()
