"""A process of the Civil Registry's: registers births, with a row and a publication for each.

Runs until it is ended. Not a test: ``test_killed`` starts it, and ends it.
"""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from pathlib import Path

from xroad_lite.node import Message, Node


def receive(folder: Path, ready: Connection) -> None:
    """Register what comes, until SIGTERM."""
    with Node.open(folder) as node:
        with node.transaction() as effects:
            effects.sql("CREATE TABLE IF NOT EXISTS persons (birth TEXT, code TEXT, subject TEXT)")
        signal.signal(signal.SIGTERM, lambda *_: node._closing.set())

        @node.subscribe("health.birth", reads="citizens.person")
        def register(message: Message) -> None:
            birth = message.body["identificadorNacimiento"]
            code = f"EX-{message.entry}"
            message.sql("INSERT INTO persons VALUES (?, ?, ?)", (birth, code, message.subject))
            registered = {
                "codigoPersonal": code,
                "identificadorNacimiento": birth,
                "fechaNacimiento": message.body["fechaNacimiento"],
                "fechaInscripcion": message.body["fechaNacimiento"],
            }
            message.publish("citizens.birth-registered", registered, subject=message.subject)

        ready.send("ready")
        node.run()
