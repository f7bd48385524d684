"""Hostile clients: what two readers could take for two requests, slowness, size, paths."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pairs import Pair, Running, gateway

from xroad_lite.testing import BIRTH, CIVIL, HEALTH

GET = f"GET /r1/{CIVIL}/echo HTTP/1.1\r\nX-Road-Client: {HEALTH}\r\n"
POST = f"POST /r1/{CIVIL}/echo HTTP/1.1\r\nX-Road-Client: {HEALTH}\r\n"
BIRTHS = "/api/v1/messages/health.birth"


@pytest.fixture(scope="module")
def impatient(running: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway of Welfare's with short times and small sizes."""
    folder: Path = running.made.node_folder("DEMO/GOV/WELFARE/office")
    limits = {"header_seconds": 0.3, "body_seconds": 0.3, "headers": 2048, "connections": 20}
    with gateway(folder, limits=limits) as found:
        yield found


def said(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that the gateway says until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionResetError:
            return b""


SMUGGLED = {
    "two lengths": POST + "Host: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": POST + "Host: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": POST + "Host: h\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a length beside chunks": POST
    + "Host: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks beside a length": POST
    + "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + "Host: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two headers": POST
    + "Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "another encoding": POST + "Host: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an encoding before chunked": POST + "Host: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + "Host: h\r\nContent-Length : 3\r\n\r\nabc",
    "a folded header": GET + "Host: h\r\nX-A: 1\r\n  2\r\n\r\n",
    "a bare line feed": GET.replace("\r\n", "\n") + "Host: h\n\n",
    "a bare line feed in a header": GET + "Host: h\r\nX-A: 1\nX-B: 2\r\n\r\n",
    "a bare carriage return": GET + "Host: h\r\nX-A: 1\rX-B: 2\r\n\r\n",
    "a null": GET + "Host: h\r\nX-A: a\0b\r\n\r\n",
    "a negative length": POST + "Host: h\r\nContent-Length: -1\r\n\r\n",
    "a signed length": POST + "Host: h\r\nContent-Length: +3\r\n\r\nabc",
    "a length in hexadecimal": POST + "Host: h\r\nContent-Length: 0x3\r\n\r\nabc",
    "a length beyond 64 bits": POST + "Host: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "a chunk of a negative size": POST + "Host: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk size beyond 64 bits": POST
    + "Host: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a chunk that ends early": POST
    + "Host: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "no host": GET + "\r\n",
    "two hosts": GET + "Host: a\r\nHost: b\r\n\r\n",
    "an absolute target": GET.replace("/r1", "http://other/r1") + "Host: h\r\n\r\n",
    "an absolute target without a path": GET.replace("/r1", "http://h?/r1") + "Host: h\r\n\r\n",
    "an absolute target with a user": GET.replace("/r1", "http://u@h/r1") + "Host: h\r\n\r\n",
    "another protocol's target": GET.replace("/r1", "ftp://h/r1") + "Host: h\r\n\r\n",
    "a target of an authority": "CONNECT other:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    "a target that is a star": "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    "a fragment": GET.replace("/echo", "/echo#x") + "Host: h\r\n\r\n",
    "bytes beyond ASCII in the target": GET.replace("/echo", "/ech\xf6") + "Host: h\r\n\r\n",
    "a strange version": GET.replace("HTTP/1.1", "HTTP/9.9") + "Host: h\r\n\r\n",
    "no version": "GET /health/live\r\n\r\n",
    "another protocol": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the other version's preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a name that is none": GET + "Host: h\r\nX A: 1\r\n\r\n",
    "a name in brackets": GET + "Host: h\r\nX(A): 1\r\n\r\n",
    "no name": GET + "Host: h\r\n: 1\r\n\r\n",
}


@pytest.mark.parametrize("form", SMUGGLED)
def test_what_could_be_read_in_two_ways_is_refused(two: Pair, form: str) -> None:
    """One answer, 400, and the end: what is behind it is never read as a request."""
    behind = f"GET /r1/{CIVIL}/echo/smuggled HTTP/1.1\r\nHost: h\r\nX-Road-Client: {HEALTH}\r\n\r\n"
    answer = said(two.consumer.port, (SMUGGLED[form] + behind).encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert [one.target for one in two.service.seen if "smuggled" in one.target] == []


def test_pipelined_requests_are_answered_in_order(two: Pair) -> None:
    """Two honest ones behind each other are no smuggling."""
    one = f"POST /r1/{CIVIL}/echo HTTP/1.1\r\nHost: h\r\nX-Road-Client: {HEALTH}\r\n"
    first = one + "Content-Length: 1\r\n\r\na"
    second = one + "Connection: close\r\nContent-Length: 1\r\n\r\nb"
    answer = said(two.consumer.port, (first + second).encode())
    assert [part[-1:] for part in answer.split(b"HTTP/1.1 200")[1:]] == [b"a", b"b"]


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0, HTTP/2.0"])
@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_another_protocol_is_not_spoken(two: Pair, protocol: str, pause: float) -> None:
    """As Java's clients offer it: the request keeps its body, which is nobody's next request."""
    post = POST + f"Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n"
    post += "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    body = GET.replace("/echo", "/echo/smuggled") + "Host: h\r\n\r\n"
    chunked = f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n", f"{body}\r\n0\r\n\r\n"
    plain = f"Content-Length: {len(body)}\r\n\r\n", body
    last = GET.replace("/echo", "/echo/last") + "Host: h\r\nConnection: close\r\n\r\n"
    parts = [post + plain[0], plain[1], post + chunked[0], chunked[1], last]
    if not pause:
        parts = ["".join(parts)]
    answer = said(two.consumer.port, *(one.encode() for one in parts), pause=pause)
    assert answer.count(b"HTTP/1.1 200 OK") == 3, answer
    assert [(one.target, one.body.decode()) for one in two.service.seen] == [
        ("/", body),
        ("/", body),
        ("/last", ""),
    ]
    assert two.service.seen[0].header("Upgrade") is None


def test_what_follows_a_body_is_no_header(two: Pair) -> None:
    """Neither who asks, nor a token, nor what a front end would have taken out of the head."""
    post = (
        POST + "Host: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    )
    answer = said(two.consumer.port, f"{post}X-Own: 1\r\nX-Road-UserId: EE1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    seen = two.service.seen[-1]
    assert (seen.body, seen.header("X-Own"), seen.header("X-Road-UserId")) == (b"a", None, None)
    nobody = post.replace(f"X-Road-Client: {HEALTH}\r\n", "")
    answer = said(two.consumer.port, f"{nobody}X-Road-Client: {HEALTH}\r\n\r\n".encode())
    assert b"server.clientproxy.missing_header" in answer


def test_who_asked_before_is_answered_first(two: Pair) -> None:
    """What is wrong behind a request is not its answer, and nothing behind that is read."""
    good = POST + "Host: h\r\nContent-Length: 1\r\n\r\n"
    for bad in ("nonsense\r\n\r\n", GET + "\r\n", SMUGGLED["a chunk that ends early"]):
        two.service.seen.clear()
        answer = said(two.consumer.port, f"{good}a{good}b{bad}{good}c".encode())
        answers = [one.partition(b" ")[0] for one in answer.split(b"HTTP/1.1 ")[1:]]
        assert answers == [b"200", b"200", b"400"], answer
        assert [one.body for one in two.service.seen] == [b"a", b"b"]


def test_slow_headers_end_the_connection(impatient: Running) -> None:
    """A byte now and then is no request."""
    head = [b"GET ", b"/health/", b"live ", b"HTTP/1.1\r\n", b"Host:", b" h", b"\r\n", b"X", b"-"]
    began = time.monotonic()
    answer = said(impatient.port, *head, pause=0.1)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 10
    assert said(impatient.port) == b""  # who says nothing is sent away too


def test_slow_bodies_end_the_connection(impatient: Running) -> None:
    """Also those that say how long they are."""
    head = f"POST {BIRTHS} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    pieces = [b"{", b"}", b" ", b" ", b" ", b" ", b" "]
    answer = said(impatient.port, f"{head}Content-Length: 99\r\n\r\n".encode(), *pieces, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    chunked = [b"1\r\n \r\n"] * 7
    head = f"{head}Transfer-Encoding: chunked\r\n\r\n"
    assert said(impatient.port, head.encode(), *chunked, pause=0.1).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [
        "GET /health/live HTTP/1.1\r\nHost: h\r\nX-A: " + "a" * 5000 + "\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: h\r\n" + "X-A: a\r\n" * 500 + "\r\n",
        "GET /health/live?" + "a" * 5000 + " HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: h\r\nX-A: " + "a" * 9_000_000,
        "G" * 100_000,
    ],
)
def test_huge_headers_are_refused(impatient: Running, head: str) -> None:
    """One, many, in the target, without an end, and no request at all."""
    answer = said(impatient.port, head.encode())
    assert answer == b"" or answer[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400")


def test_there_are_so_many_connections(impatient: Running) -> None:
    """One more is told so; when others go there is room again."""
    others = [socket.create_connection(("127.0.0.1", impatient.port)) for _ in range(20)]
    answers = [said(impatient.port, b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n")]
    for one in others:
        one.close()
    assert answers[0] == b"" or answers[0].startswith(b"HTTP/1.1 503 ")
    assert impatient.http.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["..", "../echo", "%2e%2e", "a/../b", "a/%2E./b", "a%2f..%2fb", "a%5c..%5cb", "a//b", "a%00b",
     "a%0d%0aX: b", "./a", "a/.", "%ff", "a;/../b/%2e%2e"],
)  # fmt: skip
def test_path_tricks_reach_no_provider(two: Pair, path: str) -> None:
    """A path that two servers could read as two paths is covered by no agreement."""
    head = f"GET /r1/{CIVIL}/echo/{path.replace(' ', '%20')} HTTP/1.1\r\nHost: h\r\n"
    answer = said(
        two.consumer.port, f"{head}Connection: close\r\nX-Road-Client: {HEALTH}\r\n\r\n".encode()
    )
    assert answer.startswith((b"HTTP/1.1 500 ", b"HTTP/1.1 400 "))
    assert b"access_denied" in answer or b"bad_request" in answer
    assert two.service.seen == []


@pytest.mark.parametrize(
    "path",
    ["/api/v1/../../metrics", "/api/v1/%2e%2e/x", "/api//v1/messages/x", "//metrics", "/API/V1/x"],
)
def test_other_paths_are_nothing(two: Pair, path: str) -> None:
    """No path is made another one before it is looked up."""
    answer = said(
        two.consumer.port, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404 ")


def test_a_bomb_is_not_inflated(two: Pair) -> None:
    """A small body that is ten mebibytes inside: refused here, passed to providers as it is."""
    bomb = gzip.compress(b"\0" * 10 * 1_048_576)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = two.consumer.http.post(BIRTHS, content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "http.content_encoding")
    two.call("echo", "POST", content=bomb, headers=headers)
    assert two.service.seen[-1].body == bomb
    two.service.answer = lambda _: (200, [("Content-Encoding", "gzip")], bomb)
    request = two.consumer.http.build_request(
        "GET", f"/r1/{CIVIL}/echo", headers={"X-Road-Client": HEALTH}
    )
    got = two.consumer.http.send(request, stream=True)
    assert b"".join(got.iter_raw()) == bomb
    got.close()


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b"{}", 415, "http.media_type"),
        ("", b"{}", 415, "http.media_type"),
        ("application/xml", b"<a/>", 415, "http.media_type"),
        ("application/json", b"", 400, "http.json"),
        ("application/json", b"{", 400, "http.json"),
        ("application/json", b'{"a":1,"a":2}', 400, "http.json"),
        ("application/json", b"\xff", 400, "http.json"),
        ("application/json", b"NaN", 400, "http.json"),
        ("application/json", b"[" * 100_000, 400, "http.json"),
        ("application/json", b'"' + b"a" * 5_000_000 + b'"', 413, "http.body_too_large"),
        ("application/json", b"7", 422, "schema.invalid"),
        ("application/cloudevents+json", b"{}", 422, "schema.invalid"),
    ],
)
def test_wrong_bodies(two: Pair, content_type: str, body: bytes, status: int, code: str) -> None:
    """Each has its own status and code."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = two.consumer.http.post(BIRTHS, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_after_all_of_it_the_gateway_is_well(two: Pair) -> None:
    """And nothing of it was a bug."""
    assert two.consumer.http.get("/health/ready").json()["status"] == "ready"
    assert two.consumer.http.post(BIRTHS, json=BIRTH).status_code == 202
    for one in (two.consumer, two.provider):
        assert '"bug"' not in one.log.read_text()
        assert "Traceback" not in one.log.read_text()
