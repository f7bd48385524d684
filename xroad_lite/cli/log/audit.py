"""``log audit``: two parties' logs held against each other."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import log_app

if TYPE_CHECKING:
    from xroad_lite.audit.differences import Difference, Held

_NOT_ESTABLISHED = 3
_SHOWN = 8
_COLOURS = {"wrong": "bold red", "could not be established": "yellow", "named": "dim"}
_CONCLUSIONS = {
    None: "the two logs say the same of what passed between the two",
    "could not be established": "nothing is wrong, but not everything could be established",
    "wrong": "the two logs do not agree: see above",
}


@log_app.command("audit")
@output.command
def audit(
    one: Annotated[Path, typer.Argument(metavar="A", help="A party's log, or a bundle of it.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another party's.")],
    within: Annotated[
        float,
        typer.Option(help="Seconds that a message may be on its way before it is lost.", min=0),
    ] = 3600.0,
    json: options.Json = False,
) -> None:
    """Hold two parties' logs against each other: what one sent, has the other received?

    What is missing is named, and settled where a checkpoint, a receipt or an answer says more.
    Exit code 1 if the two do not agree, 3 if something could not be established.
    """
    from xroad_lite.audit.between import hold
    from xroad_lite.audit.opening import whole_evidence

    with output.progress("reading") as progress:
        found = hold(
            (whole_evidence(one), whole_evidence(other)),
            lambda done, size: progress("entries read", done, size),
            within,
        )
    output.give(_value(found), lambda: _people(found))
    if found.verdict is not None:
        raise typer.Exit(output.FOUND_WRONG if found.verdict == "wrong" else _NOT_ESTABLISHED)


def _value(found: Held) -> dict[str, Any]:
    return {
        "ok": found.verdict is None,
        "verdict": found.verdict or "established",
        "parties": list(found.parties),
        "ways": [
            {
                "source": source,
                "recipient": recipient,
                "sent": found.sent.get(source, 0),
                "received": found.received.get(source, 0),
            }
            for source, recipient in (found.parties, found.parties[::-1])
        ],
        "unproven": dict(zip(found.parties, found.unproven, strict=True)),
        "kinds": [
            {"kind": kind, "verdict": verdict, "count": count}
            for (kind, verdict), count in found.kinds.items()
        ],
        "differences": [asdict(one) for one in found.differences],
    }


def _people(found: Held) -> None:
    for source, recipient in (found.parties, found.parties[::-1]):
        sent, came = found.sent.get(source, 0), found.received.get(source, 0)
        output.paragraph(f"[bold]{source}[/] to {recipient}: {sent} sent, {came} of them received")
        mine = [one for one in found.differences if one.source == source]
        for kind, alike in groupby(sorted(mine, key=_order), key=_order):
            _tell(list(alike), found.kinds[kind[1], kind[0]])
    for party, count in zip(found.parties, found.unproven, strict=True):
        if count:
            output.paragraph(
                f"{party} got {count} without a seal that holds, of which it kept digests: "
                "nobody can say whose they were"
            )
    verdict = found.verdict
    colour = "green" if verdict is None else _COLOURS[verdict]
    output.paragraph(f"[{colour}]{_CONCLUSIONS[verdict]}[/]")


def _order(one: Difference) -> tuple[str, str]:
    return one.verdict, one.kind


def _tell(alike: list[Difference], count: int) -> None:
    for one in alike[:_SHOWN]:
        where = [
            f"{whose} entry {entry}"
            for whose, entry in (("sender's", one.sent), ("receiver's", one.received))
            if entry is not None
        ]
        what = " ".join(text for text in (one.type, one.id) if text)
        place = ", ".join([*([what] if what else []), *where])
        said = f"{place}: {one.said}" if place else one.said
        output.paragraph(
            f"[{_COLOURS[one.verdict]}]{one.verdict}[/] {one.kind}: {escape(said)}", indent=2
        )
    if count > len(alike[:_SHOWN]):
        output.paragraph(f"and {count - len(alike[:_SHOWN])} more alike: see --json", indent=2)
