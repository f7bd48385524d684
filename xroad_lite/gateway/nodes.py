"""The nodes that a gateway speaks for, each at work in a thread of its own; holds no rule."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any, Self, TypeVar

from xroad_lite.errors import ConfigurationError, XRoadError
from xroad_lite.node import Node
from xroad_lite.node.desk import Desk
from xroad_lite.policy import PUBLISH

_T = TypeVar("_T")


class NodeAtWork:
    """One node and its thread."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = str(node.id)
        self._ended: str | None = None
        self._done: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        """What its thread has done and the loop has not been told yet."""
        self._telling = False
        self._thread = threading.Thread(target=self._run, name=f"node {self.name}", daemon=True)

    @property
    def desk(self) -> Desk:
        """Where its work is ordered."""
        return self.node.desk

    @property
    def max_body(self) -> int:
        """The largest body of a message, in bytes."""
        return self.node.settings.max_body

    async def done(self, future: Future[_T]) -> _T:
        """Wait for what was ordered at its desk; whoever is cancelled wants it no more.

        As ``asyncio.wrap_future``, but the loop is woken once for all that is done together.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[_T] = loop.create_future()
        future.add_done_callback(lambda done: self._is_done(loop, waiting, done))
        try:
            return await waiting
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _is_done(
        self, loop: asyncio.AbstractEventLoop, waiting: asyncio.Future[Any], done: Future[Any]
    ) -> None:
        """Called by the node's thread."""
        self._done.append((waiting, done))
        if not self._telling and not loop.is_closed():
            self._telling = True
            loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._telling = False  # before it looks: what is done from now on calls again
        while self._done:
            waiting, done = self._done.popleft()
            if waiting.done():
                continue
            try:
                waiting.set_result(done.result())
            except CancelledError:
                waiting.cancel()
            except BaseException as error:  # noqa: BLE001  whoever waits gets it
                waiting.set_exception(error)

    def may_receive(self, type_: str) -> bool:
        """Whether an agreement lets it have events of a type, or a service of it is asked by it."""
        snapshot = self.node.snapshot
        return self.desk.answer_type(type_) is not None or any(
            type_ in one.types
            and one.operation == PUBLISH
            and (one.consumer is None or self.name in snapshot.parties.standing(one.consumer))
            for one in snapshot.agreements
        )

    def start(self) -> None:
        """Begin to send and receive."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing durable is lost."""
        self.node.close()
        if self._thread.ident is not None:
            self._thread.join()

    def status(self) -> dict[str, Any]:
        """What waits where; empty when the node is closed."""
        try:
            return self.node.status()
        except XRoadError:
            return {}

    def trouble(self) -> str | None:
        """Why it can neither send nor receive; None when it can."""
        if self._ended is not None:
            return self._ended
        if not self._thread.is_alive():
            return "it is not running"
        status = self.status()
        transport = status.get("transport", {})
        if not transport.get("connected", False):
            return f"its transport is not connected: {transport.get('detail', '')}"
        return None

    def _run(self) -> None:
        try:
            self.node.run()
            self._ended = "it has ended"
        except Exception as error:  # its health says so
            self._ended = f"it has ended: {error}"
            raise


class Nodes(Mapping[str, NodeAtWork]):
    """By subsystem; a context for as long as they are to work."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = {str(one.id): NodeAtWork(one) for one in nodes}

    @classmethod
    def open(cls, folders: Sequence[Path], talk: Callable[[str], None]) -> Self:
        """Open the nodes in these folders; all or none."""
        opened: list[Node] = []
        try:
            for folder in folders:
                opened.append(Node.open(folder, talk=talk))
                if len({str(one.id) for one in opened}) < len(opened):
                    raise ConfigurationError(
                        "config.node", f"{folder} is of {opened[-1].id}, which another one is too"
                    )
        except BaseException:
            for node in opened:
                node.close()
            raise
        return cls(opened)

    def __enter__(self) -> Self:
        for one in self.values():
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.values():
            one.stop()

    def __getitem__(self, subsystem: str) -> NodeAtWork:
        return self._nodes[subsystem]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)
