"""A registry served by the command itself, on loopback; holds no test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import quick_cli

from xroad_lite.stewardship import DevelopmentInstance, bundled_files
from xroad_lite.stewardship.schemas import register_version
from xroad_lite.testing import CIVIL, HEALTH, LAW, PURPOSE

NOW = 1_790_000_000.0
USER, PASSWORD, TOKEN = "steward", "correct horse", "a-token-of-the-stewards"
V1 = "application/vnd.schemaregistry.v1+json"


@dataclass
class Served:
    """A running server, and the instance whose registry it serves."""

    url: str
    instance: DevelopmentInstance
    http: httpx.Client
    process: quick_cli.Started

    def ask(
        self, method: str, path: str, body: Any = None, *, writing: bool = False, **more: Any
    ) -> tuple[int, Any]:
        """Status and JSON of an answer; ``body`` is sent as JSON."""
        headers = {"Content-Type": V1} | more.pop("headers", {})
        auth = (USER, PASSWORD) if writing else None
        content = None if body is None else json.dumps(body)
        answer = self.http.request(
            method, path, content=content, headers=headers, auth=auth, **more
        )
        return answer.status_code, answer.json()

    def get(self, path: str) -> Any:
        """The JSON of what must be there."""
        status, value = self.ask("GET", path)
        assert status == 200, value
        return value

    def register(self, subject: str, schema: Any, **more: Any) -> int:
        """Register a schema as a steward; gives its id."""
        kind = more.pop("schemaType", "JSON")
        body = {"schema": json.dumps(schema), "schemaType": kind, **more}
        name = subject.replace("/", "%2F")
        status, value = self.ask("POST", f"/subjects/{name}/versions", body, writing=True)
        assert status == 200, value
        number: int = value["id"]
        return number


@contextmanager
def serving(instance: DevelopmentInstance, *options: str) -> Iterator[Served]:
    """``xroad-lite registry serve`` on a free port, until the block ends."""
    folder = str(instance.folder / "registry")
    process = quick_cli.start("registry", "serve", folder, "--port", "0", "--json", *options)
    try:
        said = json.loads(process.stdout.readline())
        with httpx.Client(base_url=said["url"], timeout=30) as http:
            yield Served(said["url"], instance, http, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def small_instance(folder: Path, *types: str) -> DevelopmentInstance:
    """One type that an agreement exchanges, bundled ones if named, and no vocabularies.

    Publishing it takes little time, and it is published again often.
    """
    instance = DevelopmentInstance(folder, now=NOW)
    for one in (HEALTH, CIVIL):
        instance.add_subsystem(one, title={"en": "An office", "es": "Una oficina"})
    register_version(
        instance.source, "health.birth", {"type": "object"}, "json", owner="DEMO/GOV/HEALTH"
    )
    for type_ in types:
        document = bundled_files()[f"schemas/{type_.replace('.', '/')}/1.json"]
        register_version(instance.source, type_, document, "json", owner="DEMO/GOV/CIVIL")
    instance.add_agreement(
        "births",
        provider=HEALTH,
        consumer=CIVIL,
        operation="publish",
        types=["health.birth"],
        purposes=[PURPOSE],
        title={"en": "Births"},
        basis={"en": "Civil Registration Act"},
        basis_iri=LAW,
    )
    instance.publish()
    return instance
