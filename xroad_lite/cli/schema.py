"""``xroad-lite schema``: a steward's versions: begin, register, list, show, lead to their end.

The other commands stand in modules of their own and join this group when they are imported.
"""

from __future__ import annotations

import textwrap
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.schema_given import Schema, Source, given, languages_of, to_read, to_write
from xroad_lite.errors import SchemaError

schema_app = typer.Typer(
    no_args_is_help=True, help="Schemas: draft, lint, check, register, and show them."
)
_SHOWN = 500
_Version = Annotated[str, typer.Argument(help="A version, as citizens/birth/1.")]
_Owner = Annotated[
    str, typer.Option(help="The member that answers for a new type, as CL/GOV/CIVIL.")
]
_Mode = Annotated[str, typer.Option(help="A new type's mode of compatibility, as FULL.")]


class Kind(StrEnum):
    """In which language a schema is written."""

    JSON = "json"
    AVRO = "avro"


def clean(text: str) -> str:
    """A text that cannot move a terminal's cursor: schemas come from anybody."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def wrapped(text: str, indent: int, style: str = "") -> None:
    """Print a text within the terminal's width, each line indented."""
    width = min(output.out.width, 100) - indent
    for line in textwrap.wrap(clean(text), width, break_on_hyphens=False):
        shown = f"[{style}]{escape(line)}[/]" if style else escape(line)
        output.out.print(" " * indent + shown, soft_wrap=True, highlight=False)


@schema_app.command("new")
@output.command
def new(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A message type: citizens.visit.")],
    owner: _Owner = "",
    kind: Annotated[Kind, typer.Option(help="JSON Schema or Avro.")] = Kind.JSON,
    mode: _Mode = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Begin a version: a draft to fill in, or a copy of the newest version to change."""
    from xroad_lite.stewardship.drafts import empty
    from xroad_lite.stewardship.schema_sources import SchemaSource
    from xroad_lite.stewardship.schemas import draft_from, register_version

    folder = to_write(source)
    schemas = SchemaSource(folder)
    newest = schemas.newest(type_) if schemas.subject(type_) else None
    if newest is None:
        document: Any = empty(type_, kind.value, languages_of(schemas, None))
        made = register_version(
            folder, type_, document, kind.value, owner=owner, mode=mode, status="draft",
            title=_title(document),
        )  # fmt: skip
    else:
        made = draft_from(folder, newest.type, newest.version)
    output.give(
        {"type": made.type, "version": made.version, "status": made.status, "path": str(made.path)},
        lambda: output.out.print(f"drafted {made.path}", soft_wrap=True, highlight=False),
    )
    output.say(f"edit it, then: xroad-lite schema lint {made.path}")


def _title(document: Any) -> dict[str, str]:
    """A subject's title, from its first schema's."""
    texts = document.get("x-title") if isinstance(document, dict) else None
    if isinstance(texts, dict):
        return {tag: str(text) for tag, text in texts.items()}
    plain = document.get("title") if isinstance(document, dict) else None
    return {"en": str(plain)} if plain else {}


@schema_app.command("register")
@output.command
def register(
    schema: Annotated[Path, typer.Argument(help="The schema's file.")],
    type_: Annotated[
        str, typer.Option("--type", help="Its message type, unless the file lies in its folder.")
    ] = "",
    owner: _Owner = "",
    mode: _Mode = "",
    draft: Annotated[bool, typer.Option("--draft", help="As a draft, which may change.")] = False,
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Register a file as the next version, if it keeps the type's mode of compatibility."""
    from xroad_lite.stewardship.schema_sources import SchemaSource
    from xroad_lite.stewardship.schemas import register_version

    folder = to_write(source)
    schemas = SchemaSource(folder)
    found = given(schemas, str(schema))
    type_ = type_ or found.type
    if not type_:
        raise SchemaError(
            "schema.unknown_type",
            f"{schema} lies in no type's folder",
            hint="say which message type it is of: --type citizens.visit",
        )
    subject = schemas.subject(type_)
    entry = subject.versions.get(str(found.version)) if subject and found.type else None
    made = register_version(
        folder, type_, found.data, found.kind, owner=owner, mode=mode,
        status="draft" if draft else "active", title=_title(found.document),
        references=entry.references if entry else (),
    )  # fmt: skip
    output.give(
        {"type": made.type, "version": made.version, "status": made.status, "path": str(made.path)},
        lambda: output.out.print(
            f"registered {made.type} version {made.version} ({made.status})", highlight=False
        ),
    )
    output.say("nodes see it after: xroad-lite registry publish")


@schema_app.command("activate")
@output.command
def activate(version: _Version, source: Source = None, json: options.Json = False) -> None:
    """Put a draft into use, if it keeps the type's mode of compatibility."""
    _move(version, "active", source)


@schema_app.command("deprecate")
@output.command
def deprecate(version: _Version, source: Source = None, json: options.Json = False) -> None:
    """Ask everybody to move on from a version; it stays in use."""
    _move(version, "deprecated", source)


@schema_app.command("retire")
@output.command
def retire(version: _Version, source: Source = None, json: options.Json = False) -> None:
    """End a deprecated version: nodes refuse messages of it."""
    _move(version, "retired", source)


def _move(version: str, status: str, source: Path | None) -> None:
    from xroad_lite.stewardship.schema_sources import SchemaSource
    from xroad_lite.stewardship.schemas import set_status

    folder = to_write(source)
    found = given(SchemaSource(folder), version)
    if version.rpartition("/")[2] != str(found.version):
        raise SchemaError(
            "schema.unknown_version",
            f"{version} names no version",
            hint=f"write the version too, as {found.type.replace('.', '/', 1)}/{found.version}",
        )
    moved = set_status(folder, found.type, found.version, status)
    output.give(
        {"type": moved.type, "version": moved.version, "status": moved.status},
        lambda: output.out.print(
            f"{moved.type} version {moved.version} is {moved.status}", highlight=False
        ),
    )


@schema_app.command("list")
@output.command
def list_(
    domain: Annotated[str, typer.Argument(help="Only the types of this domain.")] = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """List message types with their versions, modes and owners."""
    schemas = to_read(source)
    types = [one for one in schemas.types() if not domain or one.partition(".")[0] == domain]
    rows = [(one, schemas.known(one)) for one in types]
    value: list[dict[str, Any]] = [
        {
            "type": type_,
            "kind": subject.kind,
            "versions": {n: one.status for n, one in subject.versions.items()},
            "compatibility": subject.compatibility,
            "owner": subject.owner,
            "title": subject.title,
        }
        for type_, subject in rows
    ]

    def people() -> None:
        made = output.table("", "type", "kind", "versions", "mode", "owner")
        for one in value:
            said = ", ".join(f"{n} {status}" for n, status in one["versions"].items())
            made.add_row(one["type"], one["kind"], said, one["compatibility"], one["owner"])
        output.out.print(made)

    output.give({"schemas": value}, people)


@schema_app.command("show")
@output.command
def show(
    schema: Schema,
    raw: Annotated[bool, typer.Option("--raw", help="Print the file as it is.")] = False,
    language: Annotated[str, typer.Option(help="Language of titles.")] = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Show a schema's fields, or its file."""
    from xroad_lite.schema.fields import fields
    from xroad_lite.schema.wording import bounds_of, text_of, type_of

    schemas = to_read(source)
    found = given(schemas, schema)
    listed = fields(found.document, found.kind, schemas.resources(found.kind))
    rows: list[dict[str, Any]] = [
        {
            "path": one.path,
            "type": type_of(one),
            "bounds": bounds_of(one),
            "required": one.required,
            "personal": one.personal,
            "title": text_of(one, "title", language),
        }
        for one in listed
    ]

    def people() -> None:
        if raw:
            typer.echo(found.data.decode("utf-8"), nl=False)
            return
        output.out.print(f"[bold]{escape(found.label)}[/]  {escape(clean(rows[0]['title']))}")
        for row in rows[1:_SHOWN]:
            marks = [m for m in ("required", "personal") if row[m]]
            said = "; ".join([row["type"], *row["bounds"], *marks])
            output.out.print(f"[cyan]{escape(clean(row['path']))}[/]", highlight=False)
            wrapped(row["title"], 4)
            wrapped(said, 4, "dim")
        if len(rows) > _SHOWN:
            output.out.print(f"and {len(rows) - _SHOWN:,} more fields", highlight=False)

    output.give(
        {
            "type": found.type,
            "version": found.version,
            "kind": found.kind,
            "fields": rows,
            "document": found.document,
        },
        people,
    )
