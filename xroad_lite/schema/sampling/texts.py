"""Texts that match a pattern or have a format; the validator decides whether they really do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from random import Random
from uuid import UUID

from xroad_lite.schema.regular import Anchor, Chars, Choice, Node, Ranges, Repeat, read
from xroad_lite.schema.regular import Sequence as InOrder

_MORE = 3
_MAX_LENGTH = 10_000
_LIKED: tuple[tuple[int, int], ...] = ((97, 122), (65, 90), (48, 57), (33, 126))
_BASE = datetime.datetime(2024, 2, 29, 13, 45, tzinfo=datetime.UTC)


def matching(pattern: str, random: Random) -> str | None:
    """A text that should match; None for a pattern that cannot be read."""
    node = read(pattern)
    return None if node is None else _written(node, random, _MAX_LENGTH)[:_MAX_LENGTH]


def _written(node: Node, random: Random, room: int) -> str:
    if room <= 0:
        return ""
    match node:
        case Chars(ranges):
            return _character(ranges, random)
        case Anchor():
            return ""
        case InOrder(parts):
            text = ""
            for part in parts:
                text += _written(part, random, room - len(text))
            return text
        case Choice(parts):
            return _written(random.choice(parts), random, room)
        case Repeat(part, fewest, most):
            top = fewest + _MORE if most is None else min(most, fewest + _MORE)
            text = ""
            for _ in range(random.randint(fewest, top)):
                text += _written(part, random, room - len(text))
                if len(text) >= room:
                    break
            return text


def _character(ranges: Ranges, random: Random) -> str:
    """One of the characters, a letter or digit if any is among them."""
    for first, last in _LIKED:
        inside = [(max(a, first), min(b, last)) for a, b in ranges if a <= last and b >= first]
        if inside:
            return chr(random.randint(*random.choice(inside)))
    if not ranges:
        return ""
    found = chr(random.randint(*random.choice(ranges)))
    return found if found.isprintable() else chr(ranges[0][0])


def formatted(name: str, random: Random) -> str | None:
    """A text of a format; None for one that is not known."""
    make = _FORMATS.get(name)
    return None if make is None else make(random)


def _moment(random: Random) -> datetime.datetime:
    return _BASE - datetime.timedelta(seconds=random.randrange(86_400 * 365 * 30))


_FORMATS: dict[str, Callable[[Random], str]] = {
    "date": lambda random: _moment(random).date().isoformat(),
    "date-time": lambda random: _moment(random).isoformat().replace("+00:00", "Z"),
    "time": lambda random: _moment(random).time().isoformat() + "Z",
    "duration": lambda random: f"P{random.randint(1, 30)}D",
    "email": lambda random: f"person{random.randint(1, 999)}@agency.example",
    "idn-email": lambda random: f"person{random.randint(1, 999)}@agency.example",
    "hostname": lambda random: f"host{random.randint(1, 99)}.agency.example",
    "idn-hostname": lambda random: f"host{random.randint(1, 99)}.agency.example",
    "ipv4": lambda random: f"192.0.2.{random.randint(1, 254)}",
    "ipv6": lambda random: f"2001:db8::{random.randint(1, 9999):x}",
    "uri": lambda random: f"https://agency.example/{random.randint(1, 9999)}",
    "uri-reference": lambda random: f"/items/{random.randint(1, 9999)}",
    "iri": lambda random: f"https://agency.example/{random.randint(1, 9999)}",
    "iri-reference": lambda random: f"/items/{random.randint(1, 9999)}",
    "uri-template": lambda random: f"/items/{{id}}/{random.randint(1, 9)}",
    "uuid": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "json-pointer": lambda random: f"/items/{random.randint(0, 9)}",
    "relative-json-pointer": lambda random: f"{random.randint(0, 3)}/items",
    "regex": lambda random: "^[a-z]{" + str(random.randint(1, 9)) + "}$",
}
