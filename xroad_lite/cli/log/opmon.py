"""``log opmon``: the operational record of each message, in X-Road's fields."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.cli.moments import end_of, moment

_DAY = 86_400.0


@log_app.command("opmon")
@output.command
def opmon(
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    since: Annotated[
        str, typer.Option("--from", help="Logged at this day or time (UTC) or later; a day ago.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Until this time (UTC), or the end of this day; now.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Records at most.", min=1)] = 10_000,
    after: Annotated[
        int | None, typer.Option(help="The next part: the entry that the last one ended with.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the operational record of each message: X-Road's operational monitoring, from the log.

    The fields are those of X-Road's query for operational data; what a log does not know is left
    out.
    """
    from xroad_lite import __version__
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.operations import records

    now = time.time()
    store = Store(log_file(node, log), readonly=True)
    with output.progress("reading") as tell:
        found = records(
            store,
            moment(since) if since else now - _DAY,
            end_of(until) if until else now,
            first=0 if after is None else after + 1,
            limit=limit,
            software=f"xroad_lite {__version__}",
            progress=lambda done, total: tell("entries read", done, total),
        )
    value = {
        "records": [record for _, record in found],
        "next": found[-1][0] if len(found) == limit else None,
    }
    output.give(value, lambda: _people(found))


def _people(found: list[tuple[int, dict[str, Any]]]) -> None:
    made = output.table("", "entry#", "logged", "what", "ms#", "bytes#", "went")
    made.columns[-1].no_wrap = True  # a code is looked up whole
    for index, one in found:
        began = one["requestInTs"]
        ended = one.get("responseOutTs", one.get("responseInTs"))
        made.add_row(
            str(index),
            times.to_text(began / 1000)[:16].replace("T", " "),
            escape(f"{one['securityServerType']} {one.get('serviceCode', 'unproven')}"),
            "" if ended is None else str(ended - began),
            str(one.get("requestSize", "")),
            escape(one.get("faultCode") or _WENT[one.get("succeeded")]),
        )
    output.out.print(made if found else "no messages in that time")


_WENT = {True: "well", False: "wrong", None: "not yet known"}
