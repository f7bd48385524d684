"""``xroad-lite log`` and ``xroad-lite dead``: what an auditor and an operator look into.

Each module adds its commands to the two; a new one is named here.
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
