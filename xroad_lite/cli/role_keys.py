"""Options that name a published registry and the keys that sign its roles; opens these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroad_lite.cli import passphrases

if TYPE_CHECKING:
    from xroad_lite.stewardship import RoleKeys

Registry = Annotated[Path, typer.Argument(help="The folder of the published registry.")]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        "-k",
        help="A key's file, a folder of them, or pkcs11:…; again for more.",
        envvar="XROAD_LITE_REGISTRY_KEYS",
    ),
]
Public = Annotated[
    list[Path] | None, typer.Option(help="A public key (.pub) of its holder; again for more.")
]


def opened(keys: Sequence[str] | None, passphrase_from: str | None) -> RoleKeys:
    """The keys that are named; their passphrase, or a token's PIN, is asked for when needed."""
    from xroad_lite.stewardship import RoleKeys

    return RoleKeys.open(keys or (), passphrases.asked(passphrase_from))
