"""A room with a publisher and a subscriber, whose gateways can be restarted; holds no test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from pairs import Pair, Running, Service, instance, provider, ready, start

from xroad_lite.testing import BIRTH, CIVIL, HEALTH

MEMBER = "/r1/DEMO/GOV/CIVIL"
ROOM = f"{MEMBER}/health"
TRACKERS = [
    {"service": "echo", "clients": [HEALTH]},
    {"service": "described", "clients": [HEALTH], "representation": True, "prefix": "EE"},
    {"service": "öäå", "clients": [CIVIL]},
]
RETRY = {"attempts": 3, "first": 0.01, "factor": 1.0}


class Rooms:
    """Health publishes births, the Civil Registry may have them; both gateways can be restarted."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.made = instance(folder)
        self.service = service
        self.civil_folder = self.made.node_folder(CIVIL)
        settings = yaml.safe_load((self.civil_folder / "node.yaml").read_text())
        (self.civil_folder / "node.yaml").write_text(yaml.safe_dump({**settings, "retry": RETRY}))

    def start_civil(self) -> Running:
        """The Civil Registry's gateway, which may push births to the service."""
        subscribers = [{"url": f"{self.service.url}/events", "types": ["health.birth"]}]
        return start(self.civil_folder, subscribers=subscribers, trackers=TRACKERS)

    def start_health(self) -> Running:
        """Health's gateway."""
        return start(self.made.node_folder(HEALTH))


@contextmanager
def at_work(folder: Path) -> Iterator[tuple[Rooms, Pair]]:
    """Both gateways at work, and a subscriber's service."""
    with provider() as service:
        rooms = Rooms(folder, service)
        with ready(rooms.start_health(), rooms.start_civil()) as (health, civil):
            yield rooms, Pair(health, civil, service, rooms.made)


def emptied(two: Pair) -> Pair:
    """Both gateways, with no subscription and nothing to read; the service takes what comes."""
    two.service.answer = lambda _: (200, [], b"")
    for do in (by_civil, by_health):
        found = do(two, "GET", "/api/v1/subs")
        for one in found.json() if found.status_code == 200 else []:
            if do is by_civil:
                drain(two, one["eventType"])
            do(two, "DELETE", f"/api/v1/subs/{one['eventType']}")
    two.service.seen.clear()
    return two


def drained(two: Pair) -> None:
    """Read whatever was ever published: it comes in order, so all of it before one that is last."""
    emptied(two)
    wanted = {"eventType": "birth", "delivery": "PULL"}
    assert by_civil(two, "POST", "/api/v1/subs/birth", json=wanted).status_code == 200
    last = by_health(two, "POST", "/pub/v1/birth", json={"eventType": "birth", "event": BIRTH})
    got, ends = "", time.monotonic() + 30
    while got != last.json()["id"]:
        assert time.monotonic() < ends
        found = by_civil(two, "GET", "/pull/v1/birth")
        if found.status_code == 200:
            got = found.json()["id"]
            by_civil(two, "DELETE", f"/pull/v1/birth/{got}")
    emptied(two)


def drain(two: Pair, event_type: str) -> None:
    """Acknowledge whatever is left."""
    changed = {"eventType": event_type, "delivery": "PULL"}
    by_civil(two, "PATCH", f"/api/v1/subs/{event_type}", json=changed)
    while (found := by_civil(two, "GET", f"/pull/v1/{event_type}")).status_code == 200:
        by_civil(two, "DELETE", f"/pull/v1/{event_type}/{found.json()['id']}")


def by(running: Running, client: str, method: str, path: str, **more: Any) -> httpx.Response:
    """A request as a GovStack building block makes it."""
    headers = {"X-GovStack-Client": client, **more.pop("headers", {})}
    url = path if path.startswith("/r1/") else ROOM + path
    return running.http.request(method, url, headers=headers, **more)


def by_health(two: Pair, method: str, path: str, **more: Any) -> httpx.Response:
    """A request of the publisher."""
    return by(two.consumer, HEALTH, method, path, **more)


def by_civil(two: Pair, method: str, path: str, **more: Any) -> httpx.Response:
    """A request of the subscriber."""
    return by(two.provider, CIVIL, method, path, **more)
