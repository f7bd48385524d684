"""The commands of docs/confidentiality.md, as steward, operator and auditor type them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from quick_cli import quick_program

TEXT = (Path(__file__).parents[1] / "docs/confidentiality.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.S)
((NAME, PROGRAM),) = re.findall(r"```python\n# (\S+)\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command printed, in order."""
    lines = "".join(BLOCKS).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    script = "\n".join(f"echo '#'\n{line[2:]}" for line in lines)
    folder = tmp_path_factory.mktemp("guide")
    (folder / NAME).write_text(PROGRAM)
    with quick_program(tmp_path_factory.mktemp("bin")) as program:
        environment = {name: one for name, one in os.environ.items() if "XROAD_LITE" not in name}
        path = f"{program}:{Path(sys.executable).parent}:{environment['PATH']}"
        environment |= {"PATH": path, "COLUMNS": "80"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
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


def test_it_arrives_and_no_file_has_it(said):
    """The handler prints what the body says; grep finds it nowhere, before and after."""
    assert all_said(said, "python tax.py") == ["", "born 2026-03-14"]
    assert all_said(said, "grep -rl") == ["no file has it"] * 2


def test_a_key_rolls_over(said):
    """The new one is encrypted to, the old one stays for reading."""
    before, after = all_said(said, "keys list")
    assert "for reading" not in before
    assert "for reading" in after
    assert after.count("encrypted to") == 1


def test_the_auditor_needs_no_key(said):
    """With it all is judged again, without it the first six checks."""
    whole, closed = all_said(said, "log replay")
    assert "every verdict is the same" in whole
    assert "1 confidential" not in whole
    assert "every verdict is the same" in closed
    assert "1 confidential, of which no key at hand opens the body" in closed
