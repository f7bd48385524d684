"""A node at work in a thread of its own; holds no test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from xroad_lite import Node


@contextmanager
def working(node: Node) -> Iterator[None]:
    """The node runs meanwhile, and afterwards until it is idle; it stays open."""
    done = threading.Event()
    thread = threading.Thread(target=node.run, args=(done.is_set,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        node._transport.wake()
        thread.join()
