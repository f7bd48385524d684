"""``log gaps``: the sealed numbers that never came, and what the senders' logs say of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.errors import LogError

if TYPE_CHECKING:
    from xroad_lite.audit.opening import Bundle, Log
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
    place: Annotated[
        Path | None, typer.Argument(help="A log or a bundle of one; else the node's log.")
    ] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A sender's log or bundle, to settle what is missing; repeatable."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Name the sealed numbers that never came; exit code 1 if a message is missing.

    What a sender's log says counts when a checkpoint of it, seen by this node, proves it.
    """
    from xroad_lite.audit.opening import whole_evidence
    from xroad_lite.messagelog.gaps import arrived
    from xroad_lite.messagelog.gaps import gaps as find

    evidence = whole_evidence(place or log_file(node, log))
    came = arrived(evidence.source, _owner(evidence), str(evidence.path))
    others = dict(_other(evidence, one) for one in against or ())
    found = [_gap(gap, others.get(gap.source)) for gap in find(came)]
    for (source, recipient), ones in came.items():
        found += _tail(source, recipient, ones[-1], others.get(source))
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


def _owner(evidence: Log | Bundle) -> str | None:
    """Whose log it is; None of one in which nothing says so, as nothing was for it alone."""
    from xroad_lite.audit.sides import owner

    try:
        return owner(evidence)
    except LogError as error:
        if error.code != "log.whose":
            raise
        return None


def _other(evidence: Log | Bundle, path: Path) -> tuple[str, OtherLog]:
    from xroad_lite.audit.opening import whole_evidence
    from xroad_lite.audit.sides import Side
    from xroad_lite.messagelog.gaps import OtherLog

    mine, other = Side.of(0, evidence), Side.of(1, whole_evidence(path))
    if mine.subsystem == other.subsystem:
        raise LogError(
            "log.one_party",
            f"both are logs of {mine.subsystem}: expected that of a party that sent to it",
        )
    return other.subsystem, OtherLog(other.source, mine.seen(other), other.waiting, str(path))


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
    source: str, recipient: str, came: Arrived, other: OtherLog | None
) -> list[dict[str, Any]]:
    """What the sender's log has after the last number that came."""
    settled = other.after(recipient, came.number) if other is not None else []
    if not settled:
        return []
    first, last = settled[0].number, settled[-1].last
    return [
        {
            "source": source,
            "recipient": recipient,
            "first": first,
            "last": last,
            "after": _came(came),
            "before": None,
            **_settled(settled, last - first + 1),
        }
    ]


def _settled(settled: list[Settled], count: int) -> dict[str, Any]:
    numbers = [
        {
            "number": one.number,
            "last": one.last,
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
    numbers = _span(gap["first"], gap["last"])
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
        numbers = _span(one["number"], one["last"])
        output.paragraph(f"{numbers}: {_WORDS[one['state']]}{entry}; {proof}", indent=2)
    if not gap["numbers"]:
        output.paragraph("to settle it: log gaps --against LOG, with the sender's log", indent=2)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
