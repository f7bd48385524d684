"""When no text can satisfy some statements; does not compile schemas.

Whether a text matches a pattern or has a format is asked of the validator that checks bodies, so
that both agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from xroad_lite.schema.evolution.formulas import Literal
from xroad_lite.schema.evolution.patterns import impossible

_FORMATS = frozenset(
    ("date", "date-time", "time", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6",
     "uri", "uri-reference", "iri", "iri-reference", "uri-template", "json-pointer",
     "relative-json-pointer", "regex")
)  # fmt: skip
_FORMATS_2020 = _FORMATS | {"duration", "uuid"}
_EVERYTHING = ("", "^", "$", "^.*", ".*", "^[\\s\\S]*$")
"""Patterns that every text matches, as people write them."""
_WIDER = {
    "uri": ("uri-reference", "iri", "iri-reference"),
    "iri": ("iri-reference",),
    "uri-reference": ("iri-reference",),
}


def is_asserted(format_name: Any, draft: int) -> bool:
    """Whether the validator checks this format in this draft; it ignores all others."""
    return format_name in (_FORMATS_2020 if draft == 2020 else _FORMATS)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text."""
    return bool(_validator("pattern", pattern).is_valid(text))


def has_format(name: str, text: str) -> bool:
    """Whether a text has a format, as the validator of 2020-12 sees it."""
    return bool(_validator("format", name).is_valid(text))


@lru_cache(maxsize=1000)
def _validator(keyword: str, value: str) -> Any:
    import jsonschema_rs

    options = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)
    return jsonschema_rs.Draft202012Validator(
        {keyword: value}, validate_formats=True, pattern_options=options, offline=True
    )


def contradictory(literals: Sequence[Literal]) -> bool:
    """Whether surely no text satisfies all of these."""
    among = [li.args[0] for li in literals if li.name == "among" and li.positive]
    if among:
        values = frozenset.intersection(*among)
        return not any(all(_holds(li, value) for li in literals) for value in values)
    shortest, longest = lengths(literals)
    if longest is not None and longest < shortest:
        return True
    if longest == 0 and not all(_holds(li, "") for li in literals):
        return True
    return _patterns_conflict(literals) or _formats_conflict(literals)


def compares_patterns(literals: Sequence[Literal]) -> bool:
    """Whether a pattern is denied, so that automata may have to be walked."""
    return any(li.name == "pattern" and not li.positive for li in literals)


def lengths(literals: Sequence[Literal]) -> tuple[int, int | None]:
    """The least and the greatest length (or number) that the statements allow."""
    shortest, longest = 0, None
    for li in literals:
        if li.name == "least":
            shortest = max(shortest, li.args[0] + li.args[1])
        elif li.name == "most":
            limit = li.args[0] - li.args[1]
            longest = limit if longest is None else min(longest, limit)
    return shortest, longest


def _holds(li: Literal, value: str) -> bool:
    """Whether a statement holds of one text; what nobody knows counts as holding."""
    match li.name:
        case "least":
            return bool(len(value) >= li.args[0] + li.args[1])
        case "most":
            return bool(len(value) <= li.args[0] - li.args[1])
        case "among":
            return bool((value in li.args[0]) is li.positive)
        case "pattern":
            return bool(matches(li.args[0], value) is li.positive)
        case "format":
            return has_format(li.args[0], value) is li.positive
    return True


def _patterns_conflict(literals: Sequence[Literal]) -> bool:
    said = {(li.args[0], li.positive) for li in literals if li.name == "pattern"}
    wanted = tuple(sorted(pattern for pattern, positive in said if positive))
    denied = tuple(sorted(pattern for pattern, positive in said if not positive))
    if any(pattern in wanted or pattern in _EVERYTHING for pattern in denied):
        return True
    # a pattern added where there was none narrows, by our rule, even if every text matches it
    return bool(wanted) and impossible(wanted, denied, *lengths(literals))


def _formats_conflict(literals: Sequence[Literal]) -> bool:
    wanted = {li.args[0] for li in literals if li.name == "format" and li.positive}
    wanted |= {wide for name in wanted for wide in _WIDER.get(name, ())}
    return any(li.name == "format" and not li.positive and li.args[0] in wanted for li in literals)
