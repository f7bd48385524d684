"""What a check of compatibility finds, for the steward who made the change; checks nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why two versions do not go together.

    ``path`` is a JSON Pointer into the bodies (in Avro: into the reader's schema), ``change`` a
    stable word for the kind of change, ``message`` what the one may write and the other refuses,
    ``advice`` what the steward can do.
    """

    path: str
    change: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: {self.message} ({self.change}). {self.advice}"
