"""Which routes a broker needs, as the registry's agreements say; does not speak to one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from xroad_lite.policy import PUBLISH
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.agreements import Force
from xroad_lite.transports import REPLIES
from xroad_lite.transports.rabbitmq.topology import Route


def routes(snapshot: Snapshot, now: float | None) -> list[Route]:
    """One route per sender, receiver and lane that some agreement allows at ``now``, Unix seconds.

    An agreement has its routes while it is in force, and until what was sealed under it in time has
    drained. Members that are suspended have none. Without ``now`` all agreements count, also those
    that nobody has approved: for a catalogue of what a registry is about.
    """
    found = {
        route
        for agreement in snapshot.agreements
        if now is None or _carries(snapshot.force(agreement), now)
        for route in _routes(agreement, snapshot)
        if _active(snapshot, route)
    }
    return sorted(found)


def _carries(force: Force | str, now: float) -> bool:
    return isinstance(force, Force) and force.start <= now < force.drained


def _routes(agreement: Agreement, snapshot: Snapshot) -> Iterator[Route]:
    standing, everybody = snapshot.parties.standing, snapshot.subsystems
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


def _active(snapshot: Snapshot, route: Route) -> bool:
    parties = (snapshot.party(one) for one in (route.sender, route.recipient))
    return all(party is not None and party.active for party in parties)
