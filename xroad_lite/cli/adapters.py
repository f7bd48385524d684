"""The adapters that come with this package, and a project of one; does not run them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from xroad_lite.errors import ConfigurationError

_DATABASE = ".sqlite3.sql"


def adapters_root() -> Path:
    """The folder with a folder for each adapter."""
    from xroad_lite.stewardship.publication import bundled_root

    return bundled_root() / "adapters"


def check_adapter(name: str) -> None:
    """``ConfigurationError`` when there is no adapter of this name."""
    known = sorted(one.parent.name for one in adapters_root().glob("*/adapter.py"))
    if name not in known:
        raise ConfigurationError(
            "config.adapter", f"got {name}: expected one of {', '.join(known)}"
        )


def write_project(name: str, folder: Path, instance: str) -> None:
    """The adapter, and what its project needs to run at once; databases are made from their SQL."""
    root = adapters_root() / name
    shutil.copy(root / "adapter.py", folder)
    shutil.copytree(
        root / "project", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    for file in folder.glob("*.py"):
        file.write_text(file.read_text().replace("DEMO/GOV/CIVIL/", f"{instance}/GOV/CIVIL/"))
    for script in folder.glob(f"*{_DATABASE}"):
        with closing(sqlite3.connect(script.with_suffix(""))) as database:
            database.executescript(script.read_text())
