"""Hostile HTTP: whatever comes is answered with 4xx in bounded time, and the server goes on."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import V1
from sharing import examples

POST = "/subjects/citizens%2Fperson"
DEEP = 100_000


def raw(served, *lines, body=b""):
    """Send bytes as they are; gives the status and what followed."""
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(b"\r\n".join([*lines, b"Host: x", b"Connection: close", b"", body]))
        data = b""
        with suppress(ConnectionError):  # what is too long need not be read to its end
            while chunk := connection.recv(65536):
                data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


@pytest.mark.parametrize(
    "target",
    [
        b"/subjects/%ff%fe/versions",
        b"/subjects/%C0%AE/versions",
        b"/subjects/a%00b/versions/1",
        b"/subjects/" + b"a" * 7000,
        b"/" + b"a/" * 4000,
        b"/" + b"%2e%2e%2f" * 800,
        b"/subjects?deleted=%ff",
        b"/subjects?" + b"&".join(b"a%d=1" % number for number in range(500)),
        b"/subjects?offset=" + b"9" * 5000,
        b"/subjects?limit=1e9",
        b"/schemas/ids/" + b"9" * 4000,
        b"/schemas/ids/%D9%A1",
        b"/subjects/citizens%2Fperson/versions/%D9%A1",
        b"/subjects/citizens%2Fperson/versions/1_0",
        b"/subjects/%2F/versions",
        b"/subjects/citizens%2Fperson%2F/versions",
        b"//subjects",
        b"/subjects//versions",
    ],
)
def test_hostile_paths(target, read_only):
    """Bad encodings, no characters, long paths, foreign digits, empty segments."""
    status, _ = raw(read_only, b"GET " + target + b" HTTP/1.1")
    assert 400 <= status < 500


def test_paths_beyond_all_measure(read_only):
    """A head that no server should keep in memory."""
    status, _ = raw(read_only, b"GET /" + b"a" * 70_000 + b" HTTP/1.1")
    assert 400 <= status < 500


HOSTILE_SCHEMAS = {
    "no JSON": "{",
    "deep": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"items":' * 150 + "true" + "}" * 150,
    "repeated key": '{"type": "object", "type": "array"}',
    "not a number": '{"maximum": NaN}',
    "digits": '{"maximum": ' + "9" * 5000 + "}",
    "infinite": '{"maximum": 1e999}',
    "half a pair": '{"title": "\\ud800"}',
    "regular expression": '{"pattern": "(a+)+(?=b)"}',
    "remote": '{"$ref": "http://127.0.0.1:9/x"}',
    "to itself": '{"$ref": "#"}',
    "no type": '{"type": 7}',
    "doubling": json.dumps(
        {
            "$ref": "#/$defs/a0",
            "$defs": {
                f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} if n < 60 else True
                for n in range(61)
            },
        }
    ),
}


@pytest.mark.parametrize("schema", HOSTILE_SCHEMAS.values(), ids=HOSTILE_SCHEMAS)
@pytest.mark.parametrize("kind", ["JSON", "AVRO"])
def test_hostile_schemas(schema, kind, read_only):
    """Bombs in the schema itself end in 42201, or in what any unknown schema gets."""
    body = {"schema": schema, "schemaType": kind}
    for path in (POST, f"{POST}/versions", f"/compatibility{POST}/versions/latest"):
        status, value = read_only.ask("POST", path, body)
        if status != 200:
            assert 400 <= status < 500, value
            assert value["message"]


def test_an_avro_type_that_no_byte_holds(writable):
    """Arrays of nothing, and records without end."""
    for schema in (
        {"type": "array", "items": "null"},
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": "A"}]},
        {"type": "fixed", "name": "F", "size": 2**40},
        {"type": "enum", "name": "E", "symbols": ["A", "A"]},
    ):
        body = {"schema": json.dumps(schema)}
        path = "/subjects/hostile%2Fone/versions"
        status, value = writable.ask("POST", path, body, writing=True)
        assert (status, value["error_code"]) == (422, 42201)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b"[" * DEEP, 400),
        (b'{"schema": "\\ud800"}', 400),
        (b'{"schema": "{}", "schema": "[]"}', 400),
        (b"null", 422),
        (b'"schema"', 422),
        (b'{"schema": 1}', 422),
        (b'{"schema": "{}", "schemaType": []}', 422),
        (b'{"schema": "{}", "schemaType": {"a": 1}}', 422),
        (b'{"schema": "{}", "references": {"a": 1}}', 422),
        (b'{"schema": "{}", "references": [null]}', 422),
        (b'{"schema": "{}", "references": [{"name": "a", "subject": "b", "version": "c"}]}', 422),
        (b'{"schema": "{}", "references": [{"name": 1, "subject": {}, "version": 1e400}]}', 400),
        (b'{"schema": "{}", "references": [{"name": "", "subject": "a/b", "version": 1}]}', 422),
        (b'{"schema": "{}", "references": [{"name":"a","subject":"a/b","version":true}]}', 422),
    ],
)
def test_hostile_bodies(body, status, read_only):
    """What is no JSON, or not the JSON that was expected."""
    for path in (POST, f"{POST}/versions"):
        answer = read_only.http.post(path, content=body, headers={"Content-Type": V1})
        assert answer.status_code == status, answer.text
        assert str(answer.json()["error_code"]).startswith(str(status))
    path = "/config/citizens%2Fperson"
    answer = read_only.http.put(path, content=body, headers={"Content-Type": V1})
    assert 400 <= answer.status_code < 500


def test_huge_bodies_are_not_read(read_only):
    """By their announced length, or as soon as they are beyond it."""
    for headers, content in (
        ({}, b"x" * 5_000_000),
        ({"Transfer-Encoding": "chunked"}, (b"x" * 100_000 for _ in range(50))),
    ):
        try:
            answer = read_only.http.post(
                POST, content=content, headers={"Content-Type": V1, **headers}
            )
        except OSError:  # the server may hang up while the rest is being sent
            continue
        assert (answer.status_code, answer.json()["error_code"]) == (413, 413)
    status, _ = raw(
        read_only,
        b"POST " + POST.encode() + b" HTTP/1.1",
        b"Content-Length: 99999999999999999999",
    )
    assert 400 <= status < 500


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "nonsense", "a/b; c=\xe9"])
def test_other_media_types_are_refused(media_type, read_only):
    """A form or XML is not taken for JSON."""
    headers = {"Content-Type": media_type.encode("latin-1")}
    answer = read_only.http.post(POST, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (415, 415)


@settings(max_examples=examples(60))
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"]),
    path=st.lists(
        st.sampled_from(
            ["subjects", "citizens%2Fperson", "versions", "1", "latest", "schema", "config", "mode",
             "schemas", "ids", "compatibility", "%00", "..", ".", "%ff", "a", "snapshots", "-1"]
        ),
        max_size=6,
    ),
    query=st.sampled_from(["", "?deleted=true", "?permanent=true&x=%ff", "?offset=-5&limit=0"]),
    body=st.binary(max_size=40) | st.sampled_from([b"{}", b'{"schema": "\\"int\\""}']),
)  # fmt: skip
def test_nothing_ends_in_a_bug(read_only, method, path, query, body):
    """Whatever is put together from the words of the API has an answer below 500."""
    status, _ = raw(
        read_only,
        f"{method} /{'/'.join(path)}{query} HTTP/1.1".encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        body=body,
    )
    assert 200 <= status < 500


def test_the_server_goes_on(read_only):
    """After all of this."""
    assert read_only.process.poll() is None
    assert read_only.get("/") == {}
