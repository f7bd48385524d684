"""What tests of several rooms share: one authority, its signers, a broker; and how they run."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import quick_cli
import sharing
from broker import INSTALL, Broker, installed, start_broker
from certificates import make_certificates
from hypothesis import settings
from hypothesis.internal.conjecture import engine
from remembered import remember

from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import KeySigner
from xroad_lite.stewardship import Authority
from xroad_lite.testing import HEALTH

SOAK = any(name.startswith("XROAD_LITE_SOAK_") for name in os.environ)
"""Whether this run searches for new counterexamples, as ``make soak`` does."""

settings.register_profile(
    "whole",
    deadline=None,  # machines are slow at times
    database=None,  # no files are left behind
    derandomize=os.environ.get("CI") == "true" and not SOAK,  # a build fails by its change alone
)
settings.register_profile("project", settings.get_profile("whole"), max_examples=30)
settings.load_profile("project")
if not SOAK:
    engine.MAX_SHRINKING_SECONDS = 20  # five minutes by default, for which there is no setting

remember()

MEMORY, ROOM = Path("/dev/shm"), 4 << 30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ["TMPDIR"] = str(MEMORY)  # thousands of small files, each synchronised: no disk
    tempfile.tempdir = None

NOW = 1_790_000_000
"""Unix seconds of tests that turn no clock: 21 September 2026."""


LONG = os.environ.get("CI") == "true" or os.environ.get("XROAD_LITE_CHAOS") == "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long``: also what takes a second walk through what shorter tests hold already."""
    parser.addoption("--long", action="store_true", default=LONG, help="leave nothing out")


def pytest_configure(config: pytest.Config) -> None:
    """A whole run tries more examples of each law, too."""
    if SOAK or config.getoption("--long"):
        settings.load_profile("whole")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what plain runs do not take, unless it is asked for: builds run all of it."""
    if not config.getoption("--long"):
        left = dict.fromkeys(sharing.left_out(items))
        config.hook.pytest_deselected(items=list(left))
        items[:] = [one for one in items if one not in left]
    items.sort(key=lambda one: sharing.order(one.nodeid))


def pytest_collection_finish() -> None:
    """What was loaded to find tests stays: to look for garbage in it took a seventh of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_unconfigure() -> None:
    """What forked for the tests ends with them."""
    quick_cli.end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Tests that share a server run in one process: see ``sharing``."""
    return sharing.scheduler(config, log)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH, whose ``xroad-lite`` runs without the time to start."""
    return quick_cli.quick_program(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A RabbitMQ of our own, started once, with TLS too; tests of faults alone may end it."""
    if not installed():
        if os.environ.get("CI") == "true":
            pytest.fail(f"RabbitMQ is not installed; run: {INSTALL}")
        pytest.skip(f"RabbitMQ is not installed; run: {INSTALL}")
    folder = tmp_path_factory.mktemp("broker")
    broker = start_broker(folder, tls=make_certificates(folder / "tls"))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def now() -> int:
    """The fixed moment of tests that turn no clock."""
    return NOW


@pytest.fixture(scope="session")
def authority() -> Authority:
    """One certificate authority for the whole run."""
    return Authority.create("Test CA", now=NOW)


@pytest.fixture(scope="session")
def es256(authority: Authority) -> KeySigner:
    """A P-256 signer of Health's."""
    return authority.issue(SubsystemId.parse(HEALTH), now=NOW).signer


@pytest.fixture(scope="session")
def eddsa(authority: Authority) -> KeySigner:
    """An Ed25519 signer of Health's."""
    return authority.issue(SubsystemId.parse(HEALTH), now=NOW, algorithm="EdDSA").signer
