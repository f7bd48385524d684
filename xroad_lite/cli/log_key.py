"""``xroad-lite keys new --use log``: the keys that sign a log's checkpoints, for ``keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from xroad_lite.cli import output, passphrases
from xroad_lite.errors import KeysError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot


def make(settings: Settings, source: str | None, *, without: bool, first: bool) -> None:
    """Make the first key, or the one after the newest, and say what the registry must list."""
    from xroad_lite.node.evidence import log_keys

    keys = log_keys(settings)
    if first and keys.all():
        raise KeysError(
            "keys.exists",
            f"there is a key for the log already: {keys.all()[-1].uri}",
            hint="for a new one beside it: xroad-lite keys renew --use log",
        )
    source = source or settings.passphrase_source()
    secret = passphrases.of_new(settings.log_key_uri, source, without=without)
    made = keys.make(secret)
    vkey = str(made.verifier())

    def people() -> None:
        output.out.print(f"made the key {escape(made.uri)}", highlight=False, soft_wrap=True)
        output.say(f"have it listed for {settings.subsystem} in the registry:")
        output.out.print(f"  log_keys:\n  - {vkey}", highlight=False, soft_wrap=True)

    output.give({"key": made.uri, "number": made.number, "vkey": vkey}, people)


def described(settings: Settings, snapshot: Snapshot | None) -> list[dict[str, Any]]:
    """The log's keys, and whether the registry lists each."""
    from xroad_lite.node.evidence import log_keys

    party = snapshot.party(settings.subsystem) if snapshot else None
    listed = party.subsystem.log_keys if party else []
    return [
        {
            "number": key.number,
            "key": key.uri,
            "vkey": str(key.verifier()),
            "state": "unknown"
            if snapshot is None
            else "listed"
            if str(key.verifier()) in listed
            else "not listed",
        }
        for key in log_keys(settings).all()
    ]


def show(found: list[dict[str, Any]]) -> None:
    """Print them for people."""
    made = output.table("keys of the log", "#", "public key", "state")
    for one in found:
        made.add_row(str(one["number"]), escape(one["vkey"]), one["state"])
    if found:
        output.out.print(made)
