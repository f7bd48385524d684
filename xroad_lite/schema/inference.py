"""Drafts a JSON Schema from sample values; does not read files or name anything for people.

Samples are seen one by one and forgotten: what is kept of them is bounded. Every draft accepts all
samples that it was made from. What few samples show by chance (bounds, enumerations of many values)
is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.schema.evolution.texts import has_format

FORMATS = ("date", "date-time", "uuid", "email", "uri", "ipv4", "time")
MAX_NAMES = 200
"""Objects with more names than this, or as many as there are objects, are maps."""
MAX_PROFILES = 5_000
_MAX_DEPTH = 30
_MAX_CODES = 12
_MAX_CODE_LENGTH = 40
_SEEN_PER_CODE = 4
_LENGTHS = (64, 255, 1024, 4096)


@dataclass(slots=True)
class Profile:
    """What was seen at one place of the samples."""

    seen: int = 0
    types: dict[str, int] = field(default_factory=dict)
    longest: int = 0
    formats: tuple[str, ...] = FORMATS
    codes: set[str] | None = field(default_factory=set)
    fields: dict[str, Profile] | None = field(default_factory=dict)
    others: Profile | None = None
    items: Profile | None = None


@dataclass(slots=True)
class Inference:
    """Sees samples, then drafts the schema that accepts them all."""

    root: Profile = field(default_factory=Profile)
    _profiles: int = 0

    def see(self, samples: Iterable[Any]) -> int:
        """Look at samples; gives how many they were."""
        before = self.root.seen
        for value in samples:
            self._look(self.root, value, 0)
        return self.root.seen - before

    def draft(self) -> dict[str, Any]:
        """The schema, without names for people."""
        return _drafted(self.root, 0)

    def _new(self) -> Profile:
        self._profiles += 1
        return Profile()

    def _look(self, at: Profile, value: Any, depth: int) -> None:
        name = _type(value)
        at.seen += 1
        at.types[name] = at.types.get(name, 0) + 1
        if isinstance(value, str):
            _look_at_text(at, value)
        elif isinstance(value, list) and value and depth < _MAX_DEPTH:
            at.items = at.items or self._new()
            for item in value:
                self._look(at.items, item, depth + 1)
        elif isinstance(value, dict) and depth < _MAX_DEPTH:
            self._look_at_fields(at, value, depth)

    def _look_at_fields(self, at: Profile, value: dict[str, Any], depth: int) -> None:
        if at.fields is not None:
            fresh = [name for name in value if name not in at.fields]
            full = self._profiles + len(fresh) > MAX_PROFILES
            if full or len(at.fields) + len(fresh) > MAX_NAMES:
                at.others, at.fields = _merged(at.fields.values()), None
        for name, item in value.items():
            if at.fields is None:
                at.others = at.others or self._new()
                self._look(at.others, item, depth + 1)
            else:
                if name not in at.fields:
                    at.fields[name] = self._new()
                self._look(at.fields[name], item, depth + 1)


def _look_at_text(at: Profile, value: str) -> None:
    at.longest = max(at.longest, len(value))
    if at.formats:
        at.formats = tuple(name for name in at.formats if has_format(name, value))
    if at.codes is not None:
        at.codes.add(value)
        if len(at.codes) > _MAX_CODES or len(value) > _MAX_CODE_LENGTH:
            at.codes = None


def _merged(profiles: Iterable[Profile]) -> Profile:
    """What several places have in common, where their names turn out not to matter."""
    found = Profile()
    for one in profiles:
        found.seen += one.seen
        for name, count in one.types.items():
            found.types[name] = found.types.get(name, 0) + count
        found.longest = max(found.longest, one.longest)
        if "string" in one.types:
            found.formats = tuple(name for name in found.formats if name in one.formats)
        found.codes = None
        found.items = _either(found.items, one.items)
        inner = [p for p in (found.others, one.others) if p is not None]
        inner += list((one.fields or {}).values())
        if inner:
            found.others = _merged(inner)
    found.fields = None
    return found


def _either(first: Profile | None, second: Profile | None) -> Profile | None:
    return _merged([first, second]) if first and second else first or second


def _type(value: Any) -> str:
    return next(name for kind, name in _NAMES if isinstance(value, kind))


_NAMES: tuple[tuple[type, str], ...] = (
    (type(None), "null"), (bool, "boolean"), (int, "integer"), (float, "number"),
    (str, "string"), (list, "array"), (dict, "object"),
)  # fmt: skip


def _drafted(at: Profile, depth: int) -> dict[str, Any]:
    types = [name for name in at.types if not (name == "integer" and "number" in at.types)]
    types = sorted(types, key=lambda name: name == "null")
    found: dict[str, Any] = {}
    if types:
        found["type"] = types[0] if len(types) == 1 else types
    if "string" in types:
        found |= _of_text(at, types)
    if "array" in types and at.items is not None:
        found["items"] = _drafted(at.items, depth + 1)
    if "object" in types and depth < _MAX_DEPTH:
        found |= _of_object(at, depth)
    return found


def _of_text(at: Profile, types: list[str]) -> dict[str, Any]:
    if at.formats:
        return {"format": at.formats[0]}
    texts = at.types["string"]
    modest = at.codes is not None and texts >= _SEEN_PER_CODE * len(at.codes) and len(at.codes) > 1
    if modest and at.codes is not None and set(types) <= {"string", "null"}:
        codes: list[Any] = sorted(at.codes)
        return {"enum": [*codes, None] if "null" in types else codes}
    longer = next((limit for limit in _LENGTHS if at.longest * 2 <= limit), None)
    return {"maxLength": longer} if longer else {}


def _of_object(at: Profile, depth: int) -> dict[str, Any]:
    if at.fields is None:
        return {"additionalProperties": _drafted(at.others, depth + 1) if at.others else True}
    objects = at.types["object"]
    found: dict[str, Any] = {"additionalProperties": False}
    if required := [name for name, one in at.fields.items() if one.seen == objects]:
        found["required"] = required
    found["properties"] = {name: _drafted(one, depth + 1) for name, one in at.fields.items()}
    return found
