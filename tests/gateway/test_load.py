"""Many at once, from a process of its own: no error, nobody waits much longer, memory stays flat.

The figures are measured by ``python -m bench.gateway``; this is its short form.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pairs import Pair, Running

from xroad_lite.testing import CIVIL, HEALTH

SECONDS = float(os.environ.get("XROAD_LITE_SOAK_LOAD", "0.5"))
CONCURRENCY = 500 if SECONDS > 1 else 100


def resident(running: Running) -> int:
    """Bytes of memory that a gateway has now."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_many_at_once(two: Pair) -> None:
    """Each is answered, and right."""
    command = [sys.executable, "-m", "bench.gateway", "load", str(two.consumer.port)]
    command += [f"/r1/{CIVIL}/echo/x", HEALTH, str(SECONDS), str(CONCURRENCY)]
    before = [resident(one) for one in (two.consumer, two.provider)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == 0
    assert found["requests"] >= CONCURRENCY
    assert found["p99_ms"] < 10 * found["p50_ms"]
    grown = [
        resident(one) - was for one, was in zip((two.consumer, two.provider), before, strict=True)
    ]
    assert max(grown) < 96 * 1_048_576
