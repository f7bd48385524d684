"""What ``xroad-lite init --adapter`` makes runs as its README says, each adapter's of the five."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from databases import free_port
from processes import context, paths, program
from typer.testing import CliRunner

from xroad_lite import Node
from xroad_lite.cli import app
from xroad_lite.testing import BIRTH

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(request, tmp_path, built, monkeypatch):
    """A new project of the adapter; programs that were started in it end with the test.

    Those that need xroad_lite are children of a server that has it loaded, as time is short.
    """
    name = request.param
    folder, started, children = tmp_path / name, [], context()
    monkeypatch.setenv("PYTHONPATH", paths())

    def instance(made, **_):
        shutil.copytree(built.folder, made)

    monkeypatch.setattr("xroad_lite.testing.two_agency_instance", instance)
    made = CliRunner().invoke(app, ["init", str(folder), "--adapter", name, "--json"])
    assert (made.exit_code, json.loads(made.stdout)["ok"]) == (0, True), made.output

    def start(*command):
        if command[0] in ("adapter.py", "ask.py"):
            started.append(children.Process(target=program, args=(str(folder), *command)))
            started[-1].start()
        else:
            output = (folder / "output.txt").open("ab")
            run = [sys.executable, *command]
            started.append(subprocess.Popen(run, cwd=folder, stdout=output, stderr=output))

    yield folder, start
    for one in started:
        one.kill()
        (one.join if hasattr(one, "join") else one.wait)()


def wait(folder, until, seconds=60):
    """Wait for an event; what the programs said is shown when it does not come."""
    ends = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < ends, (folder / "output.txt").read_text()
        time.sleep(0.02)
    return found


def on_free_ports(folder, *ports):
    """Change the ports of a project to free ones; gives those."""
    free = [str(free_port()) for _ in ports]
    for file in [*folder.glob("*.yaml"), *folder.glob("*.py")]:
        text = file.read_text()
        for port, other in zip(ports, free, strict=True):
            text = text.replace(port, other)
        file.write_text(text)
    return free


@pytest.mark.parametrize("project", ["sql"], indirect=True)
def test_sql(project):
    """The hospital's rows arrive in the registry's table."""
    folder, start = project
    start("adapter.py")
    start("adapter.py", "hospital.yaml")

    def people():
        done = subprocess.run(
            [sys.executable, "insert.py"], cwd=folder, capture_output=True, text=True
        )
        return done.stdout if len(done.stdout.splitlines()) == 2 else ""

    assert wait(folder, people).splitlines() == [
        "B-2026-0001 2026-03-14 Rojas Elena",
        "B-2026-0002 2026-03-15 Soto Tomás",
    ]


@pytest.mark.parametrize("project", ["files"], indirect=True)
def test_files(project):
    """Two rows become files of the registry's, the third lies beside its file."""
    folder, start = project
    start("adapter.py")
    start("adapter.py", "registry.yaml")
    (folder / "drop").mkdir(exist_ok=True)
    (folder / "births.csv").rename(folder / "drop" / "births.csv")
    received = wait(
        folder, lambda: len(found := list(folder.glob("received/*.json"))) == 2 and found
    )
    bodies = [json.loads(one.read_text())["body"] for one in received]
    assert {one["identificadorNacimiento"] for one in bodies} == {"B-2026-0001", "B-2026-0002"}
    (reasons,) = wait(folder, lambda: list(folder.glob("drop/bad/*.reasons.csv")))
    assert "2026-03-16" in reasons.read_text()


@pytest.mark.parametrize("project", ["rest"], indirect=True)
def test_rest(project):
    """What the hospital's API has is delivered to the registry's."""
    folder, start = project
    api, own, _ = on_free_ports(folder, "8800", "8801", "8085")
    start("-m", "http.server", api, "--bind", "127.0.0.1", "--directory", "api")
    start("receiver.py", own)
    start("adapter.py", "registry.yaml")
    start("adapter.py")

    def delivered():
        return (folder / "output.txt").read_text().count('{"') == 2

    wait(folder, delivered)
    assert "B-2026-0002" in (folder / "output.txt").read_text()


@pytest.mark.parametrize("project", ["xroad"], indirect=True)
def test_xroad(project):
    """Health asks, and the service behind the small security server answers."""
    folder, start = project
    (port,) = on_free_ports(folder, "8080")
    start("security_server.py", port)
    start("adapter.py")
    wait(folder, lambda: "at work" in (folder / "output.txt").read_text())
    start("ask.py", "EX-1")
    wait(folder, lambda: "B-2026-0001" in (folder / "output.txt").read_text())


@pytest.mark.parametrize("project", ["email"], indirect=True)
def test_email(project):
    """A birth is sent, and the mail server prints the notice."""
    folder, start = project
    (port,) = on_free_ports(folder, "8025")
    start("-u", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}")
    start("adapter.py")
    wait(folder, lambda: "at work" in (folder / "output.txt").read_text())
    with Node.open(folder / "instance/nodes/health") as health:
        health.publish("health.birth", BIRTH)
        health.run(until=lambda: not health.status()["outbox"]["waiting"])
    wait(folder, lambda: "END MESSAGE" in (folder / "output.txt").read_text())
    said = (folder / "output.txt").read_text()
    assert "A message from DEMO/GOV/HEALTH/births" in said
    assert "Rojas" not in said


def test_an_unknown_adapter_is_named_with_those_that_exist(tmp_path):
    """Before anything is written."""
    done = CliRunner().invoke(app, ["init", str(tmp_path / "x"), "--adapter", "ftp", "--json"])
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (2, "config.adapter")
    assert error["message"] == "got ftp: expected one of email, files, rest, sql, xroad"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["sql", "files", "rest", "xroad", "email"])
def test_an_adapter_is_a_page_of_code(name):
    """At most 150 lines of code, README and configuration; it imports the public names alone."""
    import ast

    import xroad_lite

    folder = ROOT / "adapters" / name
    tree = ast.parse((folder / "adapter.py").read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    prose = {
        line
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node)
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    lines = enumerate((folder / "adapter.py").read_text().splitlines(), 1)
    assert sum(1 for number, line in lines if line.strip() and number not in prose) <= 150
    assert (folder / "README.md").is_file()
    assert (folder / "project" / "adapter.yaml").is_file()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xroad_lite"):
            assert node.module == "xroad_lite"
            assert {one.name for one in node.names} <= set(xroad_lite.__all__)
