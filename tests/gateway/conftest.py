"""One pair of gateways for the whole folder, and a provider's service that each test may change."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack

import pytest
from pairs import Pair, echo, pair
from rooms import Rooms, at_work

AT_WORK = ExitStack()
"""What was started for tests of this folder; ended with the last of them: idle servers look
for work now and then.
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """See ``AT_WORK``: there is no scope of a folder's tests."""
    yield
    if nextitem is None or nextitem.path.parent != item.path.parent:
        AT_WORK.close()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both gateways, started once."""
    return AT_WORK.enter_context(pair(tmp_path_factory.mktemp("pair")))


@pytest.fixture
def two(running: Pair) -> Pair:
    """Both gateways; the service echoes, and has seen nothing."""
    running.service.answer = echo
    running.service.seen.clear()
    return running


@pytest.fixture(scope="session")
def in_rooms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rooms, Pair]:
    """A publisher and a subscriber of GovStack's, who is asked by a portal too; started once."""
    return AT_WORK.enter_context(at_work(tmp_path_factory.mktemp("rooms")))
