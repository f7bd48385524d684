"""GovStack's ``/pull/v1``: one event at a time, the same one until it is acknowledged.

Does not know who may subscribe.
"""

from __future__ import annotations

import asyncio
import time

from starlette.responses import Response

from xroad_lite.errors import RequestError
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.govstack.asking import Asked, told
from xroad_lite.gateway.govstack.pushing import too_late
from xroad_lite.gateway.govstack.subscriptions import PUSH, Subscription, Subscriptions
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError
from xroad_lite.node import Message


class Pulling:
    """What was pulled, for as long as it is not acknowledged; ``lease`` is in seconds."""

    def __init__(self, subscriptions: Subscriptions, lease: float) -> None:
        self._subscriptions = subscriptions
        self._lease = lease
        self._out: dict[str, tuple[Message, float]] = {}
        """By subscription the event that was pulled and is not acknowledged, and until when."""
        self._locks: dict[str, asyncio.Lock] = {}

    def give_back(self, node: NodeAtWork, one: Subscription) -> None:
        """What was pulled and not acknowledged is whoever's comes next."""
        message, _ = self._out.pop(one.id, (None, 0.0))
        if message is not None:
            node.desk.give_back(message.entry)

    async def end(self, node: NodeAtWork, one: Subscription) -> None:
        """Nobody pulls by this subscription any more: it is removed."""
        async with self._lock(one):
            self.give_back(node, one)
            self._subscriptions.remove(one)
        self._locks.pop(one.id, None)

    async def pull(self, asked: Asked) -> Response:
        """The oldest that is not acknowledged: the same one until it is."""
        async with self._lock(self._pulled(asked)):
            one = self._pulled(asked)  # it may have been cancelled meanwhile
            message = await self._current(asked.node, one)
        if message is None:
            raise ProblemError(404, "govstack.none", f"no event of {one.type} waits")
        return told(events.item(message, asked.event_type))

    async def confirm(self, asked: Asked) -> Response:
        """Also what was pulled before a restart: it is the oldest still."""
        async with self._lock(self._pulled(asked)):
            one = self._pulled(asked)
            message = await self._current(asked.node, one)
            if message is None or events.item(message, "")["id"] != asked.names[1]:
                raise ProblemError(404, "govstack.none", "this event does not wait")
            del self._out[one.id]
            await asked.node.done(asked.node.desk.finish(message.entry))
        return Response(status_code=204)

    def _pulled(self, asked: Asked) -> Subscription:
        one = self._subscriptions.own(asked.node.name, asked.type)
        if one.delivery == PUSH:
            raise ProblemError(409, "govstack.subscription", f"{one.type} is pushed, not pulled")
        return one

    def _lock(self, one: Subscription) -> asyncio.Lock:
        return self._locks.setdefault(one.id, asyncio.Lock())

    async def _current(self, node: NodeAtWork, one: Subscription) -> Message | None:
        message, until = self._out.get(one.id, (None, 0.0))
        while message is None or time.monotonic() >= until or too_late(node, one, message):
            if message is not None and (late := too_late(node, one, message)):
                await self._give_up(node, message, late)
            self._out.pop(one.id, None)
            message = await self._next(node, one)
            if message is None:
                return None
            until = time.monotonic() + self._lease
            self._out[one.id] = message, until
        return message

    async def _next(self, node: NodeAtWork, one: Subscription) -> Message | None:
        if not events.receives(node, one.type):
            return None
        await asyncio.to_thread(node.desk.hold, one.type, holder=one.id)
        lease = self._lease
        taken = await node.done(node.desk.take(one.type, lease=lease, wait=False))
        return taken[0] if taken else None

    async def _give_up(self, node: NodeAtWork, message: Message, why: Exception) -> None:
        try:
            await node.done(node.desk.fail(message.entry, why))  # type: ignore[arg-type]
        except RequestError as error:
            if error.code != "request.not_taken":  # somebody else had it meanwhile
                raise
