"""The commands of docs/govstack.md and docs/tracker.md, typed beside running gateways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from guide import commands, typed
from pairs import Pair
from rooms import Rooms, emptied

from xroad_lite.testing import BIRTH, CIVIL


def test_the_pages(
    in_rooms: tuple[Rooms, Pair], tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First an event is subscribed, published, pulled, acknowledged; then a person asks of it."""
    rooms, two = in_rooms[0], emptied(in_rooms[1])
    (tmp_path / "birth.json").write_text(json.dumps({"eventType": "birth", "event": BIRTH}))
    for name, value in {
        "PUBLISHER": two.consumer.url,
        "READER": two.provider.url,
        "NODE": str(rooms.civil_folder),
        "USAGE": f"{two.consumer.url}/r1/{CIVIL}/echo",
    }.items():
        monkeypatch.setenv(name, value)
    walked = typed([*commands("govstack.md"), *commands("tracker.md")], tmp_path, program)
    assert json.loads(walked.first("subs/birth"))["state"] == "active"
    event = json.loads((tmp_path / "event.json").read_text())
    assert event["event"] == BIRTH
    assert event["id"] == json.loads(walked.first("pub/v1"))["id"]
    assert walked.first("DELETE").strip() == "204"
    assert json.loads(walked.first("subs/death"))["state"] == "proposed"
    assert "agreements/" in walked.first("proposals --node")
    assert json.loads(walked.first("proposals sub"))["consumer"] == CIVIL
    assert json.loads(walked.first("heartbeat"))["status"] == "OK"
    assert "periodStart" in walked.first("usagePeriod")
    assert json.loads(walked.first("findUsage"))["usages"][0]["receiverCode"] == "CIVIL"
    emptied(two)
