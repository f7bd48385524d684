"""What a change would break, and for whom."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from xroad_lite.registry import Snapshot, read_source
from xroad_lite.stewardship import Finding
from xroad_lite.stewardship.breaking import breaking_changes
from xroad_lite.testing import CIVIL, HEALTH, two_agency_instance

NOW = 1_790_000_000
FOLDER = "schemas/health/birth"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The source of two agencies: Health publishes births to the Civil Registry."""
    return read_source(two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW).source)


def snapshot(files: dict[str, bytes]) -> Snapshot:
    """As it would be published."""
    return Snapshot.draft(files)


def found(documents: dict[str, bytes], after: dict[str, bytes]) -> list[Finding]:
    """The findings between two states."""
    return breaking_changes(snapshot(documents), after, now=NOW)


def with_version(
    documents: dict[str, bytes], change: Any, mode: str = "BACKWARD"
) -> dict[str, bytes]:
    """A second version of births, changed from the first."""
    after = dict(documents)
    schema = json.loads(after[f"{FOLDER}/1.json"])
    change(schema)
    after[f"{FOLDER}/2.json"] = json.dumps(schema, indent=2).encode()
    subject = yaml.safe_load(after[f"{FOLDER}/subject.yaml"])
    subject["versions"]["2"] = {"status": "active"}
    subject["compatibility"] = mode
    after[f"{FOLDER}/subject.yaml"] = yaml.safe_dump(subject).encode()
    return after


def _require_gender(schema: Any) -> None:
    schema["required"].append("gender")


def _widen_gender(schema: Any) -> None:
    schema["properties"]["gender"]["enum"].append("none")


def test_nothing_changed(documents: dict[str, bytes]) -> None:
    """The same documents break nothing."""
    assert found(documents, documents) == []


def test_what_the_mode_forbids_is_wrong(documents: dict[str, bytes]) -> None:
    """A field that becomes required: the file, who still sends the old version, what to do."""
    (one,) = found(documents, with_version(documents, _require_gender))
    assert (one.path, one.code, one.severity) == (
        f"{FOLDER}/2.json", "schema.incompatible", "wrong")  # fmt: skip
    assert f"{HEALTH} may still send version 1" in one.message
    assert "gender" in one.message
    assert one.hint


def test_who_reads_the_old_version_feels_it(documents: dict[str, bytes]) -> None:
    """What the mode allows is a warning, where somebody reads the old version."""
    (one,) = found(documents, with_version(documents, _widen_gender))
    assert one.severity == "warning"
    assert f"{CIVIL} reads version 1 today" in one.message
    assert "/gender" in one.message
    (one,) = found(documents, with_version(documents, _widen_gender, "FULL"))
    assert one.severity == "wrong"


def test_readers_say_what_they_read(documents: dict[str, bytes]) -> None:
    """A subsystem that reads another version is not concerned by this one."""
    before = with_version(documents, lambda _: None)
    after = deepcopy(before)
    (path,) = [p for p in before if p.startswith("members/") and b"CIVIL" in before[p]]
    member = yaml.safe_load(before[path])
    member["subsystems"][0]["reads"] = {"health.birth": 1}
    before[path] = after[path] = yaml.safe_dump(member).encode()
    subject = yaml.safe_load(after[f"{FOLDER}/subject.yaml"])
    subject["versions"]["1"]["status"] = "retired"
    after[f"{FOLDER}/subject.yaml"] = yaml.safe_dump(subject).encode()
    (one,) = found(before, after)
    assert one.message == f"version 1 becomes retired, and {CIVIL} reads it today"


def test_published_versions_do_not_change_or_vanish(documents: dict[str, bytes]) -> None:
    """Another content under the same number, and a type that is gone while somebody reads it."""
    after = dict(documents)
    after[f"{FOLDER}/1.json"] = after[f"{FOLDER}/1.json"].replace(b"Births", b"Birth", 1) + b"\n"
    assert "registry.schema_changed" in {one.code for one in found(documents, after)}
    gone = {p: data for p, data in documents.items() if not p.startswith(FOLDER)}
    (one,) = found(documents, gone)
    assert one.code == "schema.removed"
    assert CIVIL in one.message


def test_services_have_readers_too(documents: dict[str, bytes]) -> None:
    """Who serves reads the questions, who asks reads the answers."""
    gone = {p: d for p, d in documents.items() if not p.startswith("schemas/citizens/person")}
    messages = sorted(one.message for one in found(documents, gone))
    assert messages == [
        f"citizens.person is gone, and {HEALTH} reads it today",
        f"citizens.person-query is gone, and {CIVIL} reads it today",
    ]


def test_new_types_concern_nobody(documents: dict[str, bytes], tmp_path: Path) -> None:
    """A first version has nothing to break."""
    after = dict(documents)
    after["schemas/citizens/visit/1.json"] = b'{"type": "object"}'
    after["schemas/citizens/visit/subject.yaml"] = (
        b"type: citizens.visit\nkind: json\nowner: DEMO/GOV/CIVIL\ntitle: {en: Visits}\n"
        b'versions:\n  "1": {status: active}\n'
    )
    assert found(documents, after) == []
