"""Two gateways of two nodes on one embedded bus, and a provider's HTTP service; holds no test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import quick_cli
import yaml

from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import CIVIL, HEALTH, LAW, OWN_DOMAINS, PURPOSE

WELFARE = "DEMO/GOV/WELFARE/office"


@dataclass
class Seen:
    """A request as a provider's service got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The last of a name."""
        found = [value for one, value in self.headers if one.lower() == name.lower()]
        return found[-1] if found else None


def every() -> list[dict[str, str]]:
    """Endpoints without a limit; a list of its own each time, since YAML would write an alias."""
    return [{"method": "*", "path": "/**"}]


Reply = tuple[int, Sequence[tuple[str, str]], bytes]


def echo(seen: Seen) -> Reply:
    """What was sent comes back."""
    content_type = seen.header("Content-Type") or "application/octet-stream"
    return 200, [("Content-Type", content_type)], seen.body


@dataclass
class Service:
    """A provider's HTTP service, as an institution runs it: not ours, and it knows no X-Road."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], Reply] = echo


@contextmanager
def provider() -> Iterator[Service]:
    """A service on a free port; ``answer`` may be changed at any time."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            seen = Seen(self.command, self.path, self.headers.items(), self.rfile.read(length))
            service.seen.append(seen)
            status, headers, body = service.answer(seen)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815
        do_HEAD = do_OPTIONS = do_TRACE = handle_any  # noqa: N815

    class Server(ThreadingHTTPServer):
        request_queue_size = 512  # with five a hundred callers at once wait for TCP to try again

    server = Server(("127.0.0.1", 0), Handler)
    service = Service(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def instance(folder: Path) -> DevelopmentInstance:
    """Health asks the Civil Registry and publishes to it; Welfare is a stranger to both."""
    return _built()[1].copied(folder)


@cache
def _built() -> tuple[TemporaryDirectory[str], DevelopmentInstance]:
    temporary = TemporaryDirectory()
    made = DevelopmentInstance(Path(temporary.name), now=_now())
    made.add_bundled(OWN_DOMAINS)
    made.add_subsystem(HEALTH, title={"en": "Births"})
    made.add_subsystem(WELFARE, title={"en": "Welfare"})
    made.add_subsystem("DEMO/GOV/LEAD/office", title={"en": "Lead"})
    made.add_subsystem(CIVIL, title={"en": "Civil Registry"}, services=_services())
    shared: dict[str, Any] = {
        "title": {"en": "An agreement"},
        "basis": {"en": "Civil Registration Act"},
        "basis_iri": LAW,
        "purposes": [PURPOSE],
    }
    asks: dict[str, Any] = {"provider": CIVIL, "consumer": HEALTH, "operation": "request"}
    listed = {"echo": every(), "gone": every(), "some": [{"method": "GET", "path": "/allowed/*"}]}
    listed |= {"öäå": every(), "described": every(), "resting": every()}
    made.add_agreement("calls", types=["xroad.rest-request"], endpoints=listed, **asks, **shared)
    made.add_agreement(
        "persons", types=["citizens.person-query", "citizens.person"], **asks, **shared
    )
    made.add_agreement(
        "births",
        provider=HEALTH,
        consumer=CIVIL,
        operation="publish",
        types=["health.birth"],
        **shared,
    )
    (made.source / "services").mkdir()
    (made.source / "services/described.yaml").write_text("openapi: 3.0.0\n")
    made.publish()
    return temporary, made


def _services() -> list[dict[str, Any]]:
    rest = {name: {"code": name, "endpoints": every()} for name in ("echo", "gone", "some", "öäå")}
    resting = {"from": "2026-01-01T00:00:00.000Z", "message": {"en": "we move house"}}
    rest["resting"] = {"code": "resting", "endpoints": every(), "maintenance": [resting]}
    closed = {"code": "closed", "endpoints": every()}
    query = {"request": "citizens.person-query", "response": "citizens.person"}
    closed["openapi"] = "https://example.org/closed.yaml"
    described = {"code": "described", "endpoints": every(), "openapi": "services/described.yaml"}
    correct = {"code": "correct", "request": "citizens.person", "response": "citizens.person"}
    return [*rest.values(), closed, described, {"code": "person-by-code", **query}, correct]


def _now() -> float:
    import time

    return time.time() - 3600


@dataclass
class Running:
    """A gateway's process, and a client of it."""

    process: quick_cli.Started
    log: Path
    url: str = ""
    http: httpx.Client = field(default_factory=httpx.Client)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.url.rpartition(":")[2])


def start(folder: Path, **settings: Any) -> Running:
    """Start ``xroad-lite gateway`` beside the node in a folder; ``ready`` waits for it."""
    (folder / "gateway.yaml").write_text(yaml.safe_dump({"port": 0, "open": True, **settings}))
    log = folder / "gateway.log"
    with log.open("w") as errors:
        process = quick_cli.start("gateway", "--node", str(folder), "--json", errors=errors)
    return Running(process, log)


@contextmanager
def ready(*started: Running) -> Iterator[tuple[Running, ...]]:
    """Gateways at work, until the block ends."""
    try:
        for one in started:
            line = one.process.stdout.readline()
            assert line, one.log.read_text()
            one.url = json.loads(line)["url"]
            one.http = httpx.Client(base_url=one.url, timeout=90, verify=False)
        yield started
    finally:
        for one in started:
            one.process.terminate()
        for one in started:
            assert one.process.wait(timeout=30) == 0, one.log.read_text()
            one.process.stdout.close()
            one.http.close()


@contextmanager
def gateway(folder: Path, **settings: Any) -> Iterator[Running]:
    """One gateway at work, until the block ends."""
    with ready(start(folder, **settings)) as (running,):
        yield running


@dataclass
class Pair:
    """Consumer's gateway (Health), provider's gateway (the Civil Registry), and its service."""

    consumer: Running
    provider: Running
    service: Service
    made: DevelopmentInstance

    def call(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """A call below the Civil Registry's services, as an information system makes it."""
        headers = {"X-Road-Client": HEALTH, **more.pop("headers", {})}
        url = path if path.startswith("/r") else f"/r1/{CIVIL}/{path}"
        return self.consumer.http.request(method, url, headers=headers, **more)


@contextmanager
def pair(folder: Path, **settings: Any) -> Iterator[Pair]:
    """Both gateways at work."""
    with ExitStack() as stack:
        made = instance(folder)
        service = stack.enter_context(provider())
        codes = ("echo", "some", "öäå", "closed", "described", "person-by-code")
        providers = [{"service": one, "url": service.url} for one in codes]
        civil, health = made.node_folder(CIVIL), made.node_folder(HEALTH)
        for one in (civil, health):
            node = yaml.safe_load((one / "node.yaml").read_text())
            (one / "node.yaml").write_text(yaml.safe_dump({**node, "max_body": 4 * 1_048_576}))
        started = start(health, **settings), start(civil, providers=providers, **settings)
        asks, answers = stack.enter_context(ready(*started))
        yield Pair(asks, answers, service, made)
