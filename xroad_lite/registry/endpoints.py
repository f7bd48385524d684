"""Whether a call to a REST service is one of those that an agreement lists, as X-Road matches them.

A rule's ``*`` is any one segment of the path, ``**`` any number of them; method ``*`` is any. Paths
are compared as the provider will read them: a path that two readers could take for two different
ones matches nothing. Does not decide who may call: ``policy`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from xroad_lite.registry.models import Endpoint

_MAX_SEGMENTS = 256
_TWO_WAYS = re.compile(r"[?#\\]")
_TWO_WAYS_DECODED = re.compile(r"[/\\\x00-\x1f\x7f]")


def allowed(rules: Iterable[Endpoint], method: str, path: str) -> Endpoint | None:
    """The first rule that covers the call, if one does. ``path`` has no query."""
    segments = _segments(path)
    if segments is None:
        return None
    for rule in rules:
        if rule.method in ("*", method) and _matches(_parts(rule.path), segments):
            return rule
    return None


def covers(rule_method: str, rule_path: str, method: str, path: str) -> bool:
    """Whether a rule alone covers the call, as ``allowed`` has it."""
    if rule_method not in ("*", method):
        return False
    segments = _segments(path)
    return segments is not None and _matches(_parts(rule_path), segments)


def listed(rules: Iterable[Endpoint], method: str, path: str) -> Endpoint | None:
    """The first rule of this very method and path: a call may name the rule that it goes by."""
    return next((rule for rule in rules if (rule.method, rule.path) == (method, path)), None)


@lru_cache(maxsize=256)
def _segments(path: str) -> tuple[str, ...] | None:
    """The decoded segments; None for a path that could be read in two ways."""
    if not path.startswith("/") or _TWO_WAYS.search(path):
        return None
    encoded = path.split("/")[1:]
    if len(encoded) > _MAX_SEGMENTS:
        return None
    try:
        found = tuple(unquote_to_bytes(one).decode() if "%" in one else one for one in encoded)
    except UnicodeDecodeError:
        return None
    if "." in found or ".." in found or "" in found[:-1]:
        return None
    return None if any(map(_TWO_WAYS_DECODED.search, found)) else found


@lru_cache(maxsize=4096)
def _parts(rule_path: str) -> tuple[str, ...]:
    return tuple(rule_path.split("/")[1:])


def _matches(rule: Sequence[str], path: Sequence[str]) -> bool:
    """From left to right; what does not fit is left to the last ``**`` before it.

    An earlier one need not be asked again: what it could take more, the last one can. So this costs
    at most the product of both lengths.
    """
    part, at, after, taken = 0, 0, -1, 0
    while at < len(path):
        if part < len(rule) and rule[part] == "**":
            part += 1
            after, taken = part, at
        elif part < len(rule) and (rule[part] == path[at] or (rule[part] == "*" and path[at])):
            part += 1
            at += 1
        elif after >= 0:
            taken += 1
            part, at = after, taken
        else:
            return False
    return all(one == "**" for one in rule[part:])
