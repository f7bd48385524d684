"""One log with all that evidence may have, and its bundles; made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from evening import Told

from tests.evidence.world import World, build
from xroad_lite.messagelog.evidence.choosing import Choice


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The log, closed."""
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def whole(world: World) -> Path:
    """All of it in a folder; not to be changed."""
    world.export(world.folder / "whole")
    return world.folder / "whole"


@pytest.fixture(scope="session")
def chosen(world: World) -> Path:
    """One birth, and what the log says about it; not to be changed."""
    world.export(world.folder / "chosen", Choice(subject="B-2"))
    return world.folder / "chosen"


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """An evening to be replayed, once; not to be changed."""
    return Told(tmp_path_factory.mktemp("told"))
