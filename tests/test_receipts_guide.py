"""The commands of docs/receipts.md, and then of docs/retention.md, as operators type them."""

import json
import re
import sys
from pathlib import Path

import pytest
from guide import DOCS, commands, typed

pytestmark = pytest.mark.long

PAGES = ("receipts.md", "retention.md")


@pytest.fixture(scope="module")
def walked(tmp_path_factory, program):
    """What the commands of both pages print, with the programs that they show."""
    folder = tmp_path_factory.mktemp("guide")
    for page in PAGES:
        text = (DOCS / page).read_text()
        for name, source in re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.S):
            (folder / name).write_text(source)
    python = f'export PATH="{program}:{Path(sys.executable).parent}:$PATH"'
    return typed([python, *(one for page in PAGES for one in commands(page))], folder, program)


def words(text):
    """A table's words, its lines put together."""
    return " ".join(text.split())


def test_a_receipt_is_missing_and_comes(walked):
    """First it is, then the message was handled, as its own entry says too."""
    before, after = walked.all("--missing")
    assert "DEMO/GOV/CIVIL/registry nothing" in words(before)
    assert "no receipt is missing" in after
    assert "handled" in walked.first("log receipts --node")
    shown = json.loads(walked.first("log show 1"))
    assert [one["state"] for one in shown["receipts"]] == ["received", "handled"]


def test_what_is_held_stays_and_what_is_not_goes(walked):
    """The rule and the hold are named; afterwards no file has the body."""
    assert "1 body would be erased" in walked.first("log retain")
    held, gone = map(words, walked.all("log retain --apply"))
    assert "hold 1: case 7/2026" in held
    assert "0 bodies erased" in held
    assert "retention PT1S" in gone
    assert "1 body erased" in gone
    assert walked.first("grep -rl") == "no file has it\n"
    assert "lifted" in words(walked.first("log hold list --all"))


def test_the_log_still_verifies_and_says_by_which_rule(walked):
    """The erasure is an entry, and nothing is wrong; two receipts are among the seals."""
    assert "1 body, rule retention PT1S" in words(walked.all("log show")[-1])
    verified = words(walked.first("log verify"))
    assert "wrong" not in verified
    assert "erased" in verified


def test_who_looked_is_told_in_words(walked):
    """Also after the body is gone."""
    assert "Civil Registration Act" in words(walked.first("log subject"))
    (usage,) = json.loads(walked.all("log subject")[1])["usages"]
    assert usage["who"] == "DEMO/GOV/CIVIL/registry"
    assert usage["purpose_title"]["en"] == "Fulfilment of an obligation"
