"""What is ordered at a node's desk, and the futures of those who wait for it; does no order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import Incoming
from xroad_lite.node.message import Message

T = TypeVar("T")


@dataclass(slots=True)
class Order:
    """What is to be done, by the node's thread, inside a transaction."""

    work: Callable[[float], Any]
    durable: bool
    future: Future[Any]
    awaited: bool = True
    """Whether the future is done with the order; else only when the order fails."""

    def begins(self) -> bool:
        """Whether it is still wanted."""
        if self.awaited or self.future.cancelled():
            return self.future.set_running_or_notify_cancel()
        return True

    def done(self, result: Any, failure: BaseException | None) -> None:
        """Tell who waits what came of it."""
        if failure is not None:
            end(self.future, failure)
        elif self.awaited:
            self.future.set_result(result)


@dataclass(slots=True)
class Taker:
    """Somebody who waits for messages of a type."""

    limit: int
    lease: float
    waits: bool
    """Whether nothing is no answer."""
    future: Future[list[Message]] = field(default_factory=Future)
    rows: list[Incoming] = field(default_factory=list)
    """What is the taker's already, while it is not told."""


def outcome(work: Callable[[float], Any], now: float) -> tuple[Any, BaseException | None]:
    """Whatever an order raises is its caller's; what the store raises is everybody's."""
    try:
        return work(now), None
    except LogError:
        raise
    except Exception as error:  # noqa: BLE001  its caller gets it from the future
        return None, error


def settle(future: Future[T], read: Callable[[], T]) -> None:
    """Give a future its result or error, unless nobody waits for it any more."""
    if is_wanted(future):
        try:
            future.set_result(read())
        except XRoadError as error:
            future.set_exception(error)


def end(future: Future[Any], error: BaseException) -> None:
    """Give a future an error, unless nobody waits for it any more."""
    if is_wanted(future):
        future.set_exception(error)


def is_wanted(future: Future[Any]) -> bool:
    """Whether somebody waits; nobody does where its order failed, as when the disk was full."""
    if future.running():
        return True
    failed = future.done() and not future.cancelled()
    return not failed and future.set_running_or_notify_cancel()
