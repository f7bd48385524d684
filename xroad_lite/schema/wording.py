"""What a field may hold, in a few words for people; reads schemas, judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xroad_lite.schema.fields import Field
from xroad_lite.schema.violations import counted, shortened

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
    "int": "whole number (32 bits)",
    "long": "whole number (64 bits)",
    "float": "number (32 bits)",
    "double": "number (64 bits)",
    "bytes": "bytes",
    "map": "map",
    "timestamp-millis": "date and time",
    "timestamp-micros": "date and time",
    "local-timestamp-millis": "local date and time",
    "local-timestamp-micros": "local date and time",
    "time-millis": "time",
    "time-micros": "time",
    "date": "date",
    "decimal": "decimal number",
    "uuid": "UUID",
}
_FORMATS = {
    "date": "date",
    "date-time": "date and time",
    "time": "time",
    "duration": "duration",
    "uuid": "UUID",
    "email": "e-mail address",
    "uri": "URI",
    "iri": "IRI",
}
_BOUNDS = (
    ("minLength", "at least {} character"),
    ("maxLength", "at most {} character"),
    ("pattern", "matches {}"),
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minItems", "at least {} item"),
    ("maxItems", "at most {} item"),
    ("minProperties", "at least {} field"),
    ("maxProperties", "at most {} field"),
    ("size", "{} byte"),
)
_MANY = 12


def type_of(one: Field) -> str:
    """Its type: ``text``, ``date``, ``list``, ``whole number or null``."""
    says = one.says
    names = says.get("type")
    if names is None:
        return _untyped(says)
    return " or ".join(
        _word(name, says) for name in (names if isinstance(names, list) else [names])
    )


def _word(name: Any, says: Mapping[str, Any]) -> str:
    if name == "string" and says.get("format") in _FORMATS:
        return _FORMATS[says["format"]]
    if name == "decimal":
        return f"decimal number ({says.get('precision')}, {says.get('scale', 0)})"
    return _TYPES.get(name, str(name))


def _untyped(says: Mapping[str, Any]) -> str:
    if "const" in says:
        return "constant"
    if "enum" in says:
        return "code"
    branches = [b for word in ("anyOf", "oneOf") for b in says.get(word, ())]
    found = [_branch(b) for b in branches if isinstance(b, dict)]
    return " or ".join(dict.fromkeys(word for word in found if word)) or "anything"


def _branch(branch: Mapping[str, Any]) -> str:
    names = branch.get("type", "object" if "$ref" in branch else None)
    names = names if isinstance(names, list) else [names]
    return " or ".join(_word(name, branch) for name in names if name)


def bounds_of(one: Field) -> list[str]:
    """What else is asked of it: ``at most 32 characters``, ``one of F, M``."""
    found = [
        _bound(text, one.says[word])
        for word, text in _BOUNDS
        if word in one.says and not isinstance(one.says[word], dict)
    ]
    if "const" in one.says:
        found.append(f"always {shortened(str(one.says['const']))}")
    if codes := codes_of(one):
        more = f" and {len(codes) - _MANY} more" if len(codes) > _MANY else ""
        found.append(f"one of {', '.join(shortened(str(code)) for code in codes[:_MANY])}{more}")
    if one.says.get("uniqueItems") is True:
        found.append("no two alike")
    if one.says.get("additionalProperties") is False:
        found.append("no other fields")
    return found


def _bound(text: str, value: Any) -> str:
    head, counts, noun = text.partition("{} ")
    return head + counted(value, noun) if counts else text.format(shortened(str(value)))


def codes_of(one: Field) -> list[Any]:
    """The values that are listed for it."""
    if "branches" in one.says:
        return [symbol for branch in one.says["branches"] for symbol in branch.get("symbols", ())]
    codes = one.says.get("enum", [])
    return list(codes) if isinstance(codes, list) else []


def text_of(one: Field, word: str, language: str = "") -> str:
    """A title or description in a language, or in any; ``doc`` counts as description."""
    texts = one.says.get(f"x-{word}")
    texts = texts if isinstance(texts, dict) else {}
    plain = one.says.get(word) or (one.says.get("doc") if word == "description" else None)
    return str(texts.get(language) or plain or next(iter(texts.values()), ""))
