"""Births as hospitals write them: made up with a fixed seed, or read from a file of FHIR Patients.

Does not judge records: the schema of ``health.birth`` does.
"""

from __future__ import annotations

import json
import random
from codecs import BOM_UTF8 as BOM
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SEED = 19_870_401
MAX_LINE_BYTES = 4 * 1_048_576

_GIVEN = {
    "female": ("Elena", "Sofía", "Martina", "Amanda", "Inés", "Catalina", "Noa", "Yasna"),
    "male": ("Mateo", "Tomás", "Agustín", "León", "Iñaki", "Joaquín", "Aarón", "Nahuel"),
    "other": ("Alex", "Ariel", "Robin", "Cris"),
    "unknown": ("Alma", "Sol"),
}
_FAMILY = ("Rojas", "Muñoz", "González", "Pérez", "Sepúlveda", "Ñanco", "O'Higgins", "van der Berg")
_PLACES = (
    ("Valparaíso", "2340000"),
    ("Temuco", "4780000"),
    ("Iquique", "1100000"),
    ("Punta Arenas", "6200000"),
)
_HOSPITALS = ("urn:example:hospital:1", "urn:example:hospital:2")


def made_up(count: int, seed: int = SEED) -> Iterator[str]:
    """``count`` plausible births as JSON lines; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  plausible, not secret
    first = date(2026, 1, 1)
    for number in range(1, count + 1):
        yield json.dumps(_birth(draw, number, first), ensure_ascii=False)


def _birth(draw: random.Random, number: int, first: date) -> dict[str, Any]:
    gender = draw.choices(("female", "male", "other", "unknown"), (48, 48, 2, 2))[0]
    family = [draw.choice(_FAMILY), draw.choice(_FAMILY)]
    city, code = draw.choice(_PLACES)
    record: dict[str, Any] = {
        "resourceType": "Patient",
        "id": f"birth-{number}",
        "identifier": [
            {
                "use": "official",
                "system": draw.choice(_HOSPITALS),
                "value": f"B-2026-{number:06d}",
            }
        ],
        "gender": gender,
        "birthDate": (first + timedelta(days=draw.randrange(300))).isoformat(),
        "address": [{"use": "home", "line": ["Los Aromos 12"], "city": city, "postalCode": code}],
        "contact": [{"relationship": [{"text": "mother"}], "name": {"text": "not for others"}}],
    }
    if draw.random() > 0.05:  # a newborn may not have a name yet
        given = draw.sample(_GIVEN[gender], 2)
        record["name"] = [{"use": "official", "family": " ".join(family), "given": given}]
    if draw.random() < 0.03:
        record["multipleBirthInteger"] = draw.choice((1, 2))
    return record


def write_lines(lines: Iterator[str], path: Path) -> int:
    """Write lines to a file; gives how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    return count


def read_lines(path: Path, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line beyond ``after`` that is not blank; cut at 4 MiB."""
    with path.open("rb") as file:
        number = 0
        if file.read(len(BOM)) != BOM:  # other programs begin UTF-8 files with it
            file.seek(0)
        while line := file.readline(MAX_LINE_BYTES + 1):
            rest = line
            while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE_BYTES + 1)
            number += 1
            if number > after and line.strip():
                yield number, line.strip()


def count_lines(path: Path) -> int:
    """How many lines are not blank."""
    return sum(1 for _ in read_lines(path))
