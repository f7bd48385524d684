"""The rest adapter with real HTTP on both sides: polled, called, delivering."""

import hashlib
import hmac
import json
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from loading import load

from xroad_lite import XRoadError, call_http
from xroad_lite.messagelog import Inbox

COLUMNS = {"number": "identifier.0.value", "born": "birthDate", "name.family": "name.0.family"}
BIRTHS = {"type": "health.birth", "columns": COLUMNS, "constants": {"resourceType": "Patient"}}


class Api(ThreadingHTTPServer):
    """A small API: what is asked of it is remembered, what it answers is set."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answers, self.rows, self.pages = [], [], [], 2
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Births by pages with an ETag, and whatever was set."""

    def do_GET(self):
        """What was set, or a page."""
        at, given = urlsplit(self.path), self.server
        given.asked.append((self.path, dict(self.headers)))
        if given.answers:
            return self.say(*given.answers.pop(0))
        query = {name: values[0] for name, values in parse_qs(at.query).items()}
        rows = [row for row in given.rows if row["changed"] >= query.get("since", "")]
        tag = f'"{len(given.rows)}-{at.query}"'
        if self.headers.get("If-None-Match") == tag:
            return self.say(304, b"")
        first = int(query.get("page", 0)) * given.pages
        headers = {"ETag": tag}
        if first + given.pages < len(rows):
            more = at._replace(query=f"page={int(query.get('page', 0)) + 1}").geturl()
            since = f"&since={query['since']}" if "since" in query else ""
            headers["Link"] = f'<{more}{since}>; rel="next"'
        page = {"data": {"births": rows[first : first + given.pages]}}
        return self.say(200, json.dumps(page).encode(), headers)

    def do_POST(self):
        """What was set, or thanks."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.say(*(self.server.answers.pop(0) if self.server.answers else (204, b"")))

    def say(self, status, body, headers=None):
        """Answer."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def api():
    """The API, running."""
    made = Api()
    yield made
    made.shutdown()
    made.server_close()


def adapter(node, **what):
    """The adapter as its main program makes it."""
    rest = load("rest")
    given = {name: [rest.Api(**one) for one in many] for name, many in what.items()}
    return rest.RestAdapter(node, rest.Configuration("", listen="127.0.0.1:0", **given))


def hear(two):
    """Subscribe the Civil Registry; gives what it hears, in its order."""
    heard = []

    @two.civil.subscribe("health.birth", reads="citizens.person")
    def register(message):
        heard.append((message.body["identificadorNacimiento"], message.body.get("apellidos")))

    return heard


def row(key, changed="a", family="Rojas"):
    """A birth as the API has it."""
    return {"id": key, "number": key, "born": "2026-03-14", "changed": changed} | {
        "name": {"family": family}
    }


def test_a_list_is_polled(two, api):
    """All pages, each item once, changed ones again; an unchanged list is not sent at all."""
    heard = hear(two)
    source = BIRTHS | {"url": f"{api.url}/births", "items": "data.births", "subject": "id"}
    publisher = adapter(two.health, poll=[source])
    api.rows = [row(f"B-{number}") for number in range(5)]
    assert (publisher.poll(), publisher.poll()) == (5, 0)
    assert len(api.asked) == 4
    assert "If-None-Match" in api.asked[3][1]
    api.rows = [*api.rows[1:], row("B-0", family="Soto"), row("B-5")]
    assert (publisher.poll(), publisher.poll()) == (2, 0)
    api.rows = []  # by mistake
    assert adapter(two.health, poll=[source]).poll() == 0
    api.rows = [row(f"B-{number}") for number in range(1, 6)]
    assert publisher.poll() == 0
    two.settle()
    first = [(f"B-{number}", "Rojas") for number in range(5)]
    assert heard == [*first, ("B-0", "Soto"), ("B-5", "Rojas")]


def test_an_api_is_asked_from_the_watermark_on(two, api):
    """In the order of the watermark, whatever the order of the answer."""
    heard = hear(two)
    source = BIRTHS | {"url": f"{api.url}/births", "items": "data.births"}
    source |= {"watermark": "changed", "since": "since"}
    publisher = adapter(two.health, poll=[source])
    api.rows = [row("B-2", "b"), row("B-1", "a")]
    assert publisher.poll() == 2
    api.rows += [row("B-3", "b"), row("B-4", "c/&")]
    assert publisher.poll() == 2
    assert publisher.poll() == 0
    assert [path for path, _ in api.asked] == [
        "/births",
        "/births?since=b",
        "/births?page=1&since=b",
        "/births?since=c%2F%26",
    ]
    two.settle()
    assert [key for key, _ in heard] == ["B-1", "B-2", "B-3", "B-4"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((302, b"", {"Location": "http://127.0.0.1:9/"}), "rest.status"),
        ((500, b"no"), "rest.status"),
        (
            (200, b'{"data":{"births":[]}}', {"Link": '<http://127.0.0.1:9/x>; rel="next"'}),
            "transport.elsewhere",
        ),
        ((200, b"x" * 5, {"Content-Length": "50"}), "transport.unreachable"),
    ],
)
def test_what_an_api_may_not_do(answer, code, two, api):
    """No redirect is followed and no other server asked; an answer that is cut off is none."""
    source = BIRTHS | {"url": f"{api.url}/births", "items": "data.births"}
    api.answers = [answer]
    publisher = adapter(two.health, poll=[source])
    with pytest.raises(XRoadError) as caught:
        publisher.poll()
    assert caught.value.code == code
    assert len(api.asked) == 1


SECRET = "only the hospital and we know"
HOOK = BIRTHS | {"path": "/births", "secret": SECRET}


def post(publisher, body, path="/births", **headers):
    """Call the webhook as a sender does; gives the status and the answer."""
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = {"X-Hub-Signature-256": f"sha256={signed}", "Idempotency-Key": "k-1"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://127.0.0.1:{publisher.listener.server_port}{path}"
    answer = call_http(
        "POST", url, body=body, headers={name: value for name, value in given.items() if value}
    )
    return answer.status, json.loads(answer.body)


@pytest.fixture
def hook(two):
    """An adapter whose webhook can be called."""
    made = adapter(two.health, webhooks=[HOOK])
    yield made
    made.listener.shutdown()
    made.listener.server_close()


def test_a_webhook_publishes_once(two, hook):
    """Answered when the event is durable; the same delivery again has the same answer."""
    heard = hear(two)
    body = json.dumps(row("B-1")).encode()
    status, answer = post(hook, body)
    assert (status, list(answer)) == (202, ["id"])
    assert post(hook, body) == (202, answer)
    assert post(hook, body, Idempotency_Key="k-2")[0] == 202
    two.settle()
    assert heard == [("B-1", "Rojas")] * 2


@pytest.mark.parametrize(
    ("body", "change", "status"),
    [
        (b"{}", {"path": "/other"}, 404),
        (b"{}", {"X_Hub_Signature_256": "sha256=00"}, 401),
        (b"{}", {"X_Hub_Signature_256": None}, 401),
        (b"{}", {"X_Hub_Signature_256": "ñ"}, 401),
        (b"{}", {"Idempotency_Key": None}, 400),
        (b"{", {}, 400),
        (b'{"number": "B-1"}', {}, 422),
        (b"[]", {}, 422),
        (b"{}", {"Transfer_Encoding": "chunked"}, 411),
        (b" " * 1_048_577, {}, 413),
    ],
)
def test_what_a_webhook_refuses(body, change, status, hook):
    """Each with a status that says whether it may be sent again."""
    size = hook.node.store.size
    assert post(hook, body, **change)[0] == status
    assert hook.node.store.size == size


def test_a_webhook_that_cannot_publish_now_says_so(two, monkeypatch):
    """No agreement allows it yet: the sender shall come again."""
    one = HOOK | {"type": "citizens.person", "columns": None}
    made = adapter(two.health, webhooks=[one])
    body = b'{"identificadorNacimiento": "x", "fechaNacimiento": "2026-03-14"}'
    try:
        assert post(made, body)[0] == 503
    finally:
        made.listener.shutdown()
        made.listener.server_close()
    with pytest.raises(XRoadError, match="secret"):
        adapter(two.health, webhooks=[HOOK | {"secret": None}])


def test_slow_and_many_callers_are_bounded(hook, monkeypatch):
    """Who sends nothing holds one place for a while, and the next are served."""
    address = ("127.0.0.1", hook.listener.server_port)
    idle = [socket.create_connection(address) for _ in range(20)]
    try:
        assert post(hook, json.dumps(row("B-1")).encode())[0] == 202
        with closing(socket.create_connection(address)) as one:
            one.sendall(b"POST /births HTTP/1.1\r\nContent-Length: -5\r\n\r\n")
            assert b" 411 " in one.recv(200)
    finally:
        for one in idle:
            one.close()


def delivered(two, api, *answers):
    """Publish one message and have it delivered as the answers say; gives what was posted."""
    target = {"type": "health.birth", "url": f"{api.url}/in", "secret": SECRET}
    adapter(two.civil, deliver=[target | {"reads": "citizens.person"}])
    api.answers = [(status, b"") for status in answers]
    body = {"resourceType": "Patient", "identifier": [{"value": "B-1"}], "birthDate": "2026-03-14"}
    two.health.publish("health.birth", body, subject="caso ñ 1")
    two.civil.run(until=lambda: two.settle() or not two.civil.status()["inbox"])
    return api.asked


def test_a_message_is_delivered(two, api):
    """With its attributes, a signature, and its id by which the other side knows a repetition."""
    ((path, headers, body),) = delivered(two, api)
    assert json.loads(body) == {
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
    }
    assert (path, headers["ce-type"]) == ("/in", "health.birth")
    assert headers["Idempotency-Key"] == headers["ce-id"]
    assert headers["ce-subject"] == "caso %C3%B1 1"
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={signed}"


def test_a_message_is_delivered_again_until_it_is_taken(two, api, monkeypatch):
    """After waits that grow, by the node's own retry; the same key each time."""
    posts = delivered(two, api, 503, 429)
    assert len(posts) == 3
    assert len({headers["Idempotency-Key"] for _, headers, _ in posts}) == 1
    assert Inbox(two.civil.store).dead_letters() == []


def test_a_message_that_is_refused_is_a_dead_letter(two, api):
    """At once: it would be refused again."""
    assert len(delivered(two, api, 400)) == 1
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert (letter.code, letter.message) == ("rest.status", "127.0.0.1 answered 400")
