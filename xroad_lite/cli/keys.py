"""``xroad-lite ca``: an authority for development, and certificates by it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from xroad_lite.cli import options, output

ca_app = typer.Typer(
    no_args_is_help=True, help="A certificate authority for development: new, issue."
)
_PASSPHRASE = "XROAD_LITE_KEY_PASSPHRASE"  # noqa: S105  the name of a variable


@ca_app.command("new")
@output.command
def new(
    folder: Annotated[Path, typer.Argument(help="Where the authority's key and certificate go.")],
    name: Annotated[str, typer.Option(help="Its common name.")] = "xroad_lite development CA",
    json: options.Json = False,
) -> None:
    """Make an authority. Its key is encrypted if XROAD_LITE_KEY_PASSPHRASE is set."""
    from xroad_lite.stewardship import Authority

    Authority.create(name, now=time.time()).write(folder, passphrase=_passphrase())
    certificate = str(folder / "authority.pem")
    output.give(
        {"certificate": certificate},
        lambda: output.out.print(
            f"{certificate}: name it in the authorities of the registry's instance.yaml"
        ),
    )


@ca_app.command("issue")
@output.command
def issue(
    subsystem: Annotated[str, typer.Argument(help="For whom, as CL/GOV/CIVIL/births.")],
    folder: Annotated[Path, typer.Argument(help="Where key.pem and certificates.pem go.")],
    ca: Annotated[Path, typer.Option(help="The authority's folder.", envvar="XROAD_LITE_CA")],
    algorithm: Annotated[str, typer.Option(help="ES256 or EdDSA.")] = "ES256",
    json: options.Json = False,
) -> None:
    """Make a key and a certificate for a subsystem."""
    from xroad_lite.errors import KeysError
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.stewardship import Authority

    if algorithm not in ("ES256", "EdDSA"):
        raise KeysError("keys.algorithm", f"got {algorithm}: expected ES256 or EdDSA")
    if (folder / "key.pem").exists():
        raise KeysError("keys.exists", f"{folder / 'key.pem'} is there already")
    passphrase = _passphrase()
    authority = Authority.read(ca, passphrase=passphrase)
    identity = authority.issue(SubsystemId.parse(subsystem), now=time.time(), algorithm=algorithm)
    identity.write(folder, passphrase=passphrase)
    output.give(
        {"sha256": identity.sha256, "folder": str(folder)},
        lambda: output.out.print(
            f"list it for {subsystem} in the registry:\n"
            f"  certificates:\n  - sha256: {identity.sha256}",
            highlight=False,
            soft_wrap=True,
        ),
    )


def _passphrase() -> bytes | None:
    text = os.environ.get(_PASSPHRASE)
    return text.encode() if text else None
