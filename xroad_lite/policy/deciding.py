"""The decision: all rules in their order, the lasting ones remembered, and explained on demand."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

from xroad_lite.errors import PolicyError
from xroad_lite.policy import rules
from xroad_lite.policy.rules import Case, Movement
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.agreements import Force

_REMEMBERED = 65_536
_OF_CALLS = (rules.endpoint,)
"""Of the momentary rules what a call is asked while the others cannot refuse."""


class _Allowed(NamedTuple):
    """What lasts of an allowed movement: a snapshot never changes its mind."""

    agreement: Agreement
    force: Force
    maintained: bool


_ALLOWED: WeakKeyDictionary[Snapshot, dict[tuple[str | None, ...], _Allowed]] = WeakKeyDictionary()


def decide(snapshot: Snapshot, agreement_iri: str, movement: Movement) -> Agreement:
    """The agreement, if it allows the movement under this snapshot.

    ``PolicyError`` otherwise; its code names the rule that decided, its message what was asked and
    what the agreement says.
    """
    operation, sender, recipient, type_, purpose, at, sealed, call = movement
    service = None if call is None else call.service
    key = (agreement_iri, operation, sender, recipient, type_, purpose, service)
    decided = _ALLOWED.setdefault(snapshot, {})
    allowed = decided.get(key)
    if allowed is None:
        allowed = _decide_what_lasts(_case(snapshot, agreement_iri, movement))
        if len(decided) >= _REMEMBERED:
            decided.clear()
        decided[key] = allowed
    agreement, (start, until, drained, _), maintained = allowed
    in_time = start <= (at if sealed is None else sealed) < until and at < drained
    momentary = rules.MOMENTARY if maintained or not in_time else _OF_CALLS
    if call is not None or momentary is not _OF_CALLS:
        case = Case(snapshot, agreement, movement)
        for rule in momentary:
            rule(case)
    return agreement


def _case(snapshot: Snapshot, agreement_iri: str, movement: Movement) -> Case:
    agreement = snapshot.agreement(agreement_iri)
    if agreement is None:
        raise PolicyError(
            "policy.no_agreement",
            f"snapshot {snapshot.edition.version} has no agreement {agreement_iri}",
        )
    return Case(snapshot, agreement, movement)


def _decide_what_lasts(case: Case) -> _Allowed:
    for rule in rules.LASTING:
        rule(case)
    force = case.snapshot.force(case.agreement)
    assert isinstance(force, Force)
    asked = case.movement.operation == rules.REQUEST
    party = case.snapshot.party(case.provider) if asked else None
    type_, call = case.movement.type, case.movement.call
    planned = party.maintenance(type_, call.service if call else None) if party else ()
    return _Allowed(case.agreement, force, bool(planned))


class Step(NamedTuple):
    """What one rule said of a movement: None where an earlier one had refused."""

    rule: str
    holds: bool | None
    sentence: str


def explain(snapshot: Snapshot, agreement_iri: str, movement: Movement) -> list[Step]:
    """Every rule in its order with what it said; the first that does not hold decides."""
    case = _case(snapshot, agreement_iri, movement)
    steps: list[Step] = []
    refused = False
    for rule in (*rules.LASTING, *rules.MOMENTARY):
        name = rule.__name__.strip("_")
        if refused:
            steps.append(Step(name, None, ""))
            continue
        try:
            steps.append(Step(name, True, rule(case)))
        except PolicyError as error:
            steps.append(Step(name, False, error.message))
            refused = True
    return steps
