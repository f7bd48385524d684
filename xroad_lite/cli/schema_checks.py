"""``xroad-lite schema check`` and ``diff``: what a version breaks, and what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.schema import schema_app, wrapped
from xroad_lite.cli.schema_compared import (
    check_kinds,
    compared,
    finding_json,
    say_compared,
    say_findings,
)
from xroad_lite.cli.schema_given import Given, Schema, Source, given, to_read
from xroad_lite.cli.schema_past import past_json, read_past, say_past
from xroad_lite.errors import SchemaError

if TYPE_CHECKING:
    from xroad_lite.schema import Incompatibility
    from xroad_lite.stewardship.schema_sources import SchemaSource

_DIRECTIONS = {
    "BACKWARD": ("{new} reads all that {old} wrote", "{new} does not read all that {old} wrote"),
    "FORWARD": ("{old} reads all that {new} writes", "{old} does not read all that {new} writes"),
}


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
        found, names, value["mode"] = compared(schemas, one, type_, against, mode)
        value["against"] = names
        value["findings"] = [finding_json(each) for each in found]
    past = read_past(schemas, one, type_, against_log) if against_log is not None else None
    if past is not None:
        value["past"] = past_json(past)
    value["ok"] = not found and not (past and past.refused)

    def people() -> None:
        if "mode" in value:
            say_compared(one, names, value["mode"], found)
        if past is not None:
            say_past(past, type_)

    output.give(value, people)
    if not value["ok"]:
        raise typer.Exit(output.FOUND_WRONG)


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
    check_kinds(after, [before])
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
            "backward": [finding_json(one) for one in found["BACKWARD"]],
            "forward": [finding_json(one) for one in found["FORWARD"]],
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
