"""X-Road's REST between two instances that trust each other, each with a gateway and a registry.

Here are also identifiers that hold slashes, and bodies as large as X-Road's own tests have them.
"""

from __future__ import annotations

import io
import json
import shutil
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest
import yaml
from pairs import Running, Service, echo, every, provider, ready, start
from two_instances import LEFT_CIVIL, LEFT_HEALTH, RIGHT_CIVIL, TwoInstances, build

from xroad_lite.registry.models import REST_REQUEST

SLASHED_CLIENT, SLASHED = "CL/GOV/PORTAL/sub%2Fsystem", "PE/GOV/ARCHIVE/s%2Fub"
CODE = "öäå"
ANSWERED = (
    ("echo", RIGHT_CIVIL),
    ("closed", RIGHT_CIVIL),
    ("person-by-code", RIGHT_CIVIL),
    (CODE, SLASHED),
)
MEBIBYTE = 1_048_576


@dataclass
class Abroad:
    """Chile's gateway, which asks, and the service behind Peru's."""

    asking: Running
    answering: Running
    service: Service
    made: TwoInstances

    def call(self, path: str, method: str = "GET", **more: object) -> httpx.Response:
        """A call of a Chilean system's."""
        headers = {"X-Road-Client": LEFT_HEALTH, **more.pop("headers", {})}  # type: ignore[dict-item]
        return self.asking.http.request(method, path, headers=headers, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Abroad]:
    """Peru's registry offers services to Chile's hospitals, by agreements that both list."""
    made = build(tmp_path_factory.mktemp("abroad"), time.time())
    made.clock.turn(-50)
    services = [{"code": one, "endpoints": every()} for one in ("echo", "closed", CODE)]
    made.left.add_subsystem(SLASHED_CLIENT, title={"en": "Portal"})
    made.right.add_subsystem(SLASHED, title={"en": "Archive"}, services=services)
    civil = yaml.safe_load((made.right.source / "members/civil.yaml").read_text())
    civil["subsystems"][0]["services"] += services
    made.edit(made.right, "members/civil.yaml", **civil)
    asks = {"operation": "request", "types": [REST_REQUEST]}
    made.agree(
        "calls", provider=RIGHT_CIVIL, consumer=LEFT_HEALTH, endpoints={"echo": every()}, **asks
    )
    made.agree(
        "slashes", provider=SLASHED, consumer=SLASHED_CLIENT, endpoints={CODE: every()}, **asks
    )
    made.publish()
    left = [made.left.node_folder(one) for one in (LEFT_HEALTH, SLASHED_CLIENT)]
    right = [made.right.node_folder(one) for one in (RIGHT_CIVIL, SLASHED)]
    for folder in left + right:
        settings = yaml.safe_load((folder / "node.yaml").read_text())
        settings["max_body"] = 20 * MEBIBYTE
        (folder / "node.yaml").write_text(yaml.safe_dump(settings))
    with provider() as service:
        addresses = [
            {"service": code, "subsystem": subsystem, "url": service.url}
            for code, subsystem in ANSWERED
        ]
        started = (
            start(left[0], nodes=[str(one) for one in left]),
            start(right[0], nodes=[str(one) for one in right], providers=addresses),
        )
        with ready(*started) as (asking, answering):
            yield Abroad(asking, answering, service, made)


@pytest.fixture(autouse=True)
def _afresh(abroad: Abroad) -> None:
    abroad.service.answer = echo
    abroad.service.seen.clear()


def test_a_service_of_another_instance_is_called(abroad: Abroad) -> None:
    """As one of this instance: by its name, with its rights, and X-Road's headers."""
    answer = abroad.call(f"/r1/{RIGHT_CIVIL}/echo/x?y=1", "POST", content=b"hola")
    assert (answer.status_code, answer.content) == (200, b"hola")
    assert answer.headers["x-road-client"] == LEFT_HEALTH
    assert answer.headers["x-road-service"] == f"{RIGHT_CIVIL}/echo"
    seen = abroad.service.seen[-1]
    assert (seen.target, seen.header("x-road-client")) == ("/x?y=1", LEFT_HEALTH)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/r1/{RIGHT_CIVIL}/closed", "server.serverproxy.access_denied"),
        (f"/r1/{RIGHT_CIVIL}/nothing", "server.serverproxy.unknown_service"),
        (f"/r1/{SLASHED}/{quote(CODE)}", "server.serverproxy.access_denied"),
        ("/r1/PE/GOV/NOBODY/x/echo", "server.clientproxy.unknown_member"),
        (f"/r1/{LEFT_CIVIL.replace('CL', 'BO', 1)}/echo", "server.clientproxy.unknown_member"),
    ],
)
def test_what_is_not_allowed_abroad(abroad: Abroad, path: str, expected: str) -> None:
    """Told as within an instance; nothing reaches the service."""
    answer = abroad.call(path)
    assert (answer.status_code, answer.json()["type"]) == (500, expected)
    assert abroad.service.seen == []


def test_who_there_is_abroad(abroad: Abroad) -> None:
    """Each registry tells of its own members; an instance that nobody trusts is not known."""
    for name in ("CL", "PE"):
        accept = {"Accept": "application/json"}
        answer = abroad.asking.http.get(f"/listClients?xRoadInstance={name}", headers=accept)
        ids = [one["id"] for one in answer.json()["member"]]
        assert {one["xroad_instance"] for one in ids} == {name}
    codes = [one.get("subsystem_code") for one in ids]
    assert "s/ub" in codes
    answer = abroad.asking.http.get("/listClients?xRoadInstance=BO")
    assert answer.json()["type"] == "client.bad_request"


def test_global_configuration(abroad: Abroad) -> None:
    """As scripts read it that begin at ``/verificationconf``: members, subsystems, their server."""
    answer = abroad.asking.http.get("/verificationconf")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        assert files.read("verificationconf/instance-identifier") == b"CL"
        found = {
            name: ElementTree.fromstring(files.read(f"verificationconf/{name}/shared-params.xml"))
            for name in ("CL", "PE")
        }
    root = found["PE"]
    assert root.findtext("./instanceIdentifier") == "PE"
    registered = [
        (member.findtext("memberClass/code"), member.findtext("memberCode"), one)
        for member in root.findall("./member")
        for subsystem in member.findall("./subsystem")
        for one in [subsystem.findtext("subsystemCode")]
        if root.findall(f"./securityServer[client='{subsystem.get('id')}']")
    ]
    assert {("GOV", "ARCHIVE", "s/ub"), ("GOV", "CIVIL", "registry")} < set(registered)
    (server,) = root.findall("./securityServer")
    assert root.find(f"./member[@id='{server.findtext('owner')}']") is not None
    assert server.findtext("address") == "pe.xroad-lite.example"
    assert abroad.asking.http.post("/verificationconf").status_code == 400


def test_what_is_offered_abroad(abroad: Abroad) -> None:
    """All of it, what this client may call, and its description."""
    listed = abroad.call(f"/r1/{RIGHT_CIVIL}/listMethods").json()["service"]
    assert [one["service_code"] for one in listed] == ["person-by-code", "echo", "closed", CODE]
    assert {one["xroad_instance"] for one in listed} == {"PE"}
    allowed = abroad.call(f"/r1/{RIGHT_CIVIL}/allowedMethods").json()["service"]
    assert [(one["service_code"], one["endpoint_list"]) for one in allowed] == [
        ("person-by-code", [{"method": "POST", "path": "/"}]),
        ("echo", every()),
    ]
    assert abroad.call(f"/r1/{SLASHED}/allowedMethods").json() == {"service": []}
    document = abroad.call(f"/r1/{RIGHT_CIVIL}/getOpenAPI?serviceCode=closed").json()
    assert "paths" in document


def test_a_service_of_messages_abroad(abroad: Abroad) -> None:
    """Its body is of the other instance's schema; the service is asked as any."""
    person = {
        "codigoPersonal": "EX-1",
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
        "apellidos": "Rojas",
    }
    abroad.service.answer = lambda _: (200, [], json.dumps(person).encode())
    path = f"/r1/{RIGHT_CIVIL}/person-by-code"
    answer = abroad.call(path, "POST", json={"codigoPersonal": "EX-1"})
    assert (answer.status_code, answer.json()) == (200, person)
    refused = abroad.call(path, "POST", json={"wrong": 1})
    assert refused.json()["type"] == "client.bad_request"


def test_identifiers_with_slashes(abroad: Abroad) -> None:
    """A slash inside a code is percent-encoded, in the path and in headers."""
    path = f"/r1/{SLASHED}/{quote(CODE)}/path%3B/"
    answer = abroad.call(path, headers={"X-Road-Client": SLASHED_CLIENT})
    assert answer.status_code == 200, answer.text
    assert abroad.service.seen[-1].target == "/path%3B/"
    assert answer.headers["x-road-client"] == SLASHED_CLIENT
    assert answer.headers["x-road-service"] == f"{SLASHED}/{quote(CODE)}"
    listed = abroad.call(f"/r1/{SLASHED}/listMethods").json()["service"]
    assert listed[0]["subsystem_code"] == "s/ub"


def test_thirteen_mebibytes(abroad: Abroad) -> None:
    """As much as X-Road's own tests ask for, byte for byte, where the nodes take as much."""
    body = bytes(range(256)) * (4096 * 13) + b"\xff" * 104_729
    abroad.service.answer = lambda _: (200, [("Content-Type", "application/octet-stream")], body)
    assert abroad.call(f"/r1/{RIGHT_CIVIL}/echo").content == body


@pytest.mark.long
def test_trust_that_ended(abroad: Abroad) -> None:
    """Whose registry is followed no more is an instance that nobody knows."""
    made = abroad.made
    shutil.rmtree(made.left.source / "trusted")
    for path in (made.left.source / "agreements").glob("*"):
        if path.name.startswith(("calls", "slashes", "abroad", "persons-abroad")):
            path.unlink()
    made.clock.now = time.time()
    made.publish(made.left)
    ends = time.monotonic() + 60
    while abroad.asking.http.get("/listClients?xRoadInstance=PE").status_code != 400:
        assert time.monotonic() < ends
        time.sleep(0.2)
    answer = abroad.call(f"/r1/{RIGHT_CIVIL}/echo")
    assert answer.json()["type"] == "server.clientproxy.unknown_member"
