"""Says in a sentence what the validator of JSON bodies found; does not find anything itself."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xroad_lite.schema.personal import Marks
from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.violations import MASK, Violation, counted, shortened, shown

if TYPE_CHECKING:
    import jsonschema_rs

_NAMES = {"object": "an object", "array": "an array", "string": "a text", "number": "a number",
          "integer": "a whole number", "boolean": "true or false", "null": "null"}  # fmt: skip
_FORMATS = {
    "date": "a date as in 2024-02-29",
    "date-time": "a date and time with zone as in 2024-02-29T13:45:00Z",
    "time": "a time with zone as in 13:45:00Z",
    "duration": "a duration as in P3DT12H",
    "email": "an e-mail address",
    "uuid": "a UUID as in 0190a7c4-5d4e-7c3b-8f2a-1b2c3d4e5f60",
    "uri": "an absolute URI",
    "iri": "an absolute IRI",
}
_UNKNOWN = "got {}, which the schema does not know: expected only the fields it declares"
_REST = ("additionalProperties", "unevaluatedProperties")
_UNDECLARED = "\0"
_KEYWORD_IN_PATH = ("required", "contains")  # said of several keywords; the schema's path has which


@dataclass(frozen=True, slots=True)
class View:
    """What may be seen of a body: the value that an error is about, and which paths are masked."""

    value: Callable[[jsonschema_rs.ValidationError], Any]
    hidden: Callable[[tuple[str | int, ...]], bool]

    def got(self, error: jsonschema_rs.ValidationError) -> str:
        """The value for people."""
        hidden = self.hidden(tuple(error.instance_path))
        return f"got {MASK if hidden else shown(self.value(error))}"

    def hides_names(self, error: jsonschema_rs.ValidationError) -> bool:
        """Whether the names of fields that the schema does not declare are personal here."""
        path = tuple(error.instance_path)
        return self.hidden(path) or self.hidden((*path, _UNDECLARED))


_Sentence = Callable[["jsonschema_rs.ValidationError", dict[str, Any], View], str]


def violation(error: jsonschema_rs.ValidationError, body: Any, marks: Marks) -> Violation:
    """One finding of the validator as a violation, its values masked where they are personal."""
    view = View(lambda e: _at(body, e.instance_path), marks.cover)
    name, steps = error.kind.name, error.schema_path
    if name == "falseSchema" and _is_rest(steps):  # the values stay unseen: they may be personal
        names = MASK if view.hides_names(error) else _listed(view.value(error))
        return Violation(pointer(error.instance_path), str(steps[-1]), _UNKNOWN.format(names))
    if name in _REST:
        said = explained(error, view) + _meant(error, view, marks)
        return Violation(pointer(error.instance_path), name, said)
    rule = str(steps[-1]) if name in _KEYWORD_IN_PATH else name
    rule = "false" if name == "falseSchema" else rule
    return Violation(pointer(error.instance_path), rule, explained(error, view))


def _meant(error: jsonschema_rs.ValidationError, view: View, marks: Marks) -> str:
    """The declared field whose name is most like an unknown one's, if there is one."""
    if view.hides_names(error):
        return ""
    declared = sorted(marks.names(tuple(error.instance_path)) - set(view.value(error)))
    unknown = str(error.kind.as_dict()["unexpected"][0])
    near = difflib.get_close_matches(unknown, declared, 1, 0.7) if len(unknown) < 100 else []
    return f' (did you mean "{shortened(near[0])}"?)' if near else ""


def _at(body: Any, path: Iterable[str | int]) -> Any:
    """The value itself: the validator's own copy loses integers beyond 64 bits."""
    for part in path:
        body = body[part]
    return body


def _is_rest(steps: list[str | int]) -> bool:
    return bool(steps) and steps[-1] in _REST and (len(steps) < 2 or steps[-2] != "properties")


def explained(error: jsonschema_rs.ValidationError, view: View) -> str:
    """The sentence: what was got and what was expected."""
    say = _SENTENCES.get(error.kind.name)
    if say is None:
        return f"{view.got(error)}, which breaks the rule {error.kind.name}"
    return say(error, error.kind.as_dict(), view)


def _expected(template: str) -> _Sentence:
    """``{limit} field`` becomes ``1 field`` or ``2 fields``."""
    head, counts, noun = template.partition("{limit} ")

    def say(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
        if counts:
            return f"{view.got(error)}, expected {head}{counted(details['limit'], noun)}"
        values = {name: shortened(str(value)) for name, value in details.items()}
        return f"{view.got(error)}, expected {template.format(**values)}"

    return say


def _type(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    names = [_NAMES.get(name, name) for name in details["types"]]
    return f"{view.got(error)}, expected {' or '.join(names)}"


def _options(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    options = [_option(option) for option in details["options"][:10]]
    more = "" if len(details["options"]) <= 10 else f" or {len(details['options']) - 10} others"
    return f"{view.got(error)}, expected one of: {', '.join(options)}{more}"


def _option(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shortened(str(value))
    return f'"{shortened(value)}"' if isinstance(value, str) else shown(value)


def _contains(error: jsonschema_rs.ValidationError, _: dict[str, Any], view: View) -> str:
    word = str(error.schema_path[-1])
    return f"{view.got(error)}, expected {_CONTAINED.get(word, _CONTAINED['contains'])}"


def _const(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    return f"{view.got(error)}, expected {shown(details['expected_value'])} and nothing else"


def _format(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    name = details["format"]
    return f"{view.got(error)}, expected {_FORMATS.get(name, f'the format {name}')}"


def _required(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    name = shortened(str(details["property"]))
    present = view.value(error)
    has = "" if view.hides_names(error) else f" (it has {_listed(present)})"
    return f'the field "{name}" is missing: expected it to be present{has}'


def _unexpected(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    if error.kind.name == "unevaluatedItems":
        return f"{view.got(error)}, with items that no part of the schema describes"
    names = MASK if view.hides_names(error) else _listed(details["unexpected"])
    return _UNKNOWN.format(names)


def _name(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    hidden = view.hides_names(error)
    reason = explained(details["error"], View(lambda e: e.instance, lambda _: hidden))
    return f"a field has a name that is not allowed: {reason}"


def _alternatives(error: jsonschema_rs.ValidationError, details: dict[str, Any], view: View) -> str:
    branches = [branch for branch in details["context"] if branch]
    if error.kind.name == "oneOf" and len(branches) < len(details["context"]):
        return f"{view.got(error)}, which fits several alternatives: expected exactly one"
    if not branches:
        return f"{view.got(error)}, expected one of the alternatives of the schema"
    nearest = max(branches, key=lambda b: (max(len(e.instance_path) for e in b), -len(b)))
    deepest = max(nearest, key=lambda e: len(e.instance_path))
    below = pointer(deepest.instance_path[len(error.instance_path) :])
    where = f"at {below}, " if below else ""
    reason = explained(deepest, view)
    return f"fits none of {len(branches)} alternatives; nearest: {where}{reason}"


def _listed(names: Iterable[str]) -> str:
    listed = [f'"{shortened(str(name))}"' for name in names]
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more if listed else "no fields"


_CONTAINED = {
    "contains": "at least one item that fits what the schema says below contains",
    "minContains": "more items that fit what the schema says below contains",
    "maxContains": "fewer items that fit what the schema says below contains",
}
_SENTENCES: dict[str, _Sentence] = {
    "type": _type,
    "enum": _options,
    "const": _const,
    "format": _format,
    "required": _required,
    "additionalProperties": _unexpected,
    "unevaluatedProperties": _unexpected,
    "unevaluatedItems": _unexpected,
    "propertyNames": _name,
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "falseSchema": _expected("nothing at this place"),
    "minimum": _expected("at least {limit}"),
    "maximum": _expected("at most {limit}"),
    "exclusiveMinimum": _expected("more than {limit}"),
    "exclusiveMaximum": _expected("less than {limit}"),
    "multipleOf": _expected("a multiple of {multiple_of}"),
    "minLength": _expected("at least {limit} character"),
    "maxLength": _expected("at most {limit} character"),
    "pattern": _expected("it to match {pattern}"),
    "minItems": _expected("at least {limit} item"),
    "maxItems": _expected("at most {limit} item"),
    "additionalItems": _expected("at most {limit} item"),
    "uniqueItems": _expected("no two items to be equal"),
    "contains": _contains,
    "minProperties": _expected("at least {limit} field"),
    "maxProperties": _expected("at most {limit} field"),
    "not": _expected("anything but what the schema excludes"),
}
