"""``xroad-lite dead``: the messages that a handler could not handle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import dead_app, log_file, log_there, whole
from xroad_lite.errors import LogError, XRoadError


@dead_app.command("list")
@output.command
def dead_list(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """List the dead letters with their reasons."""
    from xroad_lite.messagelog import Inbox, Store

    store = Store(log_file(node, None), readonly=True)
    letters = Inbox(store).dead_letters()
    value = [
        {
            "entry": one.index,
            "type": one.subscription,
            "source": one.source,
            "subject": one.subject,
            "attempts": one.attempts,
            "code": one.code,
            "message": one.message,
        }
        for one in letters
    ]

    def people() -> None:
        made = output.table("", "entry#", "type", "subject", "attempts#", "reason")
        for one in letters:
            made.add_row(
                str(one.index),
                one.subscription,
                one.subject or "",
                str(one.attempts),
                escape(f"{one.code}: {one.message}"),
            )
        output.out.print(made if letters else "no dead letters")

    output.give({"dead": value}, people)


@dead_app.command("show")
@output.command
def dead_show(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Show one dead letter whole: seal, verdict, body and reason."""
    from xroad_lite.messagelog import Inbox, Store

    store = Store(log_file(node, None), readonly=True)
    letter = next((one for one in Inbox(store).dead_letters() if one.index == entry), None)
    if letter is None:
        raise _no_letter(entry)
    reason = {"code": letter.code, "message": letter.message, "attempts": letter.attempts}
    found = whole(store, entry, node) | {"reason": reason}
    output.give(found, lambda: output.out.print_json(data=found))


@dead_app.command("retry")
@output.command
def dead_retry(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Let the node handle a dead letter again, from its first attempt."""
    with _writable(node) as inbox:
        if not inbox.revive(entry):
            raise _no_letter(entry)
    output.give({"entry": entry}, lambda: output.out.print(f"entry {entry} will be handled again"))


@dead_app.command("drop")
@output.command
def dead_drop(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Give a dead letter up for good; the log says so, and keeps the message."""
    from xroad_lite.messagelog import entries

    with _writable(node) as inbox:
        letter = next((one for one in inbox.dead_letters() if one.index == entry), None)
        if letter is None:
            raise _no_letter(entry)
        inbox.drop(letter, entries.outcome(time.time(), entry, entries.DROPPED, letter.attempts))
    output.give({"entry": entry}, lambda: output.out.print(f"entry {entry} is dropped"))


def _writable(node: Path) -> Any:
    """The inbox of a node that may be running: sqlite's own lock keeps the two apart."""
    from contextlib import contextmanager

    from xroad_lite.messagelog import Inbox, Store

    @contextmanager
    def opened() -> Any:
        store = Store(log_there(node, None))
        try:
            yield Inbox(store)
        finally:
            store.close()

    return opened()


def _no_letter(entry: int) -> XRoadError:
    return LogError(
        "log.no_dead_letter",
        f"entry {entry} is no dead letter",
        hint="list them with: xroad-lite dead list",
    )
