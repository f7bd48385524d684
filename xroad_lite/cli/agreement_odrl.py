"""``xroad-lite agreement export`` and ``import``: agreements as ODRL policies, and back."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from xroad_lite.cli import options, output
from xroad_lite.cli.agreement import agreement_app
from xroad_lite.cli.agreement_given import Name, Source, read
from xroad_lite.errors import RegistryError


@agreement_app.command("export")
@output.command
def export(name: Name, source: Source = Path(), json: options.Json = False) -> None:
    """Write an agreement as an ODRL 2.2 policy, JSON-LD with terms of DPV."""
    from xroad_lite.stewardship.odrl import to_odrl

    shelf = read(source)
    policy = to_odrl(shelf.agreement(name), shelf.snapshot.instance.base)
    text = json_text.dumps(policy, indent=2, ensure_ascii=False) + "\n"
    output.give({"policy": policy}, lambda: _write(text))


def _write(text: str) -> None:
    sys.stdout.write(text)


@agreement_app.command("import")
@output.command
def import_(
    file: Annotated[Path, typer.Argument(help="A policy as agreement export writes it.")],
    source: Source = Path(),
    json: options.Json = False,
) -> None:
    """Make an agreement of an ODRL policy; refused by name is what an agreement cannot hold."""
    import yaml

    from xroad_lite import strict_json
    from xroad_lite.registry.agreements import agreement_path
    from xroad_lite.stewardship.odrl import from_odrl

    try:
        policy = strict_json.loads(file.read_bytes())
    except strict_json.StrictJSONError as error:
        raise RegistryError("registry.odrl", f"{file}: {error}") from None
    document = from_odrl(policy, read(source).snapshot.instance.base)
    path = agreement_path(document["agreement"], document["version"])
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    with (source / path).open("x", encoding="utf-8") as written:
        yaml.safe_dump(document, written, allow_unicode=True, sort_keys=False, width=100)

    def people() -> None:
        output.out.print(f"wrote {source / path}", highlight=False, soft_wrap=True)
        output.say(f"next: xroad-lite agreement check {document['agreement']}")

    output.give({"path": path}, people)
