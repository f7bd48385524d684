"""Which pairs of versions a compatibility mode compares, in which direction; compares nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MODES = ("NONE", "BACKWARD", "FORWARD", "FULL",
         "BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE")  # fmt: skip
NEW = "the new version"


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a reader can read all that a writer may write."""

    reader: Any
    writer: Any
    reader_name: str
    writer_name: str


def questions(new: Any, old: Any, kind: str, mode: str) -> Iterator[Question]:
    """The questions that a mode asks about a new version and the earlier ones."""
    if kind not in ("json", "avro"):
        raise ValueError(f"unknown kind of schema {kind!r}: expected 'json' or 'avro'")
    mode = str(mode).upper()
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}: expected one of {', '.join(MODES)}")
    direction, _, transitive = mode.partition("_")
    if direction == "NONE":
        return
    for name, version in _versions(old, kind, transitive=bool(transitive)):
        if direction in ("BACKWARD", "FULL"):
            yield Question(new, version, NEW, name)
        if direction in ("FORWARD", "FULL"):
            yield Question(version, new, name, NEW)


def _versions(old: Any, kind: str, *, transitive: bool) -> list[tuple[str, Any]]:
    """The earlier versions, newest first; in Avro a list of types is itself a document: a union."""
    if not isinstance(old, list | tuple) or (kind == "avro" and not transitive and _is_union(old)):
        return [("the old version", old)]
    versions = list(enumerate(old, start=1))[::-1]
    if not transitive:
        return [("the old version", version) for _, version in versions[:1]]
    return [(f"earlier version {position}", version) for position, version in versions]


def _is_union(old: Sequence[Any]) -> bool:
    names: list[Any] = []
    for branch in old:
        if not isinstance(branch, str | dict):
            return False
        names.append(branch if isinstance(branch, str) else branch.get("name", branch.get("type")))
    return len({str(name) for name in names}) == len(names)
