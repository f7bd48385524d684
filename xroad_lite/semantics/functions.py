"""The closed list of value functions and what each can promise. Does not run code from mappings."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from xroad_lite.semantics import languages
from xroad_lite.semantics.names import XSD
from xroad_lite.semantics.values import Function

_DATE_TOKEN: Final = re.compile(r"YYYY|MM|DD")
_CANONICAL_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_CANONICAL_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{0,14}[1-9]")
_TEXT: Final = frozenset({"string"})
CASTS: Final[Mapping[str, frozenset[str]]] = {
    XSD + "string": _TEXT,
    XSD + "integer": frozenset({"integer"}),
    XSD + "decimal": frozenset({"number"}),
    XSD + "boolean": frozenset({"boolean"}),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a function by its name."""

    parameters: tuple[str, ...]
    optional: tuple[str, ...] = ()
    arguments: str = "one"
    """``one``: element by element; ``all``: a list of every value; ``each``: one of each path."""
    lossy: str = ""
    """The kind of loss that it always brings, or empty."""
    derived: bool = False
    """Whether translators put it in themselves, and no mapping may name it."""


KINDS: Final[Mapping[str, Kind]] = {
    "join": Kind(("sep",), arguments="all"),
    "split": Kind(("sep",)),
    "template": Kind(("pattern",), arguments="each", lossy="narrowed"),
    "dateform": Kind(("from", "to")),
    "dateof": Kind((), lossy="narrowed"),
    "lookup": Kind(("from", "to")),
    "constant": Kind(("value",), lossy="narrowed"),
    "unit": Kind(("factor",), ("offset", "inverse")),
    "cast": Kind(("to",)),
    "intext": Kind(("language",), derived=True),
    "alltexts": Kind((), lossy="narrowed", derived=True),
    "bylanguage": Kind(("language",), derived=True),
    "languages": Kind(("only",), derived=True),
}
"""All functions. The last four pass between a text and texts by language: ``intext`` takes the
text of one language (or the only one), ``alltexts`` all of them, ``bylanguage`` puts a text under
its language, ``languages`` keeps those that the target admits."""


def fault(function: Function, arguments: int) -> str:
    """What is wrong with a function in a mapping, or the empty text."""
    kind = KINDS.get(function.name)
    if kind is None or kind.derived:
        known = sorted(name for name in KINDS if not KINDS[name].derived)
        return f"{function.name} is no function: expected one of {', '.join(known)}"
    given = {name for name, _ in function.parameters}
    if missing := set(kind.parameters) - given:
        return f"{function.name} lacks {', '.join(sorted(missing))}"
    if extra := given - set(kind.parameters) - set(kind.optional):
        return f"{function.name} takes no {', '.join(sorted(extra))}"
    if arguments > 1 and kind.arguments == "one":
        return f"{function.name} takes one path: got {arguments}"
    return _parameter_fault(function, arguments)


def _parameter_fault(function: Function, arguments: int) -> str:
    if function.name == "split" and not function["sep"]:
        return "split has an empty separator"
    if function.name == "constant" and function["value"] in (math.inf, -math.inf):
        return "constant has a value that JSON cannot write"
    if function.name == "cast" and function["to"] not in CASTS:
        return f"cast has no way to {function['to']}"
    if function.name == "dateform":
        source, target = (_DATE_TOKEN.findall(function.text(side)) for side in ("from", "to"))
        if len(source) != len(set(source)) or not set(target) <= set(source) or not target:
            return "dateform writes a part that it has not read exactly once"
    if function.name == "unit":
        try:
            if not Decimal(function.text("factor")):
                return "unit has the factor zero"
        except InvalidOperation:
            return "unit has a factor that is no number"
    if function.name == "template":
        used = {int(number) for number in re.findall(r"\{(\d{1,2})\}", function.text("pattern"))}
        if used != set(range(1, arguments + 1)):
            return f"template names {sorted(used)}: expected each of its {arguments} paths"
    return ""


def inverse(function: Function) -> Function | None:
    """The function that undoes this one, where there is one."""
    name = function.name
    if name == "join":
        return Function("split", function.parameters) if function["sep"] else None
    if name == "split":
        return Function("join", function.parameters)
    if name in ("dateform", "lookup"):
        if name == "dateform" and not _same_parts(function):
            return None
        swapped = (("from", function["to"]), ("to", function["from"]))
        return Function(name, swapped)
    if name == "unit":
        flag = not dict(function.parameters).get("inverse", False)
        rest = tuple(item for item in function.parameters if item[0] != "inverse")
        return Function(name, tuple(sorted((*rest, ("inverse", flag)))))
    return None


def _same_parts(function: Function) -> bool:
    parts = [set(_DATE_TOKEN.findall(function.text(side))) for side in ("from", "to")]
    return parts[0] == parts[1]


def result_types(function: Function) -> frozenset[str]:
    """The JSON types of what a function gives."""
    if function.name == "cast":
        return CASTS[function.text("to")]
    if function.name == "unit":
        return frozenset({"number"})
    if function.name == "constant":
        value = function["value"]
        if isinstance(value, bool):
            return frozenset({"boolean"})
        if isinstance(value, int):
            return frozenset({"integer"})
        return frozenset({"number"}) if isinstance(value, float) else _TEXT
    return _TEXT


def why_missing(function: Function) -> str:
    """Said of a value that a function has no answer for; never repeats the value."""
    return {
        "dateform": f"the value is no date of the form {dict(function.parameters).get('from')}",
        "dateof": "the value has no whole date",
        "lookup": "the code has no counterpart",
        "cast": "the value has no canonical form of the type asked for",
        "unit": "the value is no number that can be converted",
        "intext": "there is no text in the language asked for",
        "languages": "there is no text in a language that the field takes",
    }.get(function.name, "the value cannot be converted")


def implementation(
    function: Function, tables: Callable[[str, str], Mapping[str, str]]
) -> Callable[[Any], Any]:
    """The Python behind a function: None where it has no answer.

    ``join`` and ``template`` take a list, the others one value. ``tables(from, to)`` gives the
    counterparts of codes.
    """
    name = function.name
    if name == "join":
        return _joiner(function.text("sep"))
    if name == "split":
        sep = function.text("sep")
        return lambda value: value.split(sep) if isinstance(value, str) and value else None
    if name == "template":
        return _template(function.text("pattern"))
    if name == "dateform":
        return _dateform(function.text("from"), function.text("to"))
    if name == "dateof":
        return _dateof
    if name == "lookup":
        return tables(function.text("from"), function.text("to")).get
    if name == "constant":
        constant = function["value"]
        return lambda _: constant
    if name == "unit":
        return _unit(function)
    return _cast(function.text("to")) if name == "cast" else _spoken(function)


def _spoken(function: Function) -> Callable[[Any], Any]:
    if function.name == "intext":
        return languages.text_in(function.text("language"))
    if function.name == "bylanguage":
        tag = function.text("language")
        return lambda value: {tag: value}
    if function.name == "alltexts":
        return languages.texts
    return languages.admitted(function.text("only"))


def _joiner(sep: str) -> Callable[[Sequence[Any]], str | None]:
    def join(values: Sequence[Any]) -> str | None:
        return sep.join(filter(None, values)) or None

    return join


def _template(pattern: str) -> Callable[[Sequence[Any]], str | None]:
    parts = re.split(r"\{(\d{1,2})\}", pattern)

    def fill(values: Sequence[Any]) -> str | None:
        if any(not isinstance(value, str) for value in values):
            return None
        return "".join(
            values[int(part) - 1] if index % 2 else part for index, part in enumerate(parts)
        )

    return fill


def _whole_date(value: Any) -> str | None:
    """A real day written as YYYY-MM-DD; the form that most dates have, so it is made fast."""
    if not isinstance(value, str) or len(value) != 10 or value[4] != "-" or value[7] != "-":
        return None
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return None
    return value


def _dateform(source: str, target: str) -> Callable[[Any], str | None]:
    if source == target == "YYYY-MM-DD":
        return _whole_date
    pattern = "".join(
        f"(?P<{part}>[0-9]{{{len(part)}}})" if part in ("YYYY", "MM", "DD") else re.escape(part)
        for part in re.split(r"(YYYY|MM|DD)", source)
    )
    match = re.compile(pattern).fullmatch

    def reform(value: Any) -> str | None:
        found = match(value) if isinstance(value, str) else None
        if found is None or not _real(found.groupdict()):
            return None
        if source == target:
            return str(value)
        return _DATE_TOKEN.sub(lambda token: found[token[0]], target)

    return reform


def _real(parts: Mapping[str, str]) -> bool:
    try:
        datetime.date(
            int(parts.get("YYYY", "2000")), int(parts.get("MM", "1")), int(parts.get("DD", "1"))
        )
    except ValueError:
        return False
    return True


def _dateof(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return _whole_date(value.partition("T")[0])


def _unit(function: Function) -> Callable[[Any], int | float | None]:
    parameters = dict(function.parameters)
    factor = Decimal(str(parameters["factor"]))
    offset = Decimal(str(parameters.get("offset", 0)))
    back = bool(parameters.get("inverse", False))

    def convert(value: Any) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        try:
            number = Decimal(str(value))
            result = (number - offset) / factor if back else number * factor + offset
            if not math.isfinite(result):
                return None
            return int(result) if result == result.to_integral_value() else float(result)
        except (ArithmeticError, ValueError):
            return None

    return convert


def _cast(target: str) -> Callable[[Any], Any]:
    def to_text(value: Any) -> str | None:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value) if abs(value) < 10**18 else None
        if isinstance(value, float):
            return repr(value) if _CANONICAL_DECIMAL.fullmatch(repr(value)) else None
        return value if isinstance(value, str) else None

    def from_text(value: Any) -> Any:
        text = to_text(value) or ""
        if target == XSD + "boolean":
            return {"true": True, "false": False}.get(text)
        if _CANONICAL_INTEGER.fullmatch(text):
            return int(text)
        if target == XSD + "decimal" and _CANONICAL_DECIMAL.fullmatch(text):
            number = float(text)
            return number if repr(number) == text else None
        return None

    return to_text if target == XSD + "string" else from_text
