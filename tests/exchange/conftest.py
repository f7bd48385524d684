"""One instance for all tests of the pipeline: nothing in it changes."""

from __future__ import annotations

import pytest
from judging import Instance


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """The two agencies."""
    return Instance(tmp_path_factory.mktemp("instance"))
