"""The keys that a subsystem lists to be encrypted to, at a time; encrypts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xroad_lite import times
from xroad_lite.encryption import PublicKey
from xroad_lite.registry.models import EncryptionKey


def key_in_force(listed: Sequence[EncryptionKey], at: float) -> PublicKey | None:
    """Of the keys in force at Unix time ``at`` the one that began last; of equals the later one.

    ``EncryptionError`` if it is no point on the curve, which ``registry check`` would have said.
    """
    chosen, begun = None, float("-inf")
    for one in listed:
        start = times.to_unix(one.start) if one.start else float("-inf")
        ended = one.until is not None and times.to_unix(one.until) <= at
        if begun <= start <= at and not ended:
            chosen, begun = one, start
    return None if chosen is None else public_key(chosen)


def public_key(entry: EncryptionKey) -> PublicKey:
    """The key of an entry; ``EncryptionError`` if it is no point on the curve."""
    return _read(entry.x, entry.y)


@lru_cache(maxsize=4096)
def _read(x: str, y: str) -> PublicKey:
    return PublicKey.read({"kty": "EC", "crv": "P-256", "x": x, "y": y})
