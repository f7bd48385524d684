"""A sender and a receiver as a node has them, without the node; holds no test."""

from __future__ import annotations

import time
from collections import Counter

from worlds import SALT

from xroad_lite.errors import TransportError
from xroad_lite.transports.contract import Outcome, Parcel, Transport


class Outbox:
    """Sends numbers in order on several lanes, again and again until each is confirmed."""

    def __init__(self, transport: Transport, recipient: str, lanes: list[str], size: int) -> None:
        self.transport = transport
        self.confirmed: set[int] = set()
        self.counts: Counter[Outcome] = Counter()
        self._recipient = recipient
        self._lanes = lanes
        self._body = b"x" * size
        self._waiting: list[int] = []
        self._next = 0
        self._pause_until = 0.0

    def parcel(self, number: int) -> Parcel:
        """The parcel of this number; its lane follows from it."""
        lane = self._lanes[number % len(self._lanes)]
        body = b"%d " % number + self._body
        attributes = {"id": f"id-{number}", "type": lane, "source": "x" * 40}
        seal = b"seal %d" % number
        return Parcel(number, self._recipient, lane, seal, SALT, body, lambda: attributes)

    def add(self, count: int) -> None:
        """So many more numbers are to be sent."""
        self._waiting += range(self._next, self._next + count)
        self._next += count

    @property
    def done(self) -> bool:
        """Whether everything is confirmed."""
        return len(self.confirmed) == self._next

    def step(self) -> None:
        """Take the outcomes, then hand over what fits, the lost ones first."""
        again = []
        for number, outcome in self.transport.outcomes():
            self.counts[outcome] += 1
            if outcome is Outcome.CONFIRMED:
                self.confirmed.add(number)
            else:
                again.append(number)
            if outcome is Outcome.REJECTED:
                self._pause_until = time.monotonic() + 0.2
        self._waiting = again + self._waiting
        if time.monotonic() < self._pause_until:
            return
        batch, rest = self._waiting[:200], self._waiting[200:]
        try:
            self.transport.send([self.parcel(number) for number in batch])
        except TransportError as error:
            if error.code != "transport.full":
                raise
            return
        self._waiting = rest


class Inbox:
    """Receives numbers and remembers the order in which each lane brought them first."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.first: dict[str, list[int]] = {}
        self.seen: set[int] = set()
        self.doubles = 0

    def step(self) -> None:
        """Take what is there and acknowledge it."""
        found = self.transport.receive(500)
        for one in found:
            number = int(one.seal.split()[1])
            if number in self.seen:
                self.doubles += 1
            else:
                self.seen.add(number)
                self.first.setdefault(one.lane, []).append(number)
        self.transport.acknowledge([one.tag for one in found])

    def in_order(self) -> bool:
        """Whether on each lane no number came before a smaller one."""
        return all(numbers == sorted(numbers) for numbers in self.first.values())
