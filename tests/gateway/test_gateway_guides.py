"""The commands of docs/gateway.md, govstack.md and tracker.md, typed beside running gateways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from guide import commands, typed
from pairs import Pair, provider, ready, start
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


@pytest.mark.long
def test_from_a_service_to_its_first_answer(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service is registered, agreed on, published, called; what is not agreed on is refused."""
    typed(commands("gateway.md"), tmp_path, program)
    nodes = tmp_path / "play/instance/nodes"
    with provider() as service:
        service.answer = lambda _: (200, [("Content-Type", "application/json")], b'{"code": 1}')
        answers = start(nodes / "civil", providers=[{"service": "persons", "url": service.url}])
        with ready(start(nodes / "health"), answers) as (asks, _):
            monkeypatch.setenv("HERE", asks.url)
            walked = typed(commands("gateway.md", "calls"), tmp_path, program)
        (seen,) = service.seen
    allowed = {one["service_code"] for one in json.loads(walked.first("allowed"))["service"]}
    assert "persons" in allowed
    assert json.loads(walked.first("UserId")) == {"code": 1}
    assert (seen.target, seen.header("x-road-userid")) == ("/persons/1", "EX12345678901")
    assert json.loads(walked.first("DELETE"))["type"] == "server.serverproxy.access_denied"
