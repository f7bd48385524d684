"""``xroad-lite schema lint``: schemas held against the house rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroad_lite.cli import options, output
from xroad_lite.cli.findings import Form, as_json, counted, write
from xroad_lite.cli.schema import schema_app
from xroad_lite.cli.schema_given import Source, given, languages_of, to_read, vocabulary_of
from xroad_lite.schema.violations import counted as numbered

if TYPE_CHECKING:
    from xroad_lite.stewardship import Finding
    from xroad_lite.stewardship.schema_sources import SchemaSource


@schema_app.command("lint")
@output.command
def lint(
    schemas: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCHEMA]...", help="Files or names; all in use, if none."),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-l", help="A language to name everything in, as es."),
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="For people, or for the pages of a code review.")
    ] = Form.TEXT,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules and end.")] = False,
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Hold schemas against the house rules; exit code 1 if they break any.

    A rule may be broken for a reason: write "x-lint": {"date": "why"} at the field.
    """
    if rules:
        _rules()
        return
    found = to_read(source)
    wanted = schemas or [
        f"{one.type.replace('.', '/', 1)}/{one.version}"
        for type_ in found.types()
        for one in found.versions(type_)
        if one.status != "retired"
    ]
    findings = _linted(found, wanted, languages_of(found, language))
    if json:
        value = {"ok": not findings, "schemas": len(wanted), **_counts(findings)}
        output.write_json(value | {"findings": [as_json(one) for one in findings]})
    else:
        write(findings, form, Path())
        if form is Form.TEXT:
            what = numbered(len(wanted), "schema")
            told = numbered(len(findings), "broken rule") if findings else "no rule is broken"
            output.out.print(f"{what}: {told}", highlight=False)
    if findings:
        raise typer.Exit(output.FOUND_WRONG)


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counts = counted(findings)
    return {"wrong": counts["wrong"], "warnings": counts["warning"], "notes": counts["note"]}


def _rules() -> None:
    from xroad_lite.stewardship.lint_rules import RULES

    def people() -> None:
        made = output.table("", "rule", "why")
        for rule in RULES:
            made.add_row(rule.name, rule.reason)
        output.out.print(made)

    output.give({"rules": [{"name": one.name, "reason": one.reason} for one in RULES]}, people)


def _linted(source: SchemaSource, wanted: Sequence[str], languages: list[str]) -> list[Finding]:
    from xroad_lite.stewardship.checking import Finding
    from xroad_lite.stewardship.lint import lint as linted

    vocabulary = vocabulary_of(source)
    findings: list[Finding] = []
    with output.progress("linting") as tell:
        for number, text in enumerate(wanted):
            tell("schemas linted", number, len(wanted))
            one = given(source, text)
            for broken in linted(
                one.document,
                one.kind,
                data=one.data,
                resources=source.resources(one.kind),
                languages=languages,
                vocabulary=vocabulary if vocabulary.terms else None,
            ):
                place = broken.path or (broken.at and f"schema {broken.at}") or "the body"
                message = f"{place} {broken.message}"
                findings.append(
                    Finding(
                        _shown(one.path),
                        f"lint.{broken.rule}",
                        message,
                        line=broken.line,
                        column=broken.column,
                    )
                )
    return findings


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
