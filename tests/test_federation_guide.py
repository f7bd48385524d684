"""The commands of docs/federation.md, as two lead agencies and an operator type them."""

import re
import sys
from pathlib import Path

import pytest
from guide import DOCS, commands, typed

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def walked(tmp_path_factory, program):
    """The folder after all commands, and what each printed."""
    folder = tmp_path_factory.mktemp("guide")
    text = (DOCS / "federation.md").read_text()
    (script,) = re.findall(r"```python\n# abroad.py\n(.*?)```", text, re.S)
    (folder / "abroad.py").write_text(script)
    python = f'export PATH="{program}:{Path(sys.executable).parent}:$PATH"'
    return typed([python, *commands("federation.md")], folder, program)


def test_a_birth_crosses_the_border(walked):
    """It is read in the receiver's words; once trust has ended the next one is refused."""
    none_yet, crossed, refused = walked.all("python abroad.py")
    assert (none_yet, refused) == ("", "")
    assert crossed.splitlines() == ["CL/GOV/HEALTH/births 2026-03-14"]


def test_doctor_has_a_row_for_the_other_registry(walked):
    """Good, until when, and under which root."""
    row = " ".join(walked.first("doctor").split())
    assert re.search(
        r"registry of CL good snapshot 2 under root 1", row.replace("under ", "under ")
    )


def test_the_log_replays_though_trust_has_ended(walked):
    """Both registries of that day are in the node's folder, and their adoption in its log."""
    after = walked.first("log replay")
    assert "1 judged again" in after
    assert "every verdict is the same" in after
    assert re.search(r"snapshot +CL", walked.first("log show"))


def test_names_on_a_shared_broker_begin_with_the_instance(walked):
    """None of one is one of the other's."""
    planned = walked.first("broker plan")
    assert "CL.GOV.CIVIL.registry" in planned
    assert "PE.GOV.CIVIL.registry" in planned
