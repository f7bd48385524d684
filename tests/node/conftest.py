"""Two agencies that exchange births and registrations; built once, copied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xroad_lite import times
from xroad_lite.envelope import Sealed
from xroad_lite.keys import KeySigner
from xroad_lite.node import Node
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import (
    CIVIL,
    HEALTH,
    LAW,
    PURPOSE,
    Clock,
    Tamperer,
    TwoAgencies,
    two_agency_instance,
)
from xroad_lite.transports import Parcel

NOW = 1_790_000_000.0


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentInstance:
    """The instance with one agreement more: Health hears what was registered."""
    instance = two_agency_instance(tmp_path_factory.mktemp("built"), now=NOW - 3600)
    instance.add_agreement(
        "registered",
        provider=CIVIL,
        consumer=HEALTH,
        operation="publish",
        types=["citizens.birth-registered", "citizens.person"],
        purposes=[PURPOSE],
        title={"en": "Registered births"},
        basis={"en": "Civil Registration Act"},
        basis_iri=LAW,
    )
    instance.publish(NOW - 1800)
    return instance


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock(NOW)


@pytest.fixture
def instance(built: DevelopmentInstance, tmp_path: Path) -> DevelopmentInstance:
    """A copy of the instance, which the test may change."""
    return built.copied(tmp_path / "instance")


@pytest.fixture
def two(instance: DevelopmentInstance, clock: Clock) -> Iterator[TwoAgencies]:
    """Both nodes, open."""
    health = Node.open(instance.node_folder(HEALTH), clock=clock)
    civil = Node.open(instance.node_folder(CIVIL), clock=clock)
    yield TwoAgencies(instance, health, civil, clock)
    health.close()
    civil.close()


@pytest.fixture
def reopen(two: TwoAgencies) -> Iterator[Callable[[], Node]]:
    """Close the Civil Registry's node and open it again, as after a restart."""
    opened: list[Node] = []

    def again(**options: object) -> Node:
        for node in (two.civil, *opened):
            node.close()
        node = Node.open(two.instance.node_folder(CIVIL), clock=two.clock, **options)
        opened.append(node)
        return node

    yield again
    for node in opened:
        node.close()


@pytest.fixture
def health_key(two: TwoAgencies) -> Tamperer:
    """Somebody who has Health's key and breaks the rules."""
    return Tamperer(two.instance.node_folder(HEALTH), two.clock)


@pytest.fixture
def put(two: TwoAgencies) -> Callable[..., None]:
    """Lay a sealed message on the bus for the Civil Registry, round every check of the sender's."""

    def lay(sealed: Sealed, lane: str = "health.birth", **changed: bytes) -> None:
        parcel = Parcel(
            tag=0,
            recipient=CIVIL,
            lane=lane,
            seal=changed.get("seal", sealed.seal),
            salt=changed.get("salt", sealed.salt),
            body=changed.get("body", sealed.body),
        )
        two.health._transport.send([parcel])
        two.health._transport.outcomes()

    return lay


@pytest.fixture
def stranger(two: TwoAgencies) -> KeySigner:
    """A key that the authority certified for Health's name, and that no registry lists."""
    from xroad_lite.identifiers import SubsystemId

    return two.instance.authority.issue(SubsystemId.parse(HEALTH), now=NOW - 60).signer


def at(moment: float) -> str:
    """A time as seals write it."""
    return times.to_text(moment)
