"""The commands of docs/agreements.md, as both parties type them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from quick_cli import quick_program

from xroad_lite.policy import rules

TEXT = (Path(__file__).parents[1] / "docs/agreements.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command printed, in order."""
    lines = "".join(BLOCKS).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    script = "\n".join(f"echo '#'\n{line[2:]}" for line in lines)
    with quick_program(tmp_path_factory.mktemp("bin")) as program:
        environment = {name: one for name, one in os.environ.items() if "XROAD_LITE" not in name}
        environment |= {"PATH": f"{program}:{environment['PATH']}", "COLUMNS": "80"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path_factory.mktemp("guide"),
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return list(zip(lines, done.stdout.split("#\n")[1:], strict=True))


def all_said(said, words):
    """What all commands with these words printed."""
    return [" ".join(text.split()) for line, text in said if words in line]


def test_it_is_in_force_once_both_have_signed(said):
    """After one it is not; ended by one, it drains."""
    first, last = all_said(said, "agreement list")
    assert "tax-births/1 not approved" in first
    assert "tax-births/1 drains" in last
    (shown,) = all_said(said, "agreement show")
    assert "Nacimientos para impuestos" in shown
    assert "status in force" in shown


def test_why_allows_the_one_and_refuses_the_other(said):
    """By its purpose."""
    allowed, refused = all_said(said, "agreement why")
    assert "tax-births/1 allows it" in allowed
    assert "✗ purpose" in refused


def test_it_comes_back_from_odrl(said):
    """Under the same name."""
    (told,) = all_said(said, "agreement import")
    assert told.endswith("agreements/tax-births-1.yaml")


def test_every_rule_is_explained():
    """The table names the rules in their order."""
    told = re.findall(r"^\| `(\w+)` \|", TEXT, re.M)
    assert told == [one.__name__.strip("_") for one in (*rules.LASTING, *rules.MOMENTARY)]
