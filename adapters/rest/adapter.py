"""HTTP APIs beside the bus: polls them, takes their webhooks, and delivers messages to them."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from xroad_lite import (
    Columns,
    Harvest,
    Item,
    Message,
    Node,
    RejectedError,
    XRoadError,
    call_http,
    listen_http,
    refuses_content,
    run_adapter,
)

MAX_PAGES, REMEMBERED_SECONDS = 1000, 30 * 86_400
Answered = tuple[int, dict[str, Any]]
SIGNATURE, LATER = "X-Hub-Signature-256", (408, 425, 429)
MIRRORED = ("id", "type", "source", "subject", "time", "dataschema", "traceparent")
DELIVERED = "CREATE TABLE IF NOT EXISTS rest_delivered (path, key, id, at, PRIMARY KEY (path, key))"


@dataclass(frozen=True)
class Api:
    """An address that is polled or delivered to, or a path that others call."""

    type: str
    url: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    secret: str | None = None
    items: str | None = None
    key: str = "id"
    key_header: str = "Idempotency-Key"
    watermark: str | None = None
    since: str | None = None
    overlap: float = 0.0
    start: str | int | None = None
    columns: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    subject: str | None = None
    reads: str | None = None

    def mapping(self) -> Columns | None:
        """How bodies are made; None where what comes is the body."""
        return Columns.of(self.columns, self.constants) if self.columns else None


@dataclass(frozen=True)
class Configuration:
    """What adapter.yaml says; README.md explains it."""

    node: str
    every: float = 5.0
    listen: str = "127.0.0.1:8085"
    poll: list[Api] = field(default_factory=list)
    webhooks: list[Api] = field(default_factory=list)
    deliver: list[Api] = field(default_factory=list)


class UnchangedError(Exception):
    """An API says that nothing has changed since it was last asked."""


class RestAdapter:
    """The node and the APIs, joined as the configuration says."""

    def __init__(self, node: Node, configuration: Configuration) -> None:
        self.node = node
        self.tags: dict[str, str | None] = {}
        self.sources = [(one, self.source(one)) for one in configuration.poll]
        self.hooks = {one.path: one for one in configuration.webhooks}
        if not all(one.secret for one in configuration.webhooks):
            raise XRoadError("rest.secret", "a webhook without a secret is open to everybody")
        for one in configuration.deliver:
            node.subscribe(one.type, reads=one.reads)(partial(deliver, one))
        if self.hooks:
            with node.transaction() as effects:
                effects.sql(DELIVERED)
            self.listener = listen_http(configuration.listen, self.called)

    def source(self, one: Api) -> Harvest:
        """What is polled. Without a watermark nothing is forgotten: a list may come short once."""
        options = {"overlap": one.overlap, "start": one.start, "forget": one.watermark is not None}
        options |= {"columns": one.mapping(), "sparse": True}
        return Harvest(self.node, f"{one.url} {one.type}", one.type, **options)

    def poll(self) -> int:
        """Publish what is new at every address; gives how many items."""
        count = 0
        for one, harvest in self.sources:
            tags: list[str | None] = []
            with suppress(UnchangedError):
                count += harvest.take(partial(self.read, one, tags))
                self.tags[one.url] = tags[0]
        return count

    def read(self, one: Api, tags: list[str | None], since: Any) -> list[Item]:
        """All pages of what there is from a watermark on, in its order."""
        url, found = one.url, []
        if one.since and since is not None:
            url += f"{'&' if urlsplit(url).query else '?'}{one.since}={quote(str(since), safe='')}"
        for _ in range(MAX_PAGES):
            tag = None if tags else self.tags.get(one.url)
            asked = one.headers | ({"If-None-Match": tag} if tag else {})
            answer = call_http("GET", url, headers=asked)
            if answer.status == 304:
                raise UnchangedError
            if answer.status != 200:
                raise XRoadError("rest.status", f"{url} answered {answer.status}: expected 200")
            tags.append(answer.headers.get("etag"))
            page = json.loads(answer.body)
            paths = {"key": one.key, "watermark": one.watermark, "subject": one.subject}
            found += [Item.of(row, **paths) for row in Columns.at(page, one.items)]
            if (url := answer.next_page) is None:
                found.sort(key=lambda item: (item.watermark is not None, item.watermark or 0))
                return found
        raise XRoadError("rest.pages", f"{one.url} has more than {MAX_PAGES} pages")

    def called(self, path: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """A webhook: 202 with the event's id when it is durable; 503 for what may pass later."""
        one = self.hooks.get(path)
        if one is None:
            return 404, {"error": "there is no webhook at this path"}
        if not hmac.compare_digest(headers.get(SIGNATURE.lower(), "").encode(), signed(one, body)):
            return 401, {"error": f"{SIGNATURE} is not the signature of this body"}
        if not (key := headers.get(one.key_header.lower())):
            return 400, {"error": f"expected {one.key_header}: what is sent again is known by it"}
        try:
            return 202, {"id": self.publish(one, json.loads(body), key)}
        except ValueError as error:
            return 400, {"error": f"not JSON: {error}"}
        except XRoadError as error:
            return 422 if refuses_content(error) else 503, {"error": str(error)}

    def publish(self, one: Api, row: Any, key: str) -> str:
        """Publish what a webhook brought, once for each key; gives the event's id."""
        with self.node.transaction() as effects:
            query = "SELECT id FROM rest_delivered WHERE path = ? AND key = ?"
            if known := effects.sql(query, (one.path, key)):
                return str(known[0][0])
            subject = Item.of(row, key=one.key, subject=one.subject).subject
            body = one.mapping().body(row, sparse=True) if one.columns else row
            event = effects.publish(one.type, body, subject=subject)
            now = time.time()
            effects.sql("DELETE FROM rest_delivered WHERE at < ?", (now - REMEMBERED_SECONDS,))
            values = (one.path, key, event, now)
            effects.sql("INSERT INTO rest_delivered VALUES (?, ?, ?, ?)", values)
            return event


def deliver(one: Api, message: Message) -> None:
    """Hand a message to an address; raises for the node to try again, or to bury it."""
    data = json.dumps(message.body, ensure_ascii=False).encode()
    headers = {
        f"ce-{name}": quote(str(value), safe=" :/+#,;=@")
        for name, value in message.attributes.to_dict().items()
        if name in MIRRORED
    }
    headers |= {"Content-Type": "application/json", "Idempotency-Key": message.id, **one.headers}
    headers |= {SIGNATURE: signed(one, data).decode()} if one.secret else {}
    answer = call_http("POST", one.url, headers=headers, body=data)
    if answer.status >= 300:
        kind = RejectedError if answer.status < 500 and answer.status not in LATER else XRoadError
        raise kind("rest.status", f"{urlsplit(one.url).hostname} answered {answer.status}")


def signed(one: Api, body: bytes) -> bytes:
    """What SIGNATURE holds for a body."""
    return (
        b"sha256="
        + hmac.new((one.secret or "").encode(), body, hashlib.sha256).hexdigest().encode()
    )


if __name__ == "__main__":
    run_adapter(RestAdapter, Configuration)
