"""``xroad-lite send``, ``request`` and ``status``: a node's verbs from the command line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import strict_json, times
from xroad_lite.cli import options, output
from xroad_lite.errors import ConfigurationError

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store

_Body = Annotated[str, typer.Argument(help="A JSON file with the body, or - for standard input.")]
_INPUT = "give a file with one JSON value, or - for standard input"
_Purpose = Annotated[
    str | None,
    typer.Option(help="IRI of the purpose, where the agreement has several."),
]


@output.command
def send(
    type: Annotated[str, typer.Argument(help="The message type, as health.birth.")],
    body: _Body,
    node: options.NodeFolder = Path(),
    subject: Annotated[
        str | None,
        typer.Option(help="Whose order it belongs to; sealed as a pseudonym if personal."),
    ] = None,
    purpose: _Purpose = None,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait until the transport has it.", min=0)
    ] = 5.0,
    json: options.Json = False,
) -> None:
    """Publish one event to everybody whom an agreement lets have it."""
    from xroad_lite.node import Node

    value = read_body(body)
    with Node.open(node, talk=output.say) as opened:
        event = opened.publish(type, value, subject=subject, purpose=purpose)
        opened.run(lambda: not opened.status()["outbox"]["waiting"], seconds=wait)
        waiting = opened.status()["outbox"]
    left_out = [one._asdict() for one in event.left_out]
    states = {"waiting": waiting["waiting"], "states": waiting["states"]}
    result = {"event": event, "left_out": left_out, **states}

    def people() -> None:
        output.out.print(f"published {event}", highlight=False)
        if waiting["waiting"]:
            states = ", ".join(f"{count} {name}" for name, count in waiting["states"].items())
            output.out.print(
                f"{waiting['waiting']} wait in the outbox ({states}): they go when the node runs"
            )

    output.give(result, people)


@output.command
def request(
    recipient: Annotated[str, typer.Argument(help="Whom to ask, as DEMO/GOV/CIVIL/registry.")],
    type: Annotated[str, typer.Argument(help="The message type of the question.")],
    body: _Body,
    node: options.NodeFolder = Path(),
    purpose: _Purpose = None,
    reads: Annotated[
        str | None, typer.Option(help="Message type in whose terms to read the answer.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.1)] = 30.0,
    json: options.Json = False,
) -> None:
    """Ask another subsystem a question, and print its answer."""
    from xroad_lite.node import Node

    value = read_body(body)
    with Node.open(node, talk=output.say) as opened:
        answer = opened.request(
            recipient, type, value, purpose=purpose, reads=reads, timeout=timeout
        )
    losses = [f"{one.path}: {one.kind}: {one.detail}" for one in answer.losses]

    def people() -> None:
        output.out.print_json(data=answer.body)
        for loss in losses:
            output.say(f"not carried over: {loss}")

    output.give(
        {"body": answer.body, "id": answer.id, "source": answer.source, "losses": losses}, people
    )


@output.command
def status(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """What waits where in a node, running or not; "running" is what it last said of itself."""
    from xroad_lite.messagelog import Inbox, Outbox, Store
    from xroad_lite.node import Settings
    from xroad_lite.node.upkeep import STATUS

    settings = Settings.read(node)
    store = Store(settings.path(settings.log), readonly=True)
    inbox, outbox = Inbox(store), Outbox(store).status()
    oldest = outbox["oldest_entry"]
    found: dict[str, Any] = {
        "subsystem": settings.subsystem,
        "registry": store.meta("registry"),
        "log_entries": store.size,
        "outbox": outbox,
        "oldest_unsent": None if oldest is None else store.entry(int(str(oldest))).fields["time"],
        "inbox": len(inbox),
        "undecided": inbox.undecided_count(),
        "dead": len(inbox.dead_letters()),
        "receipts": _receipts(store, settings.receipt_within),
        "counters": store.counters(),
        "running": strict_json.loads((store.meta(STATUS) or "null").encode()),
    }

    def people() -> None:
        made = output.table(settings.subsystem, "", "")
        for name, value in found.items():
            for row in _lines(name, value):
                made.add_row(*map(escape, row))
        output.out.print(made)

    output.give(found, people)


def _receipts(store: Store, within: float) -> dict[str, Any]:
    """How many receipts are owed, awaited and missing; the oldest missing as a time."""
    from xroad_lite.messagelog.receipts import ReceiptTables

    found = ReceiptTables(store).status(time.time() - within)
    oldest = found["oldest_missing"]
    return found | {"oldest_missing": None if oldest is None else times.to_text(oldest)}


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    """A row per value; of a mapping a row per entry, its name said once."""
    if not isinstance(value, dict):
        return [(name.replace("_", " "), _shown(value))]
    rows = [line for key, one in value.items() for line in _lines(f"{name} {key}", one)]
    return rows or [(name.replace("_", " "), "-")]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def read_body(source: str) -> Any:
    """A JSON body from a file, or from standard input for `-`."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "config.input", f"cannot read {source}: {error.strerror}", hint=_INPUT
        ) from None
    try:
        return strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise ConfigurationError("config.input", f"{source}: {error}", hint=_INPUT) from None
