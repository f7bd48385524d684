"""Calls to REST services: which rule covers which, and paths that nobody may play tricks with."""

from __future__ import annotations

from itertools import product

import pytest

from xroad_lite.registry.endpoints import allowed, covers
from xroad_lite.registry.models import Endpoint

TABLE = [
    ("GET", "/persons/*", "GET", "/persons/1", True),
    ("GET", "/persons/*", "POST", "/persons/1", False),
    ("*", "/persons/*", "DELETE", "/persons/1", True),
    ("GET", "/persons/*", "GET", "/persons", False),
    ("GET", "/persons/*", "GET", "/persons/", False),
    ("GET", "/persons/*", "GET", "/persons/1/children", False),
    ("GET", "/persons/**", "GET", "/persons/1/children", True),
    ("GET", "/persons/**", "GET", "/persons", True),
    ("GET", "/persons/**", "GET", "/person", False),
    ("GET", "/**", "GET", "/", True),
    ("GET", "/", "GET", "/", True),
    ("GET", "/", "GET", "/persons", False),
    ("GET", "/*/children", "GET", "/1/children", True),
    ("GET", "/**/children", "GET", "/a/b/children", True),
    ("GET", "/**/children", "GET", "/a/b/parents", False),
    ("GET", "/persons/*", "GET", "/persons/Mar%C3%ADa", True),
    ("GET", "/persons/a b", "GET", "/persons/a%20b", True),
    ("GET", "/persons", "GET", "/%70ersons", True),
    ("GET", "/persons/*", "GET", "/persons/..", False),
    ("GET", "/persons/**", "GET", "/persons/../secrets", False),
    ("GET", "/persons/**", "GET", "/persons/%2e%2e/secrets", False),
    ("GET", "/persons/*", "GET", "/persons/a%2Fb", False),
    ("GET", "/persons/*", "GET", "/persons/a%5Cb", False),
    ("GET", "/persons/*", "GET", "/persons\\a", False),
    ("GET", "/persons/**", "GET", "//persons/1", False),
    ("GET", "/persons/**", "GET", "/persons//1", False),
    ("GET", "/persons/*", "GET", "/persons/1%00", False),
    ("GET", "/persons/*", "GET", "/persons/%ff", False),
    ("GET", "/persons/*", "GET", "persons/1", False),
    ("GET", "/persons/*", "GET", "/persons/1?all", False),
    ("get", "/persons/*", "get", "/persons/1", None),
]


@pytest.mark.parametrize(("method", "rule", "called", "path", "covered"), TABLE)
def test_the_table(method: str, rule: str, called: str, path: str, covered: bool | None) -> None:
    """What a rule covers, and what looks like it and is not."""
    if covered is None:
        with pytest.raises(ValueError, match="method"):
            Endpoint.model_validate({"method": method, "path": rule})
        return
    found = Endpoint.model_construct(method=method, path=rule)
    assert (allowed([found], called, path) is found) is covered
    assert covers(method, rule, called, path) is covered


def test_many_wildcards_take_no_longer_than_their_number() -> None:
    """A rule of a hundred ** over a path of 256 segments is answered at once."""
    rule = Endpoint.model_construct(method="*", path="/**/a" * 100 + "/b")
    assert allowed([rule], "GET", "/a" * 256) is None
    assert allowed([rule], "GET", "/a" * 257) is None


def reaches(rule: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """What a rule covers, by definition: ``**`` takes nothing, or one segment and goes on."""
    if not rule or not path:
        return not path and all(part == "**" for part in rule)
    if rule[0] == "**":
        return reaches(rule[1:], path) or reaches(rule, path[1:])
    return rule[0] in ("*", path[0]) and reaches(rule[1:], path[1:])


@pytest.mark.parametrize("length", range(5))
def test_every_short_rule_covers_what_it_says(length: int) -> None:
    """All rules of so many parts, and all paths of up to four segments."""
    paths = [one for long in range(1, 5) for one in product("ab", repeat=long)]
    for rule in product(("a", "*", "**"), repeat=length):
        for path in paths:
            covered = covers("GET", "/" + "/".join(rule), "GET", "/" + "/".join(path))
            assert covered is (reaches(rule, path) if rule else False), (rule, path)
