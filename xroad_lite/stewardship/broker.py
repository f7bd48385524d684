"""Which routes a broker needs, as the registry's agreements say; does not speak to one.

Names begin with the instance, so the routes of several instances lie side by side on one broker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from xroad_lite.policy import PUBLISH
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.agreements import Force
from xroad_lite.registry.trusted import instance_of
from xroad_lite.transports import REPLIES
from xroad_lite.transports.rabbitmq.topology import Route

_SUBSYSTEM_SLASHES = 3


def routes(
    snapshot: Snapshot, now: float | None, trusted: Mapping[str, Snapshot] | None = None
) -> list[Route]:
    """One route per sender, receiver and lane that some agreement allows at ``now``, Unix seconds.

    An agreement has its routes while it is in force, and until what was sealed under it in time has
    drained. Members that are suspended have none. Without ``now`` all agreements count, also those
    that nobody has approved: for a catalogue of what a registry is about. ``trusted`` are snapshots
    of other instances: they say who stands for a member of theirs; without, it has no route.
    """
    trusted = trusted or {}
    found = {
        route
        for agreement in snapshot.agreements
        if now is None or _carries(snapshot.force(agreement), now)
        if not lacking(agreement, snapshot, trusted)
        for route in _routes(agreement, snapshot, trusted)
        if _active(snapshot, trusted, route)
    }
    return sorted(found)


def lacking(agreement: Agreement, snapshot: Snapshot, trusted: Mapping[str, Snapshot]) -> list[str]:
    """The members of other instances in an agreement for whom no snapshot can speak."""
    return [
        one
        for one in filter(None, (agreement.provider, agreement.consumer))
        if not snapshot.parties.is_own(one)
        and one.count("/") < _SUBSYSTEM_SLASHES
        and instance_of(one) not in trusted
    ]


def shared_routes(snapshot: Snapshot, now: float, trusted: Mapping[str, Snapshot]) -> list[Route]:
    """The routes of an instance and of all that it trusts, on a broker that they share."""
    own = snapshot.instance.instance
    found = set(routes(snapshot, now, trusted))
    for name, one in trusted.items():
        others = {own: snapshot} | {each: trusted[each] for each in trusted if each != name}
        found |= set(routes(one, now, others))
    return sorted(found)


def _carries(force: Force | str, now: float) -> bool:
    return isinstance(force, Force) and force.start <= now < force.drained


def _routes(
    agreement: Agreement, snapshot: Snapshot, trusted: Mapping[str, Snapshot]
) -> Iterator[Route]:
    def standing(party: str) -> frozenset[str]:
        own = snapshot.parties.is_own(party) or party.count("/") == _SUBSYSTEM_SLASHES
        return (snapshot if own else trusted[instance_of(party)]).parties.standing(party)

    everybody = snapshot.subsystems
    consumers = everybody if agreement.consumer is None else standing(agreement.consumer)
    for provider, consumer in product(standing(agreement.provider), consumers):
        if provider == consumer:
            continue
        for type_ in agreement.types:
            if agreement.operation == PUBLISH:
                yield Route(provider, consumer, type_, open=agreement.consumer is None)
            else:
                yield Route(consumer, provider, type_)
                yield Route(provider, consumer, REPLIES)
        if agreement.receipt and agreement.consumer is not None:
            yield Route(consumer, provider, REPLIES)


def _active(snapshot: Snapshot, trusted: Mapping[str, Snapshot], route: Route) -> bool:
    """Whether both are active, and of another instance one that is trusted."""
    for one in (route.sender, route.recipient):
        own, instance = snapshot.parties.is_own(one), instance_of(one)
        of = snapshot if own else trusted.get(instance)
        party = of.party(one) if of is not None else None
        if of is not None and (party is None or not party.active):
            return False
        if not own and instance not in snapshot.trusted:
            return False
    return True
