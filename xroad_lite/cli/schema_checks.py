"""``xroad-lite schema lint``, ``check``, ``diff``: what a version breaks, and what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.findings import Form, as_json, counted, write
from xroad_lite.cli.schema import clean, schema_app, wrapped
from xroad_lite.cli.schema_given import (
    Given,
    Schema,
    Source,
    given,
    languages_of,
    to_read,
    vocabulary_of,
)
from xroad_lite.errors import SchemaError
from xroad_lite.schema.violations import counted as numbered

if TYPE_CHECKING:
    from xroad_lite.schema import Incompatibility
    from xroad_lite.stewardship import Finding
    from xroad_lite.stewardship.past import Verdict
    from xroad_lite.stewardship.schema_sources import SchemaSource

_DIRECTIONS = {
    "BACKWARD": ("{new} reads all that {old} wrote", "{new} does not read all that {old} wrote"),
    "FORWARD": ("{old} reads all that {new} writes", "{old} does not read all that {new} writes"),
}


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


@schema_app.command("check")
@output.command
def check(
    schema: Schema,
    type_: Annotated[
        str, typer.Option("--type", help="The message type that it is to be a version of.")
    ] = "",
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="A file or version instead of the registered ones."),
    ] = None,
    against_log: Annotated[
        Path | None,
        typer.Option(
            "--against-log", help="A node's folder or log: would it refuse what travelled?"
        ),
    ] = None,
    mode: Annotated[str, typer.Option(help="Another mode than the type's, as FULL.")] = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Check a version against earlier ones, or against bodies that really travelled.

    Exit code 1 if it breaks the mode of compatibility, or would have refused a body.
    """
    schemas = to_read(source)
    one = given(schemas, schema)
    type_ = type_ or one.type
    value: dict[str, Any] = {"schema": one.label, "type": type_, "kind": one.kind}
    found: list[Incompatibility] = []
    names: list[str] = []
    if against or type_ or against_log is None:
        found, names, value["mode"] = _compared(schemas, one, type_, against, mode)
        value["against"] = names
        value["findings"] = [_finding(each) for each in found]
    past = _past(schemas, one, type_, against_log) if against_log is not None else None
    if past is not None:
        value["past"] = _past_json(past)
    value["ok"] = not found and not (past and past.refused)

    def people() -> None:
        if "mode" in value:
            _say_compared(one, names, value["mode"], found)
        if past is not None:
            _say_past(past, type_)

    output.give(value, people)
    if not value["ok"]:
        raise typer.Exit(output.FOUND_WRONG)


def _compared(
    schemas: SchemaSource, one: Given, type_: str, against: list[str] | None, mode: str
) -> tuple[list[Incompatibility], list[str], str]:
    from xroad_lite.schema import check_compatibility, compile_schema
    from xroad_lite.stewardship.schemas import propose

    if against:
        olds = [given(schemas, text) for text in against]
        mode = (mode or "BACKWARD").upper()
        resources = schemas.resources(one.kind)
        compile_schema(one.document, one.kind, resources=resources)
        _check_kinds(one, olds)
        mode_asked = mode if len(olds) == 1 or "_" in mode else f"{mode}_TRANSITIVE"
        documents = [old.document for old in olds]
        try:
            found = check_compatibility(
                one.document, documents, one.kind, mode_asked, resources=resources
            )
        except ValueError as error:
            raise SchemaError("schema.unknown_mode", str(error)) from None
        return found, [old.label for old in olds], mode
    if not type_:
        raise SchemaError(
            "schema.unknown_type",
            f"{one.label} lies in no type's folder, so nothing is known to compare it with",
            hint="say --type citizens.visit, or --against FILE",
        )
    if one.version and one.path.parent == schemas.subject_path(type_).parent:
        return _registered(schemas, one, type_, mode)
    proposal = propose(schemas.source, type_, one.data, one.kind, mode=mode)
    names = [f"version {number}" for number in proposal.against]
    return list(proposal.findings), names, proposal.mode


def _registered(
    schemas: SchemaSource, one: Given, type_: str, mode: str
) -> tuple[list[Incompatibility], list[str], str]:
    """A version in its place, against those before it."""
    from xroad_lite.stewardship.schemas import compare

    subject = schemas.subject(type_)
    earlier = [
        each
        for each in (schemas.versions(type_) if subject else [])
        if each.version < one.version and each.status in ("active", "deprecated")
    ]
    mode = mode or (subject.compatibility if subject else "BACKWARD")
    resources = schemas.resources(one.kind)
    found, compared = compare(one.document, earlier, one.kind, mode, resources)
    return found, [f"version {number}" for number in compared], mode.upper()


def _check_kinds(one: Given, olds: Sequence[Given]) -> None:
    for old in olds:
        if old.kind != one.kind:
            raise SchemaError(
                "schema.other_kind",
                f"{one.label} is {one.kind} and {old.label} is {old.kind}: they cannot be compared",
            )


def _finding(one: Incompatibility) -> dict[str, str]:
    return {
        "path": one.path,
        "change": one.change,
        "message": one.message,
        "advice": one.advice,
    }


def _say_compared(
    one: Given, names: Sequence[str], mode: str, found: Sequence[Incompatibility]
) -> None:
    shown = ", ".join(names) or "no earlier version"
    if not found:
        output.out.print(f"{escape(one.label)} keeps {mode} against {shown}", highlight=False)
        return
    say_findings(found)
    reasons = numbered(len(found), "reason")
    output.out.print(
        f"{escape(one.label)} breaks {mode} against {shown}: {reasons}", highlight=False
    )


def say_findings(found: Sequence[Incompatibility]) -> None:
    """Each reason with its place, change and advice."""
    for each in found:
        output.out.print(
            f"[bold red]{escape(clean(each.path or 'the body'))}[/]  {each.change}",
            soft_wrap=True,
            highlight=False,
        )
        wrapped(each.message, 4)
        wrapped(each.advice, 4, "dim")


def _past(schemas: SchemaSource, one: Given, type_: str, folder: Path) -> Verdict:
    from xroad_lite.messagelog import Store
    from xroad_lite.schema import CompiledSchema, compile_schema
    from xroad_lite.stewardship.past import check_past, travelled

    if not type_:
        raise SchemaError(
            "schema.unknown_type",
            f"{one.label} lies in no type's folder",
            hint="say whose bodies it is to read: --type citizens.visit",
        )
    resources = schemas.resources(one.kind)
    compiled = compile_schema(one.document, one.kind, resources=resources)
    written: dict[str, CompiledSchema | None] = {}

    def writer(iri: str) -> CompiledSchema | None:
        if iri not in written:
            written[iri] = _writer(schemas, iri, one.kind)
        return written[iri]

    store = Store(_log_of(folder), readonly=True)
    try:
        with output.progress("reading the log") as tell:
            size = store.size
            return check_past(
                travelled(store), type_, compiled, writer,
                lambda seen: tell("messages", seen, size),
            )  # fmt: skip
    finally:
        store.close()


def _writer(schemas: SchemaSource, iri: str, kind: str) -> Any:
    from xroad_lite.schema import compile_schema

    resources = schemas.resources(kind)
    name = "/".join(iri.rsplit("/", 3)[1:])
    for key in (iri, name):
        if key in resources:
            return compile_schema(resources[key], kind, resources=resources)
    return None


def _log_of(folder: Path) -> Path:
    """The log that a node's folder names, or the file itself."""
    if folder.is_file() and folder.name != "node.yaml":
        return folder
    from xroad_lite.node import Settings

    settings = Settings.read(folder)
    return settings.path(settings.log)


def _past_json(past: Verdict) -> dict[str, Any]:
    return {
        "messages": past.messages,
        "checked": past.checked,
        "refused": past.refused,
        "not_checkable": {
            "erased": past.erased,
            "encrypted": past.encrypted,
            "unreadable": past.unreadable,
        },
        "reasons": [
            {
                "path": one.path,
                "rule": one.rule,
                "message": one.message,
                "count": one.count,
                "example": one.example,
            }
            for one in past.reasons
        ],
    }


def _say_past(past: Verdict, type_: str) -> None:
    for one in past.reasons:
        output.out.print(
            f"[bold red]{one.count:,} x[/] {escape(clean(one.path or 'the body'))}  {one.rule}",
            soft_wrap=True,
            highlight=False,
        )
        wrapped(one.message, 4)
        wrapped(f"as in message {one.example}", 4, "dim")
    what = "body" if past.checked == 1 else "bodies"
    verdict = f"{past.checked:,} {what} of {type_} checked: {past.refused:,} would be refused"
    output.out.print(verdict, highlight=False)
    if past.not_checkable:
        kinds = (
            (past.erased, "erased"),
            (past.encrypted, "encrypted"),
            (past.unreadable, "unreadable"),
        )
        told = ", ".join(f"{count:,} {name}" for count, name in kinds if count)
        output.out.print(f"{past.not_checkable:,} could not be checked: {told}", highlight=False)


@schema_app.command("diff")
@output.command
def diff(
    new: Schema,
    old: Annotated[
        str, typer.Argument(help="What to compare with; the version before, if not given.")
    ] = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Say in words what changed between two versions, and who can still read whom."""
    from xroad_lite.schema import check_compatibility, compile_schema
    from xroad_lite.schema.differences import differences

    schemas = to_read(source)
    after = given(schemas, new)
    before = given(schemas, old) if old else _before(schemas, after)
    _check_kinds(after, [before])
    resources = schemas.resources(after.kind)
    for one in (after, before):
        compile_schema(one.document, one.kind, resources=resources)
    changes = differences(after.document, before.document, after.kind, resources)
    found = {
        name: check_compatibility(
            after.document, before.document, after.kind, name, resources=resources
        )
        for name in _DIRECTIONS
    }

    def people() -> None:
        for change in changes:
            wrapped(str(change), 0)
        if not changes:
            output.out.print("no field changed", highlight=False)
        for name, words in _DIRECTIONS.items():
            said = words[bool(found[name])].format(new=after.label, old=before.label)
            verdict = "[bold red]breaks[/]" if found[name] else "[green]holds[/]"
            output.out.print(f"{name} {verdict}: {escape(said)}", highlight=False)
            say_findings(found[name])

    output.give(
        {
            "new": after.label,
            "old": before.label,
            "changes": [
                {"path": one.path, "change": one.change, "message": one.message} for one in changes
            ],
            "backward": [_finding(one) for one in found["BACKWARD"]],
            "forward": [_finding(one) for one in found["FORWARD"]],
        },
        people,
    )


def _before(schemas: SchemaSource, after: Given) -> Given:
    subject = schemas.subject(after.type) if after.type else None
    numbers = [int(number) for number in subject.versions] if subject else []
    if after.version:
        numbers = [number for number in numbers if number < after.version]
    if not numbers:
        raise SchemaError(
            "schema.unknown_version",
            f"there is no version before {after.label}",
            hint="name what to compare with: xroad-lite schema diff NEW OLD",
        )
    return given(schemas, f"{after.type.replace('.', '/', 1)}/{max(numbers)}")
