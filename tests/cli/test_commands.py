"""The commands of a node's day, as a person or a program types them."""

import json
import subprocess
import sys

import pytest

CLI = []
"""How a command begins."""


def run(*arguments, cwd=None, text=None):
    """Run a command; gives what it printed, and its exit code."""
    done = subprocess.run(
        [*CLI, *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, done.stderr, done.returncode


def asked(*arguments, cwd=None, text=None):
    """Run a command with --json; gives the object and the exit code."""
    out, err, code = run(*arguments, "--json", cwd=cwd, text=text)
    assert out, err
    return json.loads(out), code


@pytest.fixture(scope="module", autouse=True)
def quick(program):
    """Commands without the time to start: see ``quick_cli``."""
    CLI[:] = [str(program / "xroad-lite")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that ``init`` made, whose adapter has handled one birth."""
    folder = tmp_path_factory.mktemp("made") / "project"
    made, code = asked("init", folder)
    assert (made["ok"], code) == (True, 0)
    adapter = (folder / "adapter.py").read_text()
    once = adapter.replace("node.run()", "node.run(until=lambda: node.status()['log_entries'] > 1)")
    (folder / "once.py").write_text(once)
    running = subprocess.Popen(
        [sys.executable, "-u", "once.py"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert "waiting" in running.stdout.readline()
    sent, code = asked(
        "send", "health.birth", "birth.json", "--node", "instance/nodes/health", cwd=folder
    )
    assert (sent["waiting"], code) == (0, 0)
    assert running.stdout.readline() == "registered B-2026-0001 2026-03-14 Elena Sofía\n"
    assert running.wait(timeout=30) == 0
    return folder


def test_init_makes_what_its_readme_says(project):
    """Adapter, instance and a birth to send; never into a folder that holds something."""
    assert {"adapter.py", "README.md", "birth.json", "instance"} <= {
        one.name for one in project.iterdir()
    }
    refused, code = asked("init", project)
    assert (refused["error"]["code"], code) == ("config.init", 2)


def test_log_show_verify_and_replay(project):
    """The log of the Civil Registry holds the birth; it verifies, and replays to the same."""
    node = project / "instance/nodes/civil"
    shown, code = asked("log", "show", "--node", node)
    kinds = [one["kind"] for one in shown["entries"]]
    assert (kinds[:1], kinds[1:], code) == (["snapshot"], ["in", "outcome"], 0)
    whole, _ = asked("log", "show", 1, "--node", node)
    assert whole["payload"]["type"] == "health.birth"
    assert json.loads(whole["body"])["birthDate"] == "2026-03-14"
    verified, code = asked("log", "verify", "--node", node)
    assert (verified["ok"], verified["seals"], code) == (True, 1, 0)
    replayed, code = asked("log", "replay", "--node", node)
    assert (replayed["ok"], replayed["judged"], code) == (True, 1, 0)


def test_log_as_rdf_and_against_shapes(project):
    """A logged message as Turtle, JSON-LD and N-Quads; it conforms to the shapes of its schema."""
    node = project / "instance/nodes/civil"
    for form, said in (
        ("turtle", 'fhir:Patient.birthDate "2026-03-14"'),
        ("jsonld", '"birthDate":"2026-03-14"'),
        ("nquads", '<http://hl7.org/fhir/Patient.birthDate> "2026-03-14"'),
    ):
        shown, code = asked("log", "show", 1, "--as", form, "--node", node)
        assert (said in shown["document"], code) == (True, 0)
        assert shown["iri"].startswith("urn:uuid:")
    refused, code = asked("log", "show", 1, "--as", "rdfxml", "--node", node)
    assert (refused["error"]["code"], code) == ("config.form", 2)
    refused, code = asked("log", "show", 0, "--as", "turtle", "--node", node)
    assert (refused["error"]["code"], code) == ("log.no_meaning", 1)
    held, code = asked("log", "shacl", "--node", node)
    assert (held["ok"], held["messages"], held["skipped"], code) == (True, 1, [], 0)


def test_log_verify_finds_a_change(project, tmp_path):
    """A changed byte ends with exit code 1, and the entry is named."""
    copy = tmp_path / "copy.sqlite3"
    data = bytearray((project / "instance/nodes/civil/log.sqlite3").read_bytes())
    place = data.index(b'"kind":"outcome"') + 60
    data[place] ^= 1
    copy.write_bytes(data)
    found, code = asked("log", "verify", "--log", copy)
    assert (found["ok"], code) == (False, 1)
    assert found["findings"][0]["entry"] == 2


def test_status_and_doctor(project):
    """What waits where, and whether everything needed is there."""
    node = project / "instance/nodes/civil"
    status, code = asked("status", "--node", node)
    assert (status["inbox"], status["dead"], status["outbox"]["waiting"], code) == (0, 0, 0, 0)
    assert status["running"]["transport"]["connected"]
    found, code = asked("doctor", "--node", node)
    assert (found["ok"], code) == (True, 0)
    missing, code = asked("doctor", "--node", project / "nowhere")
    assert (missing["ok"], code) == (False, 1)


def test_what_a_node_refuses_to_send(project):
    """A body that breaks its schema ends with the check's number, and nothing is sent."""
    out, code = asked(
        "send", "health.birth", "-", "--node", "instance/nodes/health", cwd=project, text="{}"
    )
    assert (out["ok"], out["error"]["code"], code) == (False, "schema.invalid", 1)
    assert out["error"]["checks"] == [{"number": 8, "verdict": "refused"}]


def test_request_without_an_answer(project):
    """Nobody serves: after the time given the command says so."""
    out, code = asked(
        "request",
        "DEMO/GOV/CIVIL/registry",
        "citizens.person-query",
        "-",
        "--timeout",
        "0.3",
        "--node",
        "instance/nodes/health",
        cwd=project,
        text='{"codigoPersonal": "1"}',
    )
    assert (out["error"]["code"], code) == ("request.timeout", 1)


def test_dead_letters_by_hand(tmp_path):
    """Listed with their reason, shown, retried, dropped; the log tells."""
    from xroad_lite.testing import BIRTH, CIVIL, two_agencies

    with two_agencies(tmp_path) as world:
        world.civil.subscribe("health.birth")(lambda _: 1 / 0)
        world.health.publish("health.birth", BIRTH)
        for _ in range(8):
            world.settle()
            world.clock.turn(100)
    node = world.instance.node_folder(CIVIL)
    listed, code = asked("dead", "list", "--node", node)
    (letter,) = listed["dead"]
    assert (letter["code"], code) == ("handler.failed", 0)
    assert "ZeroDivisionError" in letter["message"]
    shown, _ = asked("dead", "show", letter["entry"], "--node", node)
    assert shown["reason"]["attempts"] == 5
    _, code = asked("dead", "retry", letter["entry"], "--node", node)
    assert code == 0
    gone, code = asked("dead", "drop", letter["entry"], "--node", node)
    assert (gone["error"]["code"], code) == ("log.no_dead_letter", 1)


def test_ca_makes_what_openssl_accepts(tmp_path):
    """A new authority and a certificate of it, verified by openssl; keys for their owner alone."""
    asked("ca", "new", tmp_path / "ca", "--no-passphrase")
    issued, code = asked(
        "ca",
        "issue",
        "CL/GOV/CIVIL/births",
        tmp_path / "node",
        "--ca",
        tmp_path / "ca",
        "--no-passphrase",
    )
    assert code == 0
    done = subprocess.run(
        [
            "openssl",
            "verify",
            "-CAfile",
            tmp_path / "ca/authority.pem",
            tmp_path / "node/certificates.pem",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "node/key.pem").stat().st_mode & 0o077 == 0
    print_ = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in"]
    told = subprocess.run(
        [*print_, tmp_path / "node/certificates.pem"], capture_output=True, text=True
    )
    assert told.stdout.strip().replace(":", "").lower().endswith(issued["sha256"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["log", "verify", "--node", "/nonexistent"], 2),
        (["ca", "issue", "CL/GOV", "x", "--ca", "/nonexistent"], 3),
        (["registry", "check", "/nonexistent"], 3),
        (["nonsense"], 2),
        (["demo", "--messages", "0"], 2),
    ],
)
def test_wrong_calls_end_with_their_code(arguments, code):
    """2 for usage, 3 where trust cannot be established; never a trace of the program."""
    out, err, found = run(*arguments)
    assert found == code, out + err
    assert "Traceback" not in out + err
