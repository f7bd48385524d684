"""May this message pass? Decides by one agreement of one snapshot, and says why; deny by default.

Does not read clocks or the seal: the exchange says who sends what, when and for which purpose.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from xroad_lite import strict_json, times
from xroad_lite.errors import PolicyError
from xroad_lite.keys import base64url
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.models import Maintenance

PUBLISH, REQUEST, REPLY = "publish", "request", "reply"
ERROR_TYPE = "xroad.error"
"""The type of a sealed error, which may answer any request."""


class Movement(NamedTuple):
    """What somebody wants to do: ``at`` is Unix seconds, ``recipient`` None means everybody."""

    operation: str
    sender: str
    recipient: str | None
    type: str
    purpose: str
    at: float


class _Allowed(NamedTuple):
    """What holds of a movement but for its time: a snapshot never changes its mind."""

    agreement: Agreement
    start: float
    until: float
    maintenance: tuple[Maintenance, ...]


_REMEMBERED = 10_000
_ALLOWED: WeakKeyDictionary[Snapshot, dict[tuple[str | None, ...], _Allowed]] = WeakKeyDictionary()


def decide(snapshot: Snapshot, agreement_iri: str, movement: Movement) -> Agreement:
    """The agreement, if it allows the movement under this snapshot.

    ``PolicyError`` otherwise; its code names the rule that decided, its message what was asked and
    what the agreement says.
    """
    key = (agreement_iri, *movement[:-1])
    decided = _ALLOWED.setdefault(snapshot, {})
    allowed = decided.get(key)
    if allowed is None:
        allowed = _decide_but_for_time(snapshot, agreement_iri, movement)
        if len(decided) >= _REMEMBERED:
            decided.clear()
        decided[key] = allowed
    agreement, start, until, maintenance = allowed
    if not start <= movement.at < until:
        raise PolicyError(
            "policy.not_in_force",
            f"{_name(agreement)} is in force from {agreement.period.start} until "
            f"{agreement.period.until}, not at {times.to_text(movement.at)}",
        )
    for planned in maintenance:
        if planned.covers(movement.at):
            raise _in_maintenance(planned, movement)
    return agreement


def _in_maintenance(planned: Maintenance, movement: Movement) -> PolicyError:
    words = "; ".join(f"{language}: {text}" for language, text in planned.message.items())
    return PolicyError(
        "policy.maintenance_mode",
        f"{movement.recipient} is in maintenance from {planned.start} until "
        f"{planned.until or 'further notice'}{f' ({words})' if words else ''}",
        hint="ask again after it" if planned.until else "ask its contact in the registry",
    )


def _decide_but_for_time(snapshot: Snapshot, agreement_iri: str, movement: Movement) -> _Allowed:
    agreement = snapshot.agreement(agreement_iri)
    if agreement is None:
        raise PolicyError(
            "policy.no_agreement",
            f"snapshot {snapshot.edition.version} has no agreement {agreement_iri}",
        )
    _check_parties(snapshot, agreement, movement)
    _check_type(snapshot, agreement, movement)
    if not any(snapshot.purposes.covers(one, movement.purpose) for one in agreement.purposes):
        raise PolicyError(
            "policy.purpose",
            f"the purpose {movement.purpose} is not among those of {_name(agreement)}, nor "
            f"narrower than one: {', '.join(agreement.purposes)}",
        )
    start, until = times.to_unix(agreement.period.start), times.to_unix(agreement.period.until)
    asked = snapshot.party(movement.recipient or "") if movement.operation == REQUEST else None
    return _Allowed(
        agreement, start, until, asked.maintenance(movement.type) if asked is not None else ()
    )


def find(
    snapshot: Snapshot, movement: Movement, purpose: str | None
) -> list[tuple[str | None, str, str]]:
    """Recipient, agreement IRI and purpose, one each, under which a movement would be allowed.

    For a publication all consumers, of a group every one; for a request the one provider that the
    movement names. A purpose may be left out where an agreement has only one. ``PolicyError`` when
    nothing allows it, or when an agreement has several purposes and none was named.
    """
    operation, provider = movement.operation, movement.sender
    if operation == REQUEST:
        provider = movement.recipient or ""
    refusals: list[PolicyError] = []
    found: dict[str | None, tuple[str | None, str, str]] = {}
    agreements = snapshot.agreements_for(operation, provider, movement.type)
    for agreement in _near(snapshot, agreements, movement):
        iri = snapshot.agreement_iri(agreement)
        for recipient in _recipients(snapshot, agreement, movement):
            try:
                chosen = purpose or _only_purpose(agreement)
                decide(snapshot, iri, _with(movement, recipient, chosen))
            except PolicyError as error:
                refusals.append(error)
            else:
                first = found.setdefault(recipient, (recipient, iri, chosen))
                if first[2] != chosen:
                    raise PolicyError(
                        "policy.purpose",
                        f"agreements allow it to {recipient} for {first[2]} and for {chosen}, and "
                        "no purpose was named",
                        hint="say which with purpose=",
                    )
    if found:
        return list(found.values())
    if refusals:
        raise refusals[0]
    towards = f" to {movement.recipient}" if movement.recipient else ""
    raise PolicyError(
        "policy.no_agreement",
        f"no agreement lets {movement.sender} {operation} {movement.type}{towards}",
        hint="ask the steward for an agreement, or check the message type",
    )


def _near(snapshot: Snapshot, agreements: list[Agreement], movement: Movement) -> list[Agreement]:
    """Those that can allow it; of a provider with thousands of consumers not all need be asked."""
    if movement.operation != REQUEST:
        return agreements
    standing, sender = snapshot.parties.standing, movement.sender
    mine = [one for one in agreements if one.consumer and sender in standing(one.consumer)]
    return mine or agreements[:1]


def _recipients(
    snapshot: Snapshot, agreement: Agreement, movement: Movement
) -> list[str] | list[None] | list[str | None]:
    if movement.operation == REQUEST:
        return [movement.recipient]
    if agreement.consumer is None:
        return [None]
    return sorted(snapshot.parties.standing(agreement.consumer) - {movement.sender})


def projection(agreement: Agreement, type_: str) -> str | None:
    """The digest by which a seal names the allowed fields; None when the type goes whole."""
    allowed = agreement.fields_.get(type_)
    if allowed is None:
        return None
    return _digest(tuple(allowed))


@lru_cache(maxsize=4096)
def _digest(allowed: tuple[str, ...]) -> str:
    return base64url(hashlib.sha256(strict_json.canonical(sorted(allowed))).digest())


def _with(movement: Movement, recipient: str | None, purpose: str) -> Movement:
    return movement._replace(recipient=recipient, purpose=purpose)


def _only_purpose(agreement: Agreement) -> str:
    if len(agreement.purposes) == 1:
        return agreement.purposes[0]
    raise PolicyError(
        "policy.purpose",
        f"{_name(agreement)} has several purposes and none was named: "
        f"{', '.join(agreement.purposes)}",
        hint="say which with purpose=",
    )


def _check_parties(snapshot: Snapshot, agreement: Agreement, movement: Movement) -> None:
    wanted = PUBLISH if movement.operation == PUBLISH else REQUEST
    provider, consumer = movement.sender, movement.recipient
    if movement.operation == REQUEST:
        provider, consumer = movement.recipient or "", movement.sender
    if agreement.operation != wanted:
        raise PolicyError(
            "policy.operation",
            f"{_name(agreement)} is to {agreement.operation}: got a {movement.operation}",
        )
    standing = snapshot.parties.standing
    offers = provider != consumer and provider in standing(agreement.provider)
    reaches = agreement.open
    if consumer is not None:
        reaches = agreement.consumer is not None and consumer in standing(agreement.consumer)
    if not (offers and reaches):
        raise PolicyError(
            "policy.parties",
            f"{_name(agreement)} is between {agreement.provider} and "
            f"{agreement.consumer or 'everybody'}: got {movement.sender} to {movement.recipient}",
        )
    for subsystem in filter(None, (provider, consumer)):
        party = snapshot.party(subsystem)
        if party is None or not party.active:
            raise PolicyError("policy.member", f"{subsystem} is suspended or not registered")


def _check_type(snapshot: Snapshot, agreement: Agreement, movement: Movement) -> None:
    allowed = set(agreement.types)
    if movement.operation != PUBLISH:
        asked = movement.recipient if movement.operation == REQUEST else movement.sender
        party = snapshot.party(asked or "")
        services = {one: party.service(one) for one in agreement.types} if party else {}
        if movement.operation == REQUEST:
            allowed = {one for one, service in services.items() if service}
        else:
            allowed = {service[1] for service in services.values() if service} | {ERROR_TYPE}
    if movement.type not in allowed:
        raise PolicyError(
            "policy.type",
            f"{_name(agreement)} does not cover a {movement.operation} of {movement.type}: "
            f"it covers {', '.join(sorted(allowed)) or 'nothing'}",
        )


def _name(agreement: Agreement) -> str:
    return f"agreement {agreement.agreement}/{agreement.version}"
