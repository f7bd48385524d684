"""A member whose node answers calls as no gateway would: told as an error, and nothing is split."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pairs import Running, gateway, instance

from xroad_lite.gateway.xroad import calls
from xroad_lite.node import Node
from xroad_lite.registry.models import REST_REQUEST, REST_RESPONSE
from xroad_lite.testing import CIVIL, HEALTH


@dataclass
class Hostile:
    """A good gateway, and the node of whom it asks."""

    asking: Running
    node: Node

    def call(self, **answer: Any) -> httpx.Response:
        """What an asker gets when the node answers so."""
        taking = self.node.desk.take(REST_REQUEST)

        def reply() -> None:
            (message,) = taking.result(timeout=30)
            body = {"status": 200, "headers": [], "requestHash": "", **answer}
            if not body["requestHash"]:
                body["requestHash"] = calls.request_hash(message.body, b"")
            self.node.desk.finish(message.entry, body, type=REST_RESPONSE).result(timeout=30)

        replying = threading.Thread(target=reply)
        replying.start()
        try:
            client = {"X-Road-Client": HEALTH}
            return self.asking.http.get(f"/r1/{CIVIL}/echo", headers=client)
        finally:
            replying.join()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """The Civil Registry has no gateway, but a program of its own."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    made = instance(folder)
    node = Node.open(made.node_folder(CIVIL))
    working = threading.Thread(target=node.run)
    working.start()
    try:
        node.desk.hold(REST_REQUEST)
        with gateway(made.node_folder(HEALTH)) as asking:
            yield Hostile(asking, node)
    finally:
        node.close()
        working.join()


def test_an_honest_answer(hostile: Hostile) -> None:
    """As any gateway's; what speaks for X-Road or frames the content does not pass."""
    headers = [{"name": "X-Own", "value": "é"}, {"name": "Content-Length", "value": "99"}]
    headers += [{"name": "Transfer-Encoding", "value": "x"}, {"name": "X-Road-Id", "value": "lie"}]
    answer = hostile.call(headers=headers, content="ok")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["x-own"].encode() in ("é".encode(), "é".encode("latin-1"))
    assert answer.headers["content-length"] == "2"
    assert answer.headers.get_list("x-road-id") != ["lie"]


@pytest.mark.parametrize(
    "answer",
    [
        {"headers": [{"name": "X", "value": "a\r\nSet-Cookie: stolen=1"}]},
        {"headers": [{"name": "X", "value": "a\0b"}]},
        {"headers": [{"name": "X", "value": "beyond Latin-1: ж"}]},
        {"headers": [{"name": "X: a\r\nY", "value": "b"}]},
        {"headers": [{"name": "é", "value": "b"}]},
        {"contentBase64": "no base64!"},
        {"requestHash": "A" * 86 + "=="},
    ],
)
def test_an_answer_that_is_no_answer(hostile: Hostile, answer: dict[str, Any]) -> None:
    """Whatever it holds, the asker's gateway says whose fault it is; the next call goes through."""
    got = hostile.call(**answer)
    assert (got.status_code, got.headers["x-road-error"]) == (
        500,
        "server.clientproxy.inconsistent_response",
    )
    assert "set-cookie" not in got.headers
    assert '"bug"' not in hostile.asking.log.read_text()
    assert hostile.call(content="ok").text == "ok"
