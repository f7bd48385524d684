"""The commands; the only room that prints, and the only one that exits."""

from __future__ import annotations

import sys
import traceback
from copy import copy
from typing import Annotated

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

from xroad_lite import __version__
from xroad_lite.cli import (
    agreement_odrl,
    agreement_shown,
    catalogue,
    output,
    publishing,
    schema_checks,
    schema_lint,
    schema_pages,
    serve,
    trust,
    vocab_check,
    vocab_explain,
    vocab_map,
    vocab_report,
)
from xroad_lite.cli.agreement import agreement_app
from xroad_lite.cli.authority import ca_app
from xroad_lite.cli.broker import broker_app
from xroad_lite.cli.demo.command import demo
from xroad_lite.cli.doctor import doctor
from xroad_lite.cli.gateway import gateway_app
from xroad_lite.cli.init import init
from xroad_lite.cli.keys import keys_app
from xroad_lite.cli.log import dead_app, log_app
from xroad_lite.cli.nodes import request, send, status
from xroad_lite.cli.registry import registry_app
from xroad_lite.cli.schema import schema_app
from xroad_lite.cli.vocab import vocab_app

app = typer.Typer(
    name="xroad-lite",
    help="An interoperability bus for public institutions: typed, sealed, provable messages.",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True)
    ] = False,
) -> None:
    if version:
        output.out.print(f"xroad-lite {__version__}", highlight=False)
        raise typer.Exit


for command in (demo, init, doctor, send, request, status):
    app.command()(command)
app.add_typer(keys_app, name="keys")
app.add_typer(ca_app, name="ca")
app.add_typer(registry_app, name="registry")
app.add_typer(schema_app, name="schema")
app.add_typer(agreement_app, name="agreement")
app.add_typer(broker_app, name="broker")
app.add_typer(log_app, name="log")
app.add_typer(dead_app, name="dead")
app.add_typer(vocab_app, name="vocab")
app.add_typer(gateway_app, name="gateway")


def narrowed(group: typer.Typer, words: list[str]) -> typer.Typer:
    """The one command that words name, or all: to build all takes longer than most of them run."""
    only = copy(group)
    for inner in group.registered_groups:
        if [inner.name] == words[:1] and inner.typer_instance:
            named = copy(inner)
            named.typer_instance = narrowed(inner.typer_instance, words[1:])
            only.registered_groups, only.registered_commands = [named], []
    for command in group.registered_commands:
        if [_named(command)] == words[:1]:
            only.registered_groups, only.registered_commands = [], [command]
    return only


def _named(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def main() -> None:
    """Run a command; a bug ends with exit code 70 and says so."""
    try:
        narrowed(app, sys.argv[1:])()
    except SystemExit as end:
        if end.code == output.USAGE and "--json" in sys.argv and not output.state.json:
            output.write_error("config.usage", "the command's words are wrong: see stderr, --help")
        raise
    except Exception as error:  # noqa: BLE001  the last place where a bug can be told from an error
        if "--json" in sys.argv:
            output.write_error("bug", f"{type(error).__name__}: {error}")
        traceback.print_exc()
        sys.stderr.write("This is a bug in xroad_lite, not in what you did. Please report it.\n")
        sys.exit(output.BUG)
