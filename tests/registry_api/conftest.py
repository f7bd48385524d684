"""Two servers for the whole folder: one read-only, one that takes changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import PASSWORD, TOKEN, USER, Served, serving, small_instance


@pytest.fixture(scope="package")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What everybody sees of a published registry."""
    types = ("citizens.person", "citizens.birth-registered", "tax.taxpayer")
    with serving(small_instance(tmp_path_factory.mktemp("read"), *types)) as served:
        yield served


@pytest.fixture(scope="package")
def writable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry whose steward is behind the server."""
    folder = tmp_path_factory.mktemp("written")
    instance = small_instance(folder)
    secrets: Path = folder / "credentials"
    secrets.write_text(f"# who may write\n{USER}:{PASSWORD}\n{TOKEN}\n")
    secrets.chmod(0o600)
    options = ("--source", str(instance.source), "--credentials", str(secrets))
    options += ("--key", str(instance.folder / "keys"))
    with serving(instance, *options, "--owner", "DEMO/GOV/CIVIL") as served:
        yield served
