"""``xroad-lite broker``: what a RabbitMQ must hold, as the registry says; plan, apply, check."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output

if TYPE_CHECKING:
    from xroad_lite.transports.rabbitmq.topology import Plan

broker_app = typer.Typer(
    no_args_is_help=True, help="Make a RabbitMQ as the registry says: plan, apply, check."
)

_Registry = Annotated[
    Path, typer.Argument(help="The published registry's folder.", envvar="XROAD_LITE_REGISTRY")
]
_Vhost = Annotated[str, typer.Option(help="The broker's virtual host.", envvar="XROAD_LITE_VHOST")]
_Shared = Annotated[
    bool,
    typer.Option("--shared", help="The trusted instances use this broker too: plan for them all."),
]
_Control = Annotated[
    str,
    typer.Option(help="The command that runs rabbitmqctl.", envvar="XROAD_LITE_RABBITMQCTL"),
]


def _planned(registry: Path, vhost: str, shared: bool) -> Plan:
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.stewardship.broker import lacking, routes, shared_routes
    from xroad_lite.stewardship.trusting import trusted_snapshots
    from xroad_lite.transports.rabbitmq.topology import plan

    snapshot, now = RegistryFolder(registry).newest(), time.time()
    trusted, problems = trusted_snapshots(snapshot, now=now)
    needed = any(lacking(one, snapshot, trusted) for one in snapshot.agreements)
    if problems and (shared or needed):  # whose subsystems they are, their registry says
        raise next(iter(problems.values()))
    found = shared_routes(snapshot, now, trusted) if shared else routes(snapshot, now, trusted)
    return plan(found, virtual_host=vhost)


def _shown(plan: Plan) -> dict[str, list[str]]:
    return {
        one.name: [_line(row) for row in getattr(plan, one.name)]
        for one in fields(plan)
        if one.name != "virtual_host"
    }


def _line(row: Any) -> str:
    if isinstance(row, str):
        return row
    return ", ".join(f"{one.name} {getattr(row, one.name)}" for one in fields(row))


def _differences(lines: Sequence[str]) -> None:
    for line in lines:
        output.out.print(escape(line), soft_wrap=True, highlight=False)
    if not lines:
        output.out.print("the broker is as planned")


@broker_app.command("plan")
@output.command
def plan(
    registry: _Registry, vhost: _Vhost = "/", shared: _Shared = False, json: options.Json = False
) -> None:
    """Print exchanges, queues, bindings, users, permissions and policies that should be there."""
    found = _shown(_planned(registry, vhost, shared))

    def people() -> None:
        for name, rows in found.items():
            output.out.print(f"[bold]{name}[/] ({len(rows)})")
            for row in rows:
                output.out.print(f"  {escape(row)}", soft_wrap=True, highlight=False)

    output.give({"plan": found}, people)


@broker_app.command("apply")
@output.command
def apply(
    registry: _Registry,
    amqp: Annotated[
        str,
        typer.Option(help="Address of a user who may configure.", envvar="XROAD_LITE_BROKER_AMQP"),
    ],
    vhost: _Vhost = "/",
    shared: _Shared = False,
    control: _Control = "rabbitmqctl",
    passwords: Annotated[
        Path | None,
        typer.Option(help="JSON object: subsystem to password; certificates need none."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Make the broker so, and say what was changed. Applying twice changes nothing.

    Agreements begin and end: run it in the timetable, every hour, and whenever one was published.
    """
    from xroad_lite.cli.nodes import read_body
    from xroad_lite.identifiers import SubsystemId, percent_encoded
    from xroad_lite.transports.rabbitmq import administration

    given = {} if passwords is None else read_body(str(passwords))
    by_user = {percent_encoded(SubsystemId.parse(name)): word for name, word in given.items()}
    before = administration.apply(
        _planned(registry, vhost, shared),
        amqp,
        administration.rabbitmqctl(shlex.split(control)),
        passwords=by_user,
    )
    lines = before.lines()
    output.give({"changed": lines}, lambda: _differences(lines))


@broker_app.command("check")
@output.command
def check(
    registry: _Registry,
    vhost: _Vhost = "/",
    shared: _Shared = False,
    control: _Control = "rabbitmqctl",
    json: options.Json = False,
) -> None:
    """Say where the broker is not as planned; exit code 1 if it is not."""
    from xroad_lite.transports.rabbitmq import administration

    found = administration.drift(
        _planned(registry, vhost, shared), administration.rabbitmqctl(shlex.split(control))
    )
    lines = found.lines()
    output.give({"ok": not found, "differences": lines}, lambda: _differences(lines))
    if found:
        raise typer.Exit(output.FOUND_WRONG)
