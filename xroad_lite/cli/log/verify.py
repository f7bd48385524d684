"""``log verify``: whether everything is as it was written."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file


@log_app.command("verify")
@output.command
def verify(
    node: options.NodeFolder = Path(), log: LogOption = None, json: options.Json = False
) -> None:
    """Verify every entry, seal, body and tree hash; exit code 1 if anything is wrong."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.verification import verify_log

    store = Store(log_file(node, log), readonly=True)
    with output.progress("verifying") as progress:
        found = verify_log(store, lambda done: progress("entries verified", done, store.size))
    value = {
        "ok": found.ok,
        "entries": found.entries,
        "seals": found.seals,
        "bodies": found.bodies,
        "erased": found.erased,
        "root": found.root,
        "findings": [
            {"entry": one.entry, "code": one.code, "message": one.message} for one in found.findings
        ],
    }

    def people() -> None:
        output.out.print(
            f"{found.entries} entries, {found.seals} seals, {found.bodies} bodies, "
            f"{found.erased} erased"
        )
        for one in found.findings:
            output.out.print(f"[bold red]wrong[/] {escape(str(one))}", soft_wrap=True)
        if found.ok:
            output.out.print(f"all verify; root {found.root}", soft_wrap=True, highlight=False)

    output.give(value, people)
    if not found.ok:
        raise typer.Exit(output.FOUND_WRONG)
