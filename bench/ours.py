"""The whole of ours, as two processes: schema, policy, seal, log; the nine checks, log, handler."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bench.peers import done, ready, record
from xroad_lite import Message, Node

AT_ONCE = 200


def publish(folder: Path, count: int) -> None:
    """Publish, and work until the transport has confirmed everything."""
    with Node.open(folder) as node:
        node.step()
        ready()
        for first in range(0, count, AT_ONCE):
            with node.transaction() as effects:
                for number in range(first, min(first + AT_ONCE, count)):
                    effects.publish("health.birth", record(number), subject=f"s-{number}")
            node.step()
        while node.status()["outbox"]["waiting"]:
            if not node.step():
                node._transport.wait(0.01)
        done()


def consume(folder: Path, count: int) -> None:
    """Handle each once."""
    seen = 0
    with Node.open(folder) as node:

        @node.subscribe("health.birth")
        def handle(_: Message) -> None:
            nonlocal seen
            seen += 1

        node.step()
        ready()
        node.run(until=lambda: seen >= count)
        done()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    globals()[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
