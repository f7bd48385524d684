"""The files adapter is killed at random points: no row is lost, none comes twice."""

import json
import os
import random
from collections import Counter

import pytest
import yaml
from processes import Process, context, in_the_middle, paths, published, wait
from test_files import BIRTHS

from xroad_lite.testing import CIVIL, HEALTH

pytestmark = pytest.mark.long

KILLS = 60 if "XROAD_LITE_CHAOS" in os.environ else 3
ROWS = 60


def test_adapters_are_killed(instance, tmp_path, monkeypatch):
    """Publisher and receiver, by SIGKILL: each row is in one file of the receiver's."""
    monkeypatch.setenv("PYTHONPATH", paths())
    chance, made, both = random.Random(3), context(), []
    drop, out = tmp_path / "drop", tmp_path / "out"
    for folder in (drop, out):
        folder.mkdir()
    for who, what in (
        (HEALTH, {"publish": [BIRTHS | {"folder": str(drop), "files": "*.csv"}]}),
        (CIVIL, {"receive": [{"type": "health.birth", "folder": str(out)}]}),
    ):
        node = instance.node_folder(who)
        file = tmp_path / f"{node.name}.yaml"
        file.write_text(yaml.safe_dump({"node": str(node), "every": 0.02, **what}))
        both.append(Process(made, "files", "FilesAdapter", str(file)))
    log = instance.node_folder(HEALTH) / "log.sqlite3"

    def arrived():
        return sum(1 for one in out.iterdir() if one.suffix == ".json")

    try:
        for one in both:
            one.start()
        for number in range(KILLS):
            rows = [f"B-{number}-{row},14/03/2026,Rojas" for row in range(ROWS)]
            rows[7] = f"B-{number}-7,2026-03-14,Rojas"  # a bad one
            part = drop / "births.csv.part"
            part.write_text("\n".join(["number,born,family", *rows, ""]))
            part.rename(drop / f"births-{number}.csv")
            killed = number % 3 == 2
            in_the_middle(arrived if killed else (lambda: published(log)), both, chance)
            both[killed].kill()
        wait(lambda: arrived() >= KILLS * (ROWS - 1), both)
        wait(lambda: len(list((drop / "bad").glob("*.csv"))) == 2 * KILLS, both)
    finally:
        for one in both:
            one.kill()
    bodies = [json.loads(one.read_text())["body"] for one in out.glob("*.json")]
    found = Counter(body["identifier"][0]["value"] for body in bodies)
    expected = {f"B-{number}-{row}" for number in range(KILLS) for row in range(ROWS) if row != 7}
    assert found == Counter(expected)
    for file in (drop / "bad").glob("*.reasons.csv"):
        assert [line.split(",")[0] for line in file.read_text().splitlines()[1:]] == ["9"]
