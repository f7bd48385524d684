"""Hostile providers: garbage, too much, too slow, and half; the call ends soon, in an error."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from xroad_lite.gateway import http_client
from xroad_lite.gateway.http_client import Answer, CallError, HttpClient

LIMIT = 1000
OK = b"HTTP/1.1 200 OK\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def provider(*answers: bytes, hang: bool = False, drip: float = 0.0) -> Iterator[list[bytes]]:
    """A server that gives these bytes, one per connection, whatever is asked; gives its address."""
    server = socket.create_server(("127.0.0.1", 0))
    seen = [b"http://127.0.0.1:%d" % server.getsockname()[1]]
    ended = threading.Event()

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    seen.append(connection.recv(65_536))
                    for piece in (
                        [answer[i : i + 1] for i in range(len(answer))] if drip else [answer]
                    ):
                        connection.sendall(piece)
                        ended.wait(drip)
                    if hang:
                        ended.wait(20)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def call(
    address: bytes, method: str = "GET", *, timeout: float = 5.0, times: int = 1
) -> list[Answer]:
    """Answers to calls one after the other."""

    async def calling() -> list[Answer]:
        client = HttpClient(address.decode(), timeout=timeout, calls=2, max_content=LIMIT)
        try:
            return [await client.call(method, "/x", "q=1", [("A", "b")], b"") for _ in range(times)]
        finally:
            client.close()

    return asyncio.run(calling())


GARBAGE = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x50",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    "half of chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length beside chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "a huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"a" * 99_999,
    "a huge head": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 9000,
    "another protocol": b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a status that is none": b"HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "chunks without end": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 2000,
    "a body to the end, too long": b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (LIMIT + 1),
}  # fmt: skip


@pytest.mark.parametrize("form", GARBAGE)
def test_garbage_is_an_error_of_ours(form: str) -> None:
    """Bounded, and told as what it is."""
    with provider(GARBAGE[form]) as seen, pytest.raises(CallError):
        call(seen[0])


FINE = {
    "a length": GOOD,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.0 200 OK\r\n\r\nok",
    "an interim answer first": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD,
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("form", FINE)
def test_all_honest_forms_are_read(form: str) -> None:
    """However the body is framed."""
    with provider(FINE[form]) as seen:
        (answer,) = call(seen[0])
    assert (answer.status, answer.content) == (200, b"ok")
    assert b"Link" not in repr(answer.headers).encode()
    assert seen[1].startswith(b"GET /x?q=1 HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("method", "head"),
    [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")],
)
def test_answers_without_a_body(method: str, head: bytes) -> None:
    """A length in them is of what there would be."""
    with provider(
        b"HTTP/1.1 " + head + b"\r\nContent-Length: 99\r\n\r\n", hang=method == "HEAD"
    ) as seen:
        (answer,) = call(seen[0], method)
    assert answer.content == b""


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
def test_a_provider_that_hangs(answer: bytes) -> None:
    """Before its answer or in the middle of it."""
    began = time.monotonic()
    with provider(answer, hang=True) as seen, pytest.raises(CallError, match="no answer within"):
        call(seen[0], timeout=0.3)
    assert time.monotonic() - began < 5


def test_a_provider_that_drips() -> None:
    """Each byte in time is not an answer in time."""
    with (
        provider(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50, drip=0.02) as seen,
        pytest.raises(CallError),
    ):
        call(seen[0], timeout=0.3)


def test_nobody_is_there() -> None:
    """A closed port, and a name that is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address in (b"http://127.0.0.1:%d" % port, b"http://no-such-host.invalid"):
        with pytest.raises(CallError):
            call(address)


def test_a_connection_that_was_closed_meanwhile() -> None:
    """Asked again on a new one where asking twice is harmless; else it is told."""
    with provider(GOOD, GOOD) as seen:
        assert len(call(seen[0], "PUT", times=2)) == 2
    with provider(GOOD + GOOD, GOOD) as seen:  # a second answer that nobody asked for
        assert [one.content for one in call(seen[0], times=2)] == [b"ok", b"ok"]


def test_no_more_calls_at_once_than_allowed() -> None:
    """The third waits until one of two is over."""
    open_now, most = 0, 0

    def counted(connection: socket.socket, done: Callable[[], None]) -> None:
        nonlocal open_now, most
        with connection:
            connection.recv(65_536)
            open_now += 1
            most = max(most, open_now)
            threading.Event().wait(0.05)
            open_now -= 1
            connection.sendall(OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        done()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = []

        def serve() -> None:
            for _ in range(6):
                thread = threading.Thread(target=counted, args=(server.accept()[0], lambda: None))
                thread.start()
                threads.append(thread)

        acceptor = threading.Thread(target=serve)
        acceptor.start()

        async def calling() -> None:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
            client = HttpClient(address, timeout=5, calls=2, max_content=LIMIT)
            await asyncio.gather(*(client.call("POST", "", None, [], b"") for _ in range(6)))
            client.close()

        asyncio.run(calling())
        acceptor.join()
        for thread in threads:
            thread.join()
    assert most <= 2


def test_what_follows_the_content_is_no_header() -> None:
    """Trailer fields end with their connection; too many of them are garbage."""
    chunks = OK + b"Transfer-Encoding: chunked\r\nX-Own: 1\r\n\r\n2\r\nok\r\n0\r\n"
    with provider(chunks + b"Set-Cookie: a=b\r\n\r\n") as (address, *_):
        (answer,) = call(address)
    assert answer.content == b"ok"
    assert [name for name, _ in answer.headers] == ["Transfer-Encoding", "X-Own"]
    with (
        provider(chunks + b"X: %b\r\n" % (b"x" * 60) * 1100 + b"\r\n") as (address, *_),
        pytest.raises(CallError),
    ):
        call(address)


def test_as_many_connections_are_kept_as_calls_were_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the next as many make none; and all end when nobody calls any more."""
    monkeypatch.setattr(http_client, "IDLE_SECONDS", 0.5)
    made: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.append(asyncio.current_task())
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(GOOD)
        writer.close()

    async def calling() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=200)
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(f"http://127.0.0.1:{port}", timeout=20, calls=100, max_content=LIMIT)
        for _ in range(2):
            asked = [client.call("POST", "/x", None, [("A", "b")], b"") for _ in range(150)]
            assert {one.status for one in await asyncio.gather(*asked)} == {200}
            assert len(made) == 100
        await asyncio.wait_for(asyncio.gather(*(one for one in made if one)), 20)
        server.close()

    asyncio.run(calling())
