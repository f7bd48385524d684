"""The public test kit: a two-agency instance on one machine, a clock to turn, and a tamperer.

For tests of adapters and for the project's own. Does not start servers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from xroad_lite import strict_json, times
from xroad_lite.envelope import Attributes, Seal, Sealed, parse_seal, seal
from xroad_lite.errors import LogError
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import Signer, base64url, open_signer
from xroad_lite.messagelog import Store
from xroad_lite.node import Node, Settings
from xroad_lite.stewardship import DevelopmentInstance

HEALTH = "DEMO/GOV/HEALTH/births"
CIVIL = "DEMO/GOV/CIVIL/registry"
PURPOSE = "https://w3id.org/dpv#FulfilmentOfObligation"
LAW = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c"
OWN_DOMAINS = ("citizens", "health")
"""Whose types and words the two agencies exchange."""
BIRTH: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"use": "official", "system": "urn:example:births", "value": "B-2026-0001"}],
    "name": [{"use": "official", "family": "Rojas", "given": ["Elena", "Sofía"]}],
    "gender": "female",
    "birthDate": "2026-03-14",
}
"""A birth as a hospital writes it: a FHIR R4 Patient."""


class Clock:
    """A clock that stands still until it is turned. Call it for Unix seconds."""

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        """The time, Unix seconds."""
        return self.now

    def turn(self, seconds: float) -> None:
        """Move it, forward or back."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class TwoAgencies:
    """Health, which publishes births, and the Civil Registry, which may have them."""

    instance: DevelopmentInstance
    health: Node
    civil: Node
    clock: Clock

    def settle(self, rounds: int = 1000) -> None:
        """Let both nodes work until neither has anything to do."""
        for _ in range(rounds):
            if not (self.health.step() | self.civil.step()):
                return
        raise AssertionError(f"still busy after {rounds} rounds")


def two_agency_instance(
    folder: Path,
    *,
    now: float,
    transport: str | None = None,
    name: str = "DEMO",
    domains: tuple[str, ...] | None = OWN_DOMAINS,
) -> DevelopmentInstance:
    """Build and publish the instance of ``two_agencies`` in a folder, under another name if given.

    Its subsystems are then ``named(HEALTH, name)`` and ``named(CIVIL, name)``. It has the bundled
    schemas and vocabularies of these domains; of all with None, which takes twice as long. A
    process builds the same once and copies it: it has one set of keys.
    """
    return _built(now, transport, name, domains)[1].copied(folder)


@lru_cache(maxsize=8)
def _built(
    now: float, transport: str | None, name: str, domains: tuple[str, ...] | None
) -> tuple[tempfile.TemporaryDirectory[str], DevelopmentInstance]:
    temporary = tempfile.TemporaryDirectory()
    options = {} if transport is None else {"transport": transport}
    instance = DevelopmentInstance(Path(temporary.name), now=now, instance=name, **options)
    health, civil = named(HEALTH, name), named(CIVIL, name)
    instance.add_bundled(domains)
    instance.add_subsystem(health, title={"en": "Births", "es": "Nacimientos"})
    instance.add_subsystem(
        civil,
        title={"en": "Civil Registry", "es": "Registro Civil"},
        services=[
            {
                "code": "person-by-code",
                "request": "citizens.person-query",
                "response": "citizens.person",
            }
        ],
    )
    for owner in ("WELFARE", "TAX", "LEAD"):
        instance.add_subsystem(named(f"DEMO/GOV/{owner}/office", name), title={"en": owner.title()})
    law = {"title": {"en": "Registration of births"}, "basis": {"en": "Civil Registration Act"}}
    instance.add_agreement(
        "births",
        provider=health,
        consumer=civil,
        operation="publish",
        types=["health.birth"],
        purposes=[PURPOSE],
        basis_iri=LAW,
        **law,
    )
    instance.add_agreement(
        "persons",
        provider=civil,
        consumer=health,
        operation="request",
        types=["citizens.person-query"],
        purposes=[PURPOSE],
        basis_iri=LAW,
        **law,
    )
    instance.publish(now)
    return temporary, instance


def named(subsystem: str, instance: str) -> str:
    """The subsystem of another instance with the same name there."""
    return f"{instance}/{subsystem.partition('/')[2]}"


@contextmanager
def two_agencies(
    folder: Path | None = None,
    *,
    clock: Clock | None = None,
    transport: str | None = None,
    domains: tuple[str, ...] | None = OWN_DOMAINS,
) -> Iterator[TwoAgencies]:
    """A running instance of two agencies with their nodes, in a temporary folder unless given.

    ``domains`` as for ``two_agency_instance``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        clock = clock or Clock()
        instance = two_agency_instance(
            folder or Path(temporary), now=clock(), transport=transport, domains=domains
        )
        health = Node.open(instance.node_folder(HEALTH), clock=clock)
        civil = Node.open(instance.node_folder(CIVIL), clock=clock)
        try:
            yield TwoAgencies(instance, health, civil, clock)
        finally:
            health.close()
            civil.close()


class Tamperer:
    """Somebody with a node's key, or with none, who breaks the rules.

    ``seal`` makes messages that the node itself would refuse to send; the others change what was
    sealed without having the key.
    """

    def __init__(self, node_folder: Path, clock: Clock | None = None) -> None:
        settings = Settings.read(node_folder, {})
        self.signer: Signer = open_signer(settings.key_uri, settings.path(settings.certificates))
        self._me = settings.subsystem
        self._log = settings.path(settings.log)
        self._clock = clock or time.time

    def last_sent(self, message_id: str | None = None) -> Sealed:
        """The last message that the node sealed (under this id, if given), as it travelled."""
        store = Store(self._log, readonly=True)
        try:
            rows = store.query(
                "SELECT max(idx) FROM xl_messages WHERE direction = 'out' AND id = coalesce(?, id)",
                (message_id,),
            )
            index = rows[0][0]
            if index is None:
                raise LogError("log.no_entry", f"the node has sent no message {message_id or ''}")
            token = store.seal(index)
            salt, body = store.body(index) or (b"", b"")
        finally:
            store.close()
        return Sealed(token, salt, body, parse_seal(token))

    def seal(
        self, like: Sealed, body: bytes | None = None, *, at: float | None = None, **changed: Any
    ) -> Sealed:
        """A seal over the attributes of ``like``, some changed, by this key.

        It has a fresh id and time unless ``changed`` says otherwise.
        """
        now = self._clock() if at is None else at
        fresh = {"id": new_message_id(now), "time": times.to_text(now)}
        attributes: Attributes = replace(like.opened.attributes, **(fresh | changed))
        content = like.body if body is None else body
        return seal(attributes, content, self.signer, issued_at=int(now))

    @staticmethod
    def with_header(sealed: Seal, **changed: Any) -> bytes:
        """The seal with header fields changed (None removes one), its signature as it was.

        Names are written with ``_`` for ``#``: ``x5t_S256``.
        """
        return _rewritten(sealed, 0, changed)

    @staticmethod
    def with_attributes(sealed: Seal, **changed: Any) -> bytes:
        """The seal with attributes changed (None removes one), its signature as it was."""
        return _rewritten(sealed, 1, changed)

    @staticmethod
    def with_signature(sealed: Seal, signature: bytes) -> bytes:
        """The seal with another signature."""
        return sealed.signing_input + b"." + base64url(signature).encode()


def _rewritten(sealed: Seal, part: int, changed: dict[str, Any]) -> bytes:
    parts = sealed.token.split(b".")
    text = parts[part].decode()
    from base64 import urlsafe_b64decode

    value = strict_json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    for name, new in changed.items():
        name = name.replace("_", "#")
        if new is None:
            value.pop(name, None)
        else:
            value[name] = new
    parts[part] = base64url(strict_json.dumps(value)).encode()
    return b".".join(parts)
