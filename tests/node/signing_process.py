"""A process that publishes and signs its log after every entry, until it is ended.

Not a test: ``test_checkpointing_faults`` starts it, and ends it.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from xroad_lite.node import Node, Settings
from xroad_lite.testing import BIRTH


def sign(folder: Path, says: Connection) -> None:
    """Publish without end; say the number of each log size that was acknowledged."""
    settings = Settings.read(folder, {})
    often = settings.checkpoints.model_copy(update={"entries": 1})
    with Node.open(settings.model_copy(update={"checkpoints": often})) as node:
        says.send(node.store.size)
        while True:
            node.publish("health.birth", BIRTH)
            says.send(node.store.size)
            node.step()
