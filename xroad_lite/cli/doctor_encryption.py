"""``xroad-lite doctor``: whether a node can read what is encrypted to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xroad_lite.errors import KeysError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot

Row = tuple[str, str, str, str]
"""What is looked at, its state, what was found, what repairs it."""


def encryption_rows(settings: Settings, snapshot: Snapshot) -> Iterator[Row]:
    """A row where the registry lists encryption keys of this node: are the private ones here?"""
    from xroad_lite.node.encryption_keys import EncryptionKeys
    from xroad_lite.registry.encryption_keys import public_key

    party = snapshot.party(settings.subsystem)
    if party is None or not party.subsystem.encryption_keys:
        return
    what = "encryption keys"
    try:
        here = set(EncryptionKeys(settings).holder().kids)
    except KeysError as error:
        yield what, "missing", error.message, error.hint
        return
    listed = [public_key(one).kid for one in party.subsystem.encryption_keys]
    gone = [kid for kid in listed if kid not in here]
    current = party.encryption_key(time.time())
    if current is not None and current.kid in gone:
        found = f"what is sent now is encrypted to {current.kid[:16]}…, which is not here"
        yield what, "missing", found, "put it back, or list a key that is here"
    elif gone:
        found = f"{len(gone)} of {len(listed)} listed keys are not here"
        yield what, "optional", found, "put them back, to read what is old"
    else:
        yield what, "good", f"all {len(listed)} that the registry lists are here", ""
