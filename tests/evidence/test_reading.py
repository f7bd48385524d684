"""A long log is read in parts: by several processes, and on from where an earlier run stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from xroad_lite.audit import reading
from xroad_lite.audit.opening import Log, open_evidence
from xroad_lite.audit.reading import read_parts
from xroad_lite.errors import ConfigurationError
from xroad_lite.messagelog import Store, entries, merkle
from xroad_lite.messagelog.evidence.parts import PART, Part
from xroad_lite.messagelog.evidence.tally import Tally

NOW = 1_790_000_000.0
SIZE = 3 * PART + 300


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of four parts, without messages."""
    place = tmp_path_factory.mktemp("long") / "log.sqlite3"
    store = Store(place)
    with store.transaction():
        for number in range(SIZE):
            store.append(entries.snapshot(NOW + number, f"{number + 1}:{'A' * 43}", 1))
    store.close()
    return place


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    """It, opened."""
    found = open_evidence(path)
    assert isinstance(found, Log)
    yield found
    found.store.close()


def parts(log: Log, resume: Path | None = None, processes: int = 1) -> list[Part]:
    """All parts."""
    return list(
        read_parts(
            log, [5, 900], processes=processes, resume=resume, identity="x",
            progress=lambda *_: None,
        )
    )  # fmt: skip


def tallied(log: Log, found: list[Part]) -> Tally:
    """The parts put together."""
    tally = Tally(log.source.size, whole=True)
    for one in found:
        tally.add(one)
    tally.finish()
    return tally


def test_the_parts_make_the_root_of_the_tree(log: Log) -> None:
    """The same root as the store's; and the same at any earlier size."""
    tally = tallied(log, parts(log))
    assert tally.root() == log.store.root()
    sizes = [0, 1, 255, 256, 257, PART, PART + 1, 2 * PART - 1, SIZE]
    assert dict(tally.heads(sizes, log.source)) == {
        size: merkle.root(size, log.store.read_hash) for size in sizes
    }


def test_processes_find_what_one_finds(log: Log) -> None:
    """Two processes give the very same parts, in the same order."""
    assert parts(log, processes=2) == parts(log)


def test_a_part_survives_being_written(log: Log) -> None:
    """What is kept for a later run is read back as it was."""
    for one in parts(log):
        assert Part.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_it_goes_on_where_it_stopped(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that are done are not read again; a half-written line is."""
    resume = tmp_path / "resume"
    whole = parts(log, resume)
    lines = resume.read_text().splitlines(keepends=True)
    assert len(lines) == 5
    resume.write_text("".join(lines[:3]) + lines[3][:100])
    read: list[tuple[int, int]] = []
    real = reading.examine

    def counted(source, first, last, stamped):
        read.append((first, last))
        return real(source, first, last, stamped)

    monkeypatch.setattr(reading, "examine", counted)
    assert parts(log, resume) == whole
    assert read == [(2 * PART, 3 * PART), (3 * PART, SIZE)]
    assert parts(log, resume) == whole
    assert len(read) == 2


def test_what_was_kept_of_another_log_is_refused(log: Log, tmp_path: Path) -> None:
    """The file says of what it is."""
    resume = tmp_path / "resume"
    parts(log, resume)
    with pytest.raises(ConfigurationError, match="other evidence"):
        list(
            read_parts(log, [5], processes=1, resume=resume, identity="x", progress=lambda *_: None)
        )


def test_an_entry_that_is_missing_is_found(path: Path, tmp_path: Path) -> None:
    """Its part says so, and nothing raises."""
    from tests.evidence.world import copied

    store = copied(path, tmp_path / "log.sqlite3")
    store.execute("DELETE FROM xl_entries WHERE idx = 77")
    store.close()
    log = open_evidence(tmp_path / "log.sqlite3")
    assert isinstance(log, Log)
    (found, *_) = parts(log)
    assert [one.code for one in found.findings] == ["log.gap"]
    log.store.close()
