"""Events pushed to subscribers: a POST, tried again with growing waits, then a dead letter.

Only addresses of the gateway's settings are called. Does not know who may subscribe.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError, RejectedError, RequestError, XRoadError
from xroad_lite.gateway.application import Gateway
from xroad_lite.gateway.govstack.events import item, receives
from xroad_lite.gateway.govstack.subscriptions import PUSH, Subscription, Subscriptions
from xroad_lite.gateway.http_client import CallError, HttpClient, tls_of
from xroad_lite.gateway.logs import log
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.settings import Subscriber
from xroad_lite.gateway.traces import HEADER as TRACEPARENT
from xroad_lite.node import Message

_AT_ONCE = 8
_LOOK_AGAIN_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_MAX_ANSWER = 65_536


class Pushing:
    """A task for each subscription by push that an agreement allows, for as long as it does."""

    def __init__(self, gateway: Gateway, subscriptions: Subscriptions) -> None:
        self._gateway = gateway
        self._subscriptions = subscriptions
        self._subscribers = _of_nodes(gateway)
        self._clients: dict[int, HttpClient] = {}
        self._tasks: dict[Subscription, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to push."""
        self._subscriptions.changed = self._changed.set
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Push no more; what is under way is given back, and comes again."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._end(list(self._tasks))
        for client in self._clients.values():
            client.close()

    def address(self, subsystem: str, type_: str) -> Subscriber | None:
        """Where events of a type are pushed to for a subsystem, by the settings."""
        for one in self._subscribers:
            if one.subsystem == subsystem and (not one.types or type_ in one.types):
                return one
        return None

    async def _look(self) -> None:
        """Follow what is subscribed and what agreements allow; the registry may change any time."""
        while True:
            self._changed.clear()
            wanted = {one for one in self._subscriptions.all() if self._is_pushed(one)}
            ended = {one for one, task in self._tasks.items() if task.done()}
            await self._end([one for one in self._tasks if one in ended or one not in wanted])
            for one in wanted - self._tasks.keys():
                self._tasks[one] = asyncio.create_task(self._serve(one))
            try:
                await asyncio.wait_for(self._changed.wait(), _LOOK_AGAIN_SECONDS)
            except TimeoutError:
                continue

    def _is_pushed(self, one: Subscription) -> bool:
        node = self._gateway.nodes.get(one.subsystem)
        return (
            node is not None
            and one.delivery == PUSH
            and self.address(one.subsystem, one.type) is not None
            and receives(node, one.type)
        )

    async def _end(self, subscriptions: Sequence[Subscription]) -> None:
        tasks = [self._tasks.pop(one) for one in subscriptions]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, subscription: Subscription) -> None:
        """Take what comes, as long as not too much is under way; ends with the node."""
        node = self._gateway.nodes[subscription.subsystem]
        free = asyncio.Semaphore(1 if subscription.fifo else _AT_ONCE)
        under_way: set[asyncio.Task[None]] = set()
        try:
            await asyncio.to_thread(node.desk.hold, subscription.type, holder=subscription.id)
            while True:
                await free.acquire()
                for message in await self._taken(node, subscription):
                    task = asyncio.create_task(self._deliver(node, subscription, message))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    task.add_done_callback(lambda _: free.release())
        except XRoadError as error:  # the node is closing, or its broker is away: soon again
            log.warning("push", subsystem=node.name, type=subscription.type, error=str(error))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _taken(self, node: NodeAtWork, subscription: Subscription) -> list[Message]:
        """The next one; it is ours for as long as all its attempts can take."""
        retry, address = node.node.settings.retry, self.address(*subscription.key)
        assert address is not None
        waits = sum(_wait(retry.first, retry.factor, one) for one in range(1, retry.attempts))
        lease = (address.timeout + 1) * retry.attempts + waits + 60
        while True:
            taking = node.desk.take(subscription.type, lease=lease)
            try:
                return await node.done(taking)
            except asyncio.CancelledError:
                if taking.done() and not taking.cancelled() and taking.exception() is None:
                    for message in taking.result():
                        node.desk.give_back(message.entry)
                raise
            except RequestError:
                raise
            except XRoadError as error:
                log.warning("cannot take events", subsystem=node.name, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _deliver(self, node: NodeAtWork, by: Subscription, message: Message) -> None:
        """Until it is taken, or dead. In FIFO whatever follows waits, so it is tried again here;
        else the node tries it again, and others pass.
        """
        try:
            retry = node.node.settings.retry
            trouble = await self._attempt(node, by, message)
            while by.fifo and trouble is not None and message.attempt < retry.attempts:
                if isinstance(trouble, RejectedError):
                    break
                await asyncio.sleep(_wait(retry.first, retry.factor, message.attempt))
                message = replace(message, attempt=message.attempt + 1)
                trouble = await self._attempt(node, by, message)
            if trouble is None:
                await node.done(node.desk.finish(message.entry))
                return
            if by.fifo and not isinstance(trouble, RejectedError):
                trouble = RejectedError(trouble.code, trouble.message)
            await node.done(node.desk.fail(message.entry, trouble))
        except asyncio.CancelledError:
            node.desk.give_back(message.entry)
            raise
        except XRoadError as error:
            log.warning("event", subsystem=node.name, entry=message.entry, error=str(error))

    async def _attempt(
        self, node: NodeAtWork, by: Subscription, message: Message
    ) -> XRoadError | None:
        """Post it; None when the subscriber has it, else why not."""
        late = too_late(node, by, message)
        if late is not None:
            return late
        outcome = "unreachable"
        headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        if message.attributes.traceparent is not None:
            headers.append((TRACEPARENT, message.attributes.traceparent))
        content = strict_json.dumps(item(message, by.event_type))
        try:
            answer = await self._client(by).call("POST", "", None, headers, content)
            outcome = f"{answer.status // 100}xx"
            if 200 <= answer.status < 300:
                return None
            detail = f"the subscriber answered with status {answer.status}"
        except CallError as error:
            detail = "the subscriber could not be reached, or its answer not be read"
            log.warning("subscriber", subsystem=node.name, type=by.type, error=str(error))
        finally:
            self._gateway.metrics.calls(node.name, "govstack", outcome).inc()
        return XRoadError("govstack.push", detail)

    def _client(self, by: Subscription) -> HttpClient:
        address = self.address(*by.key)
        assert address is not None
        number = self._subscribers.index(address)
        if number not in self._clients:
            self._clients[number] = HttpClient(
                address.url,
                timeout=address.timeout,
                calls=self._gateway.settings.limits.calls,
                max_content=_MAX_ANSWER,
                tls=tls_of(address, self._gateway.settings),
            )
        return self._clients[number]


def too_late(
    node: NodeAtWork,
    by: Subscription,
    message: Message,
    clock: Callable[[], float] = time.time,
) -> RejectedError | None:
    """Why an event is delivered no more, if its time is over: it becomes a dead letter."""
    if clock() - node.node.store.entry(message.entry).at <= by.ttl:
        return None
    return RejectedError("govstack.ttl", f"it was not delivered within its TTL of {by.ttl} s")


def _wait(first: float, factor: float, attempt: int) -> float:
    wait: float = first * factor ** (attempt - 1)
    return wait


def _of_nodes(gateway: Gateway) -> list[Subscriber]:
    """The addresses, each with its subsystem; ``ConfigurationError`` for one without node here."""
    found = []
    for one in gateway.settings.subscribers:
        if one.subsystem is None and len(gateway.nodes) == 1:
            one = one.model_copy(update={"subsystem": next(iter(gateway.nodes))})
        if one.subsystem not in gateway.nodes:
            raise ConfigurationError(
                "config.subscriber",
                f"{one.url}: {one.subsystem or 'a subscriber without subsystem'} has no node here",
                hint=f"name one with subsystem: {', '.join(gateway.nodes)}",
            )
        tls_of(one, gateway.settings)
        found.append(one)
    return found
