"""``log witness status``: who vouches for this log, what it saw of others, what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from xroad_lite import strict_json, times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store

witness_app = typer.Typer(no_args_is_help=True, help="Witnesses of logs: status.")
log_app.add_typer(witness_app, name="witness")


@witness_app.command("status")
@output.command
def status(
    node: options.NodeFolder = Path(), log: LogOption = None, json: options.Json = False
) -> None:
    """Show the witnesses of this log, the logs that it saw, and split views with their proof.

    Exit code 1 if a log showed two views of itself.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.seen import SeenTable

    store = Store(log_file(node, log), readonly=True)
    table = SeenTable(store)
    mine = _witnesses(store)
    others = [_seen(table, origin) for origin in table.origins()]
    views = [
        {
            "origin": one.origin,
            "found": times.to_text(one.at),
            "one": str(one.one),
            "other": str(one.other),
        }
        for one in table.views()
    ]

    def people() -> None:
        _tell(mine, others)
        for view in views:
            output.out.print(
                f"[bold red]split view[/] of {escape(view['origin'])}, found "
                f"{view['found'][:19]}Z; both notes are signed by it:"
            )
            for note in (view["one"], view["other"]):
                typer.echo(f"\n{note}", nl=False)

    value = {"ok": not views, "witnesses": mine, "seen": others, "split_views": views}
    output.give(value, people)
    if views:
        raise typer.Exit(output.FOUND_WRONG)


def _witnesses(store: Store) -> list[dict[str, Any]]:
    """Who cosigned what last, and what the running node says of each."""
    from xroad_lite.messagelog.checkpoint_table import CheckpointTable
    from xroad_lite.node.upkeep import STATUS

    said = strict_json.loads((store.meta(STATUS) or "{}").encode()).get("witnesses") or {}
    found: dict[str, dict[str, Any]] = {
        name: {"witness": name, "size": None, "time": None, "problem": one["problem"]}
        for name, one in said.get("asked", {}).items()
    }
    for kept in CheckpointTable(store).all():
        for line in kept.note.signatures[1:]:
            if len(line.data) != 8 + 64:  # no cosignature of C2SP's
                continue
            name = _subsystem(line.name)
            one = found.setdefault(name, {"witness": name, "problem": None})
            one["size"] = kept.checkpoint.size
            one["time"] = times.to_text(float(int.from_bytes(line.data[:8], "big")))
    return [found[name] for name in sorted(found)]


def _subsystem(origin: str) -> str:
    from xroad_lite.identifiers import SubsystemId

    return str(SubsystemId.parse(origin))


def _seen(table: Any, origin: str) -> dict[str, Any]:
    newest, told = table.newest(origin), table.told(origin)
    return {
        "origin": origin,
        "size": None if newest is None else newest.checkpoint.size,
        "time": None if newest is None else times.to_text(newest.at),
        "not_proved": [
            {"size": one.checkpoint.size, "by": one.by, "time": times.to_text(one.at)}
            for one in told
        ],
    }


def _tell(mine: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    made = output.table("witnesses of this log", "witness", "entries#", "cosigned", "problem")
    for one in mine:
        when = "-" if one["time"] is None else one["time"][:19].replace("T", " ")
        made.add_row(one["witness"], str(one["size"] or "-"), when, escape(one["problem"] or "-"))
    output.out.print(
        made if mine else "no witness has cosigned this log; to have some: docs/checkpoints.md"
    )
    if others:
        made = output.table("logs that it saw", "log", "entries#", "seen", "not proved")
        for one in others:
            when = "-" if one["time"] is None else one["time"][:19].replace("T", " ")
            waits = ", ".join(f"{it['size']} by {it['by']}" for it in one["not_proved"]) or "-"
            made.add_row(escape(one["origin"]), str(one["size"] or "-"), when, escape(waits))
        output.out.print(made)
