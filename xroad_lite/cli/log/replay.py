"""``log replay``: a log again, under the registry of its day, or under tomorrow's."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, holder_at, log_app, log_file
from xroad_lite.cli.log.replay_shown import (
    ROWS,
    Shown,
    ToHandler,
    ToNode,
    ToQueue,
    callable_named,
    queue_at,
)
from xroad_lite.cli.log.replay_tomorrow import foreseen, say_tomorrow, tomorrow
from xroad_lite.errors import ConfigurationError, LogError

if TYPE_CHECKING:
    from xroad_lite.audit.opening import Bundle, Log
    from xroad_lite.messagelog.replays import ReplayTable
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.replay.judging import Replay, Trusted


class To(StrEnum):
    """Against what, or to whom."""

    SCHEMA = "schema"
    MAPPING = "mapping"
    AGREEMENT = "agreement"
    HANDLER = "handler"
    QUEUE = "queue"
    NODE = "node"


_GO_TOGETHER = {
    "proposed": ("schema, mapping or agreement", "--to schema --proposed instance/source"),
    "handler": ("handler", "--to handler --handler adapter:register"),
    "queue": ("queue", "--to queue --queue replay.civil"),
}


@log_app.command("replay")
@output.command
def replay(
    place: Annotated[
        Path | None, typer.Argument(help="A log or a bundle; else the node's log.")
    ] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    to: Annotated[
        To | None,
        typer.Option(help="What of a proposed registry to hold it against; or whom to show it."),
    ] = None,
    proposed: Annotated[
        Path | None, typer.Option(help="That registry's source directory, with the proposal in it.")
    ] = None,
    handler: Annotated[
        str | None, typer.Option(help="With --to handler: a callable, as module:function.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="With --to queue: its name, which begins with replay.")
    ] = None,
    transport: Annotated[
        str | None,
        typer.Option(help="With --to queue: embedded:FILE or amqp://…; else the node's."),
    ] = None,
    wait: Annotated[
        float, typer.Option(help="With --to node: seconds without a result to wait.", min=0.1)
    ] = 10.0,
    after: Annotated[
        int, typer.Option(help="Show only messages beyond this entry.", show_default=False)
    ] = -1,
    type_: Annotated[
        str | None, typer.Option("--type", help="Show only this message type.")
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="Show only this message, by id or entry; repeatable."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Judge every received message again, under the registry of its day; compare the verdicts.

    With --to: what a proposed schema, mapping or agreement would have changed, message by message;
    or every message that is accepted again is shown to a handler, a queue or the running node,
    marked as a replay. Exit code 1 if a verdict differs, anything would have changed, or what is
    shown fails.
    """
    chosen = {"after": after, "type": type_, "ids": frozenset(ids or ())}
    _check_options(to, {"proposed": proposed, "handler": handler, "queue": queue}, chosen)
    from xroad_lite.audit.opening import whole_evidence

    evidence = whole_evidence(place or log_file(node, log))
    me, registry, trusted = _registries(evidence, node)
    if proposed is None:
        shown = _shown(evidence, node, handler, queue, transport, wait, to, chosen)
        again = _judged(evidence, me, registry, trusted, node, shown)
        told = {} if shown is None else shown.to_json()
        output.give(_again(again) | told, lambda: _say_again(again, shown))
        wrong = not again.equal or not (shown is None or shown.ok)
    else:
        assert to is not None
        forecast = foreseen(evidence, (registry, trusted), node, to.value, proposed)
        output.give(tomorrow(forecast), lambda: say_tomorrow(forecast, to.value))
        wrong = bool(forecast.changed)
    if wrong:
        raise typer.Exit(output.FOUND_WRONG)


def _check_options(to: To | None, given: dict[str, object], chosen: dict[str, Any]) -> None:
    needed = {To.HANDLER: "handler", To.QUEUE: "queue", To.NODE: ""}
    needs = "" if to is None else needed.get(to, "proposed")
    for name, (goals, example) in _GO_TOGETHER.items():
        if (name == needs) != (given[name] is not None):
            raise ConfigurationError(
                f"config.{name}",
                f"--{name} and --to {goals} go together: got --{'to' if name == needs else name} "
                "without the other",
                hint=f"for example: xroad-lite log replay {example}",
            )
    choice = chosen["after"] != -1 or chosen["type"] is not None or chosen["ids"]
    if choice and to not in needed:
        raise ConfigurationError(
            "config.replay",
            "--after, --type and --id choose what is shown to a handler, a queue or the node: "
            "without that, all is judged",
            hint="judge some messages alone: xroad-lite log export --id ID OUT, and replay OUT",
        )


def _shown(
    evidence: Log | Bundle,
    node: Path,
    handler: str | None,
    queue: str | None,
    transport: str | None,
    wait: float,
    to: To | None,
    chosen: dict[str, Any],
) -> Shown | None:
    """To whom it is shown, if to anybody."""
    if handler is not None:
        return ToHandler(handler=callable_named(handler), **chosen)
    if queue is not None:
        return ToQueue(name=queue, queue=queue_at(node, transport, queue), **chosen)
    if to is To.NODE:
        return ToNode(table=_table(evidence, node), wait=wait, **chosen)
    return None


def _table(evidence: Log | Bundle, node: Path) -> ReplayTable:
    """Where the running node looks; only its own log has one."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.replays import ReplayTable

    own = log_file(node, None)
    if not own.exists() or not evidence.path.samefile(own):
        raise ConfigurationError(
            "config.replay",
            f"--to node shows the running node what is in its own log, {own}: got {evidence.path}",
            hint="show what is in a bundle or a copy with --to handler or --to queue",
        )
    table = ReplayTable(Store(own))
    table.create()
    return table


def _registries(evidence: Log | Bundle, node: Path) -> tuple[str, RegistryFolder, Trusted]:
    """Whose log it is, and the registry of those days: the bundle's own, or the node's mirror."""
    from xroad_lite.audit.opening import Bundle
    from xroad_lite.audit.repository import EvidenceRepository
    from xroad_lite.audit.sides import owner
    from xroad_lite.node import Settings
    from xroad_lite.node.registries import mirrors

    if not isinstance(evidence, Bundle):
        settings = Settings.read(node)
        return settings.subsystem, settings.registry_client().mirror, mirrors(settings)
    if evidence.registry is None:
        raise LogError(
            "log.no_registry",
            f"{evidence.path} holds no registry: nothing can be judged again with it",
            hint="export it again where the node's folder is at hand: xroad-lite log export",
        )
    others = {name: EvidenceRepository(one) for name, one in evidence.trusted.items()}
    own = EvidenceRepository(evidence.registry)

    def trusted(name: str, _: bytes) -> RegistryFolder:
        if name not in others:
            raise LogError("log.no_registry", f"{evidence.path} lacks the registry of {name}")
        return others[name]

    return owner(evidence), own, trusted


def _judged(
    evidence: Log | Bundle,
    me: str,
    registry: RegistryFolder,
    trusted: Trusted,
    node: Path,
    shown: Shown | None,
) -> Replay:
    from xroad_lite.encryption import Holder
    from xroad_lite.replay import replay_log

    source, holder = evidence.source, holder_at(node)
    with output.progress("replaying") as progress:
        found = replay_log(
            source,
            registry,
            me,
            lambda done: progress("entries replayed", done, source.size),
            trusted,
            holder=holder if holder.me == me else Holder(me),  # without keys: all stays closed
            accepted=shown or (lambda *_: None),
        )
    if shown is not None:
        shown.end()
    return found


def _again(found: Replay) -> dict[str, Any]:
    return {
        "ok": found.equal,
        "judged": found.judged,
        "unproven": found.unproven,
        "closed": found.closed,
        "erased": found.erased,
        "alone": found.alone,
        "differences": [str(one) for one in found.differences],
    }


def _say_again(found: Replay, shown: Shown | None) -> None:
    differ = len(found.differences)
    verdict = f"[bold red]{differ} differ[/]" if differ else "every verdict is the same"
    if not found.judged + found.closed:
        verdict = "it holds no message that came and can be judged"
    output.out.print(f"{found.judged} judged again: {verdict}", highlight=False)
    for count, which in (
        (found.closed, "up to check 6 alone: confidential, and no key at hand opens their bodies"),
        (found.unproven, "not judged: only a digest was kept of them"),
        (found.erased, "not judged: their bodies are erased"),
        (found.alone, "not judged: they answer or repeat what was not chosen"),
    ):
        if count:
            output.paragraph(f"{count} {which}")
    for one in found.differences[:ROWS]:
        output.paragraph(f"[bold red]differs[/] {escape(str(one))}")
    if differ > ROWS:
        output.paragraph(f"and {differ - ROWS} more: see --json")
    if shown is not None:
        shown.say()
