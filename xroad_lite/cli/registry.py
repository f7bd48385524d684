"""``xroad-lite registry``: check a source directory, and publish it as the next snapshot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from xroad_lite.cli import options, output

registry_app = typer.Typer(no_args_is_help=True, help="The registry: check, publish.")

_Source = Annotated[Path, typer.Argument(help="The directory with instance.yaml, members/, …")]


@registry_app.command("check")
@output.command
def check(source: _Source, json: options.Json = False) -> None:
    """Check a registry's documents whole; exit code 1 if anything is wrong."""
    from xroad_lite.registry import read_source
    from xroad_lite.stewardship import check_registry

    documents = read_source(source)
    findings = check_registry(documents, now=time.time())
    shown = [{"path": one.path, "code": one.code, "message": one.message} for one in findings]

    def people() -> None:
        for one in findings:
            output.out.print(f"[bold red]wrong[/] {escape(str(one))}", soft_wrap=True)
        output.out.print(f"{len(documents)} documents, {len(findings)} findings")

    output.give({"ok": not findings, "documents": len(documents), "findings": shown}, people)
    if findings:
        raise typer.Exit(output.FOUND_WRONG)


@registry_app.command("publish")
@output.command
def publish(
    source: _Source,
    folder: Annotated[Path, typer.Argument(help="Where snapshots are published.")],
    days: Annotated[float, typer.Option(help="Days until the snapshot expires.", min=0.01)] = 365,
    json: options.Json = False,
) -> None:
    """Check the documents and publish them as the next snapshot."""
    from xroad_lite.stewardship import publish as publish_source

    snapshot = publish_source(source, folder, now=time.time(), expires_in=days * 86_400)
    output.give(
        {"snapshot": snapshot.name, "files": len(snapshot.manifest.files)},
        lambda: output.out.print(f"published {snapshot.name}", highlight=False),
    )
