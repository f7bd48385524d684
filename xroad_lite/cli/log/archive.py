"""``log archive``: moves old entries to segment files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.errors import LogError


@log_app.command("archive")
@output.command
def archive(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    to: Annotated[
        Path | None, typer.Option(help='The folder; "archive" beside the log if left out.')
    ] = None,
    entries: Annotated[int | None, typer.Option(help="Entries in a segment.", min=1)] = None,
    megabytes: Annotated[
        int | None, typer.Option(help="Or its size. Without either, whole months.", min=1)
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The checkpoint that seals; else the log's newest.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Move them; else only list what would move.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the segments of a log, and move those that are closed; the node may run.

    Hashes stay, so proofs over the whole log are possible as before; salts stay, so bodies in
    segments can be erased. Commands find what was moved, as long as the files are at their place.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.archive import moving
    from xroad_lite.messagelog.archive.segments import segments

    store = Store(log_file(node, log), readonly=not apply)
    ends = _ends(store, entries, megabytes)
    note = _checkpoint(store, checkpoint)
    folder = to or store.path.parent / "archive"
    if apply:
        if note is None:
            raise LogError(
                "log.unsealed",
                "no checkpoint of this log was signed: nothing seals a segment",
                hint="run the node with a log key: docs/checkpoints.md",
            )
        with output.progress("moving") as tell:
            moving.archive(
                store,
                folder,
                ends,
                note,
                time.time(),
                lambda done, total: tell("entries moved", done, total),
            )
    due = [] if note is None else moving.closed(store, ends, note)
    value = {
        "segments": [
            {
                "first": one.first,
                "end": one.end,
                "file": one.file,
                "sha256": one.sha256,
                "moved": times.to_text(one.at),
                "checkpoint": one.checkpoint,
            }
            for one in segments(store)
        ],
        "closed": [{"first": first, "end": end} for first, end in due],
        "sealed": note is not None,
        "size": store.size,
    }
    output.give(value, lambda: _people(value, folder))


def _ends(store: Any, entries: int | None, megabytes: int | None) -> list[int]:
    from xroad_lite.messagelog.archive import moving, segments

    first = moving.start(store)
    if entries is not None:
        return segments.ends_by_entries(first, store.size, entries)
    if megabytes is not None:
        return segments.ends_by_bytes(first, moving.sizes(store, first), megabytes * 1_048_576)
    return segments.ends_by_month(first, store.size, lambda index: store.entry(index).at)


def _checkpoint(store: Any, file: Path | None) -> Any:
    from xroad_lite.messagelog import notes
    from xroad_lite.messagelog.checkpoint_table import CheckpointTable

    if file is not None:
        return notes.read(file.read_bytes())
    newest = CheckpointTable(store).newest()
    return None if newest is None else newest.note


def _people(value: dict[str, Any], folder: Path) -> None:
    if value["segments"]:
        made = output.table("", "first#", "last#", "file", "moved")
        for one in value["segments"]:
            made.add_row(
                str(one["first"]),
                str(one["end"] - 1),
                escape(one["file"]),
                one["moved"][:16].replace("T", " "),
            )
        output.out.print(made)
    for one in value["closed"]:
        output.out.print(f"closed: entries {one['first']} to {one['end'] - 1}", highlight=False)
    if value["closed"]:
        output.paragraph(f"move them to {escape(str(folder))} with --apply")
    elif not value["segments"]:
        why = "" if value["sealed"] else ": no checkpoint of this log was signed"
        output.out.print(f"no segment is closed and sealed{why}")
    end = value["segments"][-1]["end"] if value["segments"] else 0
    output.out.print(f"{value['size']} entries in all, {end} of them moved", highlight=False)
