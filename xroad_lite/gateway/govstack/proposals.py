"""What systems ask for and no agreement or schema gives yet: files that the steward decides on.

Does not change the registry: a proposal holds the document that the steward may take into it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Self

from xroad_lite import strict_json, times
from xroad_lite.errors import ConfigurationError
from xroad_lite.gateway.govstack.subscriptions import write_durably
from xroad_lite.gateway.problems import ProblemError
from xroad_lite.policy import PUBLISH
from xroad_lite.registry import Snapshot

FOLDER = "govstack/proposals"
EVENT_TYPE, SUBSCRIPTION, RETIREMENT = "event-type", "subscription", "retirement"
MOST = 100
"""How many may wait of one subsystem."""
TODO = "TODO"
_FIELDS = {"kind", "type", "subsystem", "at", "path", "document"}


class Proposals:
    """``proposals/SUBSYSTEM/KIND-TYPE.json``; one that is made again is the same one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def beside(cls, folder: Path) -> Self:
        """Those of the gateway whose settings are in a folder."""
        return cls(folder / FOLDER)

    def file(self, subsystem: str, kind: str, type_: str, path: str, document: Any) -> None:
        """Write a proposal down; ``ProblemError`` 400 when too many wait already.

        ``path`` is where in the registry's source the document would be.
        """
        name = self._name(subsystem, kind, type_)
        if not name.exists() and sum(1 for _ in name.parent.glob("*.json")) >= MOST:
            raise ProblemError(
                400,
                "govstack.proposals",
                f"{MOST} proposals of {subsystem} wait for the steward already",
                hint="withdraw some, or ask the steward: xroad-lite gateway proposals",
            )
        write_durably(
            name,
            {
                "kind": kind,
                "type": type_,
                "subsystem": subsystem,
                "at": times.to_text(time.time()),
                "path": path,
                "document": document,
            },
        )

    def has(self, subsystem: str, kind: str, type_: str) -> bool:
        """Whether this one waits."""
        return self._name(subsystem, kind, type_).exists()

    def withdraw(self, subsystem: str, kind: str, type_: str) -> bool:
        """Take one back; False if there is none."""
        name = self._name(subsystem, kind, type_)
        found = name.exists()
        name.unlink(missing_ok=True)
        return found

    def all(self) -> list[dict[str, Any]]:
        """Every proposal, by file; ``ConfigurationError`` for a file that is none."""
        return [_read(one) for one in sorted(self._folder.glob("*/*.json"))]

    def _name(self, subsystem: str, kind: str, type_: str) -> Path:
        return self._folder / subsystem.replace("/", "_") / f"{kind}-{type_}.json"


def agreement_draft(snapshot: Snapshot, subsystem: str, type_: str) -> dict[str, Any]:
    """An agreement under which a subsystem would receive a type; what only people know is TODO."""
    publishers = {
        one.provider
        for one in snapshot.agreements
        if one.operation == PUBLISH and type_ in one.types
    }
    return {
        "agreement": type_.replace(".", "-"),
        "version": 1,
        "title": {"en": f"{type_} for {subsystem}"},
        "provider": publishers.pop() if len(publishers) == 1 else TODO,
        "consumer": subsystem,
        "operation": PUBLISH,
        "types": [type_],
        "purposes": [TODO],
        "legal_basis": {"text": {"en": TODO}, "iri": TODO},
        "period": {"from": TODO, "until": TODO},
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        value = strict_json.loads(file.read_bytes())
    except (OSError, strict_json.StrictJSONError) as error:
        raise ConfigurationError("config.proposal", f"{file} is no proposal: {error}") from None
    if not isinstance(value, dict) or not value.keys() >= _FIELDS:
        raise ConfigurationError("config.proposal", f"{file} is no proposal")
    return value
