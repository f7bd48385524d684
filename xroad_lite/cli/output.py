"""How commands speak: data on stdout, talk on stderr, one JSON shape, one exit code per end.

Does not know what any command does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError, RefusedError, XRoadError

P = ParamSpec("P")
R = TypeVar("R")

FOUND_WRONG, USAGE, BUG = 1, 2, 70


@dataclass(slots=True)
class _State:
    json: bool = False


state = _State()
out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Talk for people, on stderr."""
    if not state.json:
        err.print(escape(text), soft_wrap=True, highlight=False)


def give(value: dict[str, Any], people: Callable[[], None]) -> None:
    """The command's data: one JSON object for programs, or what ``people`` prints."""
    if state.json:
        write_json({"ok": True, **value})
    else:
        people()


def write_json(value: dict[str, Any]) -> None:
    """One JSON object and a newline on stdout."""
    sys.stdout.write(strict_json.dumps(value).decode() + "\n")
    sys.stdout.flush()


def write_error(
    code: str, message: str, hint: str = "", checks: Sequence[dict[str, Any]] = ()
) -> None:
    """The one shape of an error for programs."""
    error = {"code": code, "message": message, "hint": hint, "checks": list(checks)}
    write_json({"ok": False, "error": error})


def table(title: str, *columns: str) -> Table:
    """A table that fits 80 columns and reads well without colours."""
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
        pad_edge=False,
    )
    for column in columns:
        right = column.endswith("#")
        made.add_column(column.rstrip("#"), justify="right" if right else "left", overflow="fold")
    return made


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def paragraph(markup: str, indent: int = 0, hanging: int = 2) -> None:
    """Wrapped text for people on stdout, its further lines indented by ``hanging`` more."""
    text = Text.from_markup(markup)
    width = max(24, out.width - indent - hanging)
    first, *rest = text.wrap(out, width, overflow="fold")
    for line in (first, *rest):
        line.rstrip()
    out.print(" " * indent, first, sep="", highlight=False)
    for line in rest:
        out.print(" " * (indent + hanging), line, sep="", highlight=False)


def fail(error: XRoadError) -> None:
    """Say what went wrong and what to do, and end with the error's exit code."""
    if state.json:
        checks = []
        if isinstance(error, RefusedError):
            checks = [{"number": error.check, "verdict": "refused"}]
        write_error(error.code, error.message, error.hint, checks)
    else:
        err.print(f"[bold red]error[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        if error.hint:
            err.print(f"  [dim]{escape(error.hint)}[/]", soft_wrap=True, highlight=False)
    raise typer.Exit(error.exit_code)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors of ours end it in words, and all others as a bug."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        state.json = bool(kwargs.get("json", False))
        try:
            return function(*args, **kwargs)
        except XRoadError as error:
            fail(error)
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fail(ConfigurationError("config.file", f"{where}{error.strerror or error}"))
            raise
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped


@contextmanager
def progress(description: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal; nothing in a pipe or with ``--json``."""
    if state.json or not err.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(description, total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield tell
