"""``log search|stats|archive|fsck|repair|backup|opmon``: what they print, and how they end."""

from __future__ import annotations

import json

import pytest
from scribe import REFUSED, Scribe
from typer.testing import CliRunner

from xroad_lite.cli.log import log_app
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.node.lock import take_lock
from xroad_lite.testing import CIVIL

NOW = 1_790_000_000.0


@pytest.fixture
def path(tmp_path, es256):
    """A log of three months with a checkpoint over all of it."""
    store = Store(tmp_path / "log.sqlite3")
    scribe = Scribe(store, es256)
    for number in range(9):
        scribe.send(NOW + number * 10 * 86_400, b"{}", subject=f"s-{number % 2}")
    scribe.receive(NOW + 81 * 86_400, verdict=REFUSED, source=CIVIL)
    table = CheckpointTable(store)
    table.create()
    table.add(scribe.checkpoint(), NOW)
    store.close()
    return store.path


def typed(path, *arguments, code=0):
    """What a command prints for people, on one line."""
    done = CliRunner().invoke(log_app, [*map(str, arguments), "--log", str(path)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def asked(path, *arguments, code=0):
    """What it gives to programs."""
    done = CliRunner().invoke(log_app, [*map(str, arguments), "--log", str(path), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_search_pages_for_people_and_programs(path):
    """Each page says where the next begins; nothing found is said so."""
    first = asked(path, "search", "--subject", "s-0", "--limit", 3)
    assert [one["entry"] for one in first["messages"]] == [8, 6, 4]
    rest = asked(path, "search", "--subject", "s-0", "--before", first["next"])
    assert [one["entry"] for one in rest["messages"]] == [2, 0]
    assert rest["next"] is None
    assert "more: the same with --before 4" in typed(
        path, "search", "--subject", "s-0", "--limit", 3
    )
    assert "policy.no_agreement" in typed(path, "search", "--verdict", "refused")
    assert typed(path, "search", "--type", "tax.*") == "no message meets that"
    found = asked(path, "search", "--from", "2026-10-01", "--to", "2026-11-01T00:00:00Z")
    assert [one["entry"] for one in found["messages"]] == [4, 3, 2, 1]
    same_day = asked(path, "search", "--from", "2026-10-01", "--to", "2026-10-01")
    assert [one["entry"] for one in same_day["messages"]] == [1]
    wrong = asked(path, "search", "--from", "tomorrow", code=2)
    assert wrong["error"]["code"] == "config.time"


def test_stats_count(path):
    """By kind, month, type and verdict."""
    found = asked(path, "stats")
    assert (found["entries"], found["kinds"]) == (10, {"message": 10})
    assert found["messages"] == {"in refused": 1, "out sent": 9}
    assert "types: health.birth 10" in typed(path, "stats")


def test_months_that_are_over_move_to_the_archive(path):
    """Told first, moved with --apply; the log is as it was, and the list says where they lie."""
    assert asked(path, "archive", "--megabytes", 1)["closed"] == []
    told = asked(path, "archive")
    assert told["closed"][0] == {"first": 0, "end": 1}
    assert told["segments"] == []
    assert "move them to" in typed(path, "archive")
    moved = asked(path, "archive", "--apply")
    assert (moved["closed"], len(moved["segments"])) == ([], len(told["closed"]))
    assert (path.parent / moved["segments"][0]["file"]).is_file()
    assert "10 entries in all, 8 of them moved" in typed(path, "archive")
    assert asked(path, "fsck")["archived"] == 8
    assert len(asked(path, "search")["messages"]) == 10
    (path.parent / moved["segments"][0]["file"]).unlink()
    assert asked(path, "archive")["segments"] == moved["segments"]
    refused = asked(path, "show", 0, code=1)
    assert refused["error"]["code"] == "log.archive_missing"


def test_nothing_moves_without_a_checkpoint(tmp_path, es256):
    """Nothing would seal it; the error says what to do."""
    store = Store(tmp_path / "log.sqlite3")
    Scribe(store, es256).send(NOW)
    store.close()
    refused = asked(store.path, "archive", "--entries", 1, "--apply", code=1)
    assert refused["error"]["code"] == "log.unsealed"
    assert "docs/" in refused["error"]["hint"]
    assert "no checkpoint of this log was signed" in typed(store.path, "archive")


def test_fsck_and_repair(path):
    """Derived things are told apart and made anew; a log in use is left alone."""
    assert "all is well; root" in typed(path, "fsck")
    store = Store(path)
    store.execute("DELETE FROM xl_hashes WHERE idx > 4")
    store.close()
    found = asked(path, "fsck", code=1)
    assert (found["wrong"], found["derived"]) == (0, 5)
    assert "xroad-lite log repair" in typed(path, "fsck", code=1)
    assert "nothing was done" in typed(path, "repair", code=1)
    with take_lock(path):
        refused = asked(path, "repair", "--apply", code=1)
    assert refused["error"]["code"] == "log.locked"
    done = asked(path, "repair", "--apply")
    assert (done["applied"], done["before"]["derived"], done["after"]["derived"]) == (True, 5, 0)
    assert (path.parent / done["kept"]).is_file()
    assert "all is well" in typed(path, "repair")
    store = Store(path)
    store.execute("DELETE FROM xl_entries WHERE idx = 3")
    store.close()
    assert "wrong entry 3: is gone" in typed(path, "fsck", code=1)
    assert "no repair can know" in typed(path, "repair", "--apply", code=1)


def test_a_backup_is_a_log(path, tmp_path):
    """With its segment files; one is not written over another."""
    asked(path, "archive", "--apply")
    done = asked(path, "backup", tmp_path / "copy")
    assert (done["entries"], done["segments_copied"]) == (10, done["segments"])
    copy = tmp_path / "copy/log.sqlite3"
    assert asked(copy, "fsck")["root"] == asked(path, "fsck")["root"] == done["root"]
    refused = asked(path, "backup", tmp_path / "copy", code=1)
    assert refused["error"]["code"] == "log.backup_exists"


def test_the_operational_record(path):
    """For programs X-Road's fields, for people a line each."""
    found = asked(path, "opmon", "--from", "2026-09-01", "--to", "2026-12-31", "--limit", 2)
    assert [one["serviceMemberCode"] for one in found["records"]] == ["CIVIL", "CIVIL"]
    assert found["next"] == 1
    told = typed(path, "opmon", "--from", "2026-09-01", "--to", "2027-01-01")
    assert "Client" in told
    assert "policy.no_agreement" in told
    assert typed(path, "opmon", "--from", "2020-01-01", "--to", "2020-01-02") == (
        "no messages in that time"
    )
