"""The commands of docs/confidentiality.md, as steward, operator and auditor type them."""

import re
import sys
from pathlib import Path

import pytest
from guide import DOCS, commands, typed

pytestmark = pytest.mark.long

PAGE = "confidentiality.md"


@pytest.fixture(scope="module")
def walked(tmp_path_factory, program):
    """The folder after all commands, and what each printed."""
    folder = tmp_path_factory.mktemp("guide")
    ((name, text),) = re.findall(r"```python\n# (\S+)\n(.*?)```", (DOCS / PAGE).read_text(), re.S)
    (folder / name).write_text(text)
    python = f'export PATH="{program}:{Path(sys.executable).parent}:$PATH"'
    return typed([python, *commands(PAGE)], folder, program)


def test_it_arrives_and_no_file_has_it(walked):
    """The handler prints what the body says; grep finds it nowhere, before and after."""
    assert walked.all("python tax.py") == ["", "born 2026-03-14\n"]
    assert walked.all("grep -rl") == ["no file has it\n"] * 2


def test_a_key_rolls_over(walked):
    """The new one is encrypted to, the old one stays for reading."""
    before, after = walked.all("keys list")
    assert "for reading" not in before
    assert "for reading" in after
    assert after.count("encrypted to") == 1


def test_the_auditor_needs_no_key(walked):
    """With it all is judged again, without it the first six checks."""
    whole, closed = (" ".join(one.split()) for one in walked.all("log replay"))
    assert "every verdict is the same" in whole
    assert "1 confidential" not in whole
    assert "every verdict is the same" in closed
    assert "1 up to check 6 alone: confidential, and no key at hand opens" in closed
