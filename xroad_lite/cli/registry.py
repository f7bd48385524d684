"""``xroad-lite registry check``: a source directory, before anything is signed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroad_lite.cli import findings as findings_output
from xroad_lite.cli import options, output
from xroad_lite.cli.findings import Form

if TYPE_CHECKING:
    from xroad_lite.stewardship import Finding

registry_app = typer.Typer(
    no_args_is_help=True, help="The registry: check, sign, publish, serve, trust."
)

_Source = Annotated[Path, typer.Argument(help="The directory with instance.yaml, members/, …")]


@registry_app.command("check")
@output.command
def check(
    source: _Source,
    form: Annotated[
        Form, typer.Option("--format", help="For people, or for the pages of a code review.")
    ] = Form.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as wrong.")] = False,
    base: Annotated[
        Path | None,
        typer.Option(
            help="A published registry, or the source before: say what breaks for whom since."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Check a registry's documents whole; exit code 1 if anything is wrong.

    Needs no key: run it in every pull request.
    """
    from xroad_lite.stewardship import check_source

    with output.progress("checking") as tell:
        findings, documents = check_source(source, now=time.time(), progress=tell)
        if base is not None:
            findings = _with_breaking(findings, base, source)
    counts = findings_output.counted(findings)
    failed = counts["wrong"] > 0 or (strict and counts["warning"] > 0)
    if json:
        shown = [findings_output.as_json(one) for one in findings]
        counted = {"wrong": counts["wrong"], "warnings": counts["warning"], "notes": counts["note"]}
        value = {"ok": not failed, "documents": documents, **counted, "findings": shown}
        output.write_json(value)
    else:
        findings_output.write(findings, form, source)
        if form is Form.TEXT:
            output.out.print(_summary(documents, counts), highlight=False)
    if failed:
        raise typer.Exit(output.FOUND_WRONG)


def _with_breaking(findings: list[Finding], base: Path, source: Path) -> list[Finding]:
    """The findings with what breaks since the base, by file."""
    from xroad_lite.registry import read_source
    from xroad_lite.stewardship.breaking import base_of, breaking_changes

    found = breaking_changes(base_of(base), read_source(source), now=time.time())
    return sorted([*findings, *found], key=lambda one: (one.path, one.line, one.column))


def _summary(documents: int, counts: dict[str, int]) -> str:
    told = [
        f"{number} {name}{_ENDINGS[name] if number > 1 else ''}"
        for name, number in counts.items()
        if number
    ]
    return f"{documents} documents: {', '.join(told) or 'nothing to say against them'}"


_ENDINGS = {"wrong": "", "warning": "s", "note": "s"}
