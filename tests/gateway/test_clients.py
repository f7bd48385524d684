"""The clients of examples/02_gateway, run as they are: curl and JavaScript publish and read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pairs import Pair

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_gateway"
BIRTHS = "/api/v1/messages/health.birth"


CLIENTS = pytest.mark.parametrize(
    ("program", "file"), [("sh", "client.sh"), ("node", "client.mjs")]
)


@CLIENTS
def test_a_client_publishes_and_reads(two: Pair, program: str, file: str) -> None:
    """It reads what it published, in the reader's terms, and acknowledges it."""
    assert shutil.which(program), f"{program} is missing: run tests/install-tools"
    while (left := two.provider.http.get(BIRTHS)).status_code == 200:
        for one in left.json()["messages"]:
            two.provider.http.post(f"{BIRTHS}/{one['entry']}/acknowledge")
    command = [program, str(EXAMPLE / file), two.consumer.url, two.provider.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "acknowledged" in done.stdout
    assert "apellidos" in done.stdout
    assert "Rojas" in done.stdout


@CLIENTS
def test_a_client_says_what_is_wrong(two: Pair, program: str, file: str) -> None:
    """Its use, an address where nobody is, and why the gateway refuses: in a line or two each."""
    here, away = two.consumer.url, "http://127.0.0.1:1"
    for addresses, status, said in (
        ((), 2, "usage: "),
        ((here, away), None, ""),
        ((two.provider.url, here), None, "policy.no_agreement"),
    ):
        command = [program, str(EXAMPLE / file), *addresses]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == status if status else done.returncode != 0
        told = done.stdout + done.stderr
        assert said in told
        assert 0 < len(told.splitlines()) <= 3, told
