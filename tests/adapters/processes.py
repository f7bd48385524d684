"""Adapters as processes of their own that are killed and started again, as a supervisor would.

A child of a server that has its imports ready: starting one again takes no time worth naming.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import runpy
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from loading import load

ROOT = Path(__file__).parents[2]


def context() -> ForkServerContext:
    """Where children come from; ``PYTHONPATH`` must lead to these tests."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(
        ["processes", "sqlalchemy", "psycopg", "paramiko", "xroad_lite.node", "rdflib"]
    )
    return made


def paths() -> str:
    """What ``PYTHONPATH`` must hold."""
    here = [str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(filter(None, here))


def work(name: str, adapter: str, file: str) -> None:
    """The adapter's main program, on a configuration."""
    from xroad_lite import run_adapter

    sys.argv = ["adapter.py", file]
    sys.stderr = (Path(file).parent / f"{Path(file).stem}.log").open("a")
    module = load(name)
    run_adapter(getattr(module, adapter), module.Configuration)


def program(folder: str, *command: str) -> None:
    """A program of a project, as ``python`` would run it there; what it says goes to a file."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = list(command)
    sys.stdout = sys.stderr = Path("output.txt").open("a", buffering=1)  # noqa: SIM115  to its end
    runpy.run_path(command[0], run_name="__main__")


class Process:
    """One adapter, started whenever it is not running."""

    def __init__(self, made: ForkServerContext, *given: str) -> None:
        self._context, self._given = made, given
        self.child: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start it if it is not running: it ends by itself where it cannot begin."""
        if self.child is None or not self.child.is_alive():
            self.child = self._context.Process(target=work, args=self._given)
            self.child.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.child is not None:
            self.child.kill()
            self.child.join()


def wait(until: Callable[[], Any], both: Sequence[Process], seconds: float = 60) -> None:
    """Wait for an event, starting again what ends, as a supervisor does."""
    ends = time.monotonic() + seconds
    while not until() and time.monotonic() < ends:
        for one in both:
            one.start()
        time.sleep(0.005)


def published(log: Path) -> int:
    """How many messages a node has sealed, be it that it was never open."""
    query = "SELECT count(*) FROM xl_messages WHERE direction = 'out'"
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as store,
    ):
        return int(store.execute(query).fetchone()[0])
    return 0


def in_the_middle(count: Callable[[], int], both: Sequence[Process], chance: random.Random) -> None:
    """Return at a random moment of work that has begun, as ``count`` shows, and is not done."""
    before = count()
    wait(lambda: count() != before, both)
    time.sleep(chance.choice([0, 0.004, 0.01, 0.03]))
