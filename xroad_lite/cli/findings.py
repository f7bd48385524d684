"""How findings of a check are printed: for people, for programs, for the pages of a code review.

Does not check anything.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import textwrap
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from xroad_lite import __version__, strict_json
from xroad_lite.cli import output

if TYPE_CHECKING:
    from xroad_lite.stewardship import Finding

_INDENT: Final = 19
_COLOURS: Final = {"wrong": "bold red", "warning": "yellow", "note": "cyan"}
_GITHUB: Final = {"wrong": "error", "warning": "warning", "note": "notice"}
_GITLAB: Final = {"wrong": "critical", "warning": "minor", "note": "info"}
_SARIF: Final = {"wrong": "error", "warning": "warning", "note": "note"}
_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


class Form(StrEnum):
    """In which form findings are printed."""

    TEXT = "text"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"


def as_json(one: Finding) -> dict[str, Any]:
    """A finding as a program reads it."""
    return {
        "severity": one.severity,
        "code": one.code,
        "path": one.path,
        "line": one.line or None,
        "column": one.column or None,
        "message": one.message,
        "hint": one.hint,
    }


def counted(findings: Sequence[Finding]) -> dict[str, int]:
    """How many there are of each severity."""
    return {name: sum(one.severity == name for one in findings) for name in _COLOURS}


def write(findings: Sequence[Finding], form: Form, source: Path) -> None:
    """Print the findings on stdout; ``source`` is the folder that their paths lie in."""
    if form is Form.TEXT:
        _people(findings)
    elif form is Form.GITHUB:
        for one in findings:
            sys.stdout.write(_github(one, source) + "\n")
    else:
        value = _gitlab(findings, source) if form is Form.GITLAB else _sarif(findings, source)
        sys.stdout.write(strict_json.dumps(value).decode() + "\n")


def _people(findings: Sequence[Finding]) -> None:
    width = min(shutil.get_terminal_size((80, 24)).columns, 100) - _INDENT - 1
    for path, of_file in groupby(findings, key=lambda one: one.path):
        _print(f"[bold]{_safe(path)}[/]")
        for one in of_file:
            place = f"{one.line}:{one.column}" if one.line else "-"
            lead = f"  {place:>7}  [{_COLOURS[one.severity]}]{one.severity:7}[/] "
            for line in _lines(one, width):
                _print(lead + line)
                lead = " " * _INDENT
        _print("")


def _lines(one: Finding, width: int) -> list[str]:
    """The message, its code at the end or on a line of its own, and the hint; with markup."""
    lines = textwrap.wrap(_clean(one.message), width) or [""]
    shown = [_safe(line) for line in lines]
    code = f"[dim]{one.code}[/]"
    if len(lines[-1]) + 2 + len(one.code) <= width:
        shown[-1] += f"  {code}"
    else:
        shown.append(code)
    return shown + [f"[dim]{_safe(line)}[/]" for line in textwrap.wrap(_clean(one.hint), width)]


def _print(text: str) -> None:
    output.out.print(text, soft_wrap=True, highlight=False)


def _clean(text: str) -> str:
    """Without characters that could move a terminal's cursor: names come from anybody."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _safe(text: str) -> str:
    return escape(_clean(text))


def _github(one: Finding, source: Path) -> str:
    """A workflow command, as GitHub's runners read them from a step's output."""
    where = [f"file={_property(str(source / one.path))}"]
    if one.line:
        where += [f"line={one.line}", f"col={one.column}"]
    where.append(f"title={_property(one.code)}")
    text = f"{one.message} ({one.hint})" if one.hint else one.message
    return f"::{_GITHUB[one.severity]} {','.join(where)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _gitlab(findings: Sequence[Finding], source: Path) -> list[dict[str, Any]]:
    """A code quality report, as GitLab reads them."""
    return [
        {
            "description": one.message,
            "check_name": one.code,
            "fingerprint": hashlib.sha256(
                f"{one.path} {one.code} {one.message}".encode()
            ).hexdigest(),
            "severity": _GITLAB[one.severity],
            "location": {"path": str(source / one.path), "lines": {"begin": one.line or 1}},
        }
        for one in findings
    ]


def _sarif(findings: Sequence[Finding], source: Path) -> dict[str, Any]:
    """A log in OASIS SARIF 2.1.0."""
    rules = sorted({one.code for one in findings})
    driver = {"name": "xroad-lite", "version": __version__, "rules": [{"id": r} for r in rules]}
    results = [_result(one, source) for one in findings]
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }


def _result(one: Finding, source: Path) -> dict[str, Any]:
    from urllib.parse import quote

    place: dict[str, Any] = {"artifactLocation": {"uri": quote(str(source / one.path))}}
    if one.line:
        place["region"] = {"startLine": one.line, "startColumn": one.column or 1}
    text = f"{one.message} ({one.hint})" if one.hint else one.message
    return {
        "ruleId": one.code,
        "level": _SARIF[one.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
