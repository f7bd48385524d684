"""RFC 3339 texts and Unix seconds, there and back; and what is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite import times

LAST = 253_402_300_799
"""The last second that a year of four digits can write."""


@given(st.integers(0, 7_258_118_400_000))
def test_milliseconds_go_there_and_back(milliseconds):
    """Any moment until the year 2200, to the millisecond."""
    seconds = milliseconds / 1000
    text = times.to_text(seconds)
    assert len(text) == 24
    assert text.endswith("Z")
    assert times.to_text(times.to_unix(text)) == text
    assert abs(times.to_unix(text) - seconds) < 0.001


@given(st.integers(0, LAST), st.integers(0, LAST))
def test_texts_sort_as_moments_do(one, other):
    """Later is greater."""
    assert (times.to_text(one) < times.to_text(other)) == (one < other)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-31T12:00:00Z", 1_769_860_800),
        ("2026-01-31T12:00:00.5Z", 1_769_860_800.5),
        ("2026-01-31T12:00:00.123456Z", 1_769_860_800.123456),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
        ("9999-12-31T23:59:59Z", LAST),
    ],
)
def test_known_moments(text, seconds):
    """Against numbers that other tools give."""
    assert times.to_unix(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "now",
        "2026-01-31",
        "2026-01-31Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00+01:00Z",
        "2026-01-31T12:00Z",
        "2026-01-31T12Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T24:00:01Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-031T12:00:00Z",
        "+2026-01-31T12:00:00Z",
        "12026-01-31T12:00:00Z",
        "\u0662026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        " 2026-01-31T12:00:00Z",
    ],
)
def test_what_is_no_time_in_utc_is_refused(text):
    """One form alone: documents and logs are read by others too."""
    with pytest.raises(ValueError, match="time in UTC"):
        times.to_unix(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 2_592_000),
        ("PT24H", 86_400),
        ("PT5M", 300),
        ("PT0S", 0),
        ("P1DT2H3M4S", 93_784),
        ("PT999999999S", 999_999_999),
        ("P99999D", 8_639_913_600),
    ],
)
def test_durations_are_seconds(text, seconds):
    """Days, hours, minutes, seconds."""
    assert times.duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "30D", "P1M", "P1Y", "P1W", "P1.5D", "PT1.5S", "-P1D", "P-1D", "P1DT"),
        *("p1d", "PT5M ", "P999999D", "PT1M1H", "P1D\n", "P\u0663D"),
    ],
)
def test_what_is_no_duration_is_refused(text):
    """Months and years have no length; signs, fractions and an empty time part have no use."""
    with pytest.raises(ValueError, match="duration"):
        times.duration(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    """Nothing but ValueError comes out."""
    for read in (times.to_unix, times.duration):
        try:
            read(text)
        except ValueError:
            continue
