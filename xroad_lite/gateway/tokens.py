"""API tokens: each speaks for one subsystem; only their hashes are kept, in one file.

Does not keep users: a token is a random 256-bit secret, so a plain SHA-256 hides it well enough.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from xroad_lite import times
from xroad_lite.errors import ConfigurationError, RegistryError
from xroad_lite.registry.documents import read_yaml

PREFIX = "xrl_"
"""What every token begins with, so that a leaked one is found, and none is passed on."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. Times are RFC 3339."""

    name: str
    subsystem: str
    sha256: str
    created: str
    expires: str | None = None

    def good_at(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < times.to_unix(self.expires)


class TokenFile:
    """``tokens.yaml``, read again when it has changed: who is revoked is out at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def list(self) -> list[Token]:
        """All tokens; ``ConfigurationError`` if others than its owner can change the file."""
        self._read()
        return list(self._tokens.values())

    def find(self, shown: str, now: float) -> Token | None:
        """The good token of this text, if it is one."""
        self._read()
        found = self._tokens.get(_digest(shown))
        return found if found is not None and found.good_at(now) else None

    def new(self, name: str, subsystem: str, now: float, expires: float | None) -> str:
        """Add a token; gives its text, which nobody can be told again."""
        tokens = self.list()
        if any(one.name == name for one in tokens):
            raise ConfigurationError(
                "config.token",
                f"there is a token {name!r} already",
                hint=f"xroad-lite gateway token revoke {name}",
            )
        text = PREFIX + secrets.token_urlsafe(32)
        ends = None if expires is None else times.to_text(expires)
        made = Token(name, subsystem, _digest(text), times.to_text(now), ends)
        self._write([*tokens, made])
        return text

    def revoke(self, name: str) -> Token:
        """Take a token away; ``ConfigurationError`` if there is none of this name."""
        tokens = self.list()
        found = next((one for one in tokens if one.name == name), None)
        if found is None:
            names = ", ".join(sorted(one.name for one in tokens)) or "none"
            raise ConfigurationError(
                "config.token", f"there is no token {name!r}: there is {names}"
            )
        self._write([one for one in tokens if one is not found])
        return found

    def _read(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._tokens, self._seen = {}, None
            return
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen == self._seen:
            return
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                "config.tokens",
                f"others than its owner may read {self._path}",
                hint=f"chmod 600 {self._path}",
            )
        self._tokens = {one.sha256: one for one in _parsed(self._path)}
        self._seen = seen

    def _write(self, tokens: Iterable[Token]) -> None:
        """Replaced whole, so that a gateway never reads half a file."""
        written = {"tokens": [{k: v for k, v in asdict(one).items() if v} for one in tokens]}
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write("# Made by: xroad-lite gateway token new\n")
            yaml.safe_dump(written, new, sort_keys=False)
        temporary.replace(self._path)


def _parsed(path: Path) -> list[Token]:
    try:
        value = read_yaml(str(path), path.read_bytes())
        return [Token(**one) for one in value["tokens"]]
    except (RegistryError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "config.tokens",
            f"{path} is no file of tokens: {error}",
            hint="write it with: xroad-lite gateway token new",
        ) from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
