"""``xroad-lite init``: a project that runs, with an instance of its own to talk to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from xroad_lite.cli import options, output
from xroad_lite.errors import ConfigurationError

ADAPTER = '''"""Registers births that hospitals report: start it, and send one from elsewhere."""

from contextlib import suppress

from xroad_lite import Message, Node

node = Node.open("instance/nodes/civil")


@node.subscribe("health.birth", reads="citizens.person")
def register(message: Message) -> None:
    """The body comes in our own words; what could not be carried over is in ``losses``."""
    message.sql("CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, born TEXT)")
    person = message.body
    row = (person["identificadorNacimiento"], person["fechaNacimiento"])
    message.sql("INSERT INTO people VALUES (?, ?)", row)
    print("registered", *row, *person.get("nombres", []))


if __name__ == "__main__":
    print("waiting for births: end with Ctrl-C")
    with node, suppress(KeyboardInterrupt):
        node.run()
'''

README = """# An adapter on xroad_lite

`adapter.py` is the Civil Registry of a small instance that lives in `instance/`: an authority,
a registry (its documents in `instance/source`), and a node for each subsystem, of which
`health` and `civil` are used here.

    python adapter.py                                            # in one terminal
    xroad-lite send health.birth birth.json --node instance/nodes/health    # in another

Then look at what was kept, and prove it:

    xroad-lite log show --node instance/nodes/civil
    xroad-lite log verify --node instance/nodes/civil

To make it yours: change the documents in `instance/source`, publish them with
`xroad-lite registry publish instance/source instance/registry --key instance/keys`, and write your
handler. The keys in `instance/keys` sign the registry: they are for development, unguarded.
"""


_STEPS = """  python adapter.py
and in another terminal:
  xroad-lite send health.birth birth.json --node instance/nodes/health"""


@output.command
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder for the project.")],
    adapter: Annotated[
        str | None, typer.Option(help="One that exists: sql, files, rest, xroad or email.")
    ] = None,
    instance: Annotated[str, typer.Option(help="The name of its instance.")] = "DEMO",
    json: options.Json = False,
) -> None:
    """Make an adapter project that runs: a small instance, two nodes, and a handler."""
    from xroad_lite import strict_json
    from xroad_lite.cli.adapters import check_adapter, write_project
    from xroad_lite.testing import BIRTH, two_agency_instance

    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(
            "config.init", f"{folder} is not empty", hint="give the name of a new folder"
        )
    if adapter is not None:
        check_adapter(adapter)
    folder.mkdir(parents=True, exist_ok=True)
    two_agency_instance(folder / "instance", now=time.time(), name=instance, domains=None)
    if adapter is None:
        (folder / "adapter.py").write_text(ADAPTER)
        (folder / "README.md").write_text(README)
    else:
        write_project(adapter, folder, instance)
    (folder / "birth.json").write_bytes(strict_json.dumps(BIRTH) + b"\n")
    (folder / ".gitignore").write_text(
        "*.sqlite3*\n*.lock\nkey.pem\n*.key.pem\nlog-key*.pem\nencryption*.pem\n/instance/keys/*.pem\n"
    )
    steps = f"  cd {folder}\n" + ("  less README.md" if adapter else _STEPS)

    def people() -> None:
        output.out.print(f"{folder} is ready. Next:\n{steps}", highlight=False, soft_wrap=True)

    output.give({"folder": str(folder)}, people)
