"""Decisions a second with 10,000 agreements: remembered, new, and the very first of a snapshot."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from xroad_lite import times
from xroad_lite.envelope import jws
from xroad_lite.errors import PolicyError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.policy import PUBLISH, Movement, decide, find
from xroad_lite.registry import Snapshot
from xroad_lite.registry.agreements import approval_path
from xroad_lite.stewardship import Authority

NOW = 1_790_000_000.0
_MEMBERS, _TYPES = 50, 20
_PURPOSE = "https://w3id.org/dpv#FulfilmentOfObligation"
_AGREEMENT = """agreement: a-{number}
version: 1
title: {{en: Agreement {number}}}
provider: {provider}
consumer: {consumer}
operation: publish
types: [{type}]
purposes: ['{purpose}']
legal_basis: {{text: {{en: Act 1}}, iri: 'https://law.example/1'}}
period: {{from: '{begins}', until: '{ends}'}}
"""


def decisions(count: int = 10_000) -> dict[str, float]:
    """Rates a second and seconds, of one core's time, with ``count`` agreements."""
    files, movements = _documents(count)
    began = time.process_time()
    snapshot = Snapshot.draft(files, published=NOW)
    decide(snapshot, *movements[0])
    first = time.process_time() - began
    new = _rate(lambda iri, movement: decide(snapshot, iri, movement), movements[1:])
    shuffled = random.Random(7).sample(movements, len(movements)) * 5
    known = _rate(lambda iri, movement: decide(snapshot, iri, movement), shuffled)
    refused = [(iri, one._replace(purpose="https://x.example/y")) for iri, one in movements]
    return {
        "agreements": count,
        "seconds until the first decision": first,
        "new decisions, with approvals": new,
        "decisions": known,
        "refusals": _rate(lambda iri, one: _refused(snapshot, iri, one), refused),
        "publications, recipients found": _rate(
            lambda _, one: find(snapshot, one._replace(recipient=None), None), movements[:2000]
        ),
    }


def _refused(snapshot: Snapshot, iri: str, movement: Movement) -> None:
    try:
        decide(snapshot, iri, movement)
    except PolicyError:
        return
    raise AssertionError(f"{movement} was allowed")


def _rate(
    call: Callable[[str, Movement], object], movements: Sequence[tuple[str, Movement]]
) -> float:
    began = time.process_time()
    for iri, movement in movements:
        call(iri, movement)
    return len(movements) / (time.process_time() - began)


def _documents(count: int) -> tuple[dict[str, bytes], list[tuple[str, Movement]]]:
    """A registry's documents, all approved, and a movement under each agreement."""
    authority = Authority.create("Bench CA", now=NOW)
    parties = [f"DEMO/GOV/M{number}/system" for number in range(_MEMBERS)]
    keys = {one: authority.issue(SubsystemId.parse(one), now=NOW) for one in parties}
    files = {
        "authorities/a.pem": authority.pem,
        "instance.yaml": b"instance: DEMO\nbase: https://demo.example/\ntitle: {en: Demo}\n"
        b"authorities: [authorities/a.pem]\n",
    }
    for party, key in keys.items():
        member = party.removesuffix("/system")
        listed = f"[{{sha256: '{key.sha256}'}}]"
        files[f"members/{member.rpartition('/')[2].lower()}.yaml"] = (
            f"member: {member}\nname: {{en: {member}}}\ncontact: a@b.example\n"
            f"subsystems:\n- code: system\n  certificates: {listed}\n"
            f"agreement_certificates: {listed}\n"
        ).encode()
    movements = []
    for number in range(count):
        provider, consumer = _pair(parties, number)
        data = _AGREEMENT.format(
            number=number,
            provider=provider,
            consumer=consumer,
            type=(type_ := f"domain.type-{number % _TYPES}"),
            purpose=_PURPOSE,
            begins=times.to_text(NOW - 86_400),
            ends=times.to_text(NOW + 1e8),
        ).encode()
        path = f"agreements/a-{number}-1.yaml"
        files[path] = data
        for role, party in (("provider", provider), ("consumer", consumer)):
            files[approval_path(path, role)] = jws.sign_detached(
                data, keys[party].signer, jws.APPROVAL, issued_at=int(NOW)
            )
        iri = f"https://demo.example/agreements/a-{number}/1"
        movements.append((iri, Movement(PUBLISH, provider, consumer, type_, _PURPOSE, NOW)))
    return files, movements


def _pair(parties: Sequence[str], number: int) -> tuple[str, str]:
    first = number // _TYPES % len(parties)
    return parties[first], parties[(first + 1 + number // 1_000) % len(parties)]
