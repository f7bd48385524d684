"""X-Road's calls through two gateways on a real RabbitMQ, where brokers and providers go away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from broker import Broker
from pairs import Pair, Running, echo, instance, provider, ready, start

from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import routes
from xroad_lite.testing import CIVIL, HEALTH
from xroad_lite.transports.rabbitmq.administration import declare
from xroad_lite.transports.rabbitmq.topology import plan

ANSWER_SECONDS = 30
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both gateways on a virtual host of their own, made as the registry says."""
    if broker.process is None:
        broker.start()
    folder = tmp_path_factory.mktemp("calls")
    made = instance(folder)
    url = broker.add_host(folder.name)
    declare(plan(routes(RegistryFolder(folder / "registry").newest(), time.time())), url)
    for file in folder.glob("nodes/*/node.yaml"):
        settings = yaml.safe_load(file.read_text()) | {"transport": url, "max_body": 4 << 20}
        file.write_text(yaml.safe_dump(settings))
    with ExitStack() as stack:
        service = stack.enter_context(provider())
        limits = {"answer_seconds": ANSWER_SECONDS}
        started = (
            start(made.node_folder(HEALTH), limits=limits),
            start_civil(made.node_folder(CIVIL), service.url),
        )
        asks, answers = stack.enter_context(ready(*started))
        yield Pair(asks, answers, service, made)


def start_civil(folder: Path, url: str) -> Running:
    """The provider's gateway."""
    return start(folder, providers=[{"service": "echo", "url": url, "timeout": 5}])


@pytest.fixture
def two(running: Pair) -> Pair:
    """Both gateways; the service echoes, and has seen nothing."""
    running.service.answer = echo
    running.service.seen.clear()
    return running


def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_calls_go_through_the_broker(two: Pair) -> None:
    """Each asker gets its own answer, also in three mebibytes and in bytes that are no text."""
    body = bytes(range(256)) * 11_000
    answer = two.call("echo/a%20b?c=1&c=2", "POST", content=body)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["x-road-client"] == HEALTH
    assert two.service.seen[-1].target == "/a%20b?c=1&c=2"
    with ThreadPoolExecutor(20) as pool:
        numbers = [str(number).encode() for number in range(200)]
        answers = pool.map(lambda one: two.call("echo", "POST", content=one).content, numbers)
        assert list(answers) == numbers


def test_who_is_refused_is_told_by_the_other_side(two: Pair) -> None:
    """What the registry says needs no broker; what the provider's gateway knows comes over it."""
    assert two.call("closed").json()["type"] == "server.serverproxy.access_denied"
    assert two.call("gone").json()["type"] == "server.serverproxy.service_missing_url"


def test_a_broker_that_restarts_between_two_calls(two: Pair, broker: Broker) -> None:
    """Neither gateway is touched: the next call goes through."""
    assert two.call("echo", "POST", content=b"before").content == b"before"
    broker.restart()
    assert two.call("echo", "POST", content=b"after").content == b"after"
    assert [one.body for one in two.service.seen] == [b"before", b"after"]


def test_a_call_waits_for_a_broker_that_is_away(two: Pair, broker: Broker) -> None:
    """For as long as its time lasts, and is made once."""
    broker.kill()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(two.call, "echo", "POST", content=b"waits")
        until(lambda: two.consumer.http.get("/health/ready").status_code == 503)
        broker.start()
        answer = waiting.result()
    assert (answer.status_code, answer.content) == (200, b"waits"), answer.text
    assert [one.body for one in two.service.seen] == [b"waits"]


def test_a_provider_whose_gateway_is_away(two: Pair) -> None:
    """The caller is told when its time is over; the call is made no more when it comes back."""
    process = two.provider.process
    process.terminate()
    assert process.wait(30) == 0
    answer = two.call("echo", "POST", content=b"late")
    assert (answer.status_code, answer.json()["type"]) == (500, "server.clientproxy.network_error")
    assert answer.elapsed.total_seconds() >= ANSWER_SECONDS
    again = start_civil(two.made.node_folder(CIVIL), two.service.url)
    with ready(again):
        assert two.call("echo", "POST", content=b"new").content == b"new"
        assert [one.body for one in two.service.seen] == [b"new"]
        two.service.answer = lambda _: time.sleep(6) or echo(_)  # type: ignore[func-returns-value]
        answer = two.call("echo")
        assert answer.json()["type"] == "server.serverproxy.network_error"
