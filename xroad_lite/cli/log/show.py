"""``log show``: the newest entries, or one whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file, whole


@log_app.command("show")
@output.command
def show(
    entry: Annotated[int | None, typer.Argument(help="One entry, whole.")] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    last: Annotated[int, typer.Option(help="How many of the newest entries.", min=1)] = 20,
    subject: Annotated[str | None, typer.Option(help="Only this subject.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--as", help="One entry's body as RDF: turtle, jsonld or nquads."),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the newest entries, or show one with its seal, verdict and body."""
    from xroad_lite.messagelog import Store

    store = Store(log_file(node, log), readonly=True)
    if form is not None:
        from xroad_lite.cli.log.meaning import show_as

        show_as(store, node, entry, form)
        return
    if entry is not None:
        from xroad_lite.cli.log.receipts import receipts_of

        found = whole(store, entry, node) | receipts_of(store, entry)
        output.give(found, lambda: output.out.print_json(data=found))
        return
    rows = _rows(store, last, subject)

    def people() -> None:
        made = output.table("", "entry#", "time", "kind", "what", "verdict")
        for row in rows:
            made.add_row(
                str(row["entry"]),
                row["time"][:19].replace("T", " "),
                row["kind"],
                row["what"],
                row["verdict"],
            )
        output.out.print(made)
        output.out.print(f"{store.size} entries in all")

    output.give({"entries": rows, "size": store.size}, people)


def _rows(store: Any, last: int, subject: str | None) -> list[dict[str, Any]]:
    if subject is None:
        indexes = list(range(max(0, store.size - last), store.size))
    else:
        found = store.query(
            "SELECT idx FROM xl_messages WHERE subject = ? ORDER BY idx DESC LIMIT ?",
            (subject, last),
        )
        indexes = sorted(row[0] for row in found)
    return [_row(store, index) for index in indexes]


def _row(store: Any, index: int) -> dict[str, Any]:
    entry = store.entry(index)
    fields = entry.fields
    row = {"entry": index, "time": fields["time"], "kind": entry.kind, "what": "", "verdict": ""}
    if entry.kind == "message":
        attributes = entry.attributes()
        row["kind"] = fields["direction"]
        incoming = fields["direction"] == "in"
        peer = attributes.get("source" if incoming else "recipient", "everybody")
        row["what"] = (
            f"{attributes['type']} {'from' if incoming else 'to'} {peer}"
            if attributes
            else f"{fields['size']} bytes, unproven"
        )
        verdict = fields.get("verdict", {})
        check = f" by {verdict['check']} ({verdict['code']})" if "check" in verdict else ""
        row["verdict"] = verdict.get("outcome", "") + check
    elif entry.kind == "outcome":
        row["what"], row["verdict"] = f"entry {fields['entry']}", fields["outcome"]
    elif entry.kind == "snapshot":
        row["what"] = " ".join(filter(None, (fields.get("instance"), fields["registry"])))
    elif entry.kind == "token":
        row["what"] = f"stamps {fields['checkpoint'].splitlines()[1]} entries"
    elif entry.kind == "erasure":
        row["what"] = (
            f"{output.counted(len(fields['entries']), 'body', 'bodies')}, rule {fields['rule']}"
        )
    return row
