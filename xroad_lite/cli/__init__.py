"""The commands; the only room that prints, and the only one that exits."""

from __future__ import annotations

import sys
import traceback

import typer

from xroad_lite.cli import output
from xroad_lite.cli.broker import broker_app
from xroad_lite.cli.demo.command import demo
from xroad_lite.cli.doctor import doctor
from xroad_lite.cli.init import init
from xroad_lite.cli.keys import ca_app
from xroad_lite.cli.logs import dead_app, log_app
from xroad_lite.cli.nodes import request, send, status
from xroad_lite.cli.registry import registry_app

app = typer.Typer(
    name="xroad-lite",
    help="An interoperability bus for public institutions: typed, sealed, provable messages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (demo, init, doctor, send, request, status):
    app.command()(command)
app.add_typer(ca_app, name="ca")
app.add_typer(registry_app, name="registry")
app.add_typer(broker_app, name="broker")
app.add_typer(log_app, name="log")
app.add_typer(dead_app, name="dead")


def main() -> None:
    """Run a command; a bug ends with exit code 70 and says so."""
    try:
        app()
    except Exception:  # noqa: BLE001  the last place where a bug can be told from an error
        traceback.print_exc()
        sys.stderr.write("This is a bug in xroad_lite, not in what you did. Please report it.\n")
        sys.exit(output.BUG)
