"""``log replay``: the pipeline again, under the registry of that day."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.markup import escape

from xroad_lite.cli import options, output, passphrases
from xroad_lite.cli.log.app import log_app


@log_app.command("replay")
@output.command
def replay(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """Judge every received message again, under the registry of its day; compare the verdicts."""
    from xroad_lite.messagelog import Store
    from xroad_lite.node import Settings
    from xroad_lite.node.encryption_keys import holder_of
    from xroad_lite.node.registries import mirrors
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
            mirrors(settings),
            holder=holder_of(settings, passphrases.asked(settings.passphrase_source())),
        )
    value = {
        "ok": found.equal,
        "judged": found.judged,
        "unproven": found.unproven,
        "closed": found.closed,
        "erased": found.erased,
        "differences": [str(one) for one in found.differences],
    }

    def people() -> None:
        output.out.print(
            f"{found.judged} judged again, {found.unproven} of which only a digest was kept, "
            f"{found.erased} with their bodies erased"
        )
        if found.closed:
            output.out.print(f"{found.closed} confidential, of which no key at hand opens the body")
        for one in found.differences:
            output.out.print(f"[bold red]differs[/] {escape(str(one))}", soft_wrap=True)
        if found.equal:
            output.out.print("every verdict is the same")

    output.give(value, people)
    if not found.equal:
        raise typer.Exit(output.FOUND_WRONG)
