"""The institutions as processes of their own, started again whenever they end; not what they do."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from xroad_lite.cli.demo import institutions, world
from xroad_lite.errors import TransportError
from xroad_lite.messagelog import Store

_RESTARTS = 200


@dataclass(slots=True)
class Institution:
    """One of them: its process while it runs, and its store."""

    name: str
    folder: Path
    context: ForkServerContext
    process: ForkServerProcess | None = None
    restarts: int = 0

    @property
    def log(self) -> Path:
        """Its node's log."""
        return self.folder / "nodes" / self.name / "log.sqlite3"

    def start(self) -> None:
        """Start its process, and write down which it is."""
        self.process = self.context.Process(target=institutions.run, args=(self.name, self.folder))
        self.process.start()
        (self.folder / "nodes" / self.name / "pid").write_text(str(self.process.pid))

    def tend(self) -> None:
        """Start it again if it ended: whatever ended it, nothing is lost."""
        if self.process is not None and self.process.exitcode is not None:
            self.restarts += 1
            if self.restarts > _RESTARTS:
                errors = (self.folder / f"{self.name}.stderr").read_text()[-2000:]
                raise TransportError("demo.crashes", f"{self.name} keeps ending: {errors}")
            self.start()

    def stop(self) -> None:
        """End its process in order."""
        if self.process is not None:
            self.process.terminate()
            self.process.join(timeout=20)
            self.process = None

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to its store; nothing while there is no store yet."""
        if not self.log.exists():
            return []
        try:
            store = Store(self.log, readonly=True)
        except Exception:  # noqa: BLE001  it is just being made
            return []
        try:
            return store.query(sql, values)
        except Exception:  # noqa: BLE001  its tables are just being made
            return []
        finally:
            store.close()

    def number(self, sql: str, *values: object) -> int:
        """The one number that a question asks for; 0 while there is none."""
        rows = self.ask(sql, *values)
        return int(rows[0][0]) if rows and rows[0][0] is not None else 0


def is_quiet(sender: Institution, receiver: Institution) -> bool:
    """Whether all that one sent has arrived at the other and been dealt with."""
    sent = sender.number(
        "SELECT count(*) FROM xl_messages WHERE direction = 'out' AND recipient = ?",
        world.INSTITUTIONS[receiver.name],
    )
    arrived = receiver.number(
        "SELECT count(*) FROM xl_messages WHERE direction = 'in' AND source = ?",
        world.INSTITUTIONS[sender.name],
    )
    waiting = receiver.number("SELECT count(*) FROM xl_inbox WHERE state = 'pending'")
    return sent == arrived and not waiting
