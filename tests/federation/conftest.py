"""Two instances, built once, copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from two_instances import TwoInstances, build, copied


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> TwoInstances:
    """The instances as they are published first."""
    return build(tmp_path_factory.mktemp("instances"))


@pytest.fixture
def two(built: TwoInstances, tmp_path: Path) -> Iterator[TwoInstances]:
    """A copy that the test may change."""
    with copied(built, tmp_path) as made:
        yield made
