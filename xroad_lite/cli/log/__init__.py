"""``xroad-lite log`` and ``xroad-lite dead``: what an auditor and an operator look into.

Each module adds its commands to the two; a new one is named here, and below what it helps with.
"""

from __future__ import annotations

from xroad_lite.cli.log import (
    archive,
    audit,
    checkpoints,
    dead,
    export,
    gaps,
    meaning,
    opmon,
    receipts,
    replay,
    restamp,
    retain,
    search,
    show,
    subject,
    upkeep,
    verify,
    witness,
)
from xroad_lite.cli.log.app import dead_app, log_app

__all__ = [
    "archive",
    "audit",
    "checkpoints",
    "dead",
    "dead_app",
    "export",
    "gaps",
    "log_app",
    "meaning",
    "opmon",
    "receipts",
    "replay",
    "restamp",
    "retain",
    "search",
    "show",
    "subject",
    "upkeep",
    "verify",
    "witness",
]

_PANELS = {
    "What is there": "show search subject receipts gaps stats opmon shacl",
    "What can be proved": "verify replay audit prove export checkpoints restamp witness trust",
    "Keeping it": "backup archive retain hold fsck repair",
}
"""How ``log --help`` groups the commands, each word a command."""


def _grouped() -> None:
    place = {word: at for at, word in enumerate(" ".join(_PANELS.values()).split())}
    panel = {word: name for name, words in _PANELS.items() for word in words.split()}
    log_app.registered_commands.sort(key=lambda one: place[one.name or ""])
    for command in log_app.registered_commands:
        command.rich_help_panel = panel[command.name or ""]
    for group in log_app.registered_groups:
        group.rich_help_panel = panel[group.name or ""]


_grouped()
