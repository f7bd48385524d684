"""The four institutions' adapters, each a process of its own; says nothing when all is well.

Ended in whatever way and started again, each goes on where its node's store says it was.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from xroad_lite import Message, Node, RefusedError, RejectedError, RequestError
from xroad_lite.cli.demo.records import MAX_LINE_BYTES, read_lines
from xroad_lite.cli.demo.world import CIVIL, TAXATION
from xroad_lite.strict_json import StrictJSONError, canonical, loads

BIRTHS, CODES = "births.ndjson", "codes.txt"
_LINES_AT_ONCE = 25


def health(node: Node, folder: Path) -> None:
    """Publish every line of the input as a birth; remember, in the same transaction, what became
    of the line."""
    with node.transaction() as now:
        now.sql(
            "CREATE TABLE IF NOT EXISTS lines (number INTEGER PRIMARY KEY, id TEXT, code TEXT,"
            " checked INTEGER, message TEXT)"
        )
        done = now.sql("SELECT coalesce(max(number), 0) FROM lines")[0][0]
    waiting: list[tuple[int, bytes]] = []
    for numbered in read_lines(folder / BIRTHS, after=done):
        waiting.append(numbered)
        if len(waiting) == _LINES_AT_ONCE:
            _publish_lines(node, waiting)
            waiting = []
    _publish_lines(node, waiting)


def _publish_lines(node: Node, lines: list[tuple[int, bytes]]) -> None:
    with node.transaction() as now:
        for number, line in lines:
            row: tuple[object, ...] = (None, None, None, None)
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise StrictJSONError(f"longer than {MAX_LINE_BYTES} bytes")
                event = now.publish("health.birth", loads(line), subject=f"line-{number}")
                row = (event, None, None, None)
            except StrictJSONError as error:
                row = (None, "input.not_json", 1, f"the line cannot be read: {error}")
            except RefusedError as error:
                row = (None, error.code, error.check, error.message)
            now.sql("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", (number, *row))
    node.step()


def civil(node: Node, _: Path) -> None:
    """Register each birth once, give it a personal code, tell Welfare, answer the Tax Office."""
    with node.transaction() as now:
        now.sql(
            "CREATE TABLE IF NOT EXISTS people (number INTEGER PRIMARY KEY, code TEXT UNIQUE,"
            " birth TEXT UNIQUE, line TEXT, person TEXT)"
        )

    @node.subscribe("health.birth", reads="citizens.person")
    def register(message: Message) -> None:
        birth = hashlib.sha256(canonical(message.body)).hexdigest()
        already = message.sql("SELECT code FROM people WHERE birth = ?", (birth,))
        if already:
            raise RejectedError(
                "citizens.already_registered",
                f"the very same birth is registered already, as {already[0][0]}",
            )
        number = message.sql("SELECT count(*) + 1 FROM people")[0][0]
        code = f"{number:08d}-{97 - number % 97:02d}"
        person = message.body | {"codigoPersonal": code}
        message.sql(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?)",
            (number, code, birth, message.subject, canonical(person).decode()),
        )
        not_passed_on = ("fallecido", "fechaDefuncion")
        registered = {key: value for key, value in person.items() if key not in not_passed_on}
        registered["fechaInscripcion"] = datetime.fromtimestamp(node.now(), UTC).date().isoformat()
        message.publish("citizens.birth-registered", registered, subject=code)

    @node.serve("citizens.person-query")
    def person_by_code(message: Message) -> object:
        code = message.body["codigoPersonal"]
        found = message.sql("SELECT person FROM people WHERE code = ?", (code,))
        if not found:
            raise RejectedError("citizens.unknown_code", "there is no person with this code")
        return loads(found[0][0].encode())


def welfare(node: Node, _: Path) -> None:
    """Grant an allowance for each registered birth, read in the words of benefits."""
    with node.transaction() as now:
        now.sql(
            "CREATE TABLE IF NOT EXISTS allowances (child TEXT PRIMARY KEY, born TEXT,"
            " amount INTEGER)"
        )

    @node.subscribe("citizens.birth-registered", reads="welfare.allowance")
    def grant(message: Message) -> None:
        child = message.body
        message.sql(
            "INSERT INTO allowances VALUES (?, ?, ?)",
            (child["childCode"], child["childBorn"], 22_000),
        )


def tax(node: Node, folder: Path) -> None:
    """Ask the Civil Registry who stands behind each code that a declaration names."""
    with node.transaction() as now:
        now.sql("CREATE TABLE IF NOT EXISTS taxpayers (code TEXT PRIMARY KEY, born TEXT)")
    codes = folder / CODES
    while not codes.exists():
        node.step()
        time.sleep(0.02)
        _end_with_parent()
    for code in codes.read_text().split():
        with node.transaction() as now:
            if now.sql("SELECT 1 FROM taxpayers WHERE code = ?", (code,)):
                continue
        answer = _ask(node, code)
        with node.transaction() as now:
            now.sql("INSERT INTO taxpayers VALUES (?, ?)", (code, answer.body["dateOfBirth"]))


def _ask(node: Node, code: str) -> Message:
    while True:
        try:
            return node.request(
                CIVIL,
                "citizens.person-query",
                {"codigoPersonal": code},
                purpose=TAXATION,
                reads="tax.taxpayer",
                timeout=10,
            )
        except RequestError as error:
            if error.code != "request.timeout":
                raise
            _end_with_parent()


def _end_with_parent() -> None:
    if _is_left():
        raise KeyboardInterrupt


def _is_left() -> bool:
    """Whether the process that started this one is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def run(name: str, folder: Path) -> None:
    """Run one institution until SIGTERM, or until the process that started it is gone.

    What it says to people goes to ``NAME.stderr`` in the folder.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    adapters = {"health": health, "civil": civil, "welfare": welfare, "tax": tax}
    with (folder / f"{name}.stderr").open("ab") as errors:
        os.dup2(errors.fileno(), sys.stderr.fileno())
    try:
        with Node.open(folder / "nodes" / name, talk=_talk) as node:
            adapters[name](node, folder)
            node.run(until=_is_left)
    except KeyboardInterrupt:
        return


def _talk(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
