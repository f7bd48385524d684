"""``make bench``: what a message costs, and how fast two processes exchange beside their peers."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "transports")]

from broker import start_broker  # noqa: E402

from bench.agreements import decisions  # noqa: E402
from bench.evidence import verification  # noqa: E402
from bench.log import GROUP, log_at_scale, show  # noqa: E402
from bench.meaning import meaning  # noqa: E402
from bench.peers import record  # noqa: E402


def rate(function: Callable[[], object], seconds: float = 1.0) -> float:
    """Calls a second, of one core's time."""
    function()
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        for _ in range(20):
            function()
        count += 20
    return count / (time.process_time() - began)


def costs() -> dict[str, float]:
    """Single steps, calls a second on one core."""
    from xroad_lite import testing
    from xroad_lite.envelope import open_seal, parse_seal, seal, verify_seal
    from xroad_lite.exchange.compiled import compiled_schema, compiled_translator

    with testing.two_agencies() as world:
        world.health.publish("health.birth", record(1))
        tamperer = testing.Tamperer(world.instance.node_folder(testing.HEALTH))
        true = tamperer.last_sent()
        snapshot = world.civil._registry.current
        births, persons = (
            snapshot.latest_schema(name) for name in ("health.birth", "citizens.person")
        )
        assert births is not None
        assert persons is not None
        schema = compiled_schema(snapshot, births)
        translation = compiled_translator(snapshot, births, persons)
        attributes, body = true.opened.attributes, true.body
        value = schema.decode(body)
        return {
            "seal": rate(lambda: seal(attributes, body, tamperer.signer, issued_at=1_790_000_000)),
            "parse a seal": rate(lambda: parse_seal(true.seal)),
            "verify a signature": rate(lambda: verify_seal(true.opened)),
            "open a seal": rate(lambda: open_seal(true.seal)),
            "validate a 1 KB body": rate(lambda: schema.is_valid(value)),
            "translate": rate(lambda: translation.apply(value)),
        } | confidential(body)


def confidential(body: bytes) -> dict[str, float]:
    """What a confidential body costs beside, at its sender and at its recipient."""
    from xroad_lite.encryption import Holder, PrivateKey, encrypt_body, pseudonym
    from xroad_lite.testing import CIVIL, HEALTH

    keys = {name: PrivateKey.generate() for name in (HEALTH, CIVIL)}
    parties = {"source": (HEALTH, keys[HEALTH].public), "recipient": (CIVIL, keys[CIVIL].public)}
    one = encrypt_body(body, message_id="1", **parties)
    names = {"message_id": "1", "source": HEALTH, "recipient": CIVIL, "committed": one.commitment}
    holder = Holder(CIVIL, [keys[CIVIL]])
    return {
        "encrypt a 1 KB body": rate(lambda: encrypt_body(body, message_id="1", **parties)),
        "decrypt a 1 KB body": rate(lambda: holder.open_body(one.body, **names)),
        "a pseudonym": rate(lambda: pseudonym(bytes(32), "EX-1")),
    }


@dataclass(frozen=True, slots=True)
class Run:
    """One exchange: messages a second, and microseconds of CPU for each message, by process."""

    rate: float
    publisher: float
    consumer: float
    broker: float


def exchange(publisher: list[str], consumer: list[str], count: int, broker: int) -> Run:
    """From the first publish to the last one handled, as two processes; ``broker`` is its pid."""
    python = [sys.executable, "-m"]
    both = [
        subprocess.Popen(
            [*python, *arguments, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        for arguments in (consumer, publisher)
    ]
    for one in both:
        assert one.stdout is not None
        one.stdout.readline()
    before, began = cpu_seconds(broker), time.perf_counter()
    for one in both:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    used = []
    for one in both:
        assert one.stdout is not None
        used.append(float(one.stdout.readline() or "nan"))
        if one is both[0]:
            took = time.perf_counter() - began
    used.append(cpu_seconds(broker) - before)
    for one in both:
        if one.wait(timeout=300):
            raise SystemExit(f"{one.args} failed")
    theirs, ours, brokers = (seconds / count * 1e6 for seconds in used)
    return Run(count / took, ours, theirs, brokers)


def cpu_seconds(pid: int) -> float:
    """What a process and its threads have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


PEERS = {
    "aio-pika": ("aio_publish", "aio_consume"),
    "FastStream, gathered": ("fast_publish", "fast_consume"),
    "FastStream, each awaited": ("fast_publish_each", "fast_consume"),
}
OURS = "xroad_lite"


def exchanges(count: int, rounds: int, *, peers: bool) -> dict[str, list[Run]]:
    """End to end on one broker, each contestant in turn."""
    found: dict[str, list[Run]] = {name: [] for name in ([*PEERS] if peers else []) + [OURS]}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = start_broker(folder / "broker")
        try:
            for number in range(rounds):
                for name, runs in found.items():
                    if name == OURS:
                        ends = ours(folder / str(number), broker.url)
                    else:
                        ends = [["bench.peers", one, broker.url] for one in PEERS[name]]
                    runs.append(exchange(*ends, count, broker.pid))
        finally:
            broker.stop()
    return found


def ours(folder: Path, url: str) -> list[list[str]]:
    """Two agencies on the broker; how their publisher and their consumer are started."""
    from xroad_lite import testing
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.stewardship import routes
    from xroad_lite.transports.rabbitmq.administration import declare
    from xroad_lite.transports.rabbitmq.topology import plan

    instance = testing.two_agency_instance(folder, now=time.time(), transport=url)
    declare(plan(routes(RegistryFolder(instance.folder / "registry").newest(), time.time())), url)
    return [
        ["bench.ours", "publish", str(instance.node_folder(testing.HEALTH))],
        ["bench.ours", "consume", str(instance.node_folder(testing.CIVIL))],
    ]


def main() -> None:
    """Measure, and print one JSON object and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="messages in the measured log"
    )
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    options = parser.parse_args()
    single = costs()
    print("calls a second, one core")
    for name, value in single.items():
        print(f"  {name:24}{value:12,.0f}")
    meant = meaning()
    print("\nmeaning: a record of FHIR into the Civil Registry's words; 20,000 concepts loaded")
    for name, value in meant.items():
        print(f"  {name:30}{value:12,.2f}")
    decided = decisions()
    print("\npolicy: a second, one core, 10,000 agreements")
    for name, value in decided.items():
        print(f"  {name:34}{value:12,.2f}")
    logged = log_at_scale(options.entries)
    print(f"\nthe log: {options.entries:,} messages of 1 KB, {GROUP} in a transaction")
    show(logged)
    verified = verification(options.entries // 20)
    print("\nevidence: a second of one core; what counts is the share of bare signatures")
    show(verified)
    runs = exchanges(options.messages, options.rounds, peers=not options.alone)
    best = {name: max(run.rate for run in found) for name, found in runs.items()}
    print(f"\nend to end, {options.messages} messages of 1 KB, best of {options.rounds};")
    print("median microseconds of CPU a message in publisher, consumer and broker")
    for name, found in runs.items():
        used = (median(run) for run in zip(*(astuple(one)[1:] for one in found), strict=True))
        print(
            f"  {name:26}{best[name]:8,.0f}/s",
            *(f"{one:6.0f}" for one in used),
            f"  ours is {best[OURS] / best[name]:5.2f} of it",
        )
    told = {name: [asdict(run) for run in found] for name, found in runs.items()}
    parts = {
        "costs": single,
        "meaning": meant,
        "policy": decided,
        "log": logged,
        "evidence": verified,
    }
    print(json.dumps({**parts, "end_to_end": told}))


if __name__ == "__main__":
    main()
