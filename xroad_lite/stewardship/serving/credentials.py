"""Who may write over HTTP: basic authentication and bearer tokens from one file; keeps no users.

A line of the file is ``user:password`` or a token; empty lines and those after ``#`` do not count.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from xroad_lite.errors import ConfigurationError

_MADE_BY = "python3 -c 'import secrets; print(secrets.token_urlsafe())'"


class Credentials:
    """Compares what a client shows with what the file says, in constant time."""

    def __init__(self, lines: Iterable[str]) -> None:
        found = [line.strip() for line in lines]
        found = [line for line in found if line and not line.startswith("#")]
        if not found or any(line.endswith(":") for line in found):
            raise ConfigurationError(
                "config.credentials",
                "there are no credentials, or one without a password",
                hint=f"write a line user:password or a token, made by: {_MADE_BY}",
            )
        self._digests = [_digest(line.encode()) for line in found]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; ``ConfigurationError`` if others than its owner can."""
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                "config.credentials",
                f"others than its owner may read {path}",
                hint=f"chmod 600 {path}",
            )
        return cls(path.read_text(encoding="utf-8").splitlines())

    def allow(self, authorization: str) -> bool:
        """Whether the header ``Authorization`` shows one of them."""
        shown = _shown(authorization)
        if not shown:
            return False
        digest = _digest(shown)
        return any(hmac.compare_digest(digest, one) for one in self._digests)


def _shown(authorization: str) -> bytes:
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and ":" not in value:
        return value.encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            shown = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return b""
        return shown if b":" in shown else b""
    return b""


def _digest(shown: bytes) -> bytes:
    return hashlib.sha256(shown).digest()
