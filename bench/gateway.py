"""Load on two gateways with their nodes and a provider: requests a second, latencies, memory.

Run as ``python -m bench.gateway [seconds] [concurrency]``. It is its own load client and provider
too, in processes of their own, so that what is measured is the gateways'. Each gateway keeps to a
core; client and provider run where there is room. In the same run it measures what no gateway could
do without: a bare HTTP server's request, and four signatures.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import httptools
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "gateway")]


class _Service(asyncio.Protocol):
    """A provider's service that answers at once."""

    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        + b'{"value":42}'
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(self.answer)  # type: ignore[attr-defined]


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, request: bytes, ends: float, times: list[float], errors: list[int]) -> None:
        self.request, self.ends, self.times, self.errors = request, ends, times, errors
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.began = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.times.append(time.perf_counter() - self.began)
        if self.parser.get_status_code() != 200:
            self.errors.append(self.parser.get_status_code())
        if time.monotonic() < self.ends:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Service, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _bare_application(scope: Any, receive: Any, send: Any) -> None:
    """What the server that the gateway runs on costs alone."""
    if scope["type"] != "http":
        return
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"12")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"value":42}'})


def _serve_bare() -> None:
    import uvicorn

    port = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(port.getsockname()[1], flush=True)
    config = uvicorn.Config(
        _bare_application, http="httptools", loop="uvloop", access_log=False, log_config=None
    )
    uvicorn.Server(config).run(sockets=[port])


def _signatures() -> float:
    """CPU microseconds of what an exchange signs and verifies: two seals, each on both sides."""
    key = ec.generate_private_key(ec.SECP256R1())
    data, algorithm = b"x" * 1500, ec.ECDSA(hashes.SHA256())

    def once() -> float:
        began = time.process_time()
        for _ in range(200):
            key.public_key().verify(key.sign(data, algorithm), data, algorithm)
        return (time.process_time() - began) / 200

    return 2e6 * min(once() for _ in range(10))


async def _load(port: int, target: str, client: str, seconds: float, concurrency: int) -> None:
    lines = [
        f"POST {target} HTTP/1.1",
        "Host: gateway",
        f"X-Road-Client: {client}",
        "Content-Type: application/json",
        "Content-Length: 12",
    ]
    request = "\r\n".join((*lines, "", '{"value":42}')).encode()
    times: list[float] = []
    errors: list[int] = []
    ends = time.monotonic() + seconds
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    clients = [
        (
            await loop.create_connection(
                lambda: _Client(request, ends, times, errors), "127.0.0.1", port
            )
        )[1]
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(one.done for one in clients))
    took = time.monotonic() - began
    times.sort()
    found = {
        "requests": len(times),
        "per_second": round(len(times) / took, 1),
        "errors": len(errors),
        "p50_ms": round(1000 * times[len(times) // 2], 1),
        "p99_ms": round(1000 * times[len(times) * 99 // 100], 1),
        "mean_ms": round(1000 * statistics.fmean(times), 1),
    }
    print(json.dumps(found), flush=True)


def _of(pid: int) -> tuple[float, float]:
    """CPU seconds and resident mebibytes of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(seconds: float, concurrency: int, folder: Path) -> dict[str, object]:
    """Two gateways, a provider and a load client, each a process; what came of it."""
    from pairs import instance

    from xroad_lite.testing import CIVIL, HEALTH

    with ExitStack() as stack:
        made = instance(folder)
        me = [sys.executable, "-m", "bench.gateway"]
        url = f"http://127.0.0.1:{_port_of(_started([*me, 'serve'], stack))}"
        limits = {"calls": 1000}
        provider = [{"service": "echo", "url": url}]
        first, *others = [[one] for one in sorted(os.sched_getaffinity(0))]
        second = others[0] if others else first
        both = [
            _gateway(made.node_folder(HEALTH), stack, cores=first, limits=limits),
            _gateway(
                made.node_folder(CIVIL), stack, cores=second, limits=limits, providers=provider
            ),
        ]
        port, _ = map(_port_of, both)
        target = f"/r1/{CIVIL}/echo/x"

        def load(port: int, seconds: float) -> dict[str, object]:
            command = [*me, "load", str(port), target, HEALTH, str(seconds), str(concurrency)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found: dict[str, object] = json.loads(done.stdout)
            return found

        load(port, min(2.0, seconds))
        before = [_of(one.pid) for one in both]
        found = load(port, seconds)
        after = [_of(one.pid) for one in both]
        requests = float(str(found["requests"]))
        cpu = [round(1e6 * (b[0] - a[0]) / requests) for a, b in zip(before, after, strict=True)]
        memory = [(round(a[1]), round(b[1])) for a, b in zip(before, after, strict=True)]
    with ExitStack() as stack:
        bare = _started([*me, "bare"], stack)
        port = _port_of(bare)
        began = _of(bare.pid)[0]
        answered = load(port, min(3.0, seconds))
        spent = 1e6 * (_of(bare.pid)[0] - began) / float(str(answered["requests"]))
    return found | {
        "gateway_cpu_us": cpu,
        "bare_cpu_us": {"http_request": round(spent), "four_signatures": round(_signatures())},
        "memory_mib": memory,
        "load": os.getloadavg()[0],
    }


def _gateway(folder: Path, stack: ExitStack, **settings: object) -> subprocess.Popen[str]:
    """A gateway beside the node in a folder; its log lines go to a file, as a service's do."""
    (folder / "gateway.yaml").write_text(json.dumps({"port": 0, "open": True, **settings}))
    errors = stack.enter_context((folder / "gateway.log").open("w"))
    command = [sys.executable, "-m", "xroad_lite.cli", "gateway", "--node", str(folder), "--json"]
    return _started(command, stack, errors)


def _started(
    command: list[str], stack: ExitStack, errors: IO[str] | None = None
) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def _port_of(process: subprocess.Popen[str]) -> int:
    """Where it listens: the first line that it prints is the port, or has its URL."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return int(line) if line.strip().isdecimal() else int(json.loads(line)["url"].split(":")[-1])


def main() -> None:
    """Measure, or be one of the other processes."""
    words = sys.argv[1:]
    if words[:1] == ["serve"]:
        uvloop.run(_serve())
    elif words[:1] == ["bare"]:
        _serve_bare()
    elif words[:1] == ["load"]:
        uvloop.run(_load(int(words[1]), words[2], words[3], float(words[4]), int(words[5])))
    else:
        seconds, concurrency = float(words[0] if words else 10), int(words[1] if words[1:] else 500)
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(seconds, concurrency, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
