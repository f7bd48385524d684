"""``log receipts``: what the recipients of our messages have said became of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.receipts import Receipt, Waiting


@log_app.command("receipts")
@output.command
def receipts(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only those sent for which none has come in time.")
    ] = False,
    within: Annotated[
        float | None,
        typer.Option(help="Seconds after which one is missing; else as node.yaml says.", min=0),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only those that came so far: refused, received, handled, …"),
    ] = None,
    after: Annotated[int, typer.Option(help="Only beyond this entry.")] = -1,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 50,
    json: options.Json = False,
) -> None:
    """List our messages whose agreement asks for receipts, and how far each has come.

    With --missing the exit code is 1 if there is any.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.receipts import ReceiptTables

    store = Store(log_file(node, log), readonly=True)
    tables = ReceiptTables(store)
    before = time.time() - (within if within is not None else _within(node))
    found = tables.missing(before, limit) if missing else tables.all(after, limit, state)
    value = {
        "ok": not (missing and found),
        "messages": [_said(one) for one in found],
        **tables.status(before),
    }

    def people() -> None:
        made = output.table("", "entry#", "sealed", "type", "to", "so far")
        for one in found:
            sealed = times.to_text(one.sealed)[:19].replace("T", " ")
            made.add_row(
                str(one.entry), sealed, one.type, escape(one.recipient), one.state or "nothing"
            )
        nothing = "no receipt is missing" if missing else "no message here asked for a receipt"
        output.out.print(made if found else nothing)

    output.give(value, people)
    if missing and found:
        raise typer.Exit(output.FOUND_WRONG)


def _within(node: Path) -> float:
    from xroad_lite.errors import ConfigurationError
    from xroad_lite.node import Settings

    try:
        return Settings.read(node).receipt_within
    except ConfigurationError:  # a log alone
        return 3600.0


def _said(one: Waiting) -> dict[str, Any]:
    return {
        "entry": one.entry,
        "id": one.id,
        "type": one.type,
        "recipient": one.recipient,
        "sealed": times.to_text(one.sealed),
        "state": one.state,
    }


def receipts_of(store: Store, index: int) -> dict[str, Any]:
    """The receipts that came for our message at an entry, or were given for one that came."""
    from xroad_lite.messagelog.receipts import ReceiptTables

    tables = ReceiptTables(store)
    came, gave = tables.of(index), tables.given(index)
    found: dict[str, Any] = {}
    if came or tables.waiting(index) is not None:
        found["receipts"] = [_told(one) for one in came]
    if gave:
        found["receipts_given"] = [_told(one) for one in gave]
    return found


def _told(one: Receipt) -> dict[str, Any]:
    told = one.told
    said = {"state": told.state, "check": told.check, "code": told.code}
    return {
        "entry": one.entry,
        "at": times.to_text(told.at),
        **{name: value for name, value in said.items() if value is not None},
    }
