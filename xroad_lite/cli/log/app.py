"""The two groups of commands over a log, and which log is meant; has no command itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

log_app = typer.Typer(no_args_is_help=True, help="Look into a node's log: show, verify, replay.")
dead_app = typer.Typer(
    no_args_is_help=True, help="Messages that a handler could not handle: list, show, retry, drop."
)

LogOption = Annotated[
    Path | None,
    typer.Option("--log", help="A log file instead of a node's.", envvar="XROAD_LITE_LOG"),
]


def log_file(node: Path, log: Path | None) -> Path:
    """The log that is meant: one given, else the node's."""
    if log is not None:
        return log
    from xroad_lite.node import Settings

    settings = Settings.read(node)
    return settings.path(settings.log)


def whole(store: Any, index: int) -> dict[str, Any]:
    """One entry with all that is kept of it: payload, seal and body too."""
    entry = store.entry(index)
    found: dict[str, Any] = {"entry": index, **entry.fields}
    if entry.proven:
        found["payload"] = entry.attributes()
        found["seal"] = store.seal(index).decode()
        del found["header"], found["signature"]
        body = store.body(index)
        found["body"] = None if body is None else body[1].decode("utf-8", "replace")
    return found
