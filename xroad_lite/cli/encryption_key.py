"""``xroad-lite keys new --use encryption``: the keys that open confidential bodies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import output, passphrases
from xroad_lite.errors import KeysError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot


def make(settings: Settings, source: str | None, *, without: bool, first: bool) -> None:
    """Make the first key, or the one after the newest, and say what the registry must list."""
    from xroad_lite.node.encryption_keys import EncryptionKeys

    keys = EncryptionKeys(settings)
    there = keys.uris()
    if first and there:
        raise KeysError(
            "keys.exists",
            f"there is an encryption key already: {there[max(there)]}",
            hint="for a new one beside it: xroad-lite keys renew --use encryption",
        )
    source = source or settings.passphrase_source()
    secret = passphrases.of_new(settings.encryption_key_uri, source, without=without)
    number, uri, made = keys.make(secret)
    public = made.public
    entry = public.members() | {"from": times.to_text(int(time.time()))}

    def people() -> None:
        output.out.print(f"made the key {escape(uri)}", highlight=False, soft_wrap=True)
        output.say(f"have it listed for {settings.subsystem} in the registry; keep earlier keys:")
        lines = [f"    {name}: {value}" for name, value in entry.items()]
        lines[0] = f"  - {lines[0].strip()}"
        for line in ("  encryption_keys:", *lines):
            output.out.print(line, highlight=False, soft_wrap=True)

    value = {"key": uri, "number": number, "kid": public.kid, "encryption_key": entry}
    output.give(value, people)


def described(settings: Settings, snapshot: Snapshot | None) -> list[dict[str, Any]]:
    """The encryption keys that are here, and whether the registry lists each."""
    from xroad_lite.node.encryption_keys import EncryptionKeys

    party = snapshot.party(settings.subsystem) if snapshot else None
    keys = EncryptionKeys(settings)
    current = party.encryption_key(time.time()) if party else None
    found = []
    for number, uri in keys.uris().items():
        kid, state = None, "cannot be opened here"
        if (key := keys.open(uri)) is not None:
            kid, state = key.public.kid, "not listed"
            if snapshot is None:
                state = "unknown"
            elif party is not None and party.lists_encryption_key(kid):
                state = "encrypted to" if current == key.public else "for reading"
        found.append({"number": number, "key": uri, "kid": kid, "state": state})
    return found


def show(found: list[dict[str, Any]]) -> None:
    """Print them for people."""
    made = output.table("encryption keys", "#", "thumbprint", "state")
    for one in found:
        made.add_row(str(one["number"]), (one["kid"] or "-")[:16], one["state"])
    if found:
        output.out.print(made)
