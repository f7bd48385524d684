"""A node reads vocabularies from its own tables, and from Turtle where those are not good."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import pytest

from xroad_lite import Node
from xroad_lite.exchange import compiled
from xroad_lite.node import words
from xroad_lite.testing import CIVIL, two_agency_instance


def test_the_second_start_reads_no_turtle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read once is kept beside the log, and a spoilt copy is made anew."""
    instance = two_agency_instance(tmp_path, now=1_790_000_000.0)
    folder = instance.node_folder(CIVIL)
    read: list[int] = []
    load = words.load_vocabulary
    monkeypatch.setattr(words, "load_vocabulary", lambda files: read.append(1) or load(files))
    for spoilt in (False, False, True):
        (kept,) = (folder / "vocabulary").glob("*.json") if read else [None]
        if spoilt and kept:
            kept.write_bytes(b"{}")
        monkeypatch.setattr(compiled, "_BY_DIGEST", WeakValueDictionary())  # as in a new process
        with Node.open(folder, clock=lambda: 1_790_000_000.0) as node:
            node.subscribe("health.birth", reads="citizens.person")(lambda _: None)
    assert len(read) == 2
    assert len(list((folder / "vocabulary").iterdir())) == 1
