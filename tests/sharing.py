"""Which tests run in one process, and which first; holds no test.

A file's tests stay together. So do folders' whose tests share servers: each server takes seconds
of all cores to start. What takes longest begins first, so that no process is idle at the end.
"""

from __future__ import annotations

from typing import Any

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
