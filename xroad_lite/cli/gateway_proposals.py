"""``xroad-lite gateway proposals``: what systems asked for over HTTP, for the steward to decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.errors import ConfigurationError


@output.command
def proposals(
    name: Annotated[
        str | None, typer.Argument(help="KIND:TYPE, to write out its document.", metavar="[NAME]")
    ] = None,
    node: options.NodeFolder = Path(),
    json: options.Json = False,
) -> None:
    """List event types and subscriptions that systems proposed, or write out one's document.

    The node's folder is the one beside which the gateway keeps its settings.
    """
    from xroad_lite.gateway.govstack.proposals import Proposals

    folder = node if node.is_dir() else node.parent
    found: dict[str, dict[str, Any]] = {}
    for one in Proposals.beside(folder).all():
        key = f"{one['kind']}:{one['type']}"
        found[key if key not in found else f"{key}@{one['subsystem']}"] = one
    if name is None:
        output.give({"proposals": list(found.values())}, lambda: _people(found))
        return
    if name not in found:
        raise ConfigurationError(
            "config.proposal",
            f"there is no proposal {name!r:.80}: there is {', '.join(found) or 'none'}",
            hint="xroad-lite gateway proposals",
        )
    output.give(found[name], lambda: output.write_json(found[name]["document"]))


def _people(found: dict[str, dict[str, Any]]) -> None:
    made = output.table("", "name", "by", "on", "would be")
    for name, one in found.items():
        made.add_row(*map(escape, (name, one["subsystem"], one["at"][:10], one["path"])))
    output.out.print(made if found else "nobody has proposed anything")
