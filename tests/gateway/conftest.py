"""One pair of gateways for the whole folder, and a provider's service that each test may change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pairs import Pair, echo, pair
from rooms import Rooms, at_work


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both gateways, started once."""
    with pair(tmp_path_factory.mktemp("pair")) as found:
        yield found


@pytest.fixture
def two(running: Pair) -> Pair:
    """Both gateways; the service echoes, and has seen nothing."""
    running.service.answer = echo
    running.service.seen.clear()
    return running


@pytest.fixture(scope="package")
def in_rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rooms, Pair]]:
    """A publisher and a subscriber of GovStack's, who is asked by a portal too; started once."""
    with at_work(tmp_path_factory.mktemp("rooms")) as found:
        yield found
