"""The commands of docs/govstack.md and docs/tracker.md, typed beside running gateways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from guide import commands, typed
from pairs import instance, ready, start

from xroad_lite.testing import BIRTH, CIVIL, HEALTH


def test_the_pages(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First an event is subscribed, published, pulled, acknowledged; then a person asks of it."""
    made = instance(tmp_path / "play")
    (tmp_path / "birth.json").write_text(json.dumps({"eventType": "birth", "event": BIRTH}))
    trackers = [{"service": "echo", "clients": [HEALTH]}]
    node = made.node_folder(CIVIL)
    with ready(start(made.node_folder(HEALTH)), start(node, trackers=trackers)) as (health, civil):
        for name, value in {
            "PUBLISHER": health.url,
            "READER": civil.url,
            "NODE": str(node),
            "USAGE": f"{health.url}/r1/{CIVIL}/echo",
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
