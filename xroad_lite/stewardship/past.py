"""Runs a proposed schema over the bodies that really travelled, and counts what it would refuse.

Does not open encrypted bodies or know what erased ones said: those are counted as not checkable.
Bodies are read one by one and forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.errors import XRoadError
from xroad_lite.messagelog import Store, entries
from xroad_lite.schema import CompiledSchema, Violation
from xroad_lite.schema.pointers import parsed, pointer

_MAX_REASONS = 500
_NAMED = re.compile(r'^the field "((?:[^"])*)" is missing')
_READABLE = ("application/json", "avro/binary")
_ENCRYPTED = "application/jose+json"


@dataclass(frozen=True, slots=True)
class Travelled:
    """A message that was sent or accepted; ``data`` is None where its body is not here."""

    id: str
    type: str
    schema: str
    content_type: str
    data: bytes | None


@dataclass(slots=True)
class Reason:
    """Why bodies would be refused: path (``*`` for positions), rule, how many, one of them."""

    path: str
    rule: str
    message: str
    count: int
    example: str


@dataclass(slots=True)
class Verdict:
    """How the past fares: every message is checked, or not checkable for one of the reasons."""

    messages: int = 0
    checked: int = 0
    refused: int = 0
    erased: int = 0
    encrypted: int = 0
    unreadable: int = 0
    reasons: list[Reason] = field(default_factory=list)

    @property
    def not_checkable(self) -> int:
        """Messages of which nothing can be said."""
        return self.erased + self.encrypted + self.unreadable


def travelled(store: Store) -> Iterator[Travelled]:
    """The messages of a log that were sent or accepted, in order."""
    for index, leaf in store.entries():
        entry = entries.read(leaf)
        verdict = entry.fields.get("verdict") or {}
        if entry.kind != "message" or not entry.proven:
            continue
        if verdict.get("outcome", "accepted") not in ("accepted", "passed"):
            continue
        said = entry.attributes()
        body = store.body(index)
        yield Travelled(
            said["id"],
            said["type"],
            said.get("dataschema", ""),
            _ENCRYPTED if "datacommit" in said else said.get("datacontenttype", "application/json"),
            None if body is None else body[1],
        )


def check_past(
    messages: Iterable[Travelled],
    type_: str,
    proposed: CompiledSchema,
    writer: Callable[[str], CompiledSchema | None] = lambda _: None,
    tell: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Which of the messages of one type the proposed schema would have refused, and why.

    ``writer`` gives the schema of an IRI, in whose terms Avro bodies were written. ``tell`` hears
    how many messages were seen.
    """
    found = Verdict()
    groups: dict[tuple[str, str], Reason] = {}
    for seen, one in enumerate(messages, start=1):
        if seen % 1000 == 0:
            tell(seen)
        if one.type == type_:
            found.messages += 1
            _check(one, proposed, writer, found, groups)
    found.reasons = sorted(groups.values(), key=lambda reason: (-reason.count, reason.path))
    return found


def _check(
    one: Travelled,
    proposed: CompiledSchema,
    writer: Callable[[str], CompiledSchema | None],
    found: Verdict,
    groups: dict[tuple[str, str], Reason],
) -> None:
    if one.data is None:
        found.erased += 1
        return
    if one.content_type not in _READABLE:
        found.encrypted += 1
        return
    try:
        broken = _broken(one, proposed, writer)
    except XRoadError as error:
        if error.code != "schema.unresolvable":
            found.unreadable += 1
            return
        broken = [Violation("", "resolution", error.message)]
    found.checked += 1
    found.refused += bool(broken)
    for key, message in {_key(violation): violation.message for violation in broken}.items():
        if key in groups:
            groups[key].count += 1
        elif len(groups) < _MAX_REASONS:
            groups[key] = Reason(*key, message, 1, one.id)


def _broken(
    one: Travelled,
    proposed: CompiledSchema,
    writer: Callable[[str], CompiledSchema | None],
) -> list[Violation]:
    assert one.data is not None
    if proposed.kind == "json":
        return proposed.validate(proposed.decode(one.data))
    known = writer(one.schema)
    value: Any = (
        proposed.decode(one.data) if known is None else proposed.decode_from(one.data, known)
    )
    return proposed.validate(value)


def _key(violation: Violation) -> tuple[str, str]:
    """Where and which rule, without positions; of a missing field its own place."""
    steps = ["*" if step.isdecimal() else step for step in parsed(violation.path)]
    if violation.rule == "required" and (named := _NAMED.match(violation.message)):
        steps.append(named[1])
    return pointer(steps), violation.rule
