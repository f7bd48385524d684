"""``log export`` and ``log prove``: evidence for others, in files that verify without us."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, log_app, log_file
from xroad_lite.cli.moments import end_of, moment
from xroad_lite.errors import ConfigurationError, XRoadError

if TYPE_CHECKING:
    from xroad_lite.audit.exporting import Exported, Registry
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.evidence.containers import Sink
    from xroad_lite.messagelog.notes import Signer, Verifier


class Format(StrEnum):
    """The forms of a bundle; they hold the very same files."""

    FOLDER = "folder"
    ZIP = "zip"
    ASICE = "asice"


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose log it is: what is at hand besides the log itself."""

    store: Store
    signer: Signer | None
    keys: tuple[Verifier, ...]
    registry: Registry | None


@log_app.command("export")
@output.command
def export(
    out: Annotated[
        Path, typer.Argument(help="A new folder, or a new file that ends in .zip or .asice.")
    ],
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    since: Annotated[
        str | None, typer.Option("--from", help="From this time or day on (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Until this time (UTC), or the end of this day.")
    ] = None,
    type: Annotated[str | None, typer.Option(help="Only messages of this type.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only messages about this subject.")] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only these messages.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole log.")] = False,
    format: Annotated[
        Format | None, typer.Option(help="In which form; as the name of OUT says if left out.")
    ] = None,
    stamp: Annotated[
        bool, typer.Option(help="Have the signature of an ASiC-E container time-stamped.")
    ] = True,
    key: Annotated[
        Path | None,
        typer.Option(help="The log's private key, its .vkey beside it; the node's if left out."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a bundle of evidence: entries, proofs, bodies, and the registry behind them.

    It verifies offline, with log verify and with tools of others: see the README.md in it.
    """
    from xroad_lite.audit import exporting
    from xroad_lite.audit.gathering import material_of
    from xroad_lite.messagelog.evidence.choosing import Choice

    choice = Choice(
        moment(since) if since else None,
        end_of(until) if until else None,
        type,
        subject,
        tuple(ids or ()),
    )
    if choice.everything is not everything:
        raise _unclear(everything)
    owner = _owner(node, log, key)
    material = material_of(owner.store, owner.keys, signer=owner.signer)
    with output.progress("exporting") as progress:
        found = exporting.export(
            _sink(out, format, node if log is None else None, stamp=stamp),
            owner.store,
            material,
            choice,
            signer=owner.signer,
            registry=owner.registry,
            progress=lambda done, total: progress("entries exported", done, total),
        )
    left = owner.store.size - material.checkpoint.size
    _give(out, found, left)


@log_app.command("prove")
@output.command
def prove(
    id: Annotated[str, typer.Argument(help="The message's id, or its entry's number.")],
    out: Annotated[
        Path | None,
        typer.Option(help="A new folder, .zip, or .tlog-proof; ID.zip if left out."),
    ] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    key: Annotated[
        Path | None,
        typer.Option(help="The log's private key, its .vkey beside it; the node's if left out."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Prove one message by itself: its entry, seal, body, certificates, and place in the log.

    In a file that ends in .tlog-proof, the entry and its proof alone (C2SP tlog-proof).
    """
    from xroad_lite.audit import proving
    from xroad_lite.audit.gathering import material_of

    owner = _owner(node, log, key)
    material = material_of(owner.store, owner.keys, signer=owner.signer)
    place = out or Path(f"{id}.zip")
    index = proving.entry_of(owner.store, id)
    found = proving.prove(place, owner.store, material, index, signer=owner.signer)
    only = owner.keys if len(owner.keys) == 1 else ()  # else it may be one of before a roll-over
    _give(place, found, 0, "".join(f" --key {one}" for one in only))


def _give(out: Path, found: Exported, left: int, key: str = "") -> None:
    value: dict[str, Any] = {
        "out": str(out),
        "entries": found.entries,
        "files": found.files,
        "bytes": found.bytes,
        "signed": found.signed,
        "missing": found.missing,
        "not_covered": left,
    }
    for one in found.missing:
        output.say(f"missing: {one}")
    if left > 0:
        output.say(f"{left} newer entries follow the newest checkpoint, and are not in it")
    if not found.signed:
        output.say("the log's key is not at hand: nobody signed the manifest")
    output.give(
        value,
        lambda: output.out.print(
            f"{escape(str(out))}: {output.counted(found.entries, 'entry', 'entries')}, "
            f"{output.counted(found.files, 'file', 'files')}, {found.bytes:,} bytes. "
            f"Verify it with:\n  xroad-lite log verify {escape(str(out))}{escape(key)}",
            highlight=False,
            soft_wrap=True,
        ),
    )


def _sink(out: Path, format: Format | None, node: Path | None, *, stamp: bool) -> Sink:
    """Where the bundle is written, in the form that was asked for or that the name says."""
    from xroad_lite.messagelog.evidence.containers import FolderSink, ZipSink

    endings = {".zip": Format.ZIP, ".asice": Format.ASICE}
    match format or endings.get(out.suffix, Format.FOLDER):
        case Format.FOLDER:
            return FolderSink(out)
        case Format.ZIP:
            return ZipSink(out)
    if node is None:
        raise ConfigurationError(
            "config.container_key",
            "an ASiC-E container is signed by the node's own key: got a log without its node",
            hint="name the node with --node, or write a .zip",
        )
    return _container(out, node, stamp=stamp)


def _container(out: Path, node: Path, *, stamp: bool) -> Sink:
    from xroad_lite.audit.asice import AsiceSink, Seal
    from xroad_lite.node import Settings
    from xroad_lite.node.authorities import Lists, ask_in_turn, authorities

    settings, now = Settings.read(node), time.time()
    snapshot = settings.registry_client().mirror.newest()
    party = snapshot.party(settings.subsystem)
    entries = party.subsystem.certificates if party else []
    listed = {one.sha256 for one in entries if not one.revoked}
    asked = authorities(snapshot) if stamp else []

    def stamped(value: bytes) -> bytes | None:
        answer = ask_in_turn(asked, value, Lists(), patience=settings.stamps.patience)
        if asked and answer.stamp is None:
            output.say(f"the container has no time stamp: {'; '.join(answer.problems)}")
        return answer.token if answer.stamp is not None else None

    signer = settings.keyring().signer(listed.__contains__, now)
    return AsiceSink(out, Seal(signer, now, stamped))


def _owner(node: Path, log: Path | None, key: Path | None) -> _Owner:
    from xroad_lite.messagelog import Store

    store = Store(log_file(node, log), readonly=True)
    signer = None if key is None else _signer(key)
    if log is not None:
        keys = () if signer is None else (signer.verifier(),)
        return _Owner(store, signer, keys, None)
    from xroad_lite.audit.exporting import Registry
    from xroad_lite.node import Settings
    from xroad_lite.node.evidence import log_keys
    from xroad_lite.node.registries import mirrors
    from xroad_lite.registry import RegistryFolder

    settings = Settings.read(node)
    own = log_keys(settings)
    anchor = settings.path(settings.root).read_bytes()
    mirror = RegistryFolder(settings.path(settings.mirror), anchor)
    return _Owner(
        store,
        signer or _at_hand(lambda: own.signer(lambda _: False)),
        tuple(own.verifiers()),
        Registry(mirror, anchor, mirrors(settings)),
    )


def _at_hand(open_: Callable[[], Signer | None]) -> Signer | None:
    """The log's key, if it can be opened: a bundle can be made without."""
    try:
        return open_()
    except XRoadError as error:
        output.say(f"the log's key cannot be opened: {error.message}")
        return None


def _signer(file: Path) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from xroad_lite.keys import open_key
    from xroad_lite.keys.passphrases import passphrase_from
    from xroad_lite.messagelog.notes import Signer, Verifier

    public = file.with_suffix(".vkey")
    if not public.is_file():
        raise ConfigurationError(
            "config.log_key",
            f"there is no {public}: it says of which log {file} is the key",
            hint="make both with: xroad-lite keys new --use log",
        )
    name = Verifier.read(public.read_text().strip()).name
    private = open_key(f"file:{file}", passphrase=passphrase_from("env:XROAD_LITE_PASSPHRASE"))
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError("config.log_key", f"{file} is no Ed25519 key")
    return Signer(name, private)


def _unclear(everything: bool) -> ConfigurationError:
    got = "--all with a choice" if everything else "no choice"
    return ConfigurationError(
        "config.choice",
        f"got {got}: expected --all, or some of --from, --to, --type, --subject, --id",
        hint="the whole log: xroad-lite log export --all OUT",
    )
