"""The two groups of commands over a log, and which log is meant; has no command itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroad_lite.cli import passphrases
from xroad_lite.errors import ConfigurationError, EncryptionError, LogError

if TYPE_CHECKING:
    from xroad_lite.encryption import Holder

log_app = typer.Typer(
    no_args_is_help=True, help="A node's log: what is there, what can be proved, keeping it."
)
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


def log_there(node: Path, log: Path | None) -> Path:
    """The same; ``LogError`` if there is none: opening it to write would make one."""
    file = log_file(node, log)
    if not file.is_file():
        raise LogError("log.missing", f"there is no log at {file}", hint="start the node once")
    return file


def holder_at(node: Path) -> Holder:
    """What the node in a folder opens with its encryption keys; nothing where there is no node."""
    from xroad_lite.encryption import Holder
    from xroad_lite.node import Settings
    from xroad_lite.node.encryption_keys import holder_of

    try:
        settings = Settings.read(node)
    except ConfigurationError:
        return Holder("")
    return holder_of(settings, passphrases.asked(settings.passphrase_source()))


def whole(store: Any, index: int, node: Path = Path()) -> dict[str, Any]:
    """One entry with all that is kept of it: payload, seal and body too.

    A confidential body is opened with the keys of ``node``; ``closed`` says why it is not,
    ``erased`` when and by which rule a body went.
    """
    entry = store.entry(index)
    found: dict[str, Any] = {"entry": index, **entry.fields}
    if entry.proven:
        found["payload"] = entry.attributes()
        found["seal"] = store.seal(index).decode()
        del found["header"], found["signature"]
        body = store.body(index)
        found["body"] = None if body is None else body[1].decode("utf-8", "replace")
        if body is None:
            found["erased"] = _erased(store, index)
        if body is not None and "datacommit" in found["payload"]:
            found |= _opened(body[1], found["payload"], node)
    return found


def _erased(store: Any, index: int) -> dict[str, str] | None:
    from xroad_lite import times
    from xroad_lite.messagelog.retention import erased_by

    erased = erased_by(store, index).get(index)
    return erased and {"time": times.to_text(erased[0]), "rule": erased[1].text}


def _opened(body: bytes, attributes: dict[str, str], node: Path) -> dict[str, Any]:
    try:
        plain = holder_at(node).logged_body(attributes, body)
    except EncryptionError as error:
        return {"body": None, "encrypted": body.decode("utf-8", "replace"), "closed": str(error)}
    return {"body": plain.decode("utf-8", "replace"), "confidential": True}
