"""``log retain`` and ``log hold``: bodies that have had their time, and what keeps them."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, holder_at, log_app, log_there
from xroad_lite.cli.moments import end_of, moment
from xroad_lite.errors import ConfigurationError, XRoadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xroad_lite.messagelog.retention import Due, Hold, Retention

hold_app = typer.Typer(
    no_args_is_help=True, help="Legal holds, which stop erasure: add, list, lift."
)
log_app.add_typer(hold_app, name="hold")

_By = Annotated[str, typer.Option(help="Who decides it; you, if left out.")]
_Reason = Annotated[str, typer.Option(help="Why, as the file number of a case.")]


@log_app.command("retain")
@output.command
def retain(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Erase them; else only list what is due.")
    ] = False,
    at: Annotated[str, typer.Option(help="List what will be due at this day or time (UTC).")] = "",
    json: options.Json = False,
) -> None:
    """List the bodies whose retention has passed, with their rule, and erase them.

    A running node does this by itself, every minute. Digests, seals and proofs stay and verify.
    """
    if apply and at:
        raise ConfigurationError(
            "config.time", "--at only looks ahead: with --apply what is due now is erased"
        )
    now = moment(at)
    with _opened(node, log, writes=apply) as retention:
        due = retention.due(now)
        erased = retention.erase(now) if apply else 0
        settled = retention.settle() if apply else True
    value = {
        "due": [
            {
                "entry": one.entry,
                "since": times.to_text(one.since),
                "rule": one.rule.text,
                "agreement": one.rule.agreement,
                "kept_by": one.kept_by or None,
            }
            for one in due
        ],
        "erased": erased,
        "settled": settled,
    }
    output.give(value, lambda: _people(due, erased if apply else None, settled))


def _people(due: list[Due], erased: int | None, settled: bool) -> None:
    made = output.table("", "rule", "due#", "of them kept#", "by")
    for rule in dict.fromkeys(one.rule.text for one in due):
        of_rule = [one for one in due if one.rule.text == rule]
        kept = [one.kept_by for one in of_rule if one.kept_by]
        by = "; ".join(dict.fromkeys(kept))
        made.add_row(escape(rule), str(len(of_rule)), str(len(kept)), escape(by))
    if due:
        output.out.print(made)
    if erased is None:
        free = sum(not one.kept_by for one in due)
        output.out.print(
            f"{_bodies(free)} would be erased: xroad-lite log retain --apply"
            if free
            else "no body is to be erased"
        )
        return
    output.out.print(f"{_bodies(erased)} erased")
    if not settled:
        output.say("a reader holds up the last step: the node, or the same command again, does it")


def _bodies(count: int) -> str:
    return f"{count} body" if count == 1 else f"{count} bodies"


@hold_app.command("add")
@output.command
def hold_add(
    reason: _Reason,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    id: Annotated[str | None, typer.Option(help="Of this message.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="About this person: the code, or a pseudonym.")
    ] = None,
    agreement: Annotated[
        str | None,
        typer.Option(help="Under this agreement: its name, name/version, or an IRI."),
    ] = None,
    type: Annotated[str | None, typer.Option(help="Of this message type.")] = None,
    since: Annotated[str, typer.Option("--from", help="Logged at this day or later.")] = "",
    until: Annotated[
        str, typer.Option("--to", help="Until this time (UTC), or the end of this day.")
    ] = "",
    by: _By = "",
    json: options.Json = False,
) -> None:
    """Keep the bodies of all messages, now and later, to which everything given applies."""
    from xroad_lite.messagelog.retention import Scope

    scope = Scope(
        id,
        subject,
        _iri(node, agreement) if agreement else None,
        type,
        moment(since) if since else None,
        end_of(until) if until else None,
    )
    with _opened(node, log, writes=True) as retention:
        retention.create()
        hold = retention.add_hold(scope, by or getpass.getuser(), reason, time.time())
    output.give({"hold": _said(hold)}, lambda: output.out.print(f"hold {hold.number} is in force"))


@hold_app.command("list")
@output.command
def hold_list(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    all: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    json: options.Json = False,
) -> None:
    """List the holds in force: over what, since when, by whom and why."""
    with _opened(node, log, writes=False) as retention:
        holds = retention.holds(lifted=all)

    def people() -> None:
        made = output.table("", "hold#", "over", "since", "by", "why")
        for one in holds:
            over = "\n".join(f"{name} {value}" for name, value in _scope(one).items() if value)
            why = one.reason
            if one.lifted_at is not None:
                lifted = times.to_text(one.lifted_at)[:10]
                why += f"\nlifted {lifted} by {one.lifted_by}: {one.lifted_reason}"
            since = times.to_text(one.at)[:10]
            made.add_row(str(one.number), escape(over), since, escape(one.by), escape(why))
        output.out.print(made if holds else "no hold is in force")

    output.give({"holds": [_said(one) for one in holds]}, people)


@hold_app.command("lift")
@output.command
def hold_lift(
    number: Annotated[int, typer.Argument(help="The hold's number.")],
    reason: _Reason,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    by: _By = "",
    json: options.Json = False,
) -> None:
    """End a hold. What it kept is erased when it is due; the hold itself is not forgotten."""
    with _opened(node, log, writes=True) as retention:
        retention.create()
        hold = retention.lift_hold(number, by or getpass.getuser(), reason, time.time())
    output.give({"hold": _said(hold)}, lambda: output.out.print(f"hold {number} is lifted"))


def _scope(hold: Hold) -> dict[str, Any]:
    """What a hold is over, in words and times."""
    said = asdict(hold.scope)
    for name in ("since", "until"):
        said[name] = None if said[name] is None else times.to_text(said[name])
    return said


def _said(hold: Hold) -> dict[str, Any]:
    lifted = None if hold.lifted_at is None else times.to_text(hold.lifted_at)
    return asdict(hold) | {
        "at": times.to_text(hold.at),
        "scope": _scope(hold),
        "lifted_at": lifted,
    }


def _iri(node: Path, agreement: str) -> str:
    """An agreement's IRI, of all its versions unless one is named."""
    if ":" in agreement:
        return agreement
    from xroad_lite.node import Settings

    kept = Settings.read(node).registry_client().kept()
    if kept is None:
        raise ConfigurationError(
            "config.agreement",
            f"no registry is at hand to say what {agreement} is called in full",
            hint="give its IRI, as https://…/agreements/births",
        )
    return f"{kept.snapshot.instance.base}agreements/{agreement}"


@contextmanager
def _opened(node: Path, log: Path | None, *, writes: bool) -> Iterator[Retention]:
    """The retention of a log whose node may be running: sqlite's own lock keeps the two apart."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.retention import Retention

    store = Store(log_there(node, log), readonly=not writes)
    try:
        yield Retention(store, _names(node))
    finally:
        store.close()


def _names(node: Path) -> Callable[[str], set[str]]:
    """What stands for a person in seals, as far as a node's registry and keys are at hand."""
    from xroad_lite.node import Settings
    from xroad_lite.node.usage import names_of

    def names(code: str) -> set[str]:
        try:
            kept = Settings.read(node).registry_client().kept()
        except XRoadError:
            kept = None
        return {code} if kept is None else names_of(code, kept.snapshot, holder_at(node))

    return names
