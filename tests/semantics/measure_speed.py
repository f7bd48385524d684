"""Prints translations a second, the slow road's in the same run, and loading times; tests nothing.

Run it from the project: ``python tests/semantics/measure_speed.py``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import jsonschema_rs
from semantic_cases import PREFIXES, bundled, files, patients, schema
from slow_road import known, slow

from xroad_lite.semantics import load_vocabulary
from xroad_lite.semantics.cache import frozen, thawed


def best(work: Callable[[], int], times: int = 7) -> float:
    """The highest rate a second of several runs."""
    rates = []
    for _ in range(times):
        start = time.perf_counter()
        count = work()
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def measured(source: str, target: str) -> str:
    """One line: compiled, compiled and validated, slow, ratio."""
    fast = bundled(source, target)
    valid = jsonschema_rs.Draft202012Validator(schema(target), validate_formats=True).is_valid
    messages = patients()[10:]
    if source != "health/birth":
        messages = [bundled("health/birth", source).apply(m).value for m in messages]
    knowledge = known(files())

    def compiled() -> int:
        for message in messages:
            fast.apply(message)
        return len(messages)

    def validated() -> int:
        for message in messages:
            valid(fast.apply(message).value)
        return len(messages)

    def slowly() -> int:
        for message in messages[:10]:
            slow(fast, schema(source), knowledge, message)
        return 10

    rates = best(compiled), best(validated), best(slowly, 2)
    return (
        f"{source} -> {target}: {rates[0]:,.0f}/s, with validation {rates[1]:,.0f}/s, "
        f"slow road {rates[2]:,.1f}/s, ratio {rates[0] / rates[2]:,.0f}"
    )


def large_vocabulary(concepts: int = 20_000, mappings: int = 2_000) -> dict[str, bytes]:
    """Turtle of that many concepts in one scheme, and mappings between two sets of properties."""
    codes = "".join(
        f'a:c{n} a skos:Concept ; skos:inScheme a:s ; skos:notation "{n}" ; '
        f'skos:prefLabel "concept {n}"@en , "concepto {n}"@es .\n'
        for n in range(concepts)
    )
    cells = "".join(
        f"a:p{n} a rdf:Property . b:p{n} a rdf:Property . [] a align:Cell ; align:entity1 a:p{n} ; "
        f'align:entity2 b:p{n} ; align:relation "=" .\n'
        for n in range(mappings)
    )
    return {
        "vocabularies/a.ttl": (PREFIXES + codes).encode(),
        "vocabularies/mappings/a--b.ttl": (PREFIXES + cells).encode(),
    }


def report(line: str) -> None:
    """Write one line for the reader."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Print the figures."""
    for pair in (("health/birth", "citizens/person"), ("citizens/person", "tax/taxpayer")):
        report(measured(*pair))
    large = large_vocabulary()
    start = time.perf_counter()
    vocabulary = load_vocabulary(large)
    loaded = time.perf_counter() - start
    data = frozen(vocabulary)
    start = time.perf_counter()
    thawed(data, vocabulary.digest)
    thaw = time.perf_counter() - start
    report(f"20,000 concepts, 2,000 cells: {loaded:.1f} s from Turtle, {thaw:.3f} s from the cache")


if __name__ == "__main__":
    main()
