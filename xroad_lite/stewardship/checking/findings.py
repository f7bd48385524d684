"""What a check of a registry's source finds: how bad, where, what, and what to do about it.

Does not check anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from xroad_lite.registry.places import places
from xroad_lite.registry.yaml_values import Path, line_and_column

Severity = Literal["wrong", "warning", "note"]
"""``wrong`` must not be published, a ``warning`` may, a ``note`` is likely a slip of the pen."""

MAX_PER_FILE = 100
"""How many findings of one file are told; that there are more is told too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say about one place; ``line`` and ``column`` count from 1, 0 is unknown.

    ``at`` is the path of the value in its document, or ``near`` a text beside which it stands:
    ``located`` makes lines of them.
    """

    path: str
    code: str
    message: str
    severity: Severity = "wrong"
    hint: str = ""
    at: Path | None = None
    near: str = ""
    line: int = 0
    column: int = 0

    @property
    def is_wrong(self) -> bool:
        """Whether it keeps the registry from being published."""
        return self.severity == "wrong"

    @property
    def place(self) -> str:
        """``members/civil.yaml:12:5``, as editors and terminals understand it."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: {self.message}"
            if self.line
            else (f"{self.path}: {self.message}")
        )


def located(findings: Iterable[Finding], files: Mapping[str, bytes]) -> list[Finding]:
    """The findings with line and column, in the order of files and lines, without repetitions."""
    by_path: dict[str, list[Finding]] = defaultdict(list)
    for one in dict.fromkeys(findings):
        by_path[one.path].append(one)
    found: list[Finding] = []
    for path in sorted(by_path):
        here = sorted(_in_file(by_path[path], path, files.get(path)), key=_order)
        found += here[:MAX_PER_FILE]
        if len(here) > MAX_PER_FILE:
            more = f"there are {len(here) - MAX_PER_FILE:,} more findings in this file"
            worst = min((one.severity for one in here[MAX_PER_FILE:]), key=_RANKS.__getitem__)
            found.append(Finding(path, "registry.more", more, worst))
    return found


_RANKS = {"wrong": 0, "warning": 1, "note": 2}


def _order(finding: Finding) -> tuple[int, int, int, str, str]:
    place = finding.line, finding.column
    return (*place, _RANKS[finding.severity], finding.code, finding.message)


def _in_file(findings: list[Finding], path: str, data: bytes | None) -> list[Finding]:
    if data is None:
        return findings
    known = places(path, data, {one.at for one in findings if one.at is not None})
    text = data.decode("utf-8", "replace") if any(one.near for one in findings) else ""
    return [_placed(one, known, text) for one in findings]


def _placed(finding: Finding, known: Mapping[Path, tuple[int, int]], text: str) -> Finding:
    if finding.line:
        return finding
    if finding.at is not None:
        line, column = known[finding.at]
    elif finding.near and (offset := text.find(finding.near)) >= 0:
        line, column = line_and_column(text, offset)
    else:
        return finding
    return replace(finding, line=line, column=column)
