"""``log verify``: a log, a bundle or a proof, checked offline, one line per check."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.errors import ConfigurationError, RegistryError

if TYPE_CHECKING:
    from xroad_lite.audit.opening import Evidence, Registry
    from xroad_lite.audit.report import Check, Report
    from xroad_lite.audit.verifying import Asked
    from xroad_lite.node import Settings
    from xroad_lite.registry import RegistryFolder

NOT_ESTABLISHED = 3
_SHOWN = 8
_COLOURS = {"established": "green", "could not be established": "yellow", "wrong": "bold red"}
_ENTRY = re.compile(r"entry (\d+)")


@log_app.command("verify")
@output.command
def verify(
    place: Annotated[
        Path | None,
        typer.Argument(help="A log, a bundle (folder or zip) or a proof; else the node's log."),
    ] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    root: Annotated[
        str | None, typer.Option(help="SHA-256 that the registry's root must have.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The log's public key, NAME+HASH+KEY, from elsewhere.")
    ] = None,
    tsa: Annotated[
        list[Path] | None,
        typer.Option(help="Root certificate of a time-stamping authority to trust as well."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A check, by its name, that need not be established.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="A file that keeps what is done, to go on from later.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="How many to use; as many as processors if left out.", min=1)
    ] = None,
    json: options.Json = False,
) -> None:
    """Verify a log, a bundle or a proof, offline; changes nothing, asks nobody.

    Each check is established, could not be established, or wrong: exit codes 0, 3 and 1.
    """
    from xroad_lite.audit.verifying import verify as judge

    skipped = _without(without or [])
    with output.progress("verifying") as progress:
        asked = _asked(root, key, tsa or [], resume, processes, progress)
        found = judge(_evidence(place, node, log), asked)
    verdict = found.verdict(skipped)
    output.give(_value(found, skipped), lambda: _people(found, skipped))
    if verdict != "established":
        raise typer.Exit(output.FOUND_WRONG if verdict == "wrong" else NOT_ESTABLISHED)


def _asked(
    root: str | None,
    key: str | None,
    tsa: list[Path],
    resume: Path | None,
    processes: int | None,
    progress: Any,
) -> Asked:
    from xroad_lite.audit.reading import default_processes
    from xroad_lite.audit.verifying import Asked
    from xroad_lite.keys import read_certificates
    from xroad_lite.messagelog.notes import Verifier

    return Asked(
        now=time.time(),
        processes=processes or default_processes(),
        resume=resume,
        root=None if root is None else root.lower().replace(":", ""),
        key=None if key is None else Verifier.read(key),
        authorities=tuple(der for one in tsa for der in read_certificates(one.read_bytes())),
        progress=progress,
    )


def _evidence(place: Path | None, node: Path, log: Path | None) -> Evidence:
    from xroad_lite.audit.opening import Log, Registry, open_evidence

    found = open_evidence(place or log_file(node, log))
    if place is not None and isinstance(found, Log):
        node = place.parent  # a log in its node's folder is its node's
    elif log is not None or not isinstance(found, Log):
        return found
    from xroad_lite.node import Settings
    from xroad_lite.node.evidence import log_keys
    from xroad_lite.registry import RegistryFolder

    try:
        settings = Settings.read(node)
        if place is not None and settings.path(settings.log).resolve() != place.resolve():
            return found
        anchor = settings.path(settings.root).read_bytes()
    except (OSError, ConfigurationError):
        return found
    mirror = RegistryFolder(settings.path(settings.mirror), anchor)
    keys = tuple(log_keys(settings).verifiers())
    return Log(
        found.path, found.store, keys, Registry(anchor, mirror.read), _trusted(settings, mirror)
    )


def _trusted(settings: Settings, mirror: RegistryFolder) -> dict[str, Registry]:
    """What the node keeps of other instances' registries, trusted as its own says now."""
    from xroad_lite.audit.opening import Registry
    from xroad_lite.node.registries import mirrors

    try:
        newest = mirror.newest()
    except RegistryError:
        return {}
    find = mirrors(settings)
    roots = {name: newest.file(one.root) for name, one in newest.trusted.items()}
    return {name: Registry(root, find(name, root).read) for name, root in roots.items()}


def _without(names: list[str]) -> list[str]:
    from xroad_lite.audit.report import NAMES

    unknown = [name for name in names if name not in NAMES.values()]
    if unknown:
        raise ConfigurationError(
            "config.check",
            f"got --without {unknown[0]}: expected one of {', '.join(NAMES.values())}",
        )
    return names


def _value(found: Report, without: list[str]) -> dict[str, Any]:
    findings = [
        {
            "check": check.number,
            "place": one.place,
            "entry": int(match[1]) if (match := _ENTRY.match(one.place)) else None,
            "code": one.code,
            "message": one.message,
            "wrong": one.wrong,
        }
        for check in found.checks
        for one in check.findings
    ]
    findings.sort(key=lambda one: not one["wrong"])
    return {
        **found.to_json(without),
        "ok": found.verdict(without) == "established",
        "findings": findings,
    }


def _people(found: Report, without: list[str]) -> None:
    for check in found.checks:
        _line(check, asked=check.name not in without)
    for one in found.gone:
        output.paragraph(f"[dim]   erased  {escape(str(one))}[/]", hanging=11)
    for text in found.anchors:
        output.paragraph(f"[dim]   rests on  {escape(text)}[/]", hanging=13)
    verdict = found.verdict(without)
    root = f"; root {found.root}" if found.root and verdict == "established" else ""
    output.paragraph(f"[{_COLOURS[verdict]}]{_CONCLUSIONS[verdict]}[/]{root}")


_CONCLUSIONS = {
    "established": "everything that was asked is established",
    "could not be established": "nothing is wrong, but not everything could be established",
    "wrong": "something is wrong: see above",
}


def _line(check: Check, *, asked: bool) -> None:
    colour = _COLOURS[check.verdict] if asked else "dim"
    said = f": {escape(check.said)}" if check.verdict == "established" and check.said else ""
    output.paragraph(
        f"{check.number:2} {check.name:<9} [{colour}]{check.verdict}[/]{said}", hanging=13
    )
    for one in check.findings[:_SHOWN]:
        output.paragraph(f"{escape(str(one))}", indent=13)
    if len(check.findings) > _SHOWN:
        output.paragraph(f"and {len(check.findings) - _SHOWN} more: see --json", indent=13)
