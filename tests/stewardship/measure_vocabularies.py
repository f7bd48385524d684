"""What a check of 20,000 codes and 2,000 cells takes of one core, step by step; tests nothing.

Run it from the project: ``python tests/stewardship/measure_vocabularies.py``.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from test_vocabularies import CODED, HEAD, codes, declared

from xroad_lite.stewardship.vocabularies import broken_shapes, gaps, integrity, read_words

R = TypeVar("R")
CODES, CELLS = 20_000, 2_000


def timed(name: str, work: Callable[[], R]) -> R:
    """The result of some work; its CPU time is printed."""
    start = time.process_time()
    result = work()
    sys.stdout.write(f"{name:<10} {time.process_time() - start:6.1f} s\n")
    return result


def main() -> None:
    """Make the files and measure each step once."""
    many = "".join(
        f"a:c{n} a skos:Concept ; skos:inScheme a:list ; skos:broader a:c{n // 10 + CODES} ; "
        f'skos:notation "{n}" ; {CODED} .\n'
        for n in range(CODES)
    )
    cells = "".join(
        f'[] a align:Cell ; align:entity1 a:p{n} ; align:entity2 b:p{n} ; align:relation "=" .\n'
        for n in range(CELLS)
    )
    terms = declared(*(f"{side}:p{n}" for side in "ab" for n in range(CELLS)))
    files = {
        "vocabularies/a.ttl": (HEAD + codes("a:list", "x") + many + terms).encode(),
        "vocabularies/mappings/a--b.ttl": (HEAD + cells).encode(),
    }
    sys.stdout.write(f"{sum(map(len, files.values())):,} bytes\n")
    words = timed("read", lambda: read_words(files))
    timed("integrity", lambda: list(integrity(words)))
    timed("gaps", lambda: list(gaps(words, ("en", "es"))))
    timed("shapes", lambda: [list(broken_shapes(words, path)) for path in words.graphs])
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB\n")


if __name__ == "__main__":
    main()
