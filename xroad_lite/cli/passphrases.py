"""Passphrases for commands: from a variable, a file, a descriptor or the terminal, never an option.

Does not open keys.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from xroad_lite.errors import KeysError

From = Annotated[
    str | None,
    typer.Option(
        "--passphrase-from",
        help="env:NAME, file:PATH, fd:NUMBER or prompt. Left out: XROAD_LITE_PASSPHRASE, else the "
        "terminal.",
        envvar="XROAD_LITE_PASSPHRASE_FROM",
    ),
]
AuthorityFrom = Annotated[
    str | None,
    typer.Option(
        "--ca-passphrase-from",
        help="The same for the authority's key. Left out: XROAD_LITE_CA_PASSPHRASE, else the "
        "terminal.",
        envvar="XROAD_LITE_CA_PASSPHRASE_FROM",
    ),
]
Without = Annotated[
    bool, typer.Option("--no-passphrase", help="Write the key without encrypting it.")
]
VARIABLE, AUTHORITY_VARIABLE = "XROAD_LITE_PASSPHRASE", "XROAD_LITE_CA_PASSPHRASE"


def asked(
    source: str | None, variable: str = VARIABLE, what: str = "Passphrase of the key: "
) -> Callable[[], bytes | None]:
    """What gives the passphrase of a key that is there already, when it is needed."""
    from xroad_lite.keys import passphrase_from

    given = passphrase_from(source or f"env:{variable}", prompt=what)

    def ask() -> bytes | None:
        found = given()
        if found is None and source is None and sys.stdin.isatty():
            return passphrase_from("prompt", prompt=what)()
        return found

    return ask


def chosen(
    source: str | None,
    variable: str = VARIABLE,
    what: str = "Passphrase for the new key: ",
    *,
    without: bool,
    confirm: bool = True,
) -> bytes | None:
    """The passphrase of a new key; None only where the user said so."""
    if without:
        return None
    found = asked(source, variable, what)()
    if not found:
        raise KeysError(
            "keys.passphrase",
            "a new key is encrypted, and no passphrase was given",
            hint=f"set {variable}, or --passphrase-from file:PATH, or say --no-passphrase",
        )
    typed = source == "prompt" or (source is None and not os.environ.get(variable))
    if confirm and typed and asked("prompt", what="The same again: ")() != found:
        raise KeysError("keys.passphrase", "the two passphrases differ: type the same twice")
    return found


def of_new(uri: str, source: str | None, *, without: bool) -> bytes | None:
    """What a new key at ``uri`` is made under; a PIN is there already, and never left out."""
    in_file = uri.startswith("file:")
    return chosen(source, without=without and in_file, confirm=in_file)
