"""A schema version against others: what it breaks, for ``schema check``; no commands of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from xroad_lite.cli import output
from xroad_lite.cli.schema import clean, wrapped
from xroad_lite.cli.schema_given import Given, given
from xroad_lite.errors import SchemaError
from xroad_lite.schema.violations import counted as numbered

if TYPE_CHECKING:
    from xroad_lite.schema import Incompatibility
    from xroad_lite.stewardship.schema_sources import SchemaSource


def compared(
    schemas: SchemaSource, one: Given, type_: str, against: list[str] | None, mode: str
) -> tuple[list[Incompatibility], list[str], str]:
    """What a version breaks, with what it was compared, and by which mode."""
    from xroad_lite.schema import check_compatibility, compile_schema
    from xroad_lite.stewardship.schemas import propose

    if against:
        olds = [given(schemas, text) for text in against]
        mode = (mode or "BACKWARD").upper()
        resources = schemas.resources(one.kind)
        compile_schema(one.document, one.kind, resources=resources)
        check_kinds(one, olds)
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


def check_kinds(one: Given, olds: Sequence[Given]) -> None:
    """Refuse to compare JSON Schema with Avro."""
    for old in olds:
        if old.kind != one.kind:
            raise SchemaError(
                "schema.other_kind",
                f"{one.label} is {one.kind} and {old.label} is {old.kind}: they cannot be compared",
            )


def finding_json(one: Incompatibility) -> dict[str, str]:
    """One reason, for programs."""
    return {
        "path": one.path,
        "change": one.change,
        "message": one.message,
        "advice": one.advice,
    }


def say_compared(
    one: Given, names: Sequence[str], mode: str, found: Sequence[Incompatibility]
) -> None:
    """Whether it keeps the mode, and all reasons why not."""
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
