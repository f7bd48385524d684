"""``xroad-lite registry export``: the registry as a catalogue, for programs and for people."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from xroad_lite.cli import options, output
from xroad_lite.cli.registry import registry_app


class Form(StrEnum):
    """In which form the catalogue is written."""

    DCAT = "dcat"
    DCAT_JSONLD = "dcat-jsonld"
    ASYNCAPI = "asyncapi"
    OPENAPI = "openapi"
    HTML = "html"


_Registry = Annotated[
    Path,
    typer.Argument(help="A source directory, or the folder of a published registry."),
]
_Form = Annotated[
    Form,
    typer.Option(
        "--format",
        "-f",
        help="dcat (DCAT-AP 3, Turtle), dcat-jsonld, asyncapi (3.0), openapi (3.1), html.",
        envvar="XROAD_LITE_EXPORT_FORMAT",
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write; stdout if none is named."),
]


@registry_app.command("export")
@output.command
def export(
    registry: _Registry, form: _Form, to: _Output = None, json: options.Json = False
) -> None:
    """Write the registry as a catalogue: who offers what, and with whom to talk.

    The same registry gives the same bytes.
    """
    from xroad_lite.stewardship.catalogue import export as exported
    from xroad_lite.stewardship.catalogue import read_catalogue

    catalogue = read_catalogue(registry)
    data = exported(catalogue, form.value)
    counts: dict[str, Any] = {
        "format": form.value,
        "members": len(catalogue.members),
        "types": len(catalogue.types),
        "services": len(catalogue.services),
        "agreements": len(catalogue.agreements),
        "bytes": len(data),
    }
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)
        what = (
            f"{to}: {counts['members']} institutions, {counts['types']} types of messages, "
            f"{counts['services']} services, {counts['agreements']} agreements"
        )
        output.give({**counts, "output": str(to)}, lambda: output.out.print(what, highlight=False))
    elif json:
        output.give({**counts, "content": data.decode()}, lambda: None)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
