"""Loads adapters as modules, and runs statements on any database; holds no test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ADAPTERS = Path(__file__).parents[2] / "adapters"


def load(name: str, file: str = "adapter") -> ModuleType:
    """A module of an adapter's folder, as running the file would make it."""
    full = f"adapters_{name}_{file}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, ADAPTERS / name / f"{file}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[full]


def statements(kind: str, script: str) -> list[str]:
    """The statements of a script, as the driver takes them."""
    if kind == "postgresql":
        return [script]
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    text = "\n".join(lines) + "\n"
    ends = "END;\n" if kind == "sqlite" else ";\n"
    if kind == "sqlite":
        tables, *triggers = text.split("CREATE TRIGGER")
        made = [f"CREATE TRIGGER{one}" for one in triggers]
        return [*tables.split(";\n"), *made]
    return [one for one in text.split(ends) if one.strip()]


def empty(url: str) -> None:
    """Take away what an earlier test has left."""
    import sqlalchemy as sa

    if url.startswith("postgresql"):
        run(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    elif url.startswith("mysql"):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        run(url, *(f"DROP TABLE {name}" for name in sa.inspect(engine).get_table_names()))


def run(url: str, *given: str) -> list[tuple[object, ...]]:
    """Run statements in one transaction; gives the rows of the last."""
    import sqlalchemy as sa

    rows: list[tuple[object, ...]] = []
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for one in given:
            if one.strip():
                done = connection.exec_driver_sql(one.replace("%", "%%") if "mysql" in url else one)
                rows = [tuple(row) for row in done] if done.returns_rows else []
    return rows
