"""``log search`` and ``log stats``: what a log holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.cli.moments import end_of, moment

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.search import Found, Index, Page

_TOP = 10


@contextmanager
def _indexed(node: Path, log: Path | None) -> Iterator[tuple[Store, Index]]:
    """The log and its search index, brought up to date."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.search import Index

    store = Store(log_file(node, log), readonly=True)
    with output.progress("indexing") as tell:
        index = Index.of(store, lambda done, total: tell("entries indexed", done, total))
    try:
        yield store, index
    finally:
        index.close()
        store.close()


@log_app.command("search")
@output.command
def search(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    id: Annotated[str | None, typer.Option(help="The message's id.")] = None,
    type: Annotated[
        str | None, typer.Option(help="Its type, as health.birth, health.* or *.birth.")
    ] = None,
    party: Annotated[
        str | None, typer.Option(help="Who sent or got it: a subsystem, or a whole member.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Its subject, as it was sealed.")] = None,
    verdict: Annotated[
        str | None,
        typer.Option(
            help="sent, accepted, refused, handled, dead-lettered, expired, dropped, or a code."
        ),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="in or out.")] = None,
    since: Annotated[
        str, typer.Option("--from", help="Logged at this day or time (UTC) or later.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Until this time (UTC), or the end of this day.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Messages on a page.", min=1, max=10_000)] = 50,
    before: Annotated[
        int | None, typer.Option(help="The next page: the entry that the last one ended with.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Find messages that meet all of what is given, the newest first.

    The first search of a large log makes its index, in a file beside the log; the next ones only
    add what came since.
    """
    from xroad_lite.messagelog.search import Criteria
    from xroad_lite.messagelog.search import search as find

    criteria = Criteria(
        id=id,
        type=type,
        party=party,
        subject=subject,
        verdict=verdict,
        direction=direction,
        since=moment(since) if since else None,
        until=end_of(until) if until else None,
    )
    with _indexed(node, log) as (_, index):
        page = find(index, criteria, limit, before)
    value = {"messages": [_message(one) for one in page.found], "next": page.next}
    output.give(value, lambda: _people(page))


def _message(one: Found) -> dict[str, Any]:
    return asdict(one) | {"at": times.to_text(one.at)}


def _people(page: Page) -> None:
    if not page.found:
        output.out.print("no message meets that")
        return
    made = output.table("", "entry#", "logged", "what", "subject", "verdict")
    made.columns[-1].no_wrap = True  # a code is looked up whole
    for one in page.found:
        peer, way = (one.source, "from") if one.direction == "in" else (one.recipient, "to")
        what = f"{one.type} {way} {peer or 'everybody'}" if one.type else "unproven"
        verdict = one.ended or one.code or one.verdict
        made.add_row(
            str(one.entry),
            times.to_text(one.at)[:16].replace("T", " "),
            escape(what),
            escape(one.subject or ""),
            escape(verdict),
        )
    output.out.print(made)
    if page.next is not None:
        output.out.print(f"more: the same with --before {page.next}", highlight=False)


@log_app.command("stats")
@output.command
def stats(
    node: options.NodeFolder = Path(), log: LogOption = None, json: options.Json = False
) -> None:
    """Count what a log holds, by kind, month, type, party and verdict, and its bytes."""
    from xroad_lite.messagelog.search import statistics

    with _indexed(node, log) as (store, index):
        found = asdict(statistics(store, index))
    for name in ("first", "last"):
        found[name] = None if found[name] is None else times.to_text(found[name])
    output.give(found, lambda: _counted(found))


def _counted(found: dict[str, Any]) -> None:
    made = output.table("", "", "#")
    for name, value in found.items():
        if name == "root":
            continue
        if not isinstance(value, dict):
            made.add_row(name, "-" if value is None else _number(value))
            continue
        for key, count in list(value.items())[:_TOP]:
            made.add_row(escape(f"{name}: {key}"), _number(count))
        if len(value) > _TOP:
            made.add_row(f"{name}: others", _number(sum(list(value.values())[_TOP:])))
    output.out.print(made)
    output.out.print(f"root {found['root']}", soft_wrap=True, highlight=False)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
