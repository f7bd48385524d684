"""``xroad-lite broker``: a real broker is made as the registry says, and kept so."""

import json
import shlex
import subprocess
import sys

import pytest
from broker import BIN, Broker

from xroad_lite.testing import two_agency_instance


@pytest.fixture
def commands(broker: Broker, tmp_path):
    """Run a broker command on a virtual host of its own; gives its JSON and exit code."""
    import time

    instance = two_agency_instance(tmp_path / "world", now=time.time())
    host = tmp_path.name
    broker.ctl("add_vhost", host)
    broker.ctl("set_permissions", "-p", host, "guest", ".*", ".*", ".*")
    control = tmp_path / "rabbitmqctl"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in broker.environment.items()]
    control.write_text("\n".join(["#!/bin/sh", *lines, f'exec {BIN}/rabbitmqctl "$@"', ""]))
    control.chmod(0o700)

    def run(verb, *options):
        command = [sys.executable, "-m", "xroad_lite.cli", "broker", verb]
        command += [str(instance.folder / "registry"), "--json", "--vhost", host]
        if verb != "plan":
            command += ["--control", str(control)]
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100)
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode

    run.url = broker.url.replace("%2F", host)
    return run


def test_plan_apply_check(commands):
    """What is planned is missing, then made; a second time nothing is left to do."""
    planned, code = commands("plan")
    assert code == 0
    assert "DEMO.GOV.CIVIL.registry.health.birth" in planned["plan"]["queues"]
    before, code = commands("check")
    assert (before["ok"], code) == (False, 1)
    assert any(line.startswith("+ ") for line in before["differences"])
    made, code = commands("apply", "--amqp", commands.url)
    assert code == 0
    assert made["changed"]
    again, code = commands("apply", "--amqp", commands.url)
    assert (again["changed"], code) == ([], 0)
    after, code = commands("check")
    assert (after["ok"], code) == (True, 0)


def test_a_broker_that_is_not_there_is_said_in_words(commands):
    """Exit code 4, and which address could not be used."""
    failed, code = commands("apply", "--amqp", "amqp://guest:guest@127.0.0.1:1/x")
    assert code == 4
    assert failed["error"]["code"] == "transport.broker_refused"
