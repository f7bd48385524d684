"""Which agreements allow what a node wants to send, and which fields they let through."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from xroad_lite import strict_json
from xroad_lite.errors import PolicyError
from xroad_lite.keys import base64url
from xroad_lite.policy.deciding import decide
from xroad_lite.policy.rules import REQUEST, Movement
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.trusted import instance_of

_REMEMBERED = 65_536

_Asked = tuple[str, str, str | None, str]
"""Operation, sender, recipient and type of a movement."""
_NEAR: WeakKeyDictionary[Snapshot, dict[_Asked, list[tuple[str, Agreement]]]] = WeakKeyDictionary()


class LeftOut(NamedTuple):
    """Somebody whom an agreement names for a publication, and the rule that keeps it from there."""

    recipient: str | None
    """None stands for everybody."""
    agreement: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.recipient or 'everybody'} ({self.code}: {self.message})"


class Found(NamedTuple):
    """What a movement becomes, and who gets none of it."""

    messages: list[tuple[str | None, str, str]]
    """Recipient, agreement IRI and purpose of each."""
    left_out: tuple[LeftOut, ...] = ()


def find(
    snapshot: Snapshot,
    movement: Movement,
    purpose: str | None,
    trusted: Mapping[str, Snapshot] | None = None,
) -> Found:
    """Under which agreements a movement would be allowed, and whom others of them leave out.

    For a publication all consumers, of a group every one; for a request the one provider that the
    movement names. A purpose may be left out where an agreement has only one. ``trusted`` are the
    newest snapshots of other instances, which decide for their own. ``PolicyError`` when nothing
    allows it, or when agreements allow it for several purposes and none was named.
    """
    trusted = trusted or {}
    operation, sender, _, type_, _, at, sealed, call = movement
    refusals: list[tuple[str | None, str, PolicyError]] = []
    found: dict[str | None, tuple[str | None, str, str]] = {}
    for iri, agreement in _near(snapshot, movement):
        for recipient in _recipients(snapshot, agreement, movement, trusted):
            try:
                chosen = purpose or _only_purpose(agreement)
                one = Movement(operation, sender, recipient, type_, chosen, at, sealed, call)
                decide_all(snapshot, iri, one, trusted)
            except PolicyError as error:
                refusals.append((recipient, iri, error))
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
        return Found(list(found.values()), _left_out(refusals, found) if refusals else ())
    if refusals:
        raise refusals[0][2]
    towards = f" to {movement.recipient}" if movement.recipient else ""
    raise PolicyError(
        "policy.no_agreement",
        f"no agreement lets {sender} {operation} {type_}{towards}",
        hint="ask the steward for an agreement, or check the message type",
    )


def decide_all(
    snapshot: Snapshot, iri: str, movement: Movement, trusted: Mapping[str, Snapshot]
) -> Agreement:
    """What the sender's snapshot decides, and that of the recipient's instance, if it is another.

    ``PolicyError`` as ``decide``, and when nothing is known of that instance's registry yet.
    """
    agreement = decide(snapshot, iri, movement)
    if movement.recipient is None or snapshot.parties.is_own(movement.recipient):
        return agreement
    theirs = trusted.get(instance_of(movement.recipient))
    if theirs is None:
        raise PolicyError(
            "policy.unknown_instance",
            f"the registry that has {movement.recipient} has not been in reach yet",
            hint="see what is in the way: xroad-lite doctor",
        )
    if theirs.agreement_data(decide(theirs, iri, movement)) != snapshot.agreement_data(agreement):
        raise PolicyError(
            "policy.other_bytes",
            f"{theirs.instance.instance} lists another file as {iri}",
            hint="both registries list the very file that both parties have approved",
        )
    return agreement


def _near(snapshot: Snapshot, movement: Movement) -> list[tuple[str, Agreement]]:
    """Those that can allow it, by their IRIs: a snapshot never changes its mind."""
    near = _NEAR.setdefault(snapshot, {})
    found = near.get(movement[:4])
    if found is None:
        if len(near) >= _REMEMBERED:
            near.clear()
        agreements = _for(snapshot, *movement[:4])
        found = near[movement[:4]] = [(snapshot.agreement_iri(one), one) for one in agreements]
    return found


def _for(
    snapshot: Snapshot, operation: str, sender: str, recipient: str | None, type_: str
) -> list[Agreement]:
    """Of a provider with thousands of consumers not all agreements need be asked."""
    if operation != REQUEST:
        return snapshot.agreements_for(operation, sender, type_)
    agreements = snapshot.agreements_for(operation, recipient or "", type_)
    stands_for = snapshot.parties.stands_for
    mine = [one for one in agreements if one.consumer and stands_for(one.consumer, sender)]
    return mine or agreements[:1]


def _left_out(
    refusals: Sequence[tuple[str | None, str, PolicyError]], reached: Collection[str | None]
) -> tuple[LeftOut, ...]:
    """Those whom no other agreement reaches, each by the agreement that was asked last."""
    last = {recipient: (iri, why) for recipient, iri, why in refusals if recipient not in reached}
    return tuple(
        LeftOut(recipient, iri, why.code, why.message) for recipient, (iri, why) in last.items()
    )


def _recipients(
    snapshot: Snapshot,
    agreement: Agreement,
    movement: Movement,
    trusted: Mapping[str, Snapshot],
) -> list[str] | list[None] | list[str | None]:
    if movement.operation == REQUEST:
        return [movement.recipient]
    if agreement.consumer is None:
        return [None]
    of = trusted.get(instance_of(agreement.consumer), snapshot)
    return sorted(of.parties.standing(agreement.consumer) - {movement.sender})


def projection(agreement: Agreement, type_: str) -> str | None:
    """The digest by which a seal names the allowed fields; None when the type goes whole."""
    allowed = agreement.fields_.get(type_)
    if allowed is None:
        return None
    return _digest(tuple(allowed))


@lru_cache(maxsize=4096)
def _digest(allowed: tuple[str, ...]) -> str:
    return base64url(hashlib.sha256(strict_json.canonical(sorted(allowed))).digest())


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
