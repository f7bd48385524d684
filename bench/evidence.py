"""What verifying a log costs beside its signatures: entries a second of one core, and memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.log import Log, show, timed
from xroad_lite.audit.exporting import export
from xroad_lite.audit.opening import open_evidence
from xroad_lite.audit.verifying import Asked, verify
from xroad_lite.envelope import parse_seal, verify_seal
from xroad_lite.messagelog import checkpoints, entries
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import sink
from xroad_lite.messagelog.evidence.material import Material


def verification(count: int) -> dict[str, float]:
    """Measure a log of ``count`` messages, and a bundle of it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log = Log(folder)
        log.grow(count)
        note = log.checkpoint()
        proof = str(checkpoints.prove(count // 3, note, log.store.read_hash))
        material, none = Material(note, ()), Choice()
        exported = timed(
            lambda: export(
                sink(folder / "bundle"), log.store, material, none, signer=None, registry=None
            )
        )
        leaf = entries.read(log.store.leaf(1))
        opened = parse_seal(leaf.seal(log.store.certificates()))
        signatures = 4000 / timed(lambda: [verify_seal(opened) for _ in range(4000)])
        log.store.close()
        here = {name: _apart(folder / name) for name in ("log.sqlite3", "bundle")}
    return {
        "signatures alone, a second": signatures,
        "a log, entries a second": count / here["log.sqlite3"][0],
        "a bundle, entries a second": count / here["bundle"][0],
        "exported, entries a second": count / exported,
        "memory at most, MB": max(memory for _, memory in here.values()),
        "one message's proof, bytes": float(len(proof)),
        "its entry, bytes": float(len(log.message(1)[0])),
    }


def _apart(path: Path) -> tuple[float, float]:
    """CPU seconds and MB of a process that verifies with one core."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.evidence", str(path)], check=True, capture_output=True
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def _verify(path: Path) -> None:
    seconds = timed(lambda: verify(open_evidence(path), Asked(now=time.time())))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak]))


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        show(verification(int(sys.argv[1])))
    else:
        _verify(Path(sys.argv[1]))
