"""Runs the day: starts the institutions, waits until all is quiet, attacks, and has it reported.

Does not print: it gives a report, and tells ``progress`` how far it is.
"""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xroad_lite.cli.demo import attacks, records, world
from xroad_lite.cli.demo.institutions import BIRTHS, CODES
from xroad_lite.cli.demo.processes import Institution, is_quiet
from xroad_lite.cli.demo.report import OURS, QUESTIONS, REGISTERED, report
from xroad_lite.errors import TransportError
from xroad_lite.node import Node
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import routes
from xroad_lite.testing import BIRTH

_STALL_SECONDS = 60.0
_LOADED = ("xroad_lite.cli.demo.institutions", "jsonschema_rs", "pika", "tuf.ngclient")

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and of how much."""


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
            name: Institution(name, folder, context) for name in world.INSTITUTIONS
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
                civil.number(REGISTERED)
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
            node.publish("health.birth", BIRTH, subject=OURS)
            ends = time.monotonic() + _STALL_SECONDS
            while attacks.last_accepted(civil.log) is None and time.monotonic() < ends:
                civil.tend()
                node.step()
                time.sleep(0.02)
        health.start()
        self._await("births of our own", lambda: 1, 1, self._all_quiet)

    def _all_quiet(self) -> bool:
        health, civil, welfare = (self._institutions[one] for one in ("health", "civil", "welfare"))
        return is_quiet(health, civil) and is_quiet(civil, welfare)

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
        found = report(self._folder, self._institutions, self._progress)
        messages = sum(one["received"] for one in found["institutions"].values())
        true = ("logs_verified", "logs_agree", "tamper_found", "replay_equal")
        accounted = found["registered"] + len(found["refused"]) == count
        attacked = all(one["ok"] for one in tried)
        return {
            "ok": attacked and accounted and all(found[name] for name in true),
            "input": count,
            **found,
            "attacks": tried,
            "seconds": round(time.monotonic() - self._began, 2),
            "messages_per_second": round(messages / exchanged, 1),
            "folder": str(self._folder),
        }


def _prepare_broker(folder: Path, uri: str) -> None:
    """Declare what the registry asks for, empty of what an earlier demo left behind."""
    from xroad_lite.transports.rabbitmq.administration import declare, remove
    from xroad_lite.transports.rabbitmq.topology import plan

    planned = plan(routes(RegistryFolder(folder / "registry").newest(), time.time()))
    remove(planned, uri)
    declare(planned, uri)


def prepare_input(folder: Path, messages: int, given: Path | None) -> int:
    """Lay the input into the folder, made up or copied; gives how many lines count."""
    folder.mkdir(parents=True, exist_ok=True)
    births = folder / BIRTHS
    if given is None:
        return records.write_lines(records.made_up(messages), births)
    shutil.copyfile(given, births)
    return records.count_lines(births)
