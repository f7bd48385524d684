"""What changed between two versions of a schema, field by field, in words; judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xroad_lite.schema.fields import Field, fields
from xroad_lite.schema.violations import shortened
from xroad_lite.schema.wording import codes_of, text_of, type_of

_IN_FIELDS = frozenset(
    ("properties", "items", "prefixItems", "required", "$ref", "$defs", "definitions", "type",
     "enum", "branches", "fields", "symbols", "values", "title", "x-title", "description", "doc",
     "x-description", "x-personal", "patternProperties", "allOf", "$schema", "$id", "namespace",
     "logicalType")
)  # fmt: skip
_WHOLE = "the body"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: where in bodies (``*`` for items), a stable word, and a sentence."""

    path: str
    change: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or _WHOLE} {self.message}"


def differences(
    new: Any, old: Any, kind: str, resources: Mapping[str, Any] | None = None
) -> list[Difference]:
    """Every change from the old version to the new, fields that are gone first."""
    now = {one.path: one for one in fields(new, kind, resources)}
    then = {one.path: one for one in fields(old, kind, resources)}
    found = [_gone(one) for path, one in then.items() if path not in now and one.is_named]
    for path, one in now.items():
        if path not in then:
            if one.is_named:
                found.append(_added(one))
        else:
            found += _changed(one, then[path])
    return found


def _gone(one: Field) -> Difference:
    return Difference(one.path, "field_removed", f"was removed: {_about(one)}")


def _added(one: Field) -> Difference:
    return Difference(one.path, "field_added", f"was added: {_about(one)}")


def _about(one: Field) -> str:
    title = text_of(one, "title")
    named = f', "{shortened(title)}"' if title else ""
    need = "required" if one.required else "optional"
    return f"{type_of(one)}, {need}{named}"


def _changed(new: Field, old: Field) -> Iterator[Difference]:
    if type_of(new) != type_of(old):
        message = f"was {type_of(old)} and is {type_of(new)}"
        yield Difference(new.path, "type_changed", message)
    if new.required != old.required and new.is_named:
        message = "is now required" if new.required else "is no longer required"
        yield Difference(new.path, "required_changed", message)
    yield from _codes(new, old)
    for word in sorted({*new.says, *old.says} - _IN_FIELDS):
        if new.says.get(word, _ABSENT) != old.says.get(word, _ABSENT):
            yield Difference(new.path, f"{word}_changed", _said(word, new.says, old.says))
    if new.personal != old.personal:
        message = "is now personal data" if new.personal else "is no longer personal data"
        yield Difference(new.path, "personal_changed", message)
    for word in ("title", "description"):
        yield from _texts(new, old, word)


def _codes(new: Field, old: Field) -> Iterator[Difference]:
    now, then = codes_of(new), codes_of(old)
    if not now and not then:
        return
    if bool(now) is not bool(then):
        message = "now lists its values" if now else "no longer lists its values"
        yield Difference(new.path, "codes_changed", message)
        return
    for change, some in (("gained", now), ("lost", then)):
        other = then if some is now else now
        different = [shortened(str(code)) for code in some if code not in other]
        if different:
            what = "value" if len(different) == 1 else "values"
            names = shortened(", ".join(different))
            yield Difference(new.path, "codes_changed", f"{change} the {what} {names}")


def _said(word: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> str:
    if word not in old:
        return f"now has {word}{_value(new[word])}"
    if word not in new:
        return f"no longer has {word}{_value(old[word])}"
    if isinstance(new[word], dict | list) or isinstance(old[word], dict | list):
        return f"has another {word}"
    return f"had {word}{_value(old[word])} and now has{_value(new[word])}"


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return " null" if value is None else f" {str(value).lower()}"
    return "" if isinstance(value, dict | list) else f" {shortened(str(value))}"


def _texts(new: Field, old: Field, word: str) -> Iterator[Difference]:
    both = [one.says.get(f"x-{word}") for one in (new, old)]
    tags = sorted({tag for texts in both if isinstance(texts, dict) for tag in texts}) or [""]
    for tag in tags:
        now, then = text_of(new, word, tag), text_of(old, word, tag)
        if now != then:
            language = f" in {tag}" if tag else ""
            shown = f'"{shortened(then)}" and is "{shortened(now)}"'
            yield Difference(
                new.path, f"{word}_changed", f"has another {word}{language}: was {shown}"
            )
