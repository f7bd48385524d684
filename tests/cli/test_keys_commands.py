"""``xroad-lite keys`` and ``ca`` used wrongly: what is said, and that nothing is lost."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import open_key, read_certificates
from xroad_lite.stewardship import Authority

ME = "CL/GOV/CIVIL/births"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Runs a command with --json; gives the object and the exit code. No terminal, no variables."""
    for name in [one for one in os.environ if one.startswith("XROAD_LITE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **variables):
        done = CliRunner().invoke(app, [*map(str, arguments), "--json"], env=variables)
        return json.loads(done.stdout), done.exit_code

    return run


@pytest.fixture
def node(tmp_path):
    """A folder with node.yaml and nothing else; its registry is out of reach."""
    folder = tmp_path / "node"
    folder.mkdir()
    lines = (f"subsystem: {ME}", "registry: ../none", "transport: embedded:bus.sqlite3")
    (folder / "node.yaml").write_text("\n".join(lines) + "\n")
    return folder


def authority(folder):
    """An authority without a passphrase."""

    made = Authority.create("CA", now=time.time())
    made.write(folder)
    return made


def test_a_key_is_encrypted_unless_told_otherwise(asked, node):
    """Without a passphrase nothing is written; with one, or told so, it is."""
    refused, code = asked("keys", "new", "--node", node)
    assert (refused["error"]["code"], code) == ("keys.passphrase", 3)
    assert "--no-passphrase" in refused["error"]["hint"]
    assert not (node / "key.pem").exists()
    made, code = asked("keys", "new", "--node", node, XROAD_LITE_PASSPHRASE="secret")
    assert (made["number"], code) == (1, 0)
    assert b"ENCRYPTED" in (node / "key.pem").read_bytes()
    again, code = asked("keys", "new", "--node", node, XROAD_LITE_PASSPHRASE="secret")
    assert (again["error"]["code"], code) == ("keys.exists", 3)
    plain, code = asked("keys", "renew", "--node", node, "--no-passphrase", "--algorithm", "EdDSA")
    assert (plain["number"], code) == (2, 0)
    assert open_key(plain["key"]).public_key()


def test_passphrases_from_files_and_the_nodes_settings(asked, node):
    """By an option, or by ``passphrase_from`` in node.yaml, relative to it."""
    (node / "secret").write_text("from a file\n")
    (node / "node.yaml").write_text(
        (node / "node.yaml").read_text() + "passphrase_from: file:secret\n"
    )
    made, code = asked("keys", "new", "--node", node)
    assert code == 0
    assert open_key(made["key"], passphrase=b"from a file")
    listed, _ = asked("keys", "list", "--node", node)
    assert [one["state"] for one in listed["keys"]] == ["no certificate yet"]
    shown, code = asked("keys", "csr", "--node", node)
    assert code == 0
    assert shown["pem"] == (node / "request.pem").read_text()
    wrong, code = asked("keys", "csr", "--node", node, "--passphrase-from", "hunter2")
    assert (wrong["error"]["code"], code) == ("keys.passphrase", 3)
    wrong, code = asked("keys", "csr", "--node", node, "--passphrase-from", "env:NOT_SET")
    assert (wrong["error"]["code"], code) == ("keys.private_key", 3)


def test_answers_that_are_not_installed(asked, node, tmp_path):
    """Of another key, over another certificate, or for another subsystem: said, and not written."""
    asked("keys", "new", "--node", node, "--no-passphrase")
    ca = authority(tmp_path / "ca")

    other = ca.issue(SubsystemId.parse(ME), now=time.time())
    other.write(tmp_path / "other")
    refused, code = asked("keys", "install", tmp_path / "other/certificates.pem", "--node", node)
    assert (refused["error"]["code"], code) == ("keys.mismatch", 3)
    issue = ("ca", "issue", "--csr", node / "request.pem", "--ca", tmp_path / "ca", "--out")
    wrong, code = asked(*issue, "x.pem", "CL/GOV/CIVIL/deaths")
    assert (wrong["error"]["code"], code) == ("keys.identifier", 3)
    first, code = asked(*issue, "one.pem")
    assert code == 0
    again, code = asked(*issue, "one.pem")
    assert (again["error"]["code"], code) == ("keys.exists", 3)
    second, _ = asked(*issue, "two.pem", "--days", "10")
    done, code = asked("keys", "install", "one.pem", "--node", node)
    assert (done["sha256"], done["checked"], code) == (first["sha256"], False, 0)
    refused, code = asked("keys", "install", "two.pem", "--node", node)
    assert (refused["error"]["code"], code) == ("keys.exists", 3)
    done, code = asked("keys", "install", "two.pem", "--node", node, "--replace")
    assert (done["sha256"], code) == (second["sha256"], 0)
    listed, _ = asked("keys", "list", "--node", node)
    (one,) = listed["keys"]
    assert (one["sha256"], one["state"]) == (second["sha256"], "registry out of reach")
    assert 9 < one["days_left"] < 10.1


def test_an_answer_finds_its_own_key(asked, node, tmp_path):
    """Two requests are open: each answer goes to the key that it is for, in whatever order."""
    asked("keys", "new", "--node", node, "--no-passphrase")
    asked("keys", "renew", "--node", node, "--no-passphrase")
    authority(tmp_path / "ca")
    for number, name in ((2, "request-2.pem"), (1, "request.pem")):
        out = f"answer-{number}.pem"
        asked("ca", "issue", "--csr", node / name, "--ca", tmp_path / "ca", "--out", out)
        done, code = asked("keys", "install", out, "--node", node)
        assert (done["number"], code) == (number, 0)
    assert len(read_certificates((node / "certificates-2.pem").read_bytes())) == 1


def test_an_authority_asks_for_its_own_passphrase(asked, node, tmp_path):
    """Another variable than the node's: whoever may seal may not certify."""
    ca = tmp_path / "ca"
    refused, code = asked("ca", "new", ca, XROAD_LITE_PASSPHRASE="the node's")
    assert (refused["error"]["code"], code) == ("keys.passphrase", 3)
    assert "XROAD_LITE_CA_PASSPHRASE" in refused["error"]["hint"]
    variables = {"XROAD_LITE_CA_PASSPHRASE": "the authority's"}
    assert asked("ca", "new", ca, **variables)[1] == 0
    asked("keys", "new", "--node", node, "--no-passphrase")
    csr = ("ca", "issue", "--csr", node / "request.pem", "--ca", ca)
    refused, code = asked(*csr, XROAD_LITE_PASSPHRASE="the node's")
    assert (refused["error"]["code"], code) == ("keys.authority", 3)
    done, code = asked(*csr, **variables)
    assert (done["subsystem"], code) == (ME, 0)
    assert done["certificate"] == str(node / "certificate.pem")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ca", "issue", "--ca", "ca"), 2),
        (("ca", "issue", "--ca", "ca", ME), 2),
        (("ca", "issue", "--ca", "ca", ME, "there", "--csr", "x"), 2),
        (("ca", "issue", "--ca", "ca", "--csr", "none.pem"), 2),
        (("ca", "issue", "--ca", "ca", ME, "there", "--no-passphrase", "--algorithm", "RS256"), 3),
        (("ca", "issue", "--ca", "ca", "CL/GOV", "there", "--no-passphrase"), 2),
        (("ca", "revoke", "00", "--ca", "ca"), 3),
        (("ca", "revoke", "00", "--ca", "ca", "--since", "yesterday"), 2),
        (("ca", "new", "ca", "--no-passphrase"), 3),
        (("keys", "list", "--node", "nowhere"), 2),
    ],
)
def test_wrong_calls_end_with_their_code(arguments, code, asked, tmp_path):
    """2 for usage, 3 where trust cannot be established; never a trace of the program."""
    authority(tmp_path / "ca")
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    assert not (tmp_path / "there").exists()
