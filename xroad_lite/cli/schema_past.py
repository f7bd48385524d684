"""A schema version against bodies that travelled, for ``schema check``; no commands of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from xroad_lite.cli import output
from xroad_lite.cli.schema import clean, wrapped
from xroad_lite.cli.schema_given import Given
from xroad_lite.errors import SchemaError

if TYPE_CHECKING:
    from xroad_lite.stewardship.past import Verdict
    from xroad_lite.stewardship.schema_sources import SchemaSource


def read_past(schemas: SchemaSource, one: Given, type_: str, folder: Path) -> Verdict:
    """Which of the bodies in a node's log the version would refuse."""
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


def past_json(past: Verdict) -> dict[str, Any]:
    """The verdict, for programs."""
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


def say_past(past: Verdict, type_: str) -> None:
    """The verdict, for people."""
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
