"""``xroad-lite agreement list``, ``show``, ``why``: what holds, and why; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.agreement import agreement_app
from xroad_lite.cli.agreement_given import Language, Name, Source, purpose, read, reader
from xroad_lite.cli.agreement_given import said as in_language
from xroad_lite.cli.moments import moment

if TYPE_CHECKING:
    from xroad_lite.policy import Call, Explained, Movement
    from xroad_lite.registry import Agreement, Snapshot

_COLOURS = {"in force": "green", "drains": "yellow", "not begun": "cyan", "faulty": "bold red"}
_MOST = 8


@agreement_app.command("list")
@output.command
def list_(
    source: Source = Path(),
    at: Annotated[str, typer.Option(help="As it stands then; now if left out.")] = "",
    json: options.Json = False,
) -> None:
    """All agreements with where they stand: in force, not approved, not begun, drains, ended."""
    shelf, when = read(source), moment(at)
    rows = [_row(shelf.snapshot, one, when) for one in shelf.snapshot.agreements]
    rows += [
        {"agreement": path.removeprefix("agreements/"), "status": "faulty", "problem": problem}
        for path, problem in shelf.faulty.items()
    ]

    def people() -> None:
        made = output.table("", "agreement", "status", "until", "from whom to whom")
        for one in rows:
            status = f"[{_COLOURS.get(one['status'], 'default')}]{one['status']}[/]"
            if one["status"] == "faulty":
                made.add_row(escape(one["agreement"]), status, "", escape(one["problem"]))
                continue
            name = f"{one['agreement']}/{one['version']}"
            made.add_row(name, status, (one["until"] or "")[:10], escape(_way(one)))
        output.out.print(made)

    output.give({"agreements": rows}, people)


def _way(one: dict[str, Any]) -> str:
    consumer = one["consumer"] or "everybody"
    if one["operation"] == "publish":
        return f"{one['provider']} → {consumer}"
    return f"{consumer} asks {one['provider']}"


def _row(snapshot: Snapshot, one: Agreement, now: float) -> dict[str, Any]:
    from xroad_lite.stewardship.agreements import status

    force = snapshot.force(one)
    unapproved = isinstance(force, str)
    return {
        "agreement": one.agreement,
        "version": one.version,
        "iri": snapshot.agreement_iri(one),
        "status": status(force, now),
        "from": one.period.start if isinstance(force, str) else times.to_text(force.start),
        "until": one.period.until if isinstance(force, str) else times.to_text(force.until),
        "drained": None if isinstance(force, str) else times.to_text(force.drained),
        "ended_by": None if isinstance(force, str) else force.ends_by,
        "problem": force if unapproved else None,
        "operation": one.operation,
        "provider": one.provider,
        "consumer": one.consumer,
        "types": list(one.types),
        "purposes": list(one.purposes),
    }


@agreement_app.command("show")
@output.command
def show(
    name: Name, language: Language = "", source: Source = Path(), json: options.Json = False
) -> None:
    """Show an agreement: who has approved it, until when it holds, what may be sent and why."""
    shelf = read(source)
    agreement = shelf.agreement(name)
    snapshot, words = shelf.snapshot, reader(language)
    row = _row(snapshot, agreement, time.time())
    given = [
        {"role": one.role, "party": one.party, "at": one.at and times.to_text(one.at),
         "sha256": one.sha256, "problem": one.problem}
        for one in snapshot.approvals(agreement)
    ]  # fmt: skip
    ended = snapshot.ending(agreement)
    document = agreement.model_dump(mode="json", by_alias=True, exclude_none=True)

    def people() -> None:
        title = in_language(agreement.title, words)
        output.paragraph(f"[bold]{row['agreement']}/{row['version']}[/]  {escape(title)}")
        for label, lines in _about(snapshot, agreement, row, given, words):
            for number, line in enumerate(lines):
                lead = label if number == 0 else ""
                output.paragraph(f"{lead:14}{escape(line)}", 2, 14)
        if ended is not None and ended[0].reason:
            output.paragraph(f"{'because':14}{escape(in_language(ended[0].reason, words))}", 2, 14)

    output.give(row | {"approvals": given, "document": document}, people)


def _about(
    snapshot: Snapshot,
    one: Agreement,
    row: dict[str, Any],
    given: Sequence[dict[str, Any]],
    words: str,
) -> list[tuple[str, list[str]]]:
    """What is shown of an agreement to people: labels with their lines."""
    titles = snapshot.purposes.titles
    purposes = [
        f"{in_language(titles.get(iri, {}), words)} <{iri}>".strip() for iri in one.purposes
    ]
    basis = f"{in_language(one.legal_basis.text, words)} <{one.legal_basis.iri}>"
    fields = [
        f"{type_}: {', '.join(one.fields_[type_]) if type_ in one.fields_ else 'whole'}"
        for type_ in dict.fromkeys([*one.types, *one.fields_])
    ]
    endpoints = [
        f"{code}: {rule.method} {rule.path}"
        for code, rules in one.endpoints.items()
        for rule in rules
    ]
    marks = [word for word in ("open", "confidential", "receipt") if getattr(one, word)]
    found = [
        ("way", [_way(row)]),
        ("status", [row["status"] + (f": {row['problem']}" if row["problem"] else "")]),
        ("in force", [f"from {row['from']} until {row['until']}" + _by(row)]),
        ("approved", [_approved(each) for each in given]),
        ("purposes", purposes),
        ("legal basis", [basis]),
        ("fields", fields),
        ("endpoints", endpoints),
        ("drain", [one.drain]),
        ("retention", [one.retention or "as long as the log"]),
        ("marks", [", ".join(marks)] if marks else []),
    ]
    if one.service_level is not None:
        found.append(("promised", [_promised(one.service_level.model_dump(exclude_none=True))]))
    return found


def _by(row: dict[str, Any]) -> str:
    ended = row["ended_by"]
    return f" (ended by {ended})" if ended and ended != "its period" else ""


def _approved(one: dict[str, Any]) -> str:
    if one["problem"]:
        return f"no: the {one['role']}, {one['party']}, {one['problem']}"
    return f"{one['at'][:10]} by the {one['role']}, {one['party']}"


def _promised(level: dict[str, Any]) -> str:
    return "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in level.items() if value)


@agreement_app.command("why")
@output.command
def why(
    sender: Annotated[str, typer.Argument(help="The subsystem that sends.")],
    receiver: Annotated[str, typer.Argument(help="The subsystem that receives; or: everybody.")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The message type.")],
    wanted: Annotated[
        str, typer.Argument(metavar="PURPOSE", help="An IRI, or a name as LegalCompliance.")
    ],
    operation: Annotated[
        str, typer.Option(help="publish, request or reply; if left out, what fits the type.")
    ] = "",
    at: Annotated[str, typer.Option(help="A day or a time in UTC; now if left out.")] = "",
    sealed: Annotated[str, typer.Option(help="When it was sealed, if before that.")] = "",
    call: Annotated[
        str, typer.Option(help="Of a REST service: its code, method and path, as 'p GET /a/1'.")
    ] = "",
    source: Source = Path(),
    json: options.Json = False,
) -> None:
    """Explain, step by step, whether a message may pass: each rule, and the one that decided.

    Of the agreement that allows it, or of all that are near. Exit code 1 if none allows it.
    """
    from xroad_lite.policy import Movement, explain_all, operation_of

    snapshot = read(source).snapshot
    recipient = None if receiver == "everybody" else _subsystem(receiver)
    sender = _subsystem(sender)
    operation = _operation(operation) or operation_of(snapshot, sender, recipient, type_)
    when = moment(sealed) if sealed else None
    asked = Movement(
        operation,
        sender,
        recipient,
        type_,
        purpose(snapshot, wanted),
        moment(at),
        when,
        _call(call),
    )
    found = explain_all(snapshot, asked)
    allowed = any(one.allowed for one in found)
    shown = [_as_json(one) for one in found]
    value = {"ok": allowed, "allowed": allowed, "movement": asked._asdict(), "agreements": shown}
    output.give(value, lambda: _explained(found, asked))
    if not allowed:
        raise typer.Exit(output.FOUND_WRONG)


def _subsystem(text: str) -> str:
    from xroad_lite.identifiers import SubsystemId

    return str(SubsystemId.parse(text))


def _operation(text: str) -> str:
    from xroad_lite.errors import ConfigurationError
    from xroad_lite.policy import PUBLISH, REPLY, REQUEST

    if text and text not in (PUBLISH, REPLY, REQUEST):
        problem = f"got the operation {text!r:.40}: expected publish, request or reply"
        raise ConfigurationError("config.operation", problem)
    return text


def _call(text: str) -> Call | None:
    from xroad_lite.errors import ConfigurationError
    from xroad_lite.policy import Call

    if not text:
        return None
    parts = text.split(" ", 2)
    if len(parts) != 3 or not parts[2].startswith("/"):
        problem = f"got the call {text!r:.80}: expected code, method, path, as 'persons GET /a/1'"
        raise ConfigurationError("config.call", problem)
    return Call(parts[0], parts[1], parts[2])


def _as_json(one: Explained) -> dict[str, Any]:
    decided = None if one.allowed else one.decides.rule
    steps = [step._asdict() for step in one.steps]
    return {"agreement": one.iri, "allowed": one.allowed, "refused_by": decided, "steps": steps}


def _explained(found: Sequence[Explained], asked: Movement) -> None:
    who = f"{asked.sender} → {asked.recipient or 'everybody'}"
    output.paragraph(f"[bold]{escape(asked.operation)} {escape(asked.type)}[/], {escape(who)}")
    output.paragraph(f"for {escape(asked.purpose)}, at {times.to_text(asked.at)}", 2)
    for one in found[:_MOST]:
        word = "[green]allows it[/]" if one.allowed else "[red]refuses it[/]"
        name = "/".join(one.iri.rsplit("/", 2)[1:])
        output.paragraph(f"\n[bold]{escape(name)}[/] {word}")
        for step in one.steps:
            mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]·[/]"}[step.holds]
            output.paragraph(f"{mark} {step.rule:12} {escape(step.sentence)}", 2, 15)
    if len(found) > _MOST:
        output.out.print(f"\nand {len(found) - _MOST} more, with --json", highlight=False)
    if not found:
        output.paragraph(
            "no agreement covers this type, or is between these two: nothing passes without one"
        )
    if not any(one.allowed for one in found):
        output.say("not allowed")
