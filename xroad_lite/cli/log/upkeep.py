"""``log fsck``, ``log repair`` and ``log backup``: keeping a log's store well."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file

if TYPE_CHECKING:
    from xroad_lite.messagelog.upkeep.findings import Report

_SHOWN = 20


@log_app.command("fsck")
@output.command
def fsck(
    node: options.NodeFolder = Path(), log: LogOption = None, json: options.Json = False
) -> None:
    """Read all of the store: what is wrong, and what is derived and can be made anew.

    Exit code 1 if there is either. Whether seals hold is for: xroad-lite log verify.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.upkeep.fsck import fsck as check

    store = Store(log_file(node, log), readonly=True)
    with output.progress("checking") as tell:
        found = check(store, progress=lambda done, total: tell("entries checked", done, total))
    output.give({"ok": found.ok, **_report(found)}, lambda: _people(found))
    if not found.ok:
        raise typer.Exit(output.FOUND_WRONG)


def _report(found: Report) -> dict[str, Any]:
    return {
        "entries": found.entries,
        "archived": found.archived,
        "bodies": found.bodies,
        "erased": found.erased,
        "checkpoints": found.checkpoints,
        "root": found.root,
        "wrong": found.wrong,
        "derived": found.derived,
        "findings": [
            {"entry": one.entry, "code": one.code, "message": one.message, "derived": one.derived}
            for one in found.findings
        ],
    }


def _people(found: Report) -> None:
    entries = output.counted(found.entries, "entry", "entries")
    bodies = output.counted(found.bodies, "body", "bodies")
    checkpoints = output.counted(found.checkpoints, "checkpoint", "checkpoints")
    output.out.print(
        f"{entries} ({found.archived:,} of them archived), {bodies}, {found.erased:,} erased, "
        f"{checkpoints}",
        highlight=False,
    )
    for one in found.findings[:_SHOWN]:
        kind = "[yellow]derived[/]" if one.derived else "[bold red]wrong[/]"
        output.paragraph(f"{kind} {escape(str(one))}")
    if (more := found.wrong + found.derived - _SHOWN) > 0:
        output.out.print(f"and {more} more: see them with --json")
    if found.ok:
        output.out.print(f"all is well; root {found.root}", soft_wrap=True, highlight=False)
    if found.derived:
        output.paragraph(
            f"{found.derived} derived: the entries say what belongs there; "
            "xroad-lite log repair makes it anew"
        )
    if found.wrong:
        output.paragraph(f"{found.wrong} wrong: no repair can know what was there; see docs/log.md")


@log_app.command("repair")
@output.command
def repair(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; else only say what would be done.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make anew what is derived, and save what is readable of a damaged file.

    Never changes an entry, and keeps the file as it was beside the log. Stop the node first. Exit
    code 1 if something is wrong that no repair can bring back.
    """
    from contextlib import nullcontext

    from xroad_lite.messagelog.upkeep.repair import repair as mend
    from xroad_lite.node.lock import take_lock

    file = log_file(node, log)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    with take_lock(file) if apply else nullcontext(), output.progress("checking") as tell:
        done = mend(
            file,
            apply=apply,
            stamp=stamp,
            progress=lambda count, total: tell("entries checked", count, total),
        )
    last = done.after or done.before
    cut = 0 if done.saved is None else done.saved.cut_off
    failed = last is None or last.wrong > 0 or cut > 0 or (not apply and last.derived > 0)
    value = {
        "ok": not failed,
        "applied": done.after is not None,
        "kept": None if done.kept is None else str(done.kept),
        "damage": list(done.damage),
        "saved": None if done.saved is None else done.saved.rows,
        "cut_off": cut,
        "before": None if done.before is None else _report(done.before),
        "after": None if done.after is None else _report(done.after),
    }

    def people() -> None:
        for one in done.damage:
            output.paragraph(f"[bold red]damaged[/] {escape(one)}")
        if done.saved is not None:
            rows = ", ".join(
                f"{count} of {name}" for name, count in done.saved.rows.items() if count
            )
            output.paragraph(f"saved {escape(rows)}")
        if cut:
            output.paragraph(
                f"[bold red]cut off[/] {cut} entries behind one that is lost with its hash: they "
                "are in the file as it was"
            )
        if last is not None:
            _people(last)
        if done.kept is not None:
            output.paragraph(f"the file as it was: {escape(str(done.kept))}")
        elif failed and not apply:
            output.paragraph("nothing was done: stop the node, then xroad-lite log repair --apply")

    output.give(value, people)
    if failed:
        raise typer.Exit(output.FOUND_WRONG)


@log_app.command("backup")
@output.command
def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; no log of that name may lie there.")],
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    json: options.Json = False,
) -> None:
    """Copy the log as it is at this moment, with its segment files; the node may run.

    The copy is checked. It is a log: every command takes it with --log.
    """
    from xroad_lite.messagelog.upkeep.backup import backup as copy

    with output.progress("copying") as tell:
        done = copy(
            log_file(node, log), folder, lambda count, total: tell("pages copied", count, total)
        )
    value = {
        "file": str(done.file),
        "entries": done.entries,
        "root": done.root,
        "bytes": done.bytes,
        "segments": done.segments,
        "segments_copied": done.copied,
    }

    def people() -> None:
        output.out.print(
            f"{done.entries} entries, {done.bytes:,} bytes in {done.file}; "
            f"{done.copied} of {done.segments} segment files copied",
            highlight=False,
            soft_wrap=True,
        )
        output.out.print(f"root {done.root}", highlight=False, soft_wrap=True)

    output.give(value, people)
