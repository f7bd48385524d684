"""``xroad-lite doctor``: a row per prerequisite, with the command that repairs it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.doctor_encryption import encryption_rows
from xroad_lite.cli.doctor_instances import looked, trusted_instances
from xroad_lite.cli.doctor_log import log_rows
from xroad_lite.cli.doctor_receipts import receipt_rows
from xroad_lite.errors import XRoadError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import Party, Snapshot

_FREE_BYTES = 1 << 30
_SOON_SECONDS = 30 * 86_400
_TRANSPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Row:
    what: str
    state: str
    found: str
    repair: str = ""


@output.command
def doctor(
    node: Annotated[
        Path | None,
        typer.Option("--node", "-n", help="Look at this node too.", envvar="XROAD_LITE_NODE"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Say what is needed, what is there, and how to get what is not.

    Exit code 1 if a need is not met.
    """
    rows = [*_machine(), *(_node(node) if node is not None else ())]
    ok = all(row.state != "missing" for row in rows)
    shown = [
        {"what": row.what, "state": row.state, "found": row.found, "repair": row.repair}
        for row in rows
    ]

    def people() -> None:
        made = output.table("", "what", "state", "found", "to repair")
        colours = {"good": "green", "missing": "bold red", "optional": "yellow"}
        for row in rows:
            state = f"[{colours[row.state]}]{row.state}[/]"
            made.add_row(row.what, state, escape(row.found), escape(row.repair))
        output.out.print(made)

    output.give({"ok": ok, "rows": shown}, people)
    if not ok:
        raise typer.Exit(output.FOUND_WRONG)


def _machine() -> Iterator[_Row]:
    version = sys.version.split()[0]
    good = "good" if sys.version_info >= (3, 11) else "missing"
    yield _Row(
        "Python 3.11 or newer", good, version, "" if good == "good" else "apt install python3"
    )
    yield _Row("sqlite3", "good", sqlite3.sqlite_version)
    free = shutil.disk_usage(Path.cwd()).free
    yield _Row(
        "1 GB of free disk",
        "good" if free >= _FREE_BYTES else "missing",
        f"{free / (1 << 30):.1f} GB",
        "" if free >= _FREE_BYTES else "make room: logs only grow",
    )
    for name, command, repair in (
        ("RabbitMQ (for its transport)", "rabbitmq-server", "apt install rabbitmq-server"),
        ("openssl (to check without us)", "openssl", "apt install openssl"),
    ):
        path = shutil.which(command) or shutil.which(
            command, path="/usr/sbin:/usr/lib/rabbitmq/bin"
        )
        yield _Row(
            name, "good" if path else "optional", path or "not found", "" if path else repair
        )


def _transport(settings: Settings) -> _Row:
    """Whether the transport answers within a few seconds, to this node's name and key."""
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.transports import open_transport

    try:
        transport = open_transport(
            settings.transport, SubsystemId.parse(settings.subsystem), base=settings.folder
        )
    except XRoadError as error:
        return _Row("transport", "missing", error.message, error.hint)
    try:
        ends = time.monotonic() + _TRANSPORT_SECONDS
        status = transport.status()
        while not status["connected"] and time.monotonic() < ends:
            transport.wait(0.1)
            status = transport.status()
    finally:
        transport.close()
    good = bool(status["connected"])
    repair = "" if good else "start the broker, or correct transport in node.yaml"
    return _Row("transport", "good" if good else "missing", str(status["detail"]), repair)


def _node(folder: Path) -> Iterator[_Row]:
    from xroad_lite.keys import read_certificate
    from xroad_lite.node import Settings

    try:
        settings = Settings.read(folder)
        yield _Row("node.yaml", "good", settings.subsystem)
    except XRoadError as error:
        yield _Row("node.yaml", "missing", error.message, error.hint)
        return
    try:
        party = _party(settings)
        signer = settings.keyring().signer(lambda one: _is_listed(party, one), time.time())
        certificate = read_certificate(signer.chain[0])
        left = certificate.not_after - time.time()
        state = "good" if left > _SOON_SECONDS else "missing" if left < 0 else "optional"
        repair = "" if state == "good" else f"xroad-lite keys renew --node {folder}"
        yield _Row("key and certificate", state, f"valid {left / 86_400:.0f} days more", repair)
    except XRoadError as error:
        yield _Row("key and certificate", "missing", error.message, error.hint)
        return
    yield from _maintenance(party)
    yield _transport(settings)
    try:
        snapshot, row = _registry(settings)
    except XRoadError as error:
        yield _Row("registry", "missing", error.message, error.hint)
        return
    yield row
    yield from (_Row(*one) for one in trusted_instances(settings, snapshot, time.time()))
    listed = _is_listed(snapshot.party(settings.subsystem), certificate.sha256)
    yield _Row(
        "certificate listed in the registry",
        "good" if listed else "missing",
        certificate.sha256[:16] + "…",
        "" if listed else "add it to the member's certificates, then registry publish",
    )
    yield from (_Row(*one) for one in encryption_rows(settings, snapshot))
    yield from _revocation_lists(snapshot)
    for one in log_rows(settings, snapshot, folder):
        yield _Row(*one)
    yield from (_Row(*one) for one in receipt_rows(settings, folder))


def _party(settings: Settings) -> Party | None:
    try:
        return settings.registry_client().newest(time.time()).party(settings.subsystem)
    except XRoadError:
        return None  # said by its own row


def _is_listed(party: Party | None, sha256: str) -> bool:
    entry = party.certificate(sha256) if party is not None else None
    return entry is not None and entry.revoked is None


def _maintenance(party: Party | None) -> Iterator[_Row]:
    for planned in party.maintenance() if party is not None else ():
        if planned.covers(time.time()):
            found = f"since {planned.start} until {planned.until or 'further notice'}"
            yield _Row("not in maintenance", "optional", found, "it ends when the registry says so")


def _revocation_lists(snapshot: Snapshot) -> Iterator[_Row]:
    """A list that its authority should have renewed still revokes, but may lack the newest."""
    for path, one in snapshot.revocation_lists.items():
        if one.next_update is not None and one.next_update < time.time():
            late = (time.time() - one.next_update) / 86_400
            repair = "fetch the authority's newest into crls/, then registry publish"
            yield _Row(f"{path} is up to date", "optional", f"{late:.0f} days late", repair)


def _registry(settings: Settings) -> tuple[Snapshot, _Row]:
    """What the mirror holds, until when, and whether the registry is in reach now."""
    snapshot, state, found = looked(settings.registry_client(), time.time())
    repair = "xroad-lite registry refresh REGISTRY, or bring it within reach"
    return snapshot, _Row("registry", state, found, "" if state == "good" else repair)
