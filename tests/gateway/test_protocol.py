"""One connection of a gateway, before an application of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from xroad_lite.gateway.protocol import BoundedProtocol
from xroad_lite.gateway.settings import Limits

App = Callable[[Scope, Receive, Send], Awaitable[None]]
HEAD = b"Host: h\r\n\r\n"


class _Impatient(BoundedProtocol):
    limits = Limits(header_seconds=0.1, body_seconds=0.1, idle_seconds=0.2)


def said(app: App, *parts: bytes, leaves: bool = False) -> tuple[bytes, list[dict[str, Any]]]:
    """All that is said to a client that sends these parts; and what the loop complained of."""

    async def talk() -> tuple[bytes, list[dict[str, Any]]]:
        loop, complaints = asyncio.get_running_loop(), list[dict[str, Any]]()
        loop.set_exception_handler(lambda _, said: complaints.append(said))
        config, state = Config(app, log_config=None, ws="none"), ServerState()
        config.load()
        server = await loop.create_server(lambda: _Impatient(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        if leaves:
            writer.transport.abort()
        answer = b"" if leaves else await asyncio.wait_for(reader.read(), 20)
        writer.close()
        while state.tasks:
            await asyncio.sleep(0.01)
        server.close()
        return answer, complaints

    return asyncio.run(talk())


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path, after a while."""
    del receive
    await asyncio.sleep(0.3)
    headers = [(b"content-length", b"%d" % len(scope["path"]))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_an_answer_is_not_cut_off_by_stray_line_ends() -> None:
    """As old clients send them behind a body: they begin no request, and hurry nobody."""
    asked = b"GET /a HTTP/1.1\r\nConnection: close\r\n" + HEAD
    answer, complaints = said(slow, asked, b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"/a")
    assert complaints == []


def test_a_slow_head_behind_a_request_does_not_end_its_answer() -> None:
    """Who is late is told so when it is its turn."""
    answer, complaints = said(slow, b"GET /a HTTP/1.1\r\n" + HEAD, b"GET /b HT")
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert first.endswith(b"/a")
    assert second.startswith(b"408 ")
    assert complaints == []


def test_a_head_behind_a_request_has_no_longer_than_others() -> None:
    """Also when its first bytes came with the request before."""
    answer, complaints = said(slow, b"GET /a HTTP/1.1\r\n" + HEAD + b"GET /b HT")
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"408 ")
    assert complaints == []


def test_who_was_answered_before_its_body_was_here_is_idle_after_it() -> None:
    """Its connection ends as any that nobody uses."""

    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    answer, complaints = said(hasty, b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n" + HEAD, b"ok")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert complaints == []


def test_who_has_gone_is_answered_no_more() -> None:
    """That nobody is there shows when an answer meets no one: what was asked behind it is left."""
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await slow(scope, receive, send)
        ended.append(scope["path"])

    asked = b"".join(b"GET /%d HTTP/1.1\r\n" % number + HEAD for number in range(3))
    _, complaints = said(app, asked, leaves=True)
    assert ended in (["/0"], ["/0", "/1"])  # the first to go out may find it out, or the next
    assert complaints == []
