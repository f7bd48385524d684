"""What verifying a log costs beside its signatures: entries a second of one core, and memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.log import Log as MeasuredLog
from bench.log import show, timed
from xroad_lite.audit.exporting import export
from xroad_lite.audit.opening import Bundle, Log, open_evidence
from xroad_lite.audit.verifying import Asked, verify
from xroad_lite.envelope import verify_seal
from xroad_lite.envelope.logged import LoggedSeals
from xroad_lite.messagelog import checkpoints, entries
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import sink
from xroad_lite.messagelog.evidence.material import Material
from xroad_lite.messagelog.evidence.parts import Source


def verification(count: int) -> dict[str, float]:
    """Measure a log of ``count`` messages, and a bundle of it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log = MeasuredLog(folder)
        log.grow(count)
        note = log.checkpoint()
        proof = str(checkpoints.prove(count // 3, note, log.store.read_hash))
        material, none = Material(note, ()), Choice()
        exported = timed(
            lambda: export(
                sink(folder / "bundle"), log.store, material, none, signer=None, registry=None
            )
        )
        log.store.close()
        here = {name: _apart(folder / name) for name in ("log.sqlite3", "bundle")}
    kept, bundle = here["log.sqlite3"], here["bundle"]
    return {
        "signatures alone, a second": 1 / kept.signature,
        "a log, entries a second": 1 / kept.entry,
        "a log, beside the signatures": kept.entry / kept.signature - 1,
        "a bundle, entries a second": 1 / bundle.entry,
        "a bundle, beside the signatures": bundle.entry / bundle.signature - 1,
        "exported, entries a second": count / exported,
        "memory at most, MB": max(kept.memory, bundle.memory),
        "one message's proof, bytes": float(len(proof)),
        "its entry, bytes": float(len(log.message(1)[0])),
    }


class Cost(NamedTuple):
    """CPU seconds of an entry and of a bare signature, in turns in one process; its memory, MB."""

    entry: float
    signature: float
    memory: float


def _apart(path: Path) -> Cost:
    """What a process of its own takes to verify with one core."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.evidence", str(path)], check=True, capture_output=True
    )
    return Cost(*json.loads(done.stdout))


def _verify(path: Path) -> Cost:
    evidence = open_evidence(path)
    assert isinstance(evidence, Log | Bundle)
    signatures = _Signatures(evidence.source)
    asked = Asked(now=time.time(), progress=signatures.verify)
    seconds = timed(lambda: verify(evidence, asked)) - signatures.seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(seconds / evidence.source.size, signatures.seconds / signatures.count, peak)


class _Signatures:
    """Signatures of a log, verified bare whenever a part of it is done."""

    def __init__(self, source: Source) -> None:
        read = LoggedSeals(source.certificates).read
        fields = [entries.read(leaf).fields for _, leaf in source.leaves(0, 1024)]
        self._seals = [read(one["header"], one["payload"], one["signature"]) for one in fields]
        self.seconds, self.count = 0.0, 0

    def verify(self, what: str, _done: int, _size: int) -> None:
        if what == "entries":
            self.seconds += timed(lambda: [verify_seal(one) for one in self._seals])
            self.count += len(self._seals)


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        show(verification(int(sys.argv[1])))
    else:
        print(json.dumps(_verify(Path(sys.argv[1]))))
