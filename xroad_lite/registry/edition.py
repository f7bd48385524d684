"""What is known of a snapshot besides its documents: its name, when it holds, whose roles it has.

Values only; ``metadata`` reads them from what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from xroad_lite import times


@dataclass(frozen=True, slots=True)
class Role:
    """A domain's own part of the registry: which paths, and until when its steward's word holds."""

    name: str
    paths: tuple[str, ...]
    expires: float
    problem: str = ""
    """Why nothing of it could be taken; then it has expired at 0."""

    def covers(self, path: str) -> bool:
        """Whether a document of this path is the role's; a ``*`` stops at a slash."""
        return covers(self.paths, path)

    def __str__(self) -> str:
        """What to say when it does not hold."""
        if self.problem:
            return f"nothing that the role {self.name} signed can be taken: {self.problem}"
        return f"what the role {self.name} signed expired at {times.to_text(self.expires)}"


@dataclass(frozen=True, slots=True)
class Edition:
    """When and as what a snapshot was published; times are Unix seconds.

    ``name`` is ``VERSION:DIGEST``, as a seal names it: the digest, base64url of SHA-256, is of
    TUF's snapshot.json, which holds length and SHA-256 of each role's metadata, and those of each
    document: so it binds every byte.
    """

    version: int
    published: float
    expires: float
    name: str
    root: int = 1
    """Under which root it was signed."""
    previous: str | None = None
    """The name of the snapshot before: the newest one vouches for all earlier ones."""
    roles: tuple[Role, ...] = ()

    def role(self, path: str) -> Role | None:
        """The domain's role that a path belongs to; None for what the lead agency signs itself."""
        return next((one for one in self.roles if one.covers(path)), None)


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether a path falls under one of the patterns; ``*`` stops at a slash."""
    steps = path.split("/")
    return any(
        len(pattern) == len(steps) and all(map(_covers_step, steps, pattern))
        for pattern in map(_steps, patterns)
    )


@lru_cache(maxsize=4096)
def _steps(pattern: str) -> list[str]:
    return pattern.split("/")


def _covers_step(step: str, pattern: str) -> bool:
    return pattern in ("*", step) or fnmatchcase(step, pattern)
