"""``xroad-lite vocab explain`` and ``vocab path``: what a word means, and how words meet."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.vocab import vocab_app
from xroad_lite.cli.vocab_source import Source, catalogue

if TYPE_CHECKING:
    from xroad_lite.semantics.explaining import Explanation, Reasoning


@vocab_app.command("explain")
@output.command
def explain(
    field: Annotated[
        str,
        typer.Argument(
            help="A field (fechaNacimiento, /domicilio/calle, citizens/person#/sexo), a term's "
            "IRI or its last part, or a label in any language."
        ),
    ],
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Say what a field or a term means, which schemas use it, and what it maps to."""
    from xroad_lite.semantics.explaining import explain as explained

    found = explained(catalogue(source), field)

    def people() -> None:
        for number, one in enumerate(found):
            if number:
                output.out.print()
            _explanation(one)

    output.give({"explanations": [_as_json(one) for one in found]}, people)


def _explanation(one: Explanation) -> None:
    from xroad_lite.semantics.names import short

    if one.iri is None:
        _line(f"[bold]{escape(one.usages[0].name)}[/]")
        _line(escape(one.note), 2)
        return
    entry = one.entry
    kind = f"  ({entry.kind}, {entry.file})" if entry else "  (known from mappings alone)"
    _line(f"[bold]{escape(short(one.iri))}[/]{escape(kind)}")
    _line(escape(one.iri), 2)
    if entry is not None:
        for name, texts in (("called", entry.labels), ("means", entry.definitions)):
            _texts(name, texts)
        facts = (
            ("of", entry.domains),
            ("values", entry.ranges),
            ("within", entry.broader),
            ("like", entry.related),
            ("in", entry.schemes),
        )
        for name, iris in facts:
            if iris:
                _fact(name, ", ".join(map(short, iris)))
        if entry.notations:
            _fact("code", ", ".join(entry.notations))
    _usages(one)
    _mappings(one)


def _texts(name: str, texts: Any) -> None:
    for language, text in texts:
        _fact(name, f"{language or '--'}  {text}")
        name = ""


def _usages(one: Explanation) -> None:
    name = "used by"
    for use in one.usages:
        kind = "list of " if use.field.array else ""
        types = " or ".join(sorted(use.field.types)) if use.field.leaf else "object"
        required = ", required" if use.field.required else ""
        _fact(name, f"{use.name}  ({kind}{types}{required})")
        name = ""


def _mappings(one: Explanation) -> None:
    name = "maps"
    for saying in one.mappings:
        both = ", both ways" if saying.both else ""
        said = escape(f"({_place(saying.cell)}{both})" if saying.cell else "(codes)")
        _line(f"[dim]{name:<9}[/]{escape(saying.says)}  [dim]{said}[/]", 2, 9)
        name = ""


def _as_json(one: Explanation) -> dict[str, Any]:
    return {
        "iri": one.iri,
        "term": asdict(one.entry) if one.entry is not None else None,
        "used_by": [{"schema": use.schema, "pointer": use.pointer} for use in one.usages],
        "mappings": [asdict(saying) for saying in one.mappings],
        "note": one.note,
    }


@vocab_app.command("path")
@output.command
def path(
    start: Annotated[str, typer.Argument(metavar="A", help="A field or a term, as in explain.")],
    end: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Show how A is read as B, cell by cell, with what is lost; exit code 1 if there is no way.

    Two fields of schemas (health/birth#/gender citizens/person#/sexo) are followed as their
    translation would; terms by the mappings alone.
    """
    from xroad_lite.semantics.explaining import path_between

    found = path_between(catalogue(source), start, end)
    ways = [one for one in found if one.found]

    def people() -> None:
        for one in found:
            _reasoning(one)

    output.give({"ok": bool(ways), "paths": [asdict(one) for one in found]}, people)
    if not ways:
        raise typer.Exit(output.FOUND_WRONG)


def _reasoning(one: Reasoning) -> None:
    from xroad_lite.semantics.names import brief

    kind = "no way" if one.kind == "missing" else one.kind
    _line(f"[bold]{escape(one.source)}[/] as [bold]{escape(one.target)}[/]: {kind}")
    for step in one.steps:
        _line(escape(brief(step)), 2)
    for link in one.links:
        said = escape(f"({_place(link.said_by)}; {link.loss})")
        _line(f"{escape(link.sentence)}  [dim]{said}[/]", 2)
    if one.note:
        _line(escape(brief(one.note)), 2)


def _place(text: str) -> str:
    from xroad_lite.semantics.names import brief

    return brief(f"({text})")[1:-1]


def _fact(name: str, text: str) -> None:
    _line(f"[dim]{name:<9}[/]{escape(text)}", 2, 9)


def _line(markup: str, indent: int = 0, hanging: int = 2) -> None:
    """One paragraph, its further lines indented below its first."""
    output.paragraph(markup, indent, hanging)
