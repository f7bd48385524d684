"""What is asked and what is answered, with Confluent's error codes; knows nothing of HTTP servers.

The codes are those of Confluent's API reference. Their first three digits are the HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import strict_json

_INTEGER = re.compile(r"-?[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose path and query are decoded; ``path`` is its segments."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_steward: bool = False
    """Whether who asks has shown that it may write."""
    takes_new_fields: bool = False
    """Whether fields that came with later versions of the API are understood (``guid``)."""

    def flag(self, name: str) -> bool:
        """A truth value of the query, as Java and Python write it."""
        return self.query.get(name, "").lower() == "true"

    def number(self, name: str, otherwise: int) -> int:
        """A whole number of the query."""
        text = self.query.get(name, "")
        if not text:
            return otherwise
        if not _INTEGER.fullmatch(text):
            raise Refusal(400, f"{name} is {text[:40]!r}: expected a whole number")
        return int(text)

    def page(self, items: list[Any]) -> list[Any]:
        """The part of a list that ``offset`` and ``limit`` ask for."""
        start, limit = max(0, self.number("offset", 0)), self.number("limit", -1)
        return items[start : start + limit] if limit > 0 else items[start:]

    def json(self) -> dict[str, Any]:
        """The body, an object."""
        try:
            value = strict_json.loads(self.body)
        except strict_json.StrictJSONError as error:
            raise Refusal(400, f"the body is no JSON: {error}") from None
        if not isinstance(value, dict):
            raise Refusal(422, "the body is no JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON value, and headers beyond the usual."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818  an answer that is raised, not a fault of the program
    """An answer ``{error_code, message}``."""

    def __init__(self, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def answer(self) -> Answer:
        """The answer, with the status that the code begins with."""
        status = self.code if self.code < 1000 else self.code // 100
        return Answer({"error_code": self.code, "message": self.message}, status, self.headers)


def unauthorized() -> Refusal:
    """Who wants to write has not shown that it may."""
    return Refusal(
        40101,
        "Writing needs a steward's credentials, by basic authentication or as a bearer token",
        {"WWW-Authenticate": 'Basic realm="xroad-lite registry", charset="UTF-8", Bearer'},
    )


def no_subject(name: str) -> Refusal:
    """40401."""
    return Refusal(40401, f"Subject '{name[:200]}' not found.")


def no_version(number: object) -> Refusal:
    """40402."""
    return Refusal(40402, f"Version {number} not found.")


def no_schema(what: str = "") -> Refusal:
    """40403."""
    return Refusal(40403, f"Schema {what}not found".replace("  ", " "))


def invalid_schema(reason: str) -> Refusal:
    """42201."""
    return Refusal(42201, f"Invalid schema: {reason}")


def invalid_version(text: str) -> Refusal:
    """42202."""
    return Refusal(
        42202,
        f"The specified version '{text[:40]}' is not a valid version id. Allowed are 1 to "
        "2147483647, -1 and 'latest'",
    )


def not_permitted(reason: str) -> Refusal:
    """42205."""
    return Refusal(42205, reason)
