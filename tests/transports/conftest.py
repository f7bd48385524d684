"""Buses for the tests of the transports; holds no test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import EmbeddedWorld, RabbitWorld, World


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> str:
    """The address of an administrator: XROAD_LITE_AMQP_URL where set, else our own broker's."""
    given = os.environ.get("XROAD_LITE_AMQP_URL")
    return given or str(request.getfixturevalue("broker").url)


@pytest.fixture
def rabbit(amqp_url: str) -> Iterator[RabbitWorld]:
    """Subsystems on RabbitMQ that no other test uses."""
    with RabbitWorld(amqp_url) as world:
        yield world


@pytest.fixture(params=["embedded", "rabbitmq"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Subsystems on each transport in turn."""
    if request.param == "rabbitmq":
        yield request.getfixturevalue("rabbit")
        return
    with EmbeddedWorld(tmp_path / "bus.db") as world:
        yield world
