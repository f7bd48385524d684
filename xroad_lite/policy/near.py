"""Why may, or may not, somebody send something: every agreement that is near, rule by rule.

Does not decide: ``deciding`` does, and this asks it.
"""

from __future__ import annotations

from typing import NamedTuple

from xroad_lite.envelope import RECEIPT_TYPE
from xroad_lite.policy.deciding import Step, explain
from xroad_lite.policy.rules import PUBLISH, RECEIPT, REPLY, REQUEST, Movement
from xroad_lite.registry import Agreement, Snapshot


class Explained(NamedTuple):
    """What an agreement says of a movement: its IRI and every rule's word."""

    iri: str
    steps: list[Step]

    @property
    def allowed(self) -> bool:
        """Whether every rule holds."""
        return all(step.holds for step in self.steps)

    @property
    def decides(self) -> Step:
        """The rule that decided: the one that refused, or the last."""
        return next((step for step in self.steps if not step.holds), self.steps[-1])


def explain_all(snapshot: Snapshot, movement: Movement) -> list[Explained]:
    """Those that allow it; if none does, those that cover its type or both its parties.

    The nearest first: the one of which the most rules hold.
    """
    found = [
        Explained(iri, explain(snapshot, iri, movement))
        for agreement in snapshot.agreements
        if _is_near(snapshot, agreement, movement)
        for iri in [snapshot.agreement_iri(agreement)]
    ]
    allowing = [one for one in found if one.allowed]
    return sorted(allowing or found, key=lambda one: (-sum(map(_holds, one.steps)), one.iri))


def operation_of(snapshot: Snapshot, sender: str, recipient: str | None, type_: str) -> str:
    """What is probably meant by sending a type: what some agreement says of it."""
    if type_ == RECEIPT_TYPE:
        return RECEIPT
    for operation, provider in ((PUBLISH, sender), (REQUEST, recipient or "")):
        if snapshot.agreements_for(operation, provider, type_):
            return operation
    party = snapshot.party(sender)
    services = party.subsystem.services if party else []
    return REPLY if any(one.response == type_ for one in services) else PUBLISH


def _is_near(snapshot: Snapshot, agreement: Agreement, movement: Movement) -> bool:
    if movement.type in agreement.types:
        return True
    standing = snapshot.parties.standing
    parties = {movement.sender, movement.recipient or movement.sender}
    consumers = standing(agreement.consumer) if agreement.consumer else frozenset()
    return parties <= standing(agreement.provider) | consumers


def _holds(step: Step) -> bool:
    return step.holds is True
