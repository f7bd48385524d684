"""A log's key, checkpoints and trusted store from the command line."""

import json
import os
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.messagelog import notes
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Verifier
from xroad_lite.node import Node
from xroad_lite.stewardship.checking import check_source
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, two_agencies

NAMES = ("health", "civil")


@pytest.fixture
def run(monkeypatch):
    """Runs a command with --json; gives the object and the exit code."""
    for name in [one for one in os.environ if one.startswith("XROAD_LITE_")]:
        monkeypatch.delenv(name)

    def runs(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        return json.loads(done.stdout), done.exit_code

    return runs


@pytest.fixture(scope="module")
def health(tmp_path_factory):
    """Health's folder, after a message each way of closing; nothing runs."""
    with two_agencies(tmp_path_factory.mktemp("world")) as two:
        two.health.publish("health.birth", BIRTH)
        return two.instance.node_folder(HEALTH)


def test_a_log_key_rolls_over(run, tmp_path):
    """new makes the first, renew the next; each public side is a vkey under the log's name."""
    folder = tmp_path / "node"
    folder.mkdir()
    settings = {"subsystem": "CL/GOV/CIVIL/a b+c", "registry": "../none", "transport": "embedded:x"}
    (folder / "node.yaml").write_text(yaml.safe_dump(settings))
    new = ("keys", "new", "--use", "log", "--node", folder, "--no-passphrase")
    first, code = run(*new)
    assert code == 0
    assert Verifier.read(first["vkey"]).name == "CL/GOV/CIVIL/a%20b%2Bc"
    refused, code = run(*new)
    assert (refused["error"]["code"], code) == ("keys.exists", 3)
    assert "keys renew --use log" in refused["error"]["hint"]
    second, _ = run("keys", "renew", "--use", "log", "--node", folder, "--no-passphrase")
    assert (second["number"], second["vkey"] != first["vkey"]) == (2, True)
    (folder / "key.pem").unlink(missing_ok=True)
    listed, code = run("keys", "list", "--node", folder)
    assert [one["vkey"] for one in listed["log_keys"]] == [first["vkey"], second["vkey"]]


def test_checkpoints_are_listed(run, health):
    """The newest one is a note that the public key verifies."""
    found, code = run("log", "checkpoints", "--node", health)
    assert code == 0
    newest = found["checkpoints"][-1]
    key = Verifier.read((health / "log-key.vkey").read_text().strip())
    checkpoint = Checkpoint.open(newest["note"].encode(), key)
    assert (checkpoint.size, checkpoint.origin) == (found["size"], HEALTH)
    note = CliRunner().invoke(app, ["log", "checkpoints", "--note", "--node", str(health)]).stdout
    assert notes.read(note.encode()) == notes.read(newest["note"].encode())


def test_after_a_loss_the_log_is_trusted_again(run, health, tmp_path):
    """Nothing changes without --yes; then the node starts, and what was trusted lies beside."""
    folder = tmp_path / "instance/nodes/health"
    shutil.copytree(health.parents[1], tmp_path / "instance")
    shutil.copy(folder / "log.sqlite3", folder / "backup")
    with Node.open(folder) as node:
        node.publish("health.birth", BIRTH)
        had = node.store.size
    shutil.copy(folder / "backup", folder / "log.sqlite3")
    trusted = (folder / "trusted/checkpoint").read_bytes()
    told, code = run("log", "trust", "--node", folder)
    assert (told["before"], told["after"] < had, told["kept"], code) == (had, True, None, 0)
    assert (folder / "trusted/checkpoint").read_bytes() == trusted
    (tmp_path / "birth.json").write_text(json.dumps(BIRTH))
    refused, code = run("send", "health.birth", tmp_path / "birth.json", "--node", folder)
    assert (refused["error"]["code"], code) == ("log.set_back", 1)
    assert "xroad-lite log trust" in refused["error"]["hint"]
    told, _ = run("log", "trust", "--yes", "--node", folder)
    with Node.open(folder) as node:
        node.publish("health.birth", BIRTH)
        busy, code = run("log", "trust", "--yes", "--node", folder)
        assert (busy["error"]["code"], code) == ("log.locked", 1)
    (kept,) = (folder / "trusted").glob("checkpoint.until-*")
    assert kept.read_bytes() == trusted


def test_the_registry_refuses_a_key_that_is_not_the_logs(health, tmp_path):
    """Another log's key, a key twice, a hash that is another key's: each is told with its place."""
    source = tmp_path / "source"
    shutil.copytree(health.parents[1] / "source", source)
    read = {one: yaml.safe_load((source / f"members/{one}.yaml").read_text()) for one in NAMES}
    (key,) = read["health"]["subsystems"][0]["log_keys"]
    wrong = key.replace(key.split("+")[1], "00000000")
    read["civil"]["subsystems"][0]["log_keys"] += [key, wrong]
    (source / "members/civil.yaml").write_text(yaml.safe_dump(read["civil"]))
    found, _ = check_source(source, now=0.0)
    messages = [one.message for one in found if one.code == "registry.log_key"]
    assert len(messages) == 3
    assert sum(one.endswith(f"expected one of {CIVIL}") for one in messages) == 1
