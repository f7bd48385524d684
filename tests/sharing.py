"""Which tests run in one process, which first, which are left out, how long; holds no test.

A file's tests stay together. So do folders' whose tests share servers: each server takes seconds
of all cores to start. What takes longest begins first, so that no process is idle at the end.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings

FOLDERS = {
    "transports": "broker",
    "faults": "broker",
    "gateway": "gateways",
    "adapters": "databases",
    "registry_api": "registry_api",
}
"""Folders that share servers, each with a name of what is shared."""

LONGEST = ("broker", "gateways", "databases", "tests/cli/test_demo.py", "tests/node")
"""What is begun with; names of units, or how files begin."""


DAY = os.environ.setdefault("XROAD_LITE_TEST_DAY", str(datetime.now(UTC).toordinal()))
"""By what samples are drawn; in the environment, so that all processes draw the same."""


def left_out(items: list[Any]) -> list[Any]:
    """What a plain run does not take: tests marked ``long``, and of ``sampled`` all but some.

    Others each day: ``XROAD_LITE_TEST_DAY`` names one again.
    """
    left = [one for one in items if one.get_closest_marker("long")]
    cases: dict[str, list[Any]] = defaultdict(list)
    for one in items:
        if one.get_closest_marker("sampled"):
            cases[one.nodeid.partition("[")[0]].append(one)
    for name, found in cases.items():
        count = found[0].get_closest_marker("sampled").args[0]
        left += random.Random(DAY + name).sample(found, max(0, len(found) - count))
    return left


def examples(most: int) -> int:
    """How many cases of a law are tried that a build tries so often: a plain run a quarter."""
    return most if settings().max_examples >= 100 else most // 4


def unit(nodeid: str) -> str:
    """What runs in one process with a test: its file, or what its folder shares."""
    file = nodeid.split("::", 1)[0]
    _, _, inside = file.partition("tests/")
    return FOLDERS.get(inside.split("/", 1)[0], file)


def order(nodeid: str) -> int:
    """Where a test comes in a run: lower is earlier, and equals stay as they were."""
    name = unit(nodeid)
    found = (place for place, begin in enumerate(LONGEST) if name.startswith(begin))
    # Tests of faults end the broker that the others use, so they come after them.
    return 2 * next(found, len(LONGEST)) + ("tests/faults/" in nodeid)


def scheduler(config: Any, log: Any) -> Any:
    """How pytest-xdist gives work to processes: unit by unit, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return Sharing(config, log)
