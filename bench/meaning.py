"""Translations a second beside the slow road of the tests, and loading a large vocabulary."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "semantics")]


def meaning() -> dict[str, float]:
    """Rates a second and seconds, all of one core's time; the ratio is within this run."""
    from measure_speed import loading, rates

    found = rates("health/birth", "citizens/person")
    loaded = loading()
    return {
        "translations, with validation": found["validated"],
        "the slow road": found["slow"],
        "ratio": found["ratio"],
        "bytes of the record": found["bytes"],
        "seconds from Turtle": loaded["turtle"],
        "seconds from the cache": loaded["cache"],
    }
