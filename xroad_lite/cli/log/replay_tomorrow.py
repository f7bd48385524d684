"""What ``log replay --to schema|mapping|agreement`` finds and says of a proposed registry."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from xroad_lite.cli import output
from xroad_lite.cli.log.app import holder_at

if TYPE_CHECKING:
    from xroad_lite.audit.opening import Bundle, Log
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.replay.judging import Trusted
    from xroad_lite.replay.tomorrow import Forecast

_SHOWN = 12


def foreseen(
    evidence: Log | Bundle,
    days: tuple[RegistryFolder, Trusted],
    node: Path,
    kind: str,
    proposed: Path,
) -> Forecast:
    """What it would have changed; ``days`` are the registries of those days, own and others'."""
    from xroad_lite.registry.source import read_source
    from xroad_lite.replay.days import Days
    from xroad_lite.replay.tomorrow import Proposal, Tomorrow

    draft = Proposal.draft(read_source(proposed))
    draft.read()
    tomorrow = Tomorrow(kind, draft, Days(*days), holder_at(node), time.time())
    source = evidence.source
    with output.progress("holding against what is proposed") as progress:
        return tomorrow.foresee(source, lambda done: progress("entries read", done, source.size))


def tomorrow(found: Forecast) -> dict[str, Any]:
    """For programs."""
    from dataclasses import asdict

    return {
        "ok": not found.changed,
        "changed": found.changed,
        "types": {name: asdict(one) for name, one in sorted(found.types.items())},
        "changes": [asdict(one) for one in found.changes.values()],
    }


def say_tomorrow(found: Forecast, kind: str) -> None:
    """For people."""
    made = output.table("", "type", "the same#", "changed#", "could not be told#")
    for name, one in sorted(found.types.items()):
        untold = one.erased + one.closed + one.foreign + one.unread
        made.add_row(escape(name), str(one.same), str(one.changed), str(untold))
    output.out.print(made if found.types else "no message in it is touched")
    for change in list(found.changes.values())[:_SHOWN]:
        output.paragraph(
            f"[yellow]{change.count}[/] {escape(change.type)}: {escape(change.said)}; "
            f"as entry {change.entry}"
        )
    if len(found.changes) > _SHOWN:
        output.paragraph(f"and {len(found.changes) - _SHOWN} more: see --json")
    why = {
        "erased": sum(one.erased for one in found.types.values()),
        "confidential, and no key at hand opens them": sum(
            one.closed for one in found.types.values()
        ),
        "another instance's, of which this proposal says nothing": sum(
            one.foreign for one in found.types.values()
        ),
        "of a day whose registry is not here, or that it does not read": sum(
            one.unread for one in found.types.values()
        ),
    }
    for text, count in why.items():
        if count:
            output.paragraph(f"could not be told of {count}: {text}")
    if not found.changed:
        output.out.print(f"the proposed {kind} would have changed nothing")
