"""The demo's four processes on a real broker, killed while they send and receive."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from chaos import CHAOS

pytestmark = pytest.mark.long

KILLS = 50 if CHAOS else 3
MESSAGES = 3000 if CHAOS else 80


def test_demo_on_a_broker_survives_the_death_of_its_processes(broker, tmp_path):
    """SIGKILL at random points: the same report as without, every effect once, logs verify."""
    folder = tmp_path / "kept"
    killed = []
    stop = threading.Event()

    def kill():
        draw = random.Random(int(os.environ.get("XROAD_LITE_CHAOS_SEED", "50")))
        while len(killed) < KILLS and not stop.is_set():
            time.sleep(draw.uniform(0.1, 0.9))
            name = draw.choice(("health", "civil", "welfare", "tax"))
            try:
                os.kill(int((folder / "nodes" / name / "pid").read_text()), signal.SIGKILL)
                killed.append(name)
            except (OSError, ValueError):
                continue

    killer = threading.Thread(target=kill)
    killer.start()
    command = [sys.executable, "-m", "xroad_lite.cli", "demo", "--json", "--amqp", broker.url]
    options = ["--messages", str(MESSAGES), "--keep", str(folder)]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600)
    finally:
        stop.set()
        killer.join()
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["registered"] == MESSAGES
    assert report["institutions"]["welfare"]["handled"] == MESSAGES
    assert report["restarts"] >= KILLS // 3, killed
