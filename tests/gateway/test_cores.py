"""A gateway keeps to the cores that it is told, and says so where there are none such."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pairs import gateway, instance
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.testing import HEALTH


def test_all_threads_keep_to_the_cores(tmp_path: Path) -> None:
    """HTTP's, the node's, and those that come later."""
    core = max(os.sched_getaffinity(0))
    with gateway(instance(tmp_path).node_folder(HEALTH), cores=[core]) as running:
        assert running.http.get("/health/live").status_code == 200
        threads = [int(one.name) for one in Path(f"/proc/{running.process.pid}/task").iterdir()]
        assert len(threads) > 1
        assert {frozenset(os.sched_getaffinity(one)) for one in threads} == {frozenset({core})}


def test_a_core_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Before a port is open, with those that are."""
    folder = instance(tmp_path).node_folder(HEALTH)
    given = sorted(os.sched_getaffinity(0))
    (folder / "gateway.yaml").write_text(json.dumps({"port": 0, "open": True, "cores": [0, 4095]}))
    done = CliRunner().invoke(app, ["gateway", "--node", str(folder), "--json"])
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (2, "config.cores")
    assert "4095" in error["message"]
    assert str(given) in error["message"]
