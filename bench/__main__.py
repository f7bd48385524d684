"""``make bench``: what a message costs, and how fast two processes exchange beside their peers."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "transports")]

from broker import start_broker  # noqa: E402

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
        }


def exchange(publisher: list[str], consumer: list[str], count: int) -> float:
    """Messages a second from the first publish to the last one handled, as two processes."""
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
    began = time.perf_counter()
    for one in both:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    for one in both:
        if one.wait(timeout=300):
            raise SystemExit(f"{one.args} failed")
        if one is both[0]:
            took = time.perf_counter() - began
    return count / took


def exchanges(count: int, rounds: int) -> dict[str, list[float]]:
    """End to end on one broker, each contestant in turn."""
    from xroad_lite import testing
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.stewardship import routes
    from xroad_lite.transports.rabbitmq.administration import declare
    from xroad_lite.transports.rabbitmq.topology import plan

    names = "aio-pika", "FastStream", "FastStream, each awaited", "xroad_lite"
    found: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = start_broker(folder / "broker")
        try:
            url = broker.url
            for number in range(rounds):
                instance = testing.two_agency_instance(
                    folder / str(number), now=time.time(), transport=url
                )
                declare(plan(routes(RegistryFolder(instance.folder / "registry").newest())), url)
                health, civil = (
                    str(instance.node_folder(one)) for one in (testing.HEALTH, testing.CIVIL)
                )
                peers = "bench.peers"
                found["aio-pika"].append(
                    exchange([peers, "aio_publish", url], [peers, "aio_consume", url], count)
                )
                found["FastStream"].append(
                    exchange([peers, "fast_publish", url], [peers, "fast_consume", url], count)
                )
                found["FastStream, each awaited"].append(
                    exchange([peers, "fast_publish_each", url], [peers, "fast_consume", url], count)
                )
                found["xroad_lite"].append(
                    exchange(
                        ["bench.ours", "publish", health], ["bench.ours", "consume", civil], count
                    )
                )
        finally:
            broker.stop()
    return found


def main() -> None:
    """Measure, and print one JSON object and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    single = costs()
    print("calls a second, one core")
    for name, value in single.items():
        print(f"  {name:24}{value:12,.0f}")
    rates = exchanges(options.messages, options.rounds)
    best = {name: max(values) for name, values in rates.items()}
    print(f"\nend to end, {options.messages} messages of 1 KB, best of {options.rounds}")
    for name, value in best.items():
        print(f"  {name:26}{value:10,.0f}/s   ours is {best['xroad_lite'] / value:5.2f} of it")
    result: dict[str, Any] = {"costs": single, "end_to_end": rates}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
