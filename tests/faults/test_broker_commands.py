"""``xroad-lite broker``: a real broker is made as the registry says, and kept so."""

import json
import shlex
import subprocess
import time

import pika
import pytest
import yaml
from broker import BIN, Broker

from xroad_lite import times
from xroad_lite.registry.agreements import ending_path
from xroad_lite.testing import CIVIL, HEALTH, LAW, PURPOSE, two_agency_instance

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def commands(broker: Broker, tmp_path_factory, program):
    """Run a broker command on a virtual host of its own; gives its JSON and exit code."""
    folder = tmp_path_factory.mktemp("commands")
    instance = two_agency_instance(folder / "world", now=time.time())
    host = folder.name
    control = folder / "rabbitmqctl"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in broker.environment.items()]
    control.write_text("\n".join(["#!/bin/sh", *lines, f'exec {BIN}/rabbitmqctl "$@"', ""]))
    control.chmod(0o700)

    def run(verb, *options):
        command = [program / "xroad-lite", "broker", verb]
        command += [str(instance.folder / "registry"), "--json", "--vhost", host]
        if verb != "plan":
            command += ["--control", str(control)]
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100)
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode

    broker.forget_users()
    run.url = broker.add_host(host)
    run.instance = instance
    run.bindings = lambda: broker.ctl("list_bindings", "-p", host)
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


EXCHANGE, QUEUE = "DEMO.GOV.HEALTH.births", "DEMO.GOV.CIVIL.registry.citizens.person"


def waiting(url):
    """How many messages lie in the consumer's queue."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        return connection.channel().queue_declare(QUEUE, passive=True).method.message_count


def delivered(url):
    """Whether the broker finds a queue for what the provider sends to the consumer."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish(EXCHANGE, QUEUE, b"{}", mandatory=True)
        except pika.exceptions.UnroutableError:
            return False
    return True


def test_after_an_ending_a_subscriber_receives_nothing(commands):
    """Until what was sealed in time has drained it is bound; then ``apply`` takes that away."""
    now = time.time()
    law = {"title": {"en": "Persons"}, "basis": {"en": "Act 1"}, "basis_iri": LAW}
    agreed = {"provider": HEALTH, "consumer": CIVIL, "operation": "publish", "purposes": [PURPOSE]}
    for name, drain in (("brief", "PT1M"), ("long", "PT24H")):
        commands.instance.add_agreement(
            name, types=["citizens.person"], drain=drain, **agreed, **law
        )
    commands.instance.publish(now)
    commands("apply", "--amqp", commands.url)
    assert delivered(commands.url)
    for name, bound in (("brief", True), ("long", False)):
        ending = {"agreement": name, "version": 1, "by": "consumer", "at": times.to_text(now - 100)}
        if not bound:  # its drain time of a day is over too
            ending["at"] = times.to_text(now - 86_400)
        file = commands.instance.source / ending_path(name, 1)
        file.write_text(yaml.safe_dump(ending))
        now += 1
        commands.instance.publish(now)
        changed, _ = commands("apply", "--amqp", commands.url)
        assert delivered(commands.url) is bound, changed
    assert waiting(commands.url) == 2
    assert f"{EXCHANGE}\texchange\t{QUEUE}\t" not in commands.bindings()
    assert commands("check")[0]["ok"] is False  # the queue is still there, and named as too much
