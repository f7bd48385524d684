"""``log subject``: who looked at a person's data, when, for what, and on which legal basis."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, holder_at, log_app, log_file
from xroad_lite.cli.moments import end_of, moment

if TYPE_CHECKING:
    from xroad_lite.node.usage import Usage
    from xroad_lite.registry.models import Texts


@log_app.command("subject")
@output.command
def subject(
    code: Annotated[str, typer.Argument(help="The person's code, as bodies have it.")],
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    since: Annotated[str | None, typer.Option("--from", help="From this time or day on.")] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Until this time (UTC), or the end of this day.")
    ] = None,
    language: Annotated[str, typer.Option(help="In which language, if there is one.")] = "en",
    json: options.Json = False,
) -> None:
    """Say who looked at a person's data: when, who, which service, which purpose, by which law.

    Under agreements that hide who is meant, the node's encryption key works out the pseudonyms.
    """
    from xroad_lite.messagelog import Store
    from xroad_lite.node import Settings
    from xroad_lite.node.usage import find_usage, kept_snapshots, names_of

    client = Settings.read(node).registry_client()
    current, snapshots = kept_snapshots(client)
    names = names_of(code, current, holder_at(node)) if current else {code}
    store = Store(log_file(node, log), readonly=True)
    found = find_usage(
        store,
        names,
        snapshots,
        since=moment(since) if since else None,
        until=end_of(until) if until else None,
    )
    value = {"names": len(names), "usages": [_said(one) for one in found]}
    output.give(value, lambda: _people(found, language))


def _said(one: Usage) -> dict[str, Any]:
    return asdict(one) | {"at": times.to_text(one.at)}


def _people(found: list[Usage], language: str) -> None:
    made = output.table("", "entry#", "when", "who", "what", "why")
    for one in found:
        what = f"{one.operation} {one.type}" + (f" ({one.service})" if one.service else "")
        refused = f"\n{one.outcome}" if one.outcome == "refused" else ""
        law = _words(one.legal_basis, language) or one.legal_basis_iri or "-"
        purpose = _words(one.purpose_title, language) or one.purpose
        agreement = "/".join(one.agreement.rsplit("/", 2)[-2:])
        made.add_row(
            str(one.entry),
            times.to_text(one.at)[:19].replace("T", " "),
            escape(one.who),
            escape(what + refused),
            escape(f"{purpose}\n{law}\n{agreement}"),
        )
    output.out.print(made if found else "nothing about this person is in this log")


def _words(texts: Texts, language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
