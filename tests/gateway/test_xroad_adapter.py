"""The xroad adapter before a running gateway, which speaks X-Road's protocol as its servers do."""

import importlib.util
import json
import sys
import threading
from pathlib import Path

import pytest

from xroad_lite import RequestError
from xroad_lite.testing import CIVIL, HEALTH, two_agencies

FILE = Path(__file__).parents[2] / "adapters" / "xroad" / "adapter.py"


@pytest.fixture(scope="module")
def xroad():
    """The adapter's module."""
    spec = importlib.util.spec_from_file_location("xroad_adapter_before_gateway", FILE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ask(xroad, two):
    """Health asks on a bus of its own, whose Civil Registry asks a service behind the gateway."""
    with two_agencies() as world:
        done = threading.Event()

        def work():
            while not done.is_set():
                if not world.civil.step():
                    done.wait(0.005)

        def asks(path, code="EX-1"):
            columns = {"id": "identificadorNacimiento", "born": "fechaNacimiento"}
            service = xroad.Service(
                "citizens.person-query", f"{CIVIL}/some", path=path, columns=columns
            )
            settings = xroad.Configuration("", two.consumer.url, [service], client=HEALTH)
            xroad.XRoadAdapter(world.civil, settings)
            thread = threading.Thread(target=work)
            thread.start()
            try:
                body = {"codigoPersonal": code}
                query = "citizens.person-query"
                return world.health.request(CIVIL, query, body, timeout=30.0).body
            finally:
                done.set()
                thread.join()

        yield asks


def test_a_service_behind_the_gateway_answers(two, ask):
    """From bus to X-Road to bus and back; the value stays in its segment."""
    person = {"id": "B-1", "born": "2026-03-14"}
    two.service.answer = lambda _: (200, [], json.dumps(person).encode())
    assert ask("/allowed/{codigoPersonal}", "EX 1") == {
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
    }
    assert two.service.seen[0].target.endswith("/allowed/EX%201")


def test_what_the_gateway_denies_is_told(two, ask):
    """An endpoint that no agreement grants: X-Road's own code reaches who asked."""
    with pytest.raises(RequestError, match="access_denied"):
        ask("/denied/{codigoPersonal}")
    assert two.service.seen == []
