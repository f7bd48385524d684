"""Which agreements allow what a node wants to send, and which fields they let through."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from xroad_lite import strict_json
from xroad_lite.errors import PolicyError
from xroad_lite.keys import base64url
from xroad_lite.policy.deciding import decide
from xroad_lite.policy.rules import REQUEST, Movement
from xroad_lite.registry import Agreement, Snapshot


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
        f"agreement {agreement.agreement}/{agreement.version} has several purposes and none was "
        f"named: "
        f"{', '.join(agreement.purposes)}",
        hint="say which with purpose=",
    )
