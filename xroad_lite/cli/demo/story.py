"""Runs the day: starts the institutions, waits until all is quiet, attacks, verifies, replays.

Does not print: it gives a report, and tells ``progress`` how far it is.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from xroad_lite.cli.demo import attacks, institutions, records, world
from xroad_lite.cli.demo.institutions import BIRTHS, CODES
from xroad_lite.errors import LogError, TransportError
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node, Settings
from xroad_lite.node.encryption_keys import holder_of
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.stewardship import routes
from xroad_lite.testing import BIRTH

QUESTIONS = 20
_STALL_SECONDS = 60.0
_RESTARTS = 200
_OURS = "not of the input"
_REGISTERED = f"SELECT count(*) FROM people WHERE line <> '{_OURS}'"  # noqa: S608

_LOADED = ("xroad_lite.cli.demo.institutions", "jsonschema_rs", "pika", "tuf.ngclient")

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and of how much."""


@dataclass(slots=True)
class _Institution:
    name: str
    folder: Path
    context: ForkServerContext
    process: ForkServerProcess | None = None
    restarts: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "nodes" / self.name / "log.sqlite3"

    def start(self) -> None:
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
        rows = self.ask(sql, *values)
        return int(rows[0][0]) if rows and rows[0][0] is not None else 0


class Story:
    """One run of the demo in ``folder``."""

    def __init__(self, folder: Path, progress: Progress, *, amqp: str | None = None) -> None:
        self._folder = folder
        self._progress = progress
        self._began = time.monotonic()
        world.build(folder, now=time.time(), transport=amqp)
        if amqp is not None:
            _prepare_broker(folder, amqp)
        context = multiprocessing.get_context("forkserver")  # the program is loaded once for all
        context.set_forkserver_preload(["__main__", *_LOADED])
        self._institutions = {
            name: _Institution(name, folder, context) for name in world.INSTITUTIONS
        }

    def run(self, count: int) -> dict[str, Any]:
        """Tell the whole story over the ``count`` lines in the folder; gives the report."""
        try:
            for one in self._institutions.values():
                one.start()
            self._await("institutions started", self._started, len(world.INSTITUTIONS))
            began = time.monotonic()
            self._await_births(count)
            self._ask_questions()
            exchanged = time.monotonic() - began
            self._ensure_a_true_birth()
            self._progress("attacks", 0, 1)
            tried = attacks.carry_out(self._folder, attacks.attacks(self._folder), self._tend)
        finally:
            for one in self._institutions.values():
                one.stop()
        return self._report(count, exchanged, tried)

    def _tend(self) -> None:
        for one in self._institutions.values():
            one.tend()

    def _started(self) -> int:
        asked = "SELECT count(*) FROM xl_messages"
        return sum(bool(one.ask(asked)) for one in self._institutions.values())

    def _await_births(self, count: int) -> None:
        health, civil = self._institutions["health"], self._institutions["civil"]
        self._await(
            "births registered",
            lambda: (
                civil.number(_REGISTERED)
                + health.number("SELECT count(*) FROM lines WHERE id IS NULL")
                + civil.number("SELECT count(*) FROM xl_inbox WHERE state = 'dead'")
                + civil.number("SELECT count(*) FROM xl_messages WHERE result = 'refused'")
            ),
            count,
            lambda: health.number("SELECT count(*) FROM lines") == count and self._all_quiet(),
        )

    def _ensure_a_true_birth(self) -> None:
        """Where no line of the input was accepted, one birth of our own for the attacks to copy."""
        health, civil = self._institutions["health"], self._institutions["civil"]
        if attacks.last_accepted(civil.log) is not None:
            return
        health.stop()
        with Node.open(self._folder / "nodes" / "health") as node:
            node.publish("health.birth", BIRTH, subject=_OURS)
            ends = time.monotonic() + _STALL_SECONDS
            while attacks.last_accepted(civil.log) is None and time.monotonic() < ends:
                civil.tend()
                node.step()
                time.sleep(0.02)
        health.start()
        self._await("births of our own", lambda: 1, 1, self._all_quiet)

    def _all_quiet(self) -> bool:
        health, civil, welfare = (self._institutions[one] for one in ("health", "civil", "welfare"))
        return self._quiet(health, civil) and self._quiet(civil, welfare)

    def _quiet(self, sender: _Institution, receiver: _Institution) -> bool:
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

    def _ask_questions(self) -> None:
        codes = [
            row[0]
            for row in self._institutions["civil"].ask(
                "SELECT code FROM people ORDER BY number LIMIT ?", QUESTIONS
            )
        ]
        unfinished = self._folder / f".{CODES}"
        unfinished.write_text("\n".join(codes))
        unfinished.rename(self._folder / CODES)
        tax = self._institutions["tax"]
        answered = "SELECT count(*) FROM taxpayers"
        self._await(
            "questions answered",
            lambda: tax.number(answered),
            len(codes),
        )

    def _await(
        self,
        what: str,
        done: Callable[[], int],
        total: int,
        finished: Callable[[], bool] | None = None,
    ) -> None:
        """Wait until ``finished``, or until ``done`` has reached ``total``."""
        last, moved = -1, time.monotonic()
        while not (finished() if finished else done() == total):
            self._tend()
            now = done()
            if now != last:
                last, moved = now, time.monotonic()
                self._progress(what, now, total)
            if time.monotonic() - moved > _STALL_SECONDS:
                raise TransportError(
                    "demo.stalled",
                    f"nothing moved for {_STALL_SECONDS:g} s: {now} of {total} {what}",
                    hint=f"see the .stderr files in {self._folder}",
                )
            time.sleep(0.05)
        self._progress(what, total, total)

    def _report(self, count: int, exchanged: float, tried: list[dict[str, Any]]) -> dict[str, Any]:
        registered = self._institutions["civil"].number(_REGISTERED)
        refused = self._refused()
        institutions = {name: _numbers(one) for name, one in self._institutions.items()}
        self._progress("logs verified", 0, 4)
        verified = {name: self._verify(one.log) for name, one in self._institutions.items()}
        tamper = self._tamper()
        self._progress("logs replayed", 0, 4)
        replays = {name: self._replay(one) for name, one in self._institutions.items()}
        seconds = time.monotonic() - self._began
        messages = sum(one["received"] for one in institutions.values())
        attacks_ok = all(one["ok"] for one in tried)
        verified_ok = all(one["ok"] for one in verified.values())
        replay_ok = all(one["equal"] for one in replays.values())
        accounted = registered + len(refused) == count
        agree = self._numbers_agree(registered)
        return {
            "ok": attacks_ok
            and verified_ok
            and replay_ok
            and tamper["found"]
            and accounted
            and agree,
            "input": count,
            "registered": registered,
            "refused": refused,
            "institutions": institutions,
            "attacks": tried,
            "logs_verified": verified_ok,
            "logs": verified,
            "logs_agree": agree,
            "confidential": self._confidential(),
            "tamper_found": tamper["found"],
            "tamper": tamper,
            "replay_equal": replay_ok,
            "replays": replays,
            "restarts": sum(one.restarts for one in self._institutions.values()),
            "seconds": round(seconds, 2),
            "messages_per_second": round(messages / exchanged, 1),
            "folder": str(self._folder),
        }

    def _refused(self) -> list[dict[str, Any]]:
        """Every line that did not become a registration, with the reason of whoever refused it."""
        health, civil = self._institutions["health"], self._institutions["civil"]
        found = [
            {"line": line, "code": code, "check": check, "message": message, "by": "health"}
            for line, code, check, message in health.ask(
                "SELECT number, code, checked, message FROM lines WHERE id IS NULL"
            )
        ]
        store = Store(civil.log, readonly=True)
        try:
            ours = dict(health.ask("SELECT id, number FROM lines WHERE id IS NOT NULL"))
            for index, message_id in store.query(
                "SELECT idx, id FROM xl_messages WHERE result = 'refused'"
            ):
                verdict = store.entry(index).fields["verdict"]
                if message_id in ours and verdict["code"] != "freshness.id_reused":
                    reason = {key: verdict[key] for key in ("code", "check", "message")}
                    found.append({"line": ours[message_id], **reason, "by": "civil"})
            for message_id, code, message in store.query(
                "SELECT id, code, message FROM xl_inbox JOIN xl_messages USING (idx)"
                " WHERE state = 'dead'"
            ):
                reason = {"code": code, "check": None, "message": message}
                found.append({"line": ours[message_id], **reason, "by": "civil"})
        finally:
            store.close()
        return sorted(found, key=lambda one: one["line"])

    def _numbers_agree(self, registered: int) -> bool:
        """Registrations, notices, allowances and answers, as four different logs hold them."""
        health, civil = self._institutions["health"], self._institutions["civil"]
        welfare, tax = self._institutions["welfare"], self._institutions["tax"]
        ours = civil.number("SELECT count(*) FROM people WHERE line = ?", _OURS)
        allowances = welfare.number("SELECT count(*) FROM allowances") - ours
        answers = tax.number("SELECT count(*) FROM taxpayers")
        return (
            registered == allowances
            and answers == min(QUESTIONS, registered)
            and self._quiet(civil, welfare)
            and health.number("SELECT count(*) FROM xl_outbox") == 0
            and civil.number("SELECT count(*) FROM xl_outbox") == 0
            and tax.number("SELECT count(*) FROM xl_outbox") == 0
        )

    def _verify(self, log: Path) -> dict[str, Any]:
        store = Store(log, readonly=True)
        try:
            found = verify_log(store)
        finally:
            store.close()
        return {
            "ok": found.ok,
            "entries": found.entries,
            "seals": found.seals,
            "bodies": found.bodies,
            "root": found.root,
            "findings": [str(one) for one in found.findings],
        }

    def _tamper(self) -> dict[str, Any]:
        """Change one byte of one sealed message in a copy of the Civil Registry's log."""
        copy = self._folder / "tampered.sqlite3"
        log = self._institutions["civil"].log
        with closing(sqlite3.connect(log)) as whole, closing(sqlite3.connect(copy)) as other:
            whole.backup(other)
        store = Store(log, readonly=True)
        try:
            data = bytearray(copy.read_bytes())
            index, place = _place_of_an_entry(store, data)
        finally:
            store.close()
        data[place] ^= 1
        copy.write_bytes(data)
        found = self._verify(copy)
        return {
            "found": not found["ok"],
            "file": str(copy),
            "byte": place,
            "entry": index,
            "findings": found["findings"],
        }

    def _confidential(self) -> int:
        """How many messages lie encrypted in the Tax Office's log."""
        store = Store(self._institutions["tax"].log, readonly=True)
        try:
            found = (entries.read(leaf) for _, leaf in store.entries())
            return sum(one.kind == "message" and "datacommit" in one.attributes() for one in found)
        finally:
            store.close()

    def _replay(self, one: _Institution) -> dict[str, Any]:
        store = Store(one.log, readonly=True)
        try:
            found = replay_log(
                store,
                RegistryFolder(self._folder / "registry"),
                world.INSTITUTIONS[one.name],
                holder=holder_of(Settings.read(one.log.parent)),
            )
        finally:
            store.close()
        return {
            "equal": found.equal,
            "judged": found.judged,
            "unproven": found.unproven,
            "differences": [str(difference) for difference in found.differences],
        }


def _prepare_broker(folder: Path, uri: str) -> None:
    """Declare what the registry asks for, empty of what an earlier demo left behind."""
    from xroad_lite.transports.rabbitmq.administration import declare, remove
    from xroad_lite.transports.rabbitmq.topology import plan

    planned = plan(routes(RegistryFolder(folder / "registry").newest(), time.time()))
    remove(planned, uri)
    declare(planned, uri)


def _place_of_an_entry(store: Store, data: bytearray) -> tuple[int, int]:
    """An entry, and where in the file a byte of it lies; sqlite may have split long ones."""
    for index in range(store.size // 2, store.size):
        leaf = store.leaf(index)
        part = leaf[len(leaf) // 2 :][:32]
        if data.count(part) == 1:
            return index, data.index(part)
    raise LogError("log.store", "no entry of the log was found in its file")


def _numbers(one: _Institution) -> dict[str, int]:
    counters = dict(one.ask("SELECT name, value FROM xl_counters"))
    received = {
        outcome: counters.get(f"received.{outcome}", 0)
        for outcome in ("accepted", "refused", "duplicate")
    }
    return {
        "sent": one.number("SELECT count(*) FROM xl_messages WHERE direction = 'out'"),
        "received": received["accepted"],
        "refused": received["refused"],
        "duplicates": received["duplicate"],
        "handled": counters.get("handled", 0),
        "dead": one.number("SELECT count(*) FROM xl_inbox WHERE state = 'dead'"),
        "log_entries": one.number("SELECT count(*) FROM xl_entries"),
    }


def prepare_input(folder: Path, messages: int, given: Path | None) -> int:
    """Lay the input into the folder, made up or copied; gives how many lines count."""
    folder.mkdir(parents=True, exist_ok=True)
    births = folder / BIRTHS
    if given is None:
        return records.write_lines(records.made_up(messages), births)
    shutil.copyfile(given, births)
    return records.count_lines(births)
