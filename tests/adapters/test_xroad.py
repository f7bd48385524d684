"""The xroad adapter before an HTTP service that behaves by X-Road's REST protocol."""

import threading
from http.server import ThreadingHTTPServer
from urllib.parse import quote

import pytest
from loading import load

from xroad_lite import RequestError, XRoadError
from xroad_lite.testing import CIVIL, HEALTH, Tamperer

SERVICE = {
    "type": "citizens.person-query",
    "service": "DEMO/GOV/POPULATION/persons/by-code",
    "path": "/persons/{codigoPersonal}",
    "columns": {"id": "identificadorNacimiento", "born": "fechaNacimiento", "given": "nombres"},
}


class Server(ThreadingHTTPServer):
    """The project's own small security server; requests are kept, answers can be set."""

    daemon_threads = True

    def __init__(self):
        real = load("xroad", "project/security_server").Server

        class Kept(real):
            def do_GET(self):  # noqa: N802
                self.server.asked.append((self.path, dict(self.headers)))
                if self.server.answers:
                    return self.say(*self.server.answers.pop(0))
                return super().do_GET()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Kept)
        self.asked, self.answers = [], []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def server():
    """It is running."""
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


def adapter(node, url, **changed):
    """The adapter as its main program makes it."""
    xroad = load("xroad")
    service = xroad.Service(**(SERVICE | changed))
    return xroad.XRoadAdapter(node, xroad.Configuration("", url, [service]))


def ask(two, code="EX-1", **options):
    """Health asks the Civil Registry, whose node works meanwhile in a thread of its own."""
    done = threading.Event()

    def work():
        while not done.is_set():
            if not two.civil.step():
                done.wait(0.005)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        body = {"codigoPersonal": code}
        options = {"timeout": 20.0} | options
        return two.health.request(CIVIL, "citizens.person-query", body, **options).body
    finally:
        done.set()
        thread.join()


PERSON = {
    "identificadorNacimiento": "B-2026-0001",
    "fechaNacimiento": "2026-03-14",
    "nombres": ["Elena", "Sofía"],
}


def test_a_request_is_answered_by_a_service_of_x_road(two, server):
    """Under the request's own id, for the node's subsystem; X-Road's receipt is kept beside it."""
    adapter(two.civil, server.url)
    asked = {"user_id": "EE-7", "issue": "caso ñ", "represented_party": "GOV/TAX"}
    assert ask(two, **asked) == PERSON
    ((path, headers),) = server.asked
    assert path == "/r1/DEMO/GOV/POPULATION/persons/by-code/persons/EX-1"
    assert headers["X-Road-Client"] == CIVIL
    sealed = Tamperer(two.instance.node_folder(HEALTH)).last_sent().opened.attributes
    assert headers["X-Road-UserId"] == sealed.userid  # a pseudonym: the bus carries nothing else
    assert headers["X-Road-Issue"] == "caso %C3%B1"
    assert headers["X-Road-Represented-Party"] == "GOV/TAX"
    ((id_, request_id, digest),) = two.civil.store.query("SELECT * FROM xroad_calls")
    assert id_ == headers["X-Road-Id"]
    assert len(request_id) == 36
    assert len(digest) == 88


def test_values_stay_in_their_segment(two, server):
    """Slashes and letters are encoded; what would leave the path is not asked at all."""
    adapter(two.civil, server.url)
    assert ask(two, "EX/2 ñ")["identificadorNacimiento"] == "B-2026-0002"
    assert server.asked[0][0].endswith("/persons/EX%2F2%20%C3%B1")
    with pytest.raises(RequestError, match=r"xroad\.request"):
        ask(two, "..")
    assert len(server.asked) == 1


def test_queries_are_filled_too(two, server):
    """From the same body."""
    adapter(two.civil, server.url, path="/persons/EX-1", query={"c": "{codigoPersonal}", "v": "1"})
    assert ask(two, "a&b=c") == PERSON
    assert server.asked[0][0].endswith("/persons/EX-1?c=a%26b%3Dc&v=1")


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"service": "DEMO/GOV/POPULATION/persons/other"}, "EX-1", "unknown_service"),
        ({}, "nobody", "answered 404"),
        ({"columns": None}, "EX-1", "could not answer"),
    ],
)
def test_faults_reach_who_asked(changed, code, said, two, server):
    """X-Road's own, the service's own, and an answer that the registry's schema refuses."""
    settings = two.civil.settings.retry
    object.__setattr__(two.civil._dispatcher, "_retry", settings.model_copy(update={"attempts": 1}))
    adapter(two.civil, server.url, **changed)
    try:
        with pytest.raises(RequestError, match=said):
            ask(two, code)
    finally:
        two.civil._dispatcher._retry = settings


def test_what_may_pass_later_is_tried_again(two, server):
    """A provider that is away, a server that fails: the node asks again, under the same id."""
    adapter(two.civil, server.url)
    kind = "server.serverproxy.service_failed.http_error"
    document = {"type": kind, "message": "no route", "detail": "x"}
    server.answers = [(500, document, {"X-Road-Error": kind})]
    assert ask(two) == PERSON
    assert len(server.asked) == 2
    assert len({headers["X-Road-Id"] for _, headers in server.asked}) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-road-id": "another", "x-road-service": quote(SERVICE["service"])},
        {"x-road-service": "DEMO/GOV/POPULATION/persons/other"},
    ],
)
def test_an_answer_to_another_request_is_not_believed(headers, two, server):
    """Without X-Road's headers, of another id or service: asked again, not sealed as a reply."""
    adapter(two.civil, server.url)
    server.answers = [(200, {"id": "B-9", "born": "2026-01-01"}, headers)]
    assert ask(two) == PERSON


def test_a_service_is_named_whole(two, server):
    """At the start, not at the first request."""
    with pytest.raises(XRoadError, match="expected instance/class/member/subsystem/service"):
        adapter(two.civil, server.url, service="GOV/POPULATION/persons/by-code")
