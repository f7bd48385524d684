"""Calls to REST services: which rule covers which, and paths that nobody may play tricks with."""

from __future__ import annotations

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
