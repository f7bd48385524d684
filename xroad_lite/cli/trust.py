"""``xroad-lite registry trust``: which other instances are trusted, and by which root.

Does not publish: what it writes into the source is published like any document.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.registry import registry_app
from xroad_lite.errors import RegistryError

if TYPE_CHECKING:
    from xroad_lite.stewardship.trusting import Trusted

trust_app = typer.Typer(no_args_is_help=True, help="Other instances that this one trusts.")
registry_app.add_typer(trust_app, name="trust")

_Source = Annotated[
    Path,
    typer.Argument(help="The directory with instance.yaml, …", envvar="XROAD_LITE_SOURCE"),
]
_PUBLISH = "it counts once it is published: xroad-lite registry publish SOURCE REGISTRY"


@trust_app.command("add")
@output.command
def add(
    source: _Source,
    registry: Annotated[
        list[str],
        typer.Argument(help="The other's registry, as nodes find it: https://…, or a folder."),
    ],
    root: Annotated[
        Path | None, typer.Option(help="Its root, from its lead agency's own hands.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="The root's digest, as its lead agency made it known.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Trust another instance: its registry is believed about its own members.

    Without --root the root is fetched, and --sha256 says that it is the right one. Nothing passes
    before both instances trust each other, and list an agreement.
    """
    from xroad_lite.registry import newest_root
    from xroad_lite.stewardship.trusting import trust

    data = newest_root(registry[0])[0] if root is None else root.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise RegistryError(
            "registry.root",
            f"the root has the SHA-256 {digest}: expected {sha256}",
            hint="do not trust it: ask its lead agency for the digest, by another way",
        )
    found = trust(source, registry, data, now=time.time())
    known = "as expected" if sha256 else "compare it with what its lead agency has made known"

    def people() -> None:
        _say(f"{found.path}: {found.document.instance}, {found.document.base}")
        _say(f"its root has the SHA-256 {found.sha256}\n{known}\n{_PUBLISH}")

    output.give(_shown(found), people)


@trust_app.command("list")
@output.command
def show(
    source: Annotated[
        Path,
        typer.Argument(
            help="A source, or a published registry: which of it is trusted, and in reach.",
            envvar="XROAD_LITE_SOURCE",
        ),
    ],
    json: options.Json = False,
) -> None:
    """List the trusted instances, and whether each one's registry is in reach and holds.

    Exit code 1 if one does not.
    """
    from xroad_lite.registry import RegistryFolder, read_source
    from xroad_lite.stewardship.trusting import listed

    is_source = (source / "instance.yaml").exists()
    documents = read_source(source) if is_source else RegistryFolder(source).newest().files
    rows = [(one, *_state(one, documents[one.document.root], source)) for one in listed(documents)]
    ok = all(good for _, good, _ in rows)
    shown = [_shown(one) | {"in_reach": good, "state": state} for one, good, state in rows]

    def people() -> None:
        made = output.table("", "instance", "root", "registry", "state")
        for one, _, state in rows:
            where = " ".join(one.document.registry)
            made.add_row(one.document.instance, one.sha256[:16], escape(where), escape(state))
        if rows:
            output.out.print(made)
        else:
            _say("no other instance is trusted")

    output.give({"ok": ok, "trusted": shown}, people)
    if not ok:
        raise typer.Exit(output.FOUND_WRONG)


@trust_app.command("remove")
@output.command
def remove(
    source: _Source,
    instance: Annotated[str, typer.Argument(help="Its identifier, as PE.")],
    json: options.Json = False,
) -> None:
    """Trust an instance no more: what its members send is refused from then on.

    What was exchanged before stays provable: a replay asks the registry of that day.
    """
    from xroad_lite.stewardship.trusting import distrust

    found = distrust(source, instance)
    output.give(_shown(found), lambda: _say(f"{instance} is taken out of {source}\n{_PUBLISH}"))


def _state(one: Trusted, root: bytes, source: Path) -> tuple[bool, str]:
    from xroad_lite import times
    from xroad_lite.stewardship.trusting import look

    try:
        found = look(one.document.registry, root, now=time.time())
    except RegistryError as error:
        return False, error.message
    instance = found.snapshot.instance
    if (instance.instance, instance.base) != (one.document.instance, one.document.base):
        return False, f"it says that it is {instance.instance}, {instance.base}"
    until = times.to_text(found.fresh_until)[:16].replace("T", " ")
    return True, f"snapshot {found.snapshot.edition.version}, good until {until}"


def _shown(one: Trusted) -> dict[str, object]:
    said = one.document
    return {
        "instance": said.instance,
        "base": said.base,
        "registry": said.registry,
        "root_sha256": one.sha256,
        "file": one.path,
    }


def _say(text: str) -> None:
    output.out.print(escape(text), highlight=False, soft_wrap=True)
