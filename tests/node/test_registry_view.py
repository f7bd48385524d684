"""A running node and its registry: out of reach, expired, lapsed in part, over the web."""

import json
import shutil
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from xroad_lite import times
from xroad_lite.errors import ConfigurationError, RefusedError, RegistryError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.evidence.sources import LogSource
from xroad_lite.node import Node
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.stewardship import Repository
from xroad_lite.testing import BIRTH, CIVIL

NOW = 1_790_000_000.0
HOUR, DAY = 3600.0, 86_400.0
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
}


@pytest.fixture
def seen(two):
    """Births that the Civil Registry handled."""
    handled = []
    two.civil.subscribe("health.birth")(lambda message: handled.append(message.id))
    return handled


def verdicts(node):
    """Outcome and code of all that came in."""
    found = [entries.read(leaf) for _, leaf in node.store.entries()]
    said = [one.fields["verdict"] for one in found if one.fields.get("direction") == "in"]
    return [(one["outcome"], one.get("code")) for one in said]


def declare(instance, **fields):
    """Change fields of instance.yaml."""
    path = instance.source / "instance.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | fields))


def test_out_of_reach_for_an_hour_nothing_stops(two, seen):
    """The last good state holds; status says what is wrong, and when it is well again."""
    registry = two.instance.folder / "registry"
    registry.rename(two.instance.folder / "away")
    two.clock.turn(HOUR)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert len(seen) == 1
    assert two.civil.status()["registry_problem"].startswith("registry.out_of_reach")
    (two.instance.folder / "away").rename(registry)
    two.clock.turn(10)
    two.settle()
    assert two.civil.status()["registry_problem"] is None


def test_a_node_starts_while_the_registry_is_away(two, reopen):
    """From its mirror, with all that it had adopted."""
    name = two.civil.status()["registry"]
    (two.instance.folder / "registry").rename(two.instance.folder / "away")
    assert reopen().status()["registry"] == name


def test_grace_is_declared_by_the_instance_and_said(two, seen):
    """Expired, it goes on for the grace period, says so, and then decides nothing more."""
    declare(two.instance, grace="PT2H")
    two.instance.publish(NOW + 1, expires_in=HOUR)
    two.clock.turn(10)
    two.settle()
    said = []
    two.civil._talk = said.append
    two.clock.turn(2 * HOUR)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert (len(seen), verdicts(two.civil)) == (1, [("accepted", None)])
    assert "going on in grace until" in said[-1]
    assert two.civil.status()["registry_grace_until"] == times.to_text(NOW + 1 + 3 * HOUR)
    two.clock.turn(2 * HOUR)
    with pytest.raises(RefusedError, match=r"registry\.expired"):
        two.health.publish("health.birth", BIRTH)
    two.settle()
    assert "nothing is decided" in said[-1]


def test_a_lapsed_steward_stops_its_domain_alone(two, seen):
    """Births wait, persons go on; when the steward has signed again, the births come."""
    heard = []
    two.health.subscribe("citizens.person")(lambda message: heard.append(message.id))
    registry = RegistryFolder(two.instance.folder / "registry")
    repository = Repository(registry, two.instance.keys, now=NOW + 1)
    repository.renew("health", HOUR)
    repository.commit()
    two.clock.turn(HOUR - 10)
    two.health.step()
    two.civil.step()
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    two.clock.turn(60)
    two.civil.publish("citizens.person", PERSON)
    two.settle()
    assert (len(seen), len(heard), two.civil.status()["undecided"]) == (0, 1, 1)
    assert "the role health signed expired" in two.civil.status()["registry_lapsed"][0]
    with pytest.raises(RefusedError, match=r"registry\.role_expired"):
        two.health.publish("health.birth", BIRTH)
    repository = Repository(registry, two.instance.keys, now=two.clock())
    repository.renew("health")
    repository.commit()
    two.clock.turn(60)
    two.settle()
    assert len(seen) == 1
    assert verdicts(two.civil) == [("accepted", None)]


def test_last_weeks_snapshot_does_not_bring_an_ended_agreement_back(two, seen, health_key, put):
    """The agreement ended; whoever still names the snapshot that had it is refused by check 2."""
    two.health.publish("health.birth", BIRTH)
    two.settle()
    honest = health_key.last_sent()
    last_week = two.civil.status()["registry"]
    (two.instance.source / "agreements/births-1.yaml").unlink()
    two.instance.publish(NOW + 60)
    two.clock.turn(7 * DAY)
    two.settle()
    body = json.dumps(BIRTH | {"gender": "male"}).encode()
    put(health_key.seal(honest, body, registry=last_week))
    two.settle()
    assert verdicts(two.civil)[1:] == [("refused", "registry.outdated_snapshot")]
    put(health_key.seal(honest, body, registry=two.civil.status()["registry"]))
    two.settle()
    assert verdicts(two.civil)[2:] == [("refused", "policy.no_agreement")]
    assert len(seen) == 1


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Quietly."""


def test_over_the_web_a_newer_snapshot_is_adopted(two, reopen):
    """Asked for in a thread of its own, adopted and logged by the node's."""
    handler = partial(_Files, directory=str(two.instance.folder / "registry"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    node_yaml = two.instance.node_folder(CIVIL) / "node.yaml"
    settings = yaml.safe_load(node_yaml.read_text())
    settings |= {"registry": f"http://127.0.0.1:{server.server_address[1]}/", "refresh": 0.01}
    node_yaml.write_text(yaml.safe_dump(settings))
    try:
        shutil.rmtree(two.instance.node_folder(CIVIL) / "registry")
        civil = reopen()
        newest = two.instance.publish(NOW + 60).name
        ends = time.monotonic() + 30
        while civil.status()["registry"] != newest and time.monotonic() < ends:
            two.clock.turn(1)
            civil.step()
            time.sleep(0.01)
        assert civil.status()["registry"] == newest
    finally:
        server.shutdown()
        server.server_close()
    logged = [entries.read(leaf).fields for _, leaf in civil.store.entries()]
    assert [(one["registry"], one["root"]) for one in logged if one["kind"] == "snapshot"][-1] == (
        newest,
        1,
    )


def test_a_node_needs_a_root_to_trust(two):
    """Without the file, or with another one than node.yaml names, it does not start."""
    two.civil.close()
    folder = two.instance.node_folder(CIVIL)
    settings = yaml.safe_load((folder / "node.yaml").read_text())
    (folder / "node.yaml").write_text(yaml.safe_dump(settings | {"root_sha256": "0" * 64}))
    with pytest.raises(ConfigurationError, match="expects 0000"):
        Node.open(folder, clock=two.clock)
    (folder / "root.json").unlink()
    with pytest.raises(ConfigurationError) as caught:
        Node.open(folder, clock=two.clock)
    assert caught.value.code == "config.root"
    assert "registry root" in caught.value.hint


def test_a_replay_takes_only_snapshots_that_the_log_adopted(two, seen):
    """From its own mirror; what the log does not name may be made with old keys."""
    two.health.publish("health.birth", BIRTH)
    two.settle()
    mirror = two.civil.settings.registry_client().mirror
    assert replay_log(two.civil.store, mirror, CIVIL).equal

    class Without(LogSource):
        def leaves(self, first, last):
            rows = super().leaves(first, last)
            return [(i, leaf) for i, leaf in rows if entries.read(leaf).kind != "snapshot"]

    with pytest.raises(RegistryError) as caught:
        replay_log(Without(two.civil.store), mirror, CIVIL)
    assert caught.value.code == "registry.not_adopted"
