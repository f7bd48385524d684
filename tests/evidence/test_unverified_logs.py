"""What reads logs that nobody has verified: whatever stands in them, the errors are ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evening import Told
from test_two_parties import rewritten
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.messagelog import Store

OTHERS: tuple[Any, ...] = (None, 7, "x", [], {}, -1.5)
Change = Callable[[int, bytes], bytes]


def changes(leaf: bytes) -> Iterator[dict[str, Any]]:
    """A message's entry with each field, of it, of its verdict, and of what was sealed, made
    otherwise."""
    entry = json.loads(leaf)
    sealed = json.loads(entry["payload"])
    for other in OTHERS:
        for name in entry:
            yield entry | {name: other}
        for name in entry["verdict"]:
            yield entry | {"verdict": entry["verdict"] | {name: other}}
        for name in sealed:
            yield entry | {"payload": json.dumps(sealed | {name: other})}


@pytest.fixture(scope="module")
def logs(told: Told, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Logs of which one entry is not as a node writes it, a few changes in each folder."""
    folder = tmp_path_factory.mktemp("changed")
    store = Store(told.log, readonly=True)
    index = next(i for i, leaf in store.entries() if b'"kind":"message"' in leaf[:40])
    every = list(changes(store.leaf(index)))
    store.close()
    made = []
    for number, value in enumerate(every[::5]):
        leaf = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        change = changed_to(index, leaf)
        made.append(rewritten(told.log, folder / f"{number}.sqlite3", set(), change))
    return made


def changed_to(at: int, leaf: bytes) -> Change:
    """One leaf is this, all others as they were."""
    return lambda index, before: leaf if index == at else before


@pytest.mark.parametrize("words", [("gaps",), ("replay", "--node"), ("audit",)])
def test_no_entry_ends_a_command(told: Told, logs: list[Path], words: tuple[str, ...]) -> None:
    """It says what is wrong with which entry, or takes it as it is; it does not break."""
    for log in logs:
        line = [*words[:1], str(log)]
        line += ["--node", str(told.node)] if "--node" in words else []
        line += [str(told.bundle)] if words == ("audit",) else []
        done = CliRunner().invoke(app, ["log", *line, "--json"])
        assert isinstance(done.exception, SystemExit | None), (log, done.exception)
        json.loads(done.stdout)
