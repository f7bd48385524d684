"""``log checkpoints`` and ``log trust``: what a log has signed of itself, and the trusted store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file

_NONE = (
    "no checkpoint yet: a node that runs signs one a minute after its first entries, and when it "
    "is closed, if it has a key of its log (xroad-lite keys new --use log)"
)


@log_app.command("checkpoints")
@output.command
def checkpoints(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    last: Annotated[int, typer.Option(help="How many of the newest ones.", min=1)] = 20,
    note: Annotated[
        bool, typer.Option("--note", help="Print the newest as a C2SP signed note alone.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the newest checkpoints of a log: size, time, key and witnesses."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.checkpoint_table import CheckpointTable

    store = Store(log_file(node, log), readonly=True)
    found = CheckpointTable(store).newest_ones(last)
    rows = [_row(kept) for kept in found]

    def people() -> None:
        if note:
            typer.echo(rows[-1]["note"] if rows else "", nl=False)
            return
        made = output.table("", "size#", "time", "key", "witnesses")
        for row in rows:
            when = row["time"][:19].replace("T", " ")
            made.add_row(str(row["size"]), when, row["key"], ", ".join(row["witnesses"]) or "-")
        if rows:
            output.out.print(made)
        else:
            output.paragraph(_NONE)

    output.give({"checkpoints": rows, "size": store.size}, people)


def _row(kept: Any) -> dict[str, Any]:
    checkpoint, (own, *others) = kept.checkpoint, kept.note.signatures
    return {
        "size": checkpoint.size,
        "time": times.to_text(kept.at),
        "root": checkpoint.root.hex(),
        "key": own.key_id.hex(),
        "witnesses": [one.name for one in others],
        "note": str(kept.note),
    }


@log_app.command("trust")
@output.command
def trust(
    node: options.NodeFolder = Path(),
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Take the log as it is for the true one, after a loss; keeps what was trusted before.

    Other parties' witnesses will say that the log was set back: it was. Send them the reason.
    """
    from xroad_lite.node import Settings
    from xroad_lite.node.trusting import trust_log

    found = trust_log(Settings.read(node), time.time(), really=yes)

    def people() -> None:
        before = "nothing" if found.before is None else f"{found.before} entries"
        verb = "now holds" if yes else "would hold"
        output.out.print(
            f"the trusted store held {before}; it {verb} {found.after}", highlight=False
        )
        if found.kept is not None:
            output.out.print(f"what it held is kept as {found.kept}", highlight=False)
        if not yes:
            output.say("to do it: xroad-lite log trust --yes")

    kept = None if found.kept is None else str(found.kept)
    output.give({"before": found.before, "after": found.after, "kept": kept}, people)
