"""What the day's logs and tables say when all is over: counted, verified, compared, replayed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from xroad_lite.cli.demo import world
from xroad_lite.cli.demo.processes import Institution, is_quiet
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Settings
from xroad_lite.node.encryption_keys import holder_of
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log

QUESTIONS = 20
OURS = "not of the input"
REGISTERED = f"SELECT count(*) FROM people WHERE line <> '{OURS}'"  # noqa: S608

Institutions = Mapping[str, Institution]


def report(
    folder: Path, institutions: Institutions, progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """What became of each line, and whether logs verify, agree and replay; ends no process."""
    registered = institutions["civil"].number(REGISTERED)
    found = _refused(institutions)
    told = {name: _numbers(one) for name, one in institutions.items()}
    progress("logs verified", 0, 4)
    verified = {name: _verify(one.log) for name, one in institutions.items()}
    tamper = _tamper(folder, institutions["civil"].log)
    progress("logs replayed", 0, 4)
    replays = {name: _replay(folder, one) for name, one in institutions.items()}
    return {
        "registered": registered,
        "refused": found,
        "institutions": told,
        "logs_verified": all(one["ok"] for one in verified.values()),
        "logs": verified,
        "logs_agree": _numbers_agree(institutions, registered),
        "confidential": _confidential(institutions["tax"].log),
        "tamper_found": tamper["found"],
        "tamper": tamper,
        "replay_equal": all(one["equal"] for one in replays.values()),
        "replays": replays,
        "restarts": sum(one.restarts for one in institutions.values()),
    }


def _refused(institutions: Institutions) -> list[dict[str, Any]]:
    """Every line that did not become a registration, with the reason of whoever refused it."""
    health, civil = institutions["health"], institutions["civil"]
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


def _numbers_agree(institutions: Institutions, registered: int) -> bool:
    """Registrations, notices, allowances and answers, as four different logs hold them."""
    health, civil = institutions["health"], institutions["civil"]
    welfare, tax = institutions["welfare"], institutions["tax"]
    ours = civil.number("SELECT count(*) FROM people WHERE line = ?", OURS)
    allowances = welfare.number("SELECT count(*) FROM allowances") - ours
    answers = tax.number("SELECT count(*) FROM taxpayers")
    return (
        registered == allowances
        and answers == min(QUESTIONS, registered)
        and is_quiet(civil, welfare)
        and health.number("SELECT count(*) FROM xl_outbox") == 0
        and civil.number("SELECT count(*) FROM xl_outbox") == 0
        and tax.number("SELECT count(*) FROM xl_outbox") == 0
    )


def _verify(log: Path) -> dict[str, Any]:
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


def _tamper(folder: Path, log: Path) -> dict[str, Any]:
    """Change one byte of one sealed message in a copy of the Civil Registry's log."""
    copy = folder / "tampered.sqlite3"
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
    found = _verify(copy)
    return {
        "found": not found["ok"],
        "file": str(copy),
        "byte": place,
        "entry": index,
        "findings": found["findings"],
    }


def _place_of_an_entry(store: Store, data: bytearray) -> tuple[int, int]:
    """An entry, and where in the file a byte of it lies; sqlite may have split long ones."""
    for index in range(store.size // 2, store.size):
        leaf = store.leaf(index)
        part = leaf[len(leaf) // 2 :][:32]
        if data.count(part) == 1:
            return index, data.index(part)
    raise LogError("log.store", "no entry of the log was found in its file")


def _confidential(log: Path) -> int:
    """How many messages lie encrypted in a log."""
    store = Store(log, readonly=True)
    try:
        found = (entries.read(leaf) for _, leaf in store.entries())
        return sum(one.kind == "message" and "datacommit" in one.attributes() for one in found)
    finally:
        store.close()


def _replay(folder: Path, one: Institution) -> dict[str, Any]:
    store = Store(one.log, readonly=True)
    try:
        found = replay_log(
            store,
            RegistryFolder(folder / "registry"),
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


def _numbers(one: Institution) -> dict[str, int]:
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
