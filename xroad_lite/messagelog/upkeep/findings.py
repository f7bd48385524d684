"""What a check of the store finds; does not look for it."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_KEPT = 1000
"""Findings beyond this are counted only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    entry: int | None
    code: str
    message: str
    derived: bool = False
    """Whether it follows from the entries, so that ``repair`` makes it anew; else it is lost."""

    def __str__(self) -> str:
        return self.message if self.entry is None else f"entry {self.entry}: {self.message}"


@dataclass(slots=True)
class Report:
    """What a check saw, and what it found."""

    entries: int = 0
    archived: int = 0
    """Of the entries, those that lie in segment files."""
    bodies: int = 0
    erased: int = 0
    checkpoints: int = 0
    root: str = ""
    wrong: int = 0
    derived: int = 0
    findings: list[Finding] = field(default_factory=list)
    """The first ones."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not (self.wrong or self.derived)

    def add(self, found: Finding) -> None:
        """Count a finding, and keep it among the first."""
        if found.derived:
            self.derived += 1
        else:
            self.wrong += 1
        if len(self.findings) < MAX_KEPT:
            self.findings.append(found)
