"""A request's headers, as those who ask for them find them."""

from __future__ import annotations

from typing import Any

from xroad_lite.gateway.headers import NAMES_AS_SENT, as_sent, by_name, every


def test_the_last_of_a_name_counts_and_all_can_be_asked_for() -> None:
    """As X-Road has it; and a scope that no server of ours made has them too."""
    headers = [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")]
    scope: dict[str, Any] = {"headers": headers}
    assert by_name(scope) == {b"x-a": b"2", b"x-b": b"\xe9"}
    assert every(scope, b"x-a") == ["1", "2"]
    assert every(scope, b"x-b") == ["é"]
    assert every(scope, b"x-c") == []
    assert as_sent(scope) == headers
    scope["state"][NAMES_AS_SENT] = [(b"X-A", b"1")]
    assert as_sent(scope) == [(b"X-A", b"1")]
