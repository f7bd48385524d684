"""``log replay``: a log again, under the registry of its day, or under tomorrow's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, holder_at, log_app, log_file
from xroad_lite.errors import ConfigurationError, LogError

if TYPE_CHECKING:
    from xroad_lite.audit.opening import Bundle, Log
    from xroad_lite.exchange import Judgement
    from xroad_lite.node.message import Message
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.replay.judging import Replay, Trusted
    from xroad_lite.replay.tomorrow import Forecast

_SHOWN = 12


class To(StrEnum):
    """Against what."""

    SCHEMA = "schema"
    MAPPING = "mapping"
    AGREEMENT = "agreement"
    HANDLER = "handler"


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
    after: Annotated[
        int, typer.Option(help="With --to handler: only messages beyond this entry.")
    ] = -1,
    type_: Annotated[
        str | None, typer.Option("--type", help="With --to handler: only this message type.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Judge every received message again, under the registry of its day; compare the verdicts.

    With --to: what a proposed schema, mapping or agreement would have changed, message by message;
    or every message that is accepted again is shown to a handler, marked as a replay, without
    effects. Exit code 1 if a verdict differs, if anything would have changed, or the handler fails.
    """
    _check_options(to, proposed, handler)
    evidence = _opened(place or log_file(node, log))
    me, registry, trusted = _registries(evidence, node)
    if proposed is None:
        shown = None if handler is None else _Shown(_callable(handler), after, type_)
        again = _judged(evidence, me, registry, trusted, node, shown)
        told = {} if shown is None else shown.to_json()
        output.give(_again(again) | told, lambda: _say_again(again, shown))
        wrong = not again.equal or bool(shown and shown.failed)
    else:
        assert to is not None
        forecast = _foreseen(evidence, registry, node, to, proposed)
        output.give(_tomorrow(forecast), lambda: _say_tomorrow(forecast, to))
        wrong = bool(forecast.changed)
    if wrong:
        raise typer.Exit(output.FOUND_WRONG)


def _check_options(to: To | None, proposed: Path | None, handler: str | None) -> None:
    if (to is not None and to is not To.HANDLER) != (proposed is not None):
        raise ConfigurationError(
            "config.proposed",
            "--to schema, mapping or agreement and --proposed go together: what to look at, and "
            "the registry that has it",
            hint="for example: xroad-lite log replay --to schema --proposed instance/source",
        )
    if (to is To.HANDLER) != (handler is not None):
        raise ConfigurationError(
            "config.handler",
            "--to handler and --handler go together: expected a callable, as module:function",
            hint="for example: xroad-lite log replay --to handler --handler adapter:register",
        )


def _callable(name: str) -> Callable[[Message], object]:
    """What ``module:function`` names; modules of this folder are found too."""
    import sys
    from importlib import import_module

    module, _, function = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), function) if module and function else None
    except (ImportError, AttributeError) as error:
        raise ConfigurationError("config.handler", f"--handler {name!r}: {error}") from None
    finally:
        sys.path.remove("")
    if not callable(found):
        raise ConfigurationError(
            "config.handler", f"got --handler {name!r}: expected a callable, as module:function"
        )
    return cast("Callable[[Message], object]", found)


@dataclass(slots=True)
class _Shown:
    """Shows what was accepted to a handler, once more and without effects."""

    handler: Callable[[Message], object]
    after: int
    type: str | None
    handled: int = 0
    last: int = -1
    """The last entry that was looked at."""
    failed: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, entry: int, found: Judgement) -> None:
        from xroad_lite.node.message import replayed

        sealed = found.attributes
        self.last = max(entry, self.after)
        wanted = self.type in (None, sealed.type) and sealed.inreplyto is None
        if entry <= self.after or not wanted:
            return
        self.handled += 1
        try:
            self.handler(replayed(found, entry))
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is its failure
            self.failed.append((entry, f"{type(error).__name__}: {error}"))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        failed = [{"entry": entry, "message": why} for entry, why in self.failed]
        return {"handled": self.handled, "failed": failed, "last": self.last} | (
            {"ok": False} if failed else {}
        )


def _opened(path: Path) -> Log | Bundle:
    from xroad_lite.audit.opening import LoneProof, open_evidence
    from xroad_lite.messagelog import Store

    if not path.exists():
        Store(path, readonly=True)  # says what to do where there is none
    found = open_evidence(path)
    if isinstance(found, LoneProof):
        raise LogError(
            "log.no_evidence",
            f"{path} is the proof of one entry: expected a log or a bundle",
            hint="make a bundle with: xroad-lite log export --id ID OUT",
        )
    return found


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
    shown: _Shown | None,
) -> Replay:
    from xroad_lite.encryption import Holder
    from xroad_lite.replay import replay_log

    source, holder = evidence.source, holder_at(node)
    with output.progress("replaying") as progress:
        return replay_log(
            source,
            registry,
            me,
            lambda done: progress("entries replayed", done, source.size),
            trusted,
            holder=holder if holder.me == me else Holder(me),  # without keys: all stays closed
            accepted=shown or (lambda *_: None),
        )


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


def _say_again(found: Replay, shown: _Shown | None) -> None:
    output.out.print(
        f"{found.judged} judged again, {found.unproven} of which only a digest was kept, "
        f"{found.erased} with their bodies erased"
    )
    if found.closed:
        output.out.print(f"{found.closed} confidential, of which no key at hand opens the body")
    if found.alone:
        output.paragraph(
            f"{found.alone} could not be judged: they answer or repeat what was not chosen"
        )
    for one in found.differences:
        output.out.print(f"[bold red]differs[/] {escape(str(one))}", soft_wrap=True)
    if found.equal:
        output.out.print("every verdict is the same")
    if shown is not None:
        output.out.print(f"{shown.handled} shown to the handler again, {len(shown.failed)} failed")
        for entry, why in shown.failed[:_SHOWN]:
            output.paragraph(f"[bold red]failed[/] entry {entry}: {escape(why)}")
        output.paragraph(f"to go on from here later: --after {shown.last}")


def _foreseen(
    evidence: Log | Bundle, registry: RegistryFolder, node: Path, to: To, proposed: Path
) -> Forecast:
    from xroad_lite.registry.source import read_source
    from xroad_lite.replay.tomorrow import Proposal, Tomorrow

    draft = Proposal.draft(read_source(proposed))
    draft.read()
    tomorrow = Tomorrow(to.value, draft, registry, holder_at(node), time.time())
    source = evidence.source
    with output.progress("holding against what is proposed") as progress:
        return tomorrow.foresee(source, lambda done: progress("entries read", done, source.size))


def _tomorrow(found: Forecast) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "ok": not found.changed,
        "changed": found.changed,
        "types": {name: asdict(one) for name, one in sorted(found.types.items())},
        "changes": [asdict(one) for one in found.changes.values()],
    }


def _say_tomorrow(found: Forecast, to: To) -> None:
    made = output.table("", "type", "the same#", "changed#", "could not be told#")
    for name, one in sorted(found.types.items()):
        untold = one.erased + one.closed + one.unread
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
        "of a day or an instance whose registry is not here": sum(
            one.unread for one in found.types.values()
        ),
    }
    for text, count in why.items():
        if count:
            output.paragraph(f"could not be told of {count}: {text}")
    if not found.changed:
        output.out.print(f"the proposed {to.value} would have changed nothing")
