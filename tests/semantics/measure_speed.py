"""Translations a second, the slow road's in the same run, and loading times; tests nothing.

Run it from the project: ``python tests/semantics/measure_speed.py``. All times are of one core's
time (CPU), so that other work on the machine does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson
from semantic_cases import PREFIXES, bundled, files, patients, schema
from slow_reasoning import Reasoning, Template
from slow_road import SlowRoad, known

from xroad_lite.semantics import load_vocabulary
from xroad_lite.semantics.cache import frozen, thawed


def best(work: Callable[[], int], times: int = 7) -> float:
    """The highest rate a second of several runs."""
    rates = []
    for _ in range(times):
        start = time.process_time()
        count = work()
        rates.append(count / (time.process_time() - start))
    return max(rates)


def kilobyte(messages: list[Any]) -> Any:
    """The message whose JSON is nearest to 1,024 bytes."""
    return min(messages, key=lambda one: abs(len(orjson.dumps(one)) - 1024))


def rates(source: str, target: str) -> dict[str, float]:
    """Of a record of 1 KB: compiled, compiled and validated, the slow road, and their ratio."""
    fast = bundled(source, target)
    valid = jsonschema_rs.Draft202012Validator(schema(target), validate_formats=True).is_valid
    messages = patients()[10:]
    if source != "health/birth":
        messages = [bundled("health/birth", source).apply(m).value for m in messages]
    message = kilobyte(messages)
    road = SlowRoad(Reasoning(Template(schema(source)), known(files())), schema(target))

    def compiled() -> int:
        for _ in range(1000):
            fast.apply(message)
        return 1000

    def validated() -> int:
        for _ in range(1000):
            valid(fast.apply(message).value)
        return 1000

    def slowly() -> int:
        for _ in range(5):
            road.translate(message)
        return 5

    found = {"compiled": best(compiled), "validated": best(validated), "slow": best(slowly, 2)}
    return {
        **found,
        "ratio": found["validated"] / found["slow"],
        "bytes": len(orjson.dumps(message)),
    }


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


def loading() -> dict[str, float]:
    """Seconds to load the large vocabulary from Turtle and from the cache."""
    large = large_vocabulary()
    start = time.process_time()
    vocabulary = load_vocabulary(large)
    loaded = time.process_time() - start
    data = frozen(vocabulary)
    thaws = []
    for _ in range(3):
        start = time.process_time()
        thawed(data, vocabulary.digest)
        thaws.append(time.process_time() - start)
    return {"turtle": loaded, "cache": min(thaws)}


def main() -> None:
    """Print the figures."""
    for source, target in (
        ("health/birth", "citizens/person"),
        ("citizens/person", "tax/taxpayer"),
    ):
        found = rates(source, target)
        sys.stdout.write(
            f"{source} -> {target}, {found['bytes']:,.0f} bytes: {found['compiled']:,.0f}/s, "
            f"with validation {found['validated']:,.0f}/s, slow road {found['slow']:,.1f}/s, "
            f"ratio {found['ratio']:,.0f}\n"
        )
    found = loading()
    sys.stdout.write(
        f"20,000 concepts, 2,000 cells: {found['turtle']:.1f} s from Turtle, "
        f"{found['cache']:.3f} s from the cache\n"
    )


if __name__ == "__main__":
    main()
