"""Options that several commands share; each is an environment variable too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object for programs.", envvar="XROAD_LITE_JSON"),
]
NodeFolder = Annotated[
    Path,
    typer.Option(
        "--node", "-n", help="The node's folder, or its node.yaml.", envvar="XROAD_LITE_NODE"
    ),
]
