"""``log gaps``: the sealed numbers that never came, and what the senders' logs say of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file

if TYPE_CHECKING:
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.gaps import Arrived, Gap, OtherLog, Settled

_WORDS = {
    "sent": "sent, and never received here",
    "waiting": "not sent yet: it waits in the sender's outbox",
    "expired": "never sent: it expired in the sender's outbox",
    "absent": "in no entry of the sender's log",
}


@log_app.command("gaps")
@output.command
def gaps(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A sender's own log, to settle what is missing; may be repeated."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Name the sealed numbers that never came; exit code 1 if a message is missing.

    What a sender's log says counts when a checkpoint of it, seen by this node, proves it.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.gaps import arrived, read_all
    from xroad_lite.messagelog.gaps import gaps as find

    store = Store(log_file(node, log), readonly=True)
    entries = list(read_all(store))
    others = dict(_other(store, one) for one in against or ())
    found = [_gap(gap, others.get(gap.source)) for gap in find(entries)]
    for (source, recipient), came in arrived(entries).items():
        found += _tail(source, recipient, came, others.get(source))
    missing = sum(one["missing"] for one in found)

    def people() -> None:
        for one in found:
            _tell(one)
        output.out.print(
            f"missing: {missing}" if missing else "no number is missing", highlight=False
        )

    output.give({"ok": not missing, "gaps": found, "missing": missing}, people)
    if missing:
        raise typer.Exit(output.FOUND_WRONG)


def _other(store: Store, path: Path) -> tuple[str, OtherLog]:
    from xroad_lite.errors import LogError
    from xroad_lite.identifiers import SubsystemId, url_path
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.gaps import OtherLog, source_of
    from xroad_lite.messagelog.seen import SeenTable

    other = Store(path, readonly=True)
    source = source_of(other)
    if source is None:
        raise LogError("log.nothing_sent", f"the log {path} has sent nothing: it settles no gap")
    held = SeenTable(store).held(url_path(SubsystemId.parse(source)))
    return source, OtherLog(other, [one.checkpoint for one in held])


def _gap(gap: Gap, other: OtherLog | None) -> dict[str, Any]:
    settled = other.settle(gap) if other is not None else []
    return {
        "source": gap.source,
        "recipient": gap.recipient,
        "first": gap.first,
        "last": gap.last,
        "after": None if gap.before is None else _came(gap.before),
        "before": _came(gap.after),
        **_settled(settled, gap.last - gap.first + 1),
    }


def _tail(
    source: str, recipient: str, came: list[Arrived], other: OtherLog | None
) -> list[dict[str, Any]]:
    """What the sender's log has after the last number that came."""
    settled = other.after(recipient, came[-1].number) if other is not None else []
    if not settled:
        return []
    return [
        {
            "source": source,
            "recipient": recipient,
            "first": settled[0].number,
            "last": settled[-1].number,
            "after": _came(came[-1]),
            "before": None,
            **_settled(settled, len(settled)),
        }
    ]


def _settled(settled: list[Settled], count: int) -> dict[str, Any]:
    numbers = [
        {
            "number": one.number,
            "state": one.state,
            "id": one.id,
            "type": one.type,
            "entry": one.entry,
            "proved_by": one.by,
        }
        for one in settled
    ]
    explained = sum(one.state in ("expired", "waiting") for one in settled)
    return {"numbers": numbers, "missing": count - explained}


def _came(one: Arrived) -> dict[str, Any]:
    return {"number": one.number, "entry": one.index, "time": times.to_text(one.at)}


def _tell(gap: dict[str, Any]) -> None:
    numbers = str(gap["first"])
    if gap["last"] != gap["first"]:
        numbers += f" to {gap['last']}"
    when = " and ".join(
        f"{one['number']} ({one['time'][:19].replace('T', ' ')})"
        for one in (gap["after"], gap["before"])
        if one is not None
    )
    to = "everybody" if gap["recipient"] == "*" else gap["recipient"]
    output.paragraph(f"[bold]{escape(gap['source'])}[/] to {escape(to)}: {numbers}, beside {when}")
    for one in gap["numbers"]:
        entry = ""
        if one["entry"] is not None:
            entry = f", its entry {one['entry']}, {one['type']} {one['id']}"
        proof = (
            "by its own word"
            if one["proved_by"] is None
            else f"proved by its checkpoint of {one['proved_by']} entries, seen here"
        )
        output.paragraph(f"{one['number']}: {_WORDS[one['state']]}{entry}; {proof}", indent=2)
    if not gap["numbers"]:
        output.paragraph("to settle it: log gaps --against LOG, with the sender's log", indent=2)
