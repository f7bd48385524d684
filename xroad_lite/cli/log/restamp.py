"""``log restamp``: renews the proofs of a log before authorities or algorithms age out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import log_app
from xroad_lite.errors import KeysError


@log_app.command("restamp")
@output.command
def restamp(
    node: options.NodeFolder = Path(),
    crl: Annotated[
        list[Path] | None,
        typer.Option(help="A list of revocations to archive too, where none is published."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Stamp the log anew, with the authorities' lists of revocations of today.

    A node that runs renews by itself; this is for one that stands still, or before an algorithm
    ages out.
    """
    from xroad_lite.keys import read_revocation_list
    from xroad_lite.node import Settings
    from xroad_lite.node.restamping import restamp_log

    lists = {path.name: path.read_bytes() for path in crl or ()}
    for name, data in lists.items():
        try:
            read_revocation_list(data)
        except KeysError as error:
            raise KeysError(
                error.code,
                f"--crl {name}: {error.message}",
                hint="expected a list of revocations (X.509 CRL), PEM or DER",
            ) from None
    settings = Settings.read(node)
    with output.progress("asking the authorities"):
        first, second = restamp_log(settings, time.time, lists, output.say)
    found: dict[str, Any] = {
        "entries": second.size,
        "time": times.to_text(second.time),
        "good_until": times.to_text(second.ends),
        "authority": second.authority,
        "archived": _archived(settings, first.index),
    }

    def people() -> None:
        output.out.print(
            f"all {second.size} entries are stamped by {second.authority}, good until "
            f"{found['good_until'][:10]}",
            highlight=False,
            soft_wrap=True,
        )
        count = len(found["archived"])
        lists = output.counted(count, "list of revocations was", "lists of revocations were")
        output.out.print(f"{lists} archived with it", highlight=False)

    output.give(found, people)


def _archived(settings: Any, index: int) -> list[str]:
    from xroad_lite.messagelog import Store

    store = Store(settings.path(settings.log), readonly=True)
    try:
        return list(store.entry(index).fields.get("validation", ()))
    finally:
        store.close()
