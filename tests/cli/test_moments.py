"""Times as people type them on the command line."""

import pytest

from xroad_lite import times
from xroad_lite.cli.moments import end_of, moment
from xroad_lite.errors import ConfigurationError


def test_a_day_begins_and_ends():
    """From its first moment to the first of the next; a time is itself."""
    begins, noon = "2026-01-31T00:00:00Z", "2026-01-31T12:00:00Z"
    assert moment("2026-01-31") == times.to_unix(begins)
    assert end_of("2026-01-31") == times.to_unix("2026-02-01T00:00:00Z")
    assert moment(noon) == end_of(noon) == times.to_unix(noon)


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "31.1.2026", "2026-01-31T12:00"])
def test_what_is_neither_is_said_as_it_was_typed(text):
    """With both forms."""
    with pytest.raises(ConfigurationError) as caught:
        moment(text)
    assert repr(text) in caught.value.message
    assert "2026-01-31 or 2026-01-31T12:00:00Z" in caught.value.message
