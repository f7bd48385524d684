"""``xroad-lite log`` and ``xroad-lite dead``: what an auditor and an operator look into."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.errors import LogError, XRoadError

log_app = typer.Typer(no_args_is_help=True, help="Look into a node's log: show, verify, replay.")
dead_app = typer.Typer(
    no_args_is_help=True, help="Messages that a handler could not handle: list, show, retry, drop."
)

LogOption = Annotated[
    Path | None,
    typer.Option("--log", help="A log file instead of a node's.", envvar="XROAD_LITE_LOG"),
]


def log_file(node: Path, log: Path | None) -> Path:
    """The log that is meant: one given, else the node's."""
    if log is not None:
        return log
    from xroad_lite.node import Settings

    settings = Settings.read(node)
    return settings.path(settings.log)


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
        from xroad_lite.cli.log_meaning import show_as

        show_as(store, node, entry, form)
        return
    if entry is not None:
        found = _whole(store, entry)
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
        row["what"] = fields["registry"]
    elif entry.kind == "erasure":
        row["what"] = f"{len(fields['entries'])} bodies, rule {fields['rule']}"
    return row


def _whole(store: Any, index: int) -> dict[str, Any]:
    entry = store.entry(index)
    found: dict[str, Any] = {"entry": index, **entry.fields}
    if entry.proven:
        found["payload"] = entry.attributes()
        found["seal"] = store.seal(index).decode()
        del found["header"], found["signature"]
        body = store.body(index)
        found["body"] = None if body is None else body[1].decode("utf-8", "replace")
    return found


@log_app.command("verify")
@output.command
def verify(
    node: options.NodeFolder = Path(), log: LogOption = None, json: options.Json = False
) -> None:
    """Verify every entry, seal, body and tree hash; exit code 1 if anything is wrong."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.verification import verify_log

    store = Store(log_file(node, log), readonly=True)
    with output.progress("verifying") as progress:
        found = verify_log(store, lambda done: progress("entries verified", done, store.size))
    value = {
        "ok": found.ok,
        "entries": found.entries,
        "seals": found.seals,
        "bodies": found.bodies,
        "erased": found.erased,
        "root": found.root,
        "findings": [
            {"entry": one.entry, "code": one.code, "message": one.message} for one in found.findings
        ],
    }

    def people() -> None:
        output.out.print(
            f"{found.entries} entries, {found.seals} seals, {found.bodies} bodies, "
            f"{found.erased} erased"
        )
        for one in found.findings:
            output.out.print(f"[bold red]wrong[/] {escape(str(one))}", soft_wrap=True)
        if found.ok:
            output.out.print(f"all verify; root {found.root}", soft_wrap=True, highlight=False)

    output.give(value, people)
    if not found.ok:
        raise typer.Exit(output.FOUND_WRONG)


@log_app.command("replay")
@output.command
def replay(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Judge every received message again, under the registry of its day; compare the verdicts."""
    from xroad_lite.messagelog import Store
    from xroad_lite.node import Settings
    from xroad_lite.replay import replay_log

    settings = Settings.read(node)
    store = Store(settings.path(settings.log), readonly=True)
    registry = settings.registry_client().mirror
    with output.progress("replaying") as progress:
        found = replay_log(
            store,
            registry,
            settings.subsystem,
            lambda done: progress("entries replayed", done, store.size),
        )
    value = {
        "ok": found.equal,
        "judged": found.judged,
        "unproven": found.unproven,
        "erased": found.erased,
        "differences": [str(one) for one in found.differences],
    }

    def people() -> None:
        output.out.print(
            f"{found.judged} judged again, {found.unproven} of which only a digest was kept, "
            f"{found.erased} with their bodies erased"
        )
        for one in found.differences:
            output.out.print(f"[bold red]differs[/] {escape(str(one))}", soft_wrap=True)
        if found.equal:
            output.out.print("every verdict is the same")

    output.give(value, people)
    if not found.equal:
        raise typer.Exit(output.FOUND_WRONG)


@dead_app.command("list")
@output.command
def dead_list(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """List the dead letters with their reasons."""
    from xroad_lite.messagelog import Inbox, Store

    store = Store(log_file(node, None), readonly=True)
    letters = Inbox(store).dead_letters()
    value = [
        {
            "entry": one.index,
            "type": one.subscription,
            "source": one.source,
            "subject": one.subject,
            "attempts": one.attempts,
            "code": one.code,
            "message": one.message,
        }
        for one in letters
    ]

    def people() -> None:
        made = output.table("", "entry#", "type", "subject", "attempts#", "reason")
        for one in letters:
            made.add_row(
                str(one.index),
                one.subscription,
                one.subject or "",
                str(one.attempts),
                escape(f"{one.code}: {one.message}"),
            )
        output.out.print(made if letters else "no dead letters")

    output.give({"dead": value}, people)


@dead_app.command("show")
@output.command
def dead_show(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Show one dead letter whole: seal, verdict, body and reason."""
    from xroad_lite.messagelog import Inbox, Store

    store = Store(log_file(node, None), readonly=True)
    letter = next((one for one in Inbox(store).dead_letters() if one.index == entry), None)
    if letter is None:
        raise _no_letter(entry)
    reason = {"code": letter.code, "message": letter.message, "attempts": letter.attempts}
    found = _whole(store, entry) | {"reason": reason}
    output.give(found, lambda: output.out.print_json(data=found))


@dead_app.command("retry")
@output.command
def dead_retry(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Let the node handle a dead letter again, from its first attempt."""
    with _writable(node) as inbox:
        if not inbox.revive(entry):
            raise _no_letter(entry)
    output.give({"entry": entry}, lambda: output.out.print(f"entry {entry} will be handled again"))


@dead_app.command("drop")
@output.command
def dead_drop(entry: int, node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Give a dead letter up for good; the log says so, and keeps the message."""
    from xroad_lite.messagelog import entries

    with _writable(node) as inbox:
        letter = next((one for one in inbox.dead_letters() if one.index == entry), None)
        if letter is None:
            raise _no_letter(entry)
        inbox.drop(letter, entries.outcome(time.time(), entry, entries.DROPPED, letter.attempts))
    output.give({"entry": entry}, lambda: output.out.print(f"entry {entry} is dropped"))


def _writable(node: Path) -> Any:
    """The inbox of a node that may be running: sqlite's own lock keeps the two apart."""
    from contextlib import contextmanager

    from xroad_lite.messagelog import Inbox, Store

    @contextmanager
    def opened() -> Any:
        file = log_file(node, None)
        if not file.is_file():
            raise LogError("log.missing", f"there is no log at {file}")
        store = Store(file)
        try:
            yield Inbox(store)
        finally:
            store.close()

    return opened()


def _no_letter(entry: int) -> XRoadError:
    return LogError(
        "log.no_dead_letter",
        f"entry {entry} is no dead letter",
        hint="list them with: xroad-lite dead list",
    )
