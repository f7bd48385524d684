"""``xroad-lite vocab report``: what a translation keeps, widens and loses, in words or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.vocab import vocab_app
from xroad_lite.cli.vocab_source import Source, catalogue, schema_named

if TYPE_CHECKING:
    from xroad_lite.semantics import Translator

_COLOURS = {
    "exact": "green",
    "reversible": "blue",
    "broadened": "yellow",
    "narrowed": "magenta",
    "missing": "red",
    "ambiguous": "red",
}


@vocab_app.command("report")
@output.command
def report(
    source_schema: Annotated[
        str, typer.Argument(metavar="A", help="The schema as sent: health/birth, or a file.")
    ],
    target_schema: Annotated[
        str, typer.Argument(metavar="B", help="The schema as read: citizens/person, or a file.")
    ],
    html: Annotated[
        Path | None, typer.Option(help="Draw it into this file: one page, nothing outside it.")
    ] = None,
    language: Annotated[str, typer.Option(help="The language of labels in the picture.")] = "en",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Report how A is read as B; exit code 1 if a required field has no source."""
    from xroad_lite.semantics import translator

    found = catalogue(source)
    (left, one), (right, other) = (
        schema_named(found, text) for text in (source_schema, target_schema)
    )
    there = translator(one, other, found.vocabulary)
    if html is not None:
        from xroad_lite.semantics.picture import drawn

        html.write_text(drawn(there, left, right, language=language), "utf-8")
    value = {
        "ok": not there.missing_required,
        "source": left,
        "target": right,
        "digest": there.digest,
        "missing_required": list(there.missing_required),
        "report": there.report.to_json(),
        "html": str(html) if html is not None else None,
    }

    def people() -> None:
        if html is None:
            _words(there, left, right)
        else:
            output.out.print(f"drawn into {html}", highlight=False, soft_wrap=True)
        if there.missing_required:
            names = ", ".join(map(escape, there.missing_required))
            output.paragraph(
                f"[bold red]A subscription that reads it so is refused[/]: required, and nothing "
                f"leads to it: {names}"
            )

    output.give(value, people)
    if there.missing_required:
        raise typer.Exit(output.FOUND_WRONG)


def _words(there: Translator, left: str, right: str) -> None:
    from xroad_lite.semantics.names import brief
    from xroad_lite.semantics.picture.rows import MEANINGS

    output.paragraph(f"[bold]{escape(left)}[/] read as [bold]{escape(right)}[/]")
    for status, meaning in MEANINGS.items():
        entries = [entry for entry in there.report.target if entry.status == status]
        if not entries:
            continue
        colour = _COLOURS.get(status, "dim")
        output.out.print()
        output.paragraph(f"[bold {colour}]{status}[/] ({len(entries)}): {meaning}")
        for entry in entries:
            star = " (required)" if entry.required else ""
            sources = f"  from {', '.join(entry.sources)}" if entry.sources else ""
            output.paragraph(f"[bold]{escape(entry.pointer)}[/]{star}{escape(sources)}", 2)
            for step in entry.reasoning:
                if not step.startswith("read /"):
                    output.paragraph(f"[dim]{escape(brief(step))}[/]", 4)
    lost = [entry for entry in there.report.source if entry.status != "kept"]
    if lost:
        output.out.print()
        names = ", ".join(escape(entry.pointer) for entry in lost)
        output.paragraph(f"[bold]not carried over[/] ({len(lost)}): {names}")
    for note in there.report.notes:
        output.paragraph(escape(note))
    output.out.print()
    output.paragraph(f"[dim]mapping {there.digest}[/]")
