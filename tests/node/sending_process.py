"""A process of Health's: publishes births, each with a row of its own, and hears registrations.

Ends when all were sent and heard. Not a test: ``test_killed`` starts it, and ends it.
"""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path

from xroad_lite.node import Message, Node
from xroad_lite.testing import BIRTH

GROUP = 5
PAUSE = 0.003
"""Seconds between births, so that on a fast machine too the work outlasts the kills."""


def send(folder: Path, count: int, ready: Connection) -> None:
    """Publish up to ``count`` births, then wait until as many registrations were heard."""
    with Node.open(folder) as node:
        with node.transaction() as effects:
            effects.sql("CREATE TABLE IF NOT EXISTS published (number INTEGER)")
            effects.sql("CREATE TABLE IF NOT EXISTS heard (birth TEXT, code TEXT)")

        @node.subscribe("citizens.birth-registered")
        def hear(message: Message) -> None:
            row = message.body["identificadorNacimiento"], message.body["codigoPersonal"]
            message.sql("INSERT INTO heard VALUES (?, ?)", row)

        ready.send("ready")
        published = node.store.query("SELECT count(*) FROM published")[0][0]
        for number in range(published, count):
            with node.transaction() as effects:
                identifier = {"system": "urn:example:births", "value": f"B-{number}"}
                body = BIRTH | {"identifier": [identifier]}
                effects.publish("health.birth", body, subject=f"s-{number % 7}")
                effects.sql("INSERT INTO published VALUES (?)", (number,))
            if number % GROUP == 0:
                node.step()
            time.sleep(PAUSE)
        node.run(until=lambda: node.store.query("SELECT count(*) FROM heard")[0][0] >= count)
