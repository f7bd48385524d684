"""``xroad-lite demo``: runs the story and shows its report; knows nothing of how it is made."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.errors import ConfigurationError

MAX_MESSAGES = 1_000_000
_ACTIVATE = "" if shutil.which("xroad-lite") else "  [bold]. .venv/bin/activate[/]\n"


@output.command
def demo(
    messages: Annotated[
        int,
        typer.Option(
            help="How many births to make up.",
            envvar="XROAD_LITE_MESSAGES",
            min=1,
            max=MAX_MESSAGES,
        ),
    ] = 200,
    input: Annotated[
        Path | None,
        typer.Option(
            help="Real FHIR Patients instead, one JSON object a line.", envvar="XROAD_LITE_INPUT"
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep logs, keys and registry in this new folder.", envvar="XROAD_LITE_KEEP"
        ),
    ] = None,
    amqp: Annotated[
        str | None,
        typer.Option(
            help="A RabbitMQ instead of a file: amqp://USER:PASSWORD@HOST, a user who may declare.",
            envvar="XROAD_LITE_DEMO_AMQP",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """A day of four institutions: births, registrations, allowances, questions, attacks.

    Each institution is a process with its own key, certificate and log. A birth needs a birth date
    and an identifier; a newborn may lack a name; an animal is nobody's birth. What is refused is
    listed with its line and reason, and does not stop the run.
    """
    _check_paths(input, keep)
    if keep is not None:
        _run(keep.resolve(), messages, input, amqp, kept=True)
        return
    with tempfile.TemporaryDirectory(prefix="xroad-lite-demo-") as temporary:
        _run(Path(temporary), messages, input, amqp, kept=False)


def _check_paths(given: Path | None, keep: Path | None) -> None:
    if given is not None and not given.is_file():
        what = "is no regular file" if given.exists() else "does not exist"
        raise ConfigurationError(
            "config.input",
            f"{given} {what}",
            hint="give a file of FHIR Patients, one JSON object a line",
        )
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise ConfigurationError(
            "config.keep", f"{keep} is not empty", hint="give a new folder to --keep"
        )


def _run(folder: Path, messages: int, given: Path | None, amqp: str | None, *, kept: bool) -> None:
    from xroad_lite.cli.demo.story import Story, prepare_input

    count = prepare_input(folder, messages, given)
    if count == 0:
        raise ConfigurationError(
            "config.input",
            f"{given} holds no line that is not blank",
            hint="give a file of FHIR Patients, one JSON object a line",
        )
    with output.progress("starting four institutions") as progress:
        report = Story(folder, progress, amqp=amqp).run(count)
    if not kept:
        report["folder"] = None
        report["tamper"]["file"] = None
    if output.state.json:
        output.write_json(report)
    else:
        show(report)
    if not report["ok"]:
        raise typer.Exit(output.FOUND_WRONG)


def show(report: dict[str, Any]) -> None:
    """The report for people, within 80 columns."""
    output.out.print(
        f"\n[bold]{report['input']}[/] births came in: [bold]{report['registered']}[/] registered, "
        f"[bold]{len(report['refused'])}[/] refused."
    )
    _show_institutions(report)
    _show_refusals(report)
    _show_attacks(report)
    _show_evidence(report)
    _show_next(report)


def _show_institutions(report: dict[str, Any]) -> None:
    made = output.table(
        "Institutions", "", "sent#", "received#", "refused#", "doubled#", "handled#", "log#"
    )
    for name, one in report["institutions"].items():
        numbers = ("sent", "received", "refused", "duplicates", "handled", "log_entries")
        made.add_row(name, *(str(one[number]) for number in numbers))
    output.out.print(made)


def _show_refusals(report: dict[str, Any]) -> None:
    if not report["refused"]:
        return
    made = output.table("Refused lines", "line#", "check#", "reason")
    for one in report["refused"][:10]:
        check = "-" if one["check"] is None else str(one["check"])
        made.add_row(str(one["line"]), check, escape(one["message"][:150]))
    output.out.print(made)
    if len(report["refused"]) > 10:
        output.out.print(f"… and {len(report['refused']) - 10} more: see them all with --json")


def _show_attacks(report: dict[str, Any]) -> None:
    made = output.table("Attacks on the Civil Registry", "what was tried", "check#", "found")
    for one in report["attacks"]:
        check = "-" if one["check"] is None else str(one["check"])
        mark = "" if one["ok"] else "[bold red]NOT AS IT SHOULD:[/] "
        made.add_row(one["tried"], check, f"{mark}{one['code']}")
    output.out.print(made)


def _show_evidence(report: dict[str, Any]) -> None:
    entries = sum(one["entries"] for one in report["logs"].values())
    seals = sum(one["seals"] for one in report["logs"].values())
    judged = sum(one["judged"] for one in report["replays"].values())
    lines = [
        f"four logs verified: {entries} entries, {seals} seals"
        if report["logs_verified"]
        else "[bold red]a log does not verify[/]",
        f"one byte changed in a copy: found in entry {report['tamper']['entry']}"
        if report["tamper_found"]
        else "[bold red]a changed byte was not found[/]",
        f"replayed: {judged} messages got the same verdicts again"
        if report["replay_equal"]
        else "[bold red]a replay gave another verdict[/]",
        f"{report['confidential']} questions and answers were encrypted from end to end",
        f"{report['seconds']} seconds in all, {report['messages_per_second']} messages a second",
    ]
    output.out.print("\n".join(lines))


def _show_next(report: dict[str, Any]) -> None:
    if report["folder"] is None:
        output.out.print(
            "\nNext: keep the files with [bold]--keep FOLDER[/], or make an adapter of your own:\n"
            f"{_ACTIVATE}  [bold]xroad-lite init my-adapter[/]"
        )
        return
    civil = f"{report['folder']}/nodes/civil"
    output.out.print(f"\nEverything lies in {report['folder']}. Next:", soft_wrap=True)
    for command in ("log show", "log verify", "log replay", "dead list"):
        output.out.print(f"  xroad-lite {command} --node {civil}", soft_wrap=True, highlight=False)
