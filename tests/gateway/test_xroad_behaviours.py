"""X-Road's own behaviours for REST, each against two running gateways and a provider's service.

The list is X-Road's: what its own tests ask of a pair of security servers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from pairs import WELFARE, Pair

from xroad_lite.encryption import is_pseudonym
from xroad_lite.messagelog import Store, entries
from xroad_lite.testing import CIVIL, HEALTH

UUID_TEXT = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def raw(two: Pair, request: bytes) -> bytes:
    """An answer to a request as it is written; it must end the connection."""
    with socket.create_connection(("127.0.0.1", two.consumer.port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def fault(answer: object) -> dict[str, str]:
    """X-Road's error, whose type is in the header too; its detail is a UUID."""
    body: dict[str, str] = answer.json()  # type: ignore[attr-defined]
    assert answer.headers["x-road-error"] == body["type"]  # type: ignore[attr-defined]
    assert set(body) == {"type", "message", "detail"}
    UUID(body["detail"])
    return body


def test_a_post_comes_back(two: Pair) -> None:
    """The simplest exchange of all."""
    answer = two.call("echo", "POST", json={"value": 42})
    assert (answer.status_code, answer.json()) == (200, {"value": 42})
    assert "x-road-error" not in answer.headers


def test_without_a_client_it_fails(two: Pair) -> None:
    """X-Road-Client is the one mandatory header."""
    answer = two.consumer.http.get(f"/r1/{CIVIL}/echo")
    assert answer.status_code == 500
    assert fault(answer)["type"] == "server.clientproxy.missing_header"


@pytest.mark.parametrize(
    "client", ["", "DEMO", "DEMO/GOV", "DEMO/GOV/HEALTH/births/more", "//", "a/%ff/c/d"]
)
def test_a_client_that_is_no_identifier_fails(two: Pair, client: str) -> None:
    """Three or four parts."""
    answer = two.call("echo", headers={"X-Road-Client": client})
    assert answer.status_code == 500
    assert fault(answer)["type"].startswith("server.clientproxy.")


def test_a_client_that_has_no_node_here_is_unknown(two: Pair) -> None:
    """Whether it is registered elsewhere or nowhere."""
    for other in (WELFARE, CIVIL, "DEMO/GOV/NOBODY/x", "DEMO/GOV/NOBODY"):
        answer = two.call("echo", headers={"X-Road-Client": other})
        assert fault(answer)["type"] == "server.clientproxy.unknown_member"
    assert two.service.seen == []


def test_a_member_may_ask_by_its_only_subsystem(two: Pair) -> None:
    """The subsystem's code is optional."""
    answer = two.call("echo", headers={"X-Road-Client": "DEMO/GOV/HEALTH"})
    assert answer.status_code == 200
    assert answer.headers["x-road-client"] == "DEMO/GOV/HEALTH"


def test_of_repeated_client_headers_the_last_wins(two: Pair) -> None:
    """And the provider is told of no other."""
    headers = [("X-Road-Client", WELFARE), ("X-Road-Client", HEALTH)]
    answer = two.consumer.http.get(f"/r1/{CIVIL}/echo", headers=headers)
    assert answer.status_code == 200
    names = [
        value for name, value in two.service.seen[-1].headers if name.lower() == "x-road-client"
    ]
    assert names == [HEALTH]
    assert two.consumer.http.get(f"/r1/{CIVIL}/echo", headers=headers[::-1]).status_code == 500


@pytest.mark.parametrize(
    "path",
    [
        "/r1/invalid",
        "/r1/",
        "/r1/DEMO/GOV/CIVIL/registry",
        "/r2/DEMO/GOV/CIVIL/registry/echo",
        "/r1//GOV/CIVIL/registry/echo",
    ],
)
def test_a_malformed_path_fails(two: Pair, path: str) -> None:
    """A service has five parts, and there is one version of the protocol."""
    answer = two.call(path)
    assert answer.status_code == 500
    assert fault(answer)["type"] == "server.clientproxy.bad_request"


def test_the_query_id_is_kept(two: Pair) -> None:
    """On the way to the service and back."""
    query_id = str(uuid4())
    answer = two.call("echo", "POST", json={}, headers={"X-Road-Id": query_id})
    assert answer.headers["x-road-id"] == query_id
    assert two.service.seen[-1].header("x-road-id") == query_id


def test_a_query_id_is_made(two: Pair) -> None:
    """Of the instance and a random UUID, where the client has none."""
    answer = two.call("echo")
    assert re.fullmatch(f"DEMO-{UUID_TEXT}", answer.headers["x-road-id"])
    assert two.service.seen[-1].header("x-road-id") == answer.headers["x-road-id"]


def test_identifiers_are_told_in_one_form(two: Pair) -> None:
    """However they were encoded when they were sent."""
    sent = {"X-Road-Client": HEALTH.replace("births", "b%69rths")}
    answer = two.call(f"/r1/{CIVIL.replace('registry', '%72egistry')}/echo", headers=sent)
    assert answer.headers["x-road-client"] == HEALTH
    assert answer.headers["x-road-service"] == f"{CIVIL}/echo"


def test_a_target_may_name_the_host(two: Pair) -> None:
    """As clients write it that go through a proxy."""
    here = f"127.0.0.1:{two.consumer.port}"
    head = f"GET http://{here}/r1/{CIVIL}/echo/a?b HTTP/1.1\r\nHost: {here}\r\n"
    head += f"Connection: close\r\nX-Road-Client: {HEALTH}\r\n\r\n"
    assert raw(two, head.encode()).startswith(b"HTTP/1.1 200 ")
    assert two.service.seen[-1].target == "/a?b"


def test_who_asks_is_a_person_in_no_log(two: Pair) -> None:
    """The service is told, in the call that can be erased; seals have a pseudonym of it."""
    name = f"EE{uuid4().hex}õ".encode()  # as most clients write it, in UTF-8
    two.call("echo", headers={"X-Road-UserId": name, "X-Road-Issue": "ärend".encode()})
    assert two.service.seen[-1].header("x-road-userid") == name.decode("latin-1")
    for node in (HEALTH, CIVIL):
        store = Store(two.made.node_folder(node) / "log.sqlite3", readonly=True)
        found = [entries.read(leaf).attributes() for _, leaf in store.entries()]
        store.close()
        sealed = [one for one in found if one.get("type") == "xroad.rest-request"][-1]
        assert sealed["issue"] == "ärend"
        assert is_pseudonym(sealed["userid"])


def test_the_length_is_told(two: Pair) -> None:
    """A service need not read to the end."""
    body = b'{"value" : 42}'
    two.call("echo", "POST", content=body)
    assert two.service.seen[-1].header("Content-Length") == str(len(body))
    two.call("echo", "POST", content=iter([b"in ", b"pieces"]))
    assert two.service.seen[-1].body == b"in pieces"
    assert two.service.seen[-1].header("Content-Length") == "9"
    assert two.service.seen[-1].header("Transfer-Encoding") is None


def test_each_request_has_its_own_hash_and_id(two: Pair) -> None:
    """Also with the same query id; a client's own are dropped."""
    mine = {"X-Road-Id": "query", "X-Road-Request-Hash": "x", "X-Road-Request-Id": "y"}
    answers = [two.call("echo", headers=mine) for _ in range(2)]
    for name in ("x-road-request-hash", "x-road-request-id"):
        first, second = (one.headers[name] for one in answers)
        assert len({first, second, mine["X-Road-Request-Hash"], mine["X-Road-Request-Id"]}) == 4
    assert re.fullmatch(UUID_TEXT, answers[0].headers["x-road-request-id"])
    assert [one.headers["x-request-id"] for one in answers] == [  # as in the gateway's log
        one.headers["x-road-request-id"] for one in answers
    ]
    seen = [one.header("x-road-request-id") for one in two.service.seen]
    assert seen == [one.headers["x-road-request-id"] for one in answers]
    assert two.service.seen[0].header("x-road-request-hash") is None


@pytest.mark.parametrize("body", [b"", b"\x00\xff body"])
def test_the_request_hash_can_be_computed_by_the_client(two: Pair, body: bytes) -> None:
    """From what it sent, in its order and writing, and the two ids that were made."""
    target = f"/r1/{CIVIL}/echo/p%61th?q=1&r"
    sent = [
        ("X-Road-Client", HEALTH),
        ("aCCept", "*/*"),
        ("X-Own", "a, b"),
        ("X-Own", "c"),
        ("X-Road-UserId", "EE1"),
    ]
    lines = [f"POST {target} HTTP/1.1", "Host: here", "User-Agent: test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in sent]
    lines += [f"Content-Length: {len(body)}", "", ""]
    head, _, _ = raw(two, "\r\n".join(lines).encode() + body).partition(b"\r\n\r\n")
    got = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    sent += [(name, got[name]) for name in ("x-road-request-id", "x-road-id")]
    text = "".join(f"{line}\r\n" for line in ["POST", target, *(f"{a}:{b}" for a, b in sent)])
    digest = hashlib.sha512(text.encode()).digest()
    if body:
        digest = hashlib.sha512(digest + hashlib.sha512(body).digest()).digest()
    assert got["x-road-request-hash"] == base64.b64encode(digest).decode()


def test_there_is_one_date(two: Pair) -> None:
    """The service's own if it has one."""
    date = "Sun, 06 Nov 1994 08:49:37 GMT"

    def without_date(_: object) -> tuple[int, list[tuple[str, str]], bytes]:
        return 200, [("Date", date)], b""

    assert len(two.call("echo").headers.get_list("date")) == 1
    two.service.answer = without_date
    assert two.call("echo").headers.get_list("date") == [date]
    for other in ("some/denied", "listMethods", "getOpenAPI"):
        assert len(two.call(other).headers.get_list("date")) == 1


def test_identifiers_are_percent_encoded(two: Pair) -> None:
    """Each segment apart; what is below the service stays as it was written."""
    path = f"{quote('öäå')}/path%3B/"
    answer = two.call(path)
    assert answer.status_code == 200, answer.text
    assert two.service.seen[-1].target == "/path%3B/"
    assert answer.headers["x-road-service"] == f"{CIVIL}/{quote('öäå')}"


def test_an_empty_path(two: Pair) -> None:
    """With and without the last slash it is the service's own address."""
    for path in ("echo", "echo/"):
        assert two.call(path).status_code == 200
        assert two.service.seen[-1].target == "/"


def test_query_and_path_pass_as_they_are(two: Pair) -> None:
    """Also repeated, empty and encoded parameters, and an encoded question mark."""
    for target in ("a/b%20c?x=1&x=2&y=&z=%2F%3F+", "q%3Fx?", "%C3%B6?%C3%B6=%ff"):
        raw(
            two,
            f"GET /r1/{CIVIL}/echo/{target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            f"X-Road-Client: {HEALTH}\r\n\r\n".encode(),
        )
        assert two.service.seen[-1].target == f"/{target}".removesuffix("?")


def test_large_binary_bodies(two: Pair) -> None:
    """Two mebibytes and some, both ways, byte for byte."""
    body = bytes(range(256)) * 8192 + b"\x80" * 104_729
    answer = two.call("echo", "POST", content=body)
    assert answer.content == body
    assert two.service.seen[-1].body == body


def test_what_is_too_large_is_told(two: Pair) -> None:
    """On the way there, announced or not, and on the way back; nothing is cut off."""
    body = b"\xff" * (4 * 1_048_576 + 1)
    for content in (body, iter([body])):
        answer = two.call("echo", "POST", content=content)
        assert answer.status_code == 400
        said = fault(answer)
        assert said["type"] == "client.message_too_large"
        assert "raise max_body" in said["message"]
    fits_no_message = two.call("echo", "POST", content=body[:3_900_000])
    assert fault(fits_no_message)["type"] == "client.message_too_large"
    two.service.answer = lambda _: (200, [], body)
    answer = two.call("echo")
    assert answer.status_code == 500
    assert fault(answer)["type"] == "server.serverproxy.service_failed"
    two.service.answer = lambda _: (200, [], body[:3_900_000])
    assert fault(two.call("echo"))["type"] == "server.serverproxy.service_failed"


def test_a_redirect_passes_and_is_not_followed(two: Pair) -> None:
    """It is the client that may follow it."""
    location = f"/r1/{CIVIL}/echo/elsewhere"
    two.service.answer = lambda _: (302, [("Location", location)], b"")
    answer = two.call("echo")
    assert (answer.status_code, answer.headers["location"]) == (302, location)
    assert len(two.service.seen) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 404, 405, 418, 500, 503])
def test_a_services_own_status_passes(two: Pair, status: int) -> None:
    """With its headers and body; it is no error of X-Road's."""
    body = b"" if status in (204, 304) else b'{"own":"words"}'
    headers = [("Content-Type", "application/json"), ("X-Own", "1"), ("WWW-Authenticate", "Basic")]
    two.service.answer = lambda _: (status, headers, body)
    answer = two.call("echo")
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["x-own"] == "1"
    assert "x-road-error" not in answer.headers
    assert answer.headers["x-road-request-hash"]


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
)
def test_every_method_passes(two: Pair, method: str) -> None:
    """The eight that X-Road knows."""
    answer = two.call("echo/x", method)
    assert answer.status_code == 200
    assert two.service.seen[-1].method == method


def test_an_answer_to_head_says_no_length(two: Pair) -> None:
    """Nobody knows it here, and none would be wrong."""
    two.service.answer = lambda _: (200, [("Content-Type", "text/plain"), ("ETag", '"1"')], b"four")
    answer = two.call("echo", "HEAD")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", '"1"')
    assert {"content-length", "transfer-encoding"}.isdisjoint(answer.headers)
    assert two.call("echo").content == b"four"


def test_other_methods_are_refused(two: Pair) -> None:
    """Before anything is sent."""
    answer = two.call("echo", "PROPFIND")
    assert fault(answer)["type"] == "client.bad_request"


def test_a_method_that_is_denied(two: Pair) -> None:
    """Endpoint rights are by method and path: allowed by GET does not mean by PATCH."""
    assert two.call("some/allowed/1").status_code == 200
    for method, path in (
        ("PATCH", "some/allowed/1"),
        ("GET", "some/other"),
        ("GET", "some/allowed/1/2"),
        ("GET", "some/allowed/%2e%2e"),
        ("GET", "closed/x"),
    ):
        answer = two.call(path, method)
        assert answer.status_code == 500
        assert fault(answer)["type"] == "server.serverproxy.access_denied"
    assert len(two.service.seen) == 1


def test_what_does_not_exist(two: Pair) -> None:
    """A service, and a provider."""
    answer = two.call("nothing")
    assert (answer.status_code, fault(answer)["type"]) == (
        500,
        "server.serverproxy.unknown_service",
    )
    answer = two.call("/r1/DEMO/GOV/NOBODY/x/echo")
    assert (answer.status_code, fault(answer)["type"]) == (500, "server.clientproxy.unknown_member")


def test_maintenance(two: Pair) -> None:
    """Whoever asks is told of it, with the words of the registry."""
    answer = two.call("resting")
    assert answer.status_code == 500
    said = fault(answer)
    assert said["type"] == "server.serverproxy.maintenance_mode"
    assert "we move house" in said["message"]


def test_a_provider_without_address(two: Pair) -> None:
    """Allowed, and nobody is there: the provider's gateway says so."""
    assert fault(two.call("gone"))["type"] == "server.serverproxy.service_missing_url"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("foobarbaz", "application/json"),
        ("text/xml-patch+xml", "application/json"),
        ("application/xml", "application/xml;charset=utf-8"),
        ("text/xml", "text/xml;charset=utf-8"),
        ("text/*", "text/xml;charset=utf-8"),
        ("application/xml, text/xml", "application/xml;charset=utf-8"),
        ("text/xml, application/xml", "text/xml;charset=utf-8"),
        ("text/xml;q=0.5, */*", "text/xml;charset=utf-8"),
        ("application/json, text/xml", "text/xml;charset=utf-8"),
        ("application/json, text/plain, */*", "application/json"),
    ],
)
def test_the_form_of_an_error_follows_accept(two: Pair, accept: str | None, expected: str) -> None:
    """JSON unless XML is asked for."""
    answer = two.call("nothing/<&>", headers={} if accept is None else {"Accept": accept})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == expected
    if expected == "application/json":
        said = answer.json()
    else:
        said = {one.tag: one.text for one in ElementTree.fromstring(answer.content)}
    assert said["type"] == answer.headers["x-road-error"] == "server.serverproxy.unknown_service"
    UUID(said["detail"])


def test_what_is_between_two_machines_does_not_pass(two: Pair) -> None:
    """Both ways; all other headers, cookies too, pass as they were written."""
    skipped = {
        "Keep-Alive": "x", "Proxy-Authenticate": "x", "Proxy-Authorization": "x", "TE": "trailers",
        "Trailer": "x", "Upgrade": "x", "User-Agent": "x", "Server": "x",
    }  # fmt: skip
    passed = {
        "Cookie": "a=b; c=d",
        "Authorization": "Bearer provider",
        "X-oWn": "é",
        "Cache-Control": "no-cache",
        "X-Road-UserId": "EE1",
        "X-Road-Issue": "i",
        "X-Road-Security-Server": "a/b/c/d",
        "X-Road-Represented-Party": "COM/1",
    }
    back = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("TE", "x"), ("X-oWn", "é")]
    two.service.answer = lambda _: (200, back, b"")
    headers = {**skipped, **passed}
    answer = two.call(
        "echo", headers={name: value.encode("latin-1") for name, value in headers.items()}
    )
    seen = two.service.seen[-1]
    assert {name: seen.header(name) for name in passed} == passed
    assert "X-oWn" in [name for name, _ in seen.headers]
    assert [name for name in skipped if seen.header(name) is not None] == []
    assert seen.header("Host") == two.service.url.removeprefix("http://")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "te" not in answer.headers
    assert "server" not in answer.headers


def test_a_service_may_offer_another_protocol(two: Pair) -> None:
    """As some servers do with every answer; nobody takes it up."""
    offer = [("Upgrade", "h2,h2c"), ("Connection", "Upgrade, Keep-Alive")]
    two.service.answer = lambda _: (200, offer, b"content")
    for _ in range(2):
        answer = two.call("echo")
        assert (answer.status_code, answer.content) == (200, b"content")
        assert "upgrade" not in answer.headers


def test_a_provider_cannot_speak_for_x_road(two: Pair) -> None:
    """Its own X-Road headers are replaced."""
    names = ("id", "client", "service", "request-id", "request-hash")
    lies = {f"x-road-{name}": f"lie {name}" for name in names}
    two.service.answer = lambda _: (200, list(lies.items()), b"")
    answer = two.call("echo")
    for name, lie in lies.items():
        (value,) = answer.headers.get_list(name)
        assert value != lie
    assert answer.headers["x-road-client"] == HEALTH
    assert answer.headers["x-road-service"] == f"{CIVIL}/echo"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Road-Security-Server", "a/b/c"),
        ("X-Road-Represented-Party", "a/b/c"),
        ("X-Road-UserId", "u" * 300),
    ],
)
def test_x_roads_headers_have_forms(two: Pair, name: str, value: str) -> None:
    """Four parts, at most two, and at most 255 bytes in a seal."""
    answer = two.call("echo", headers={name: value})
    assert answer.status_code == 400
    assert fault(answer)["type"] == "client.bad_request"


def test_list_methods(two: Pair) -> None:
    """All services with their endpoints, in the form of the real ones."""
    services = two.call("listMethods").json()["service"]
    by_code = {one["service_code"]: one for one in services}
    assert {"echo", "gone", "some", "öäå", "closed", "described", "person-by-code"} < set(by_code)
    assert by_code["some"] == {
        "member_class": "GOV",
        "member_code": "CIVIL",
        "object_type": "SERVICE",
        "service_code": "some",
        "service_type": "REST",
        "subsystem_code": "registry",
        "xroad_instance": "DEMO",
        "endpoint_list": [{"method": "*", "path": "/**"}],
    }
    assert by_code["described"]["service_type"] == "OPENAPI"


def test_allowed_methods(two: Pair) -> None:
    """Those that agreements let this client call, by the endpoints that they list."""
    services = two.call("allowedMethods").json()["service"]
    by_code = {one["service_code"]: one["endpoint_list"] for one in services}
    assert by_code["some"] == [{"method": "GET", "path": "/allowed/*"}]
    assert "closed" not in by_code
    assert by_code["person-by-code"] == [{"method": "POST", "path": "/"}]


def test_get_openapi(two: Pair) -> None:
    """The registry's file, or what the endpoints say; an unknown service is told."""
    assert two.call("getOpenAPI?serviceCode=described").text == "openapi: 3.0.0\n"
    document = two.call("getOpenAPI?serviceCode=echo").json()
    assert document["openapi"].startswith("3.")
    assert "get" in document["paths"]["/{segment1}"]
    assert (
        fault(two.call("getOpenAPI?serviceCode=nix"))["type"]
        == "server.serverproxy.unknown_service"
    )
    elsewhere = two.call("getOpenAPI?serviceCode=closed").json()
    assert elsewhere["externalDocs"] == {"url": "https://example.org/closed.yaml"}
    assert two.call("getOpenAPI?servicecode=nix&SERVICECODE=described").text == "openapi: 3.0.0\n"
    assert fault(two.call("getOpenAPI"))["type"] == "server.serverproxy.invalid_request"


@pytest.mark.parametrize("code", ["listMethods", "allowedMethods", "getOpenAPI?serviceCode=echo"])
def test_metaservices_answer_as_services_do(two: Pair, code: str) -> None:
    """With X-Road's headers; by GET alone: asked otherwise they are services that nobody has."""
    answer = two.call(code, headers={"X-Road-Id": "mine"})
    assert answer.headers["x-road-id"] == "mine"
    assert answer.headers["x-road-client"] == HEALTH
    assert answer.headers["x-road-service"] == f"{CIVIL}/{code.partition('?')[0]}"
    assert {"x-road-request-id", "x-road-request-hash"} < set(answer.headers)
    assert fault(two.call(code, "POST"))["type"] == "server.serverproxy.unknown_service"


def test_list_clients(two: Pair) -> None:
    """Members and subsystems; in XML, or in JSON where that is accepted."""
    accept = {"Accept": "text/html, application/json;q=0.9"}
    answer = two.consumer.http.get("/listClients?xRoadInstance=", headers=accept)
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    whose = {"xroad_instance": "DEMO", "member_class": "GOV", "member_code": "CIVIL"}
    subsystem = {"subsystem_code": "registry", "object_type": "SUBSYSTEM"}
    title = "Civil Registry"
    members = answer.json()["member"]
    assert {"id": {**whose, "object_type": "MEMBER"}, "name": title} in members
    assert {"id": {**whose, **subsystem}, "name": title, "subsystem_name": title} in members
    found = two.consumer.http.get("/listClients", headers={"Accept": "application/json-patch+json"})
    assert found.headers["content-type"].startswith("text/xml")
    tags = [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(found.content).iter()]
    assert {"clientList", "member", "id", "name", "subsystemName", "subsystemCode"} <= set(tags)
    for refused in (
        two.consumer.http.get("/listClients?xRoadInstance=XX"),
        two.consumer.http.post("/listClients"),
    ):
        assert (refused.status_code, fault(refused)["type"]) == (400, "client.bad_request")


def test_a_service_of_messages_is_one_post(two: Pair) -> None:
    """Its body is checked by its schema, at both ends; X-Road's headers are as of any call."""
    person = {
        "codigoPersonal": "EX-1",
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
        "apellidos": "Rojas",
    }
    two.service.answer = lambda _: (200, [], json.dumps(person).encode())
    answer = two.call("person-by-code", "POST", json={"codigoPersonal": "EX-1"})
    assert (answer.status_code, answer.json()) == (200, person)
    assert answer.headers["x-road-service"] == f"{CIVIL}/person-by-code"
    seen = two.service.seen[-1]
    assert (seen.method, seen.header("x-road-client")) == ("POST", HEALTH)
    assert json.loads(seen.body) == {"codigoPersonal": "EX-1"}
    refused = two.call("person-by-code", "POST", json={"wrong": 1})
    assert (refused.status_code, fault(refused)["type"]) == (400, "client.bad_request")
    two.service.answer = lambda _: (200, [], b'{"no": "person"}')
    failed = two.call("person-by-code", "POST", json={"codigoPersonal": "EX-1"})
    assert fault(failed)["type"] == "server.serverproxy.service_failed"
    assert fault(two.call("person-by-code"))["type"] == "client.bad_request"


def test_a_trace_goes_through_the_seal(two: Pair) -> None:
    """From HTTP into the seal, and out again; a bad one starts none."""
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    two.call("echo", headers={"traceparent": good})
    assert two.service.seen[-1].header("traceparent") == good
    for bad in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "nonsense", good.upper()):
        assert two.call("echo", headers={"traceparent": bad}).status_code == 200
        assert two.service.seen[-1].header("traceparent") is None


def test_answers_find_their_askers(two: Pair) -> None:
    """Fifty at once, each gets its own."""
    with ThreadPoolExecutor(10) as pool:
        numbers = [str(number).encode() for number in range(50)]
        answers = pool.map(lambda one: two.call("echo", "POST", content=one).content, numbers)
        assert list(answers) == numbers
