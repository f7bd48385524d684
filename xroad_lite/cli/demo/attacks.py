"""What must be refused: one attack for each of the nine checks, and an exact duplicate.

The attacker here owns the bus, and for some attacks the key of a registered institution too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from xroad_lite import strict_json, times
from xroad_lite.cli.demo.world import CIVIL, HEALTH, WELFARE
from xroad_lite.envelope import Sealed
from xroad_lite.identifiers import SubsystemId, new_message_id
from xroad_lite.keys import base64url
from xroad_lite.messagelog import Store, entries
from xroad_lite.node import Settings
from xroad_lite.stewardship import Authority
from xroad_lite.testing import Tamperer
from xroad_lite.transports import Outcome, Parcel, open_transport

_WAIT_SECONDS = 20.0
_LANE = "health.birth"


@dataclass(frozen=True, slots=True)
class Attack:
    """One message that must not pass: what was tried, and the check that has to refuse it."""

    tried: str
    check: int
    seal: bytes
    salt: bytes
    body: bytes

    @property
    def digest(self) -> str:
        """By which the log names what it could not believe."""
        return base64url(sha256(self.seal).digest())


def attacks(folder: Path) -> list[Attack]:
    """All attacks on the Civil Registry, made from the last birth of Health's that it accepted."""
    health = Tamperer(folder / "nodes" / "health")
    return list(_attacks(health, _true(health, folder), folder))


def _true(health: Tamperer, folder: Path) -> Sealed:
    return health.last_sent(last_accepted(folder / "nodes" / "civil" / "log.sqlite3"))


def last_accepted(log: Path) -> str | None:
    """The id of the last birth that a log holds as accepted; None if there is none."""
    store = Store(log, readonly=True)
    try:
        rows = store.query(
            "SELECT id FROM xl_messages WHERE result = 'accepted' AND type = ?"
            " ORDER BY idx DESC LIMIT 1",
            (_LANE,),
        )
    finally:
        store.close()
    return str(rows[0][0]) if rows else None


def _attacks(health: Tamperer, true: Sealed, folder: Path) -> Iterator[Attack]:
    def attack(tried: str, check: int, sealed: Sealed, **changed: bytes) -> Attack:
        parts = {"seal": sealed.seal, "salt": sealed.salt, "body": sealed.body} | changed
        return Attack(tried, check, **parts)

    good = true.opened.attributes
    other = strict_json.dumps(strict_json.loads(true.body) | {"gender": "unknown"})
    yield attack("bytes that are no seal", 1, true, seal=b"not.a.seal")
    yield attack(
        "a registry snapshot that was never published",
        2,
        health.seal(true, registry="1:" + "A" * 43),
    )
    yield attack("a certificate that the registry does not list", 3, _thief(folder).seal(true))
    yield attack(
        "an attribute changed after sealing",
        4,
        true,
        seal=health.with_attributes(true.opened, subject="line-0"),
    )
    yield attack("an accepted id with other content", 5, health.seal(true, other, id=good.id))
    yield attack("a message for somebody else", 5, health.seal(true, recipient=WELFARE))
    hour_ago = times.to_text(time.time() - 3600)
    yield attack("a message past its own expiry", 5, health.seal(true, expirytime=hour_ago))
    yield attack(
        "no agreement for it",
        6,
        health.seal(true, agreement=good.agreement.replace("/births/", "/wishes/")),
    )
    yield attack("a body changed in transit", 7, health.seal(true), body=other)
    yield attack(
        "a record that breaks its schema", 8, health.seal(true, _without(true.body, "birthDate"))
    )
    yield attack(
        "a birth date that Civil cannot read (no day)", 9, health.seal(true, _partial(true.body))
    )


def _thief(folder: Path) -> Tamperer:
    """Health's name, in a certificate of the trusted authority that nobody registered."""
    thief = folder / "thief"
    authority = Authority.read(folder / "authority")
    authority.issue(SubsystemId.parse(HEALTH), now=time.time()).write(thief)
    text = (folder / "nodes" / "health" / "node.yaml").read_text()
    (thief / "node.yaml").write_text(text)
    return Tamperer(thief)


def _without(body: bytes, key: str) -> bytes:
    record = strict_json.loads(body)
    del record[key]
    return strict_json.dumps(record)


def _partial(body: bytes) -> bytes:
    record = strict_json.loads(body)
    identifier = [{"system": "urn:example:demo", "value": new_message_id(time.time())}]
    return strict_json.dumps(record | {"birthDate": "2026-03", "identifier": identifier})


def carry_out(folder: Path, tried: list[Attack], tend: Callable[[], None]) -> list[dict[str, Any]]:
    """Put the attacks on the bus, wait for the Civil Registry's verdicts, and report each.

    ``tend`` is called while waiting: it starts again what has ended.
    """
    civil = folder / "nodes" / "civil" / "log.sqlite3"
    mark = _size(civil)
    true = _true(Tamperer(folder / "nodes" / "health"), folder)
    before = _counter(civil, "received.duplicate")
    duplicate = Attack("an exact duplicate", 0, true.seal, true.salt, true.body)
    _send(folder, [*tried, duplicate])
    ends = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < ends:
        tend()
        verdicts = _verdicts(civil, mark)
        counted = _counter(civil, "received.duplicate") - before
        if counted and all(one.digest in verdicts for one in tried):
            break
        time.sleep(0.02)
    found = [_report(one, verdicts.get(one.digest)) for one in tried]
    found.append(
        {
            "tried": duplicate.tried,
            "expected_check": None,
            "check": None,
            "code": "freshness.duplicate",
            "message": f"counted {counted} time, acknowledged, not handled again",
            "kept": True,
            "ok": counted == 1,
        }
    )
    return found


def _report(attack: Attack, verdict: dict[str, Any] | None) -> dict[str, Any]:
    verdict = verdict or {}
    return {
        "tried": attack.tried,
        "expected_check": attack.check,
        "check": verdict.get("check"),
        "code": verdict.get("code"),
        "message": verdict.get("message", "no verdict was logged"),
        "kept": bool(verdict.get("kept")),
        "ok": verdict.get("outcome") == "refused" and verdict.get("check") == attack.check,
    }


def _send(folder: Path, tried: list[Attack]) -> None:
    settings = Settings.read(folder / "nodes" / "health", {})
    transport = open_transport(settings.transport, SubsystemId.parse(HEALTH), base=settings.folder)
    waiting = {
        tag: Parcel(tag, CIVIL, _LANE, one.seal, one.salt, one.body)
        for tag, one in enumerate(tried)
    }
    ends = time.monotonic() + _WAIT_SECONDS
    try:
        transport.send(list(waiting.values()))
        while waiting and time.monotonic() < ends:
            lost = []
            for tag, outcome in transport.outcomes():
                if outcome is Outcome.CONFIRMED:
                    waiting.pop(tag, None)
                else:
                    lost.append(waiting[tag])
            transport.wait(0.05)
            if lost:
                transport.send(lost)
    finally:
        transport.close()


def _verdicts(log: Path, first: int) -> dict[str, dict[str, Any]]:
    """Verdicts logged from entry ``first`` on, by the digest of the seal that they are about."""
    store = Store(log, readonly=True)
    found = {}
    try:
        for index, leaf in store.entries(first):
            entry = entries.read(leaf)
            if entry.kind != "message" or entry.fields["direction"] != entries.IN:
                continue
            digest = entry.fields.get("digest")
            if digest is None:
                digest = base64url(sha256(store.seal(index)).digest())
            kept = store.body(index) is not None or not entry.proven
            found[digest] = entry.fields["verdict"] | {"kept": kept}
    finally:
        store.close()
    return found


def _size(log: Path) -> int:
    store = Store(log, readonly=True)
    try:
        return store.size
    finally:
        store.close()


def _counter(log: Path, name: str) -> int:
    store = Store(log, readonly=True)
    try:
        return store.counters().get(name, 0)
    finally:
        store.close()
