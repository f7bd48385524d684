"""The commands of docs/agreements.md, as both parties type them."""

import re

import pytest
from guide import DOCS, commands, typed

from xroad_lite.policy import rules

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def said(tmp_path_factory, program):
    """Gives what all commands with some words printed, each as one line."""
    done = typed(commands("agreements.md"), tmp_path_factory.mktemp("guide"), program)
    return lambda words: [" ".join(text.split()) for text in done.all(words)]


def test_it_is_in_force_once_both_have_signed(said):
    """After one it is not; ended by one, it drains."""
    first, last = said("agreement list")
    assert "tax-births/1 not approved" in first
    assert "tax-births/1 drains" in last
    (shown,) = said("agreement show")
    assert "Nacimientos para impuestos" in shown
    assert "status in force" in shown


def test_why_allows_the_one_and_refuses_the_other(said):
    """By its purpose."""
    allowed, refused = said("agreement why")
    assert "tax-births/1 allows it" in allowed
    assert "✗ purpose" in refused


def test_it_comes_back_from_odrl(said):
    """Under the same name."""
    (told,) = said("agreement import")
    assert told.endswith("agreements/tax-births-1.yaml")


def test_every_rule_is_explained():
    """The table names the rules in their order."""
    text = (DOCS / "agreements.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert told == [one.__name__.strip("_") for one in (*rules.LASTING, *rules.MOMENTARY)]
