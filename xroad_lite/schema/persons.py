"""Which sealed attributes of a schema's messages name a person; does not see messages.

``x-subject`` at the root of a schema says what the attribute ``subject`` is: a JSON Pointer to the
field that it repeats, and then it is personal where that field is; or ``true`` or ``false`` for
what no field holds. ``x-userid`` says the same of ``userid``; left out, it is as ``subject`` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema.fields import Field, fields
from xroad_lite.schema.pointers import parsed

SUBJECT, USER_ID = "x-subject", "x-userid"


@dataclass(frozen=True, slots=True)
class Persons:
    """Whether ``subject`` and ``userid`` name a person, and where a body has what one repeats."""

    subject: bool = False
    userid: bool = False
    subject_at: tuple[str, ...] | None = None

    @property
    def any(self) -> bool:
        """Whether either of them does."""
        return self.subject or self.userid

    def subject_in(self, value: Any) -> str | None:
        """The text in a body that ``subject`` repeats, if the body has it."""
        for step in self.subject_at or ():
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value if isinstance(value, str) and self.subject_at else None


def persons(document: Any, kind: str, resources: Mapping[str, Any] | None = None) -> Persons:
    """What a schema that compiles says of its messages' attributes.

    Errs towards hiding: what a pointer names that the schema does not declare counts as personal.
    """
    said = document if isinstance(document, dict) else {}
    if not {SUBJECT, USER_ID} & said.keys():
        return Persons()
    declared = fields(document, kind, resources)
    subject = _is_personal(said.get(SUBJECT, False), declared)
    userid = _is_personal(said[USER_ID], declared) if USER_ID in said else subject
    pointer = said.get(SUBJECT)
    return Persons(subject, userid, _steps(pointer) if isinstance(pointer, str) else None)


def field_at(pointer: str, declared: Sequence[Field]) -> Field | None:
    """The field of a schema at a pointer into bodies, in which positions may be numbers."""
    steps = _steps(pointer)
    return next((one for one in declared if steps and _matches(one.path, steps)), None)


def _is_personal(said: object, declared: Sequence[Field]) -> bool:
    if not isinstance(said, str):
        return said is not False
    found = field_at(said, declared)
    return found is None or found.personal


def _steps(pointer: str) -> tuple[str, ...] | None:
    try:
        return parsed(pointer) or None
    except SchemaError:
        return None


def _matches(path: str, steps: tuple[str, ...]) -> bool:
    found = parsed(path)
    return len(found) == len(steps) and all(
        one == step or (one == "*" and step.isdecimal())
        for one, step in zip(found, steps, strict=True)
    )
