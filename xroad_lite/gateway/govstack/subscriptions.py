"""Who wants which events, how: kept in one file beside the gateway's settings; delivers nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError
from xroad_lite.gateway.govstack.events import party, type_of
from xroad_lite.gateway.problems import ProblemError

PUSH, PULL = "PUSH", "PULL"
MAX_TTL = 365 * 86_400
MOST = 200
"""How many subscriptions a subsystem may have."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subsystem's wish for the events of one type. ``ttl`` is in seconds."""

    id: str
    subsystem: str
    room: str
    event_type: str
    type: str
    delivery: str = PUSH
    ttl: int = 3600
    fifo: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Of one subsystem and type there is one subscription."""
        return self.subsystem, self.type

    @classmethod
    def asked_for(cls, subsystem: str, room: str, event_type: str, body: Any) -> Self:
        """A new one, as a ``SubscriptionItem`` asks; ``ProblemError`` 400 for what is none."""
        type_ = type_of(room, event_type)
        made = cls(str(uuid4()), subsystem, room, event_type, type_)
        return made.changed(body)

    def changed(self, body: Any) -> Self:
        """With what a ``SubscriptionItem`` says of it; the rest stays."""
        if not isinstance(body, dict) or body.get("eventType") != self.event_type:
            raise _wrong(f"expected an object with eventType {self.event_type!r:.80}, as the path")
        options = body.get("options", {})
        if not isinstance(options, dict):
            raise _wrong("options: expected an object with TTL and FIFO")
        delivery = body.get("delivery", self.delivery)
        if delivery not in (PUSH, PULL):
            raise _wrong(f"delivery is {delivery!r:.80}: expected PUSH or PULL")
        fifo, ttl = options.get("FIFO", self.fifo), options.get("TTL", self.ttl)
        if not isinstance(fifo, bool):
            raise _wrong(f"options.FIFO is {fifo!r:.80}: expected true or false")
        if isinstance(ttl, bool) or not isinstance(ttl, int) or not 0 < ttl <= MAX_TTL:
            raise _wrong(f"options.TTL is {ttl!r:.80}: expected seconds from 1 to {MAX_TTL}")
        return replace(self, delivery=delivery, ttl=ttl, fifo=fifo)

    def item(self, *, active: bool) -> dict[str, Any]:
        """As a ``SubscriptionItem``; ``state`` says whether an agreement allows it yet."""
        return {
            "id": self.id,
            "subscriberId": party(self.subsystem),
            "eventType": self.event_type,
            "delivery": self.delivery,
            "options": {"TTL": self.ttl, "FIFO": self.fifo},
            "state": "active" if active else "proposed",
        }


class Subscriptions:
    """All of them. Each change is on disk before it is told; ``changed`` is called after it."""

    def __init__(self, file: Path, changed: Callable[[], None] = lambda: None) -> None:
        """Read the file, if it is there; ``ConfigurationError`` if it cannot be read."""
        self._file = file
        self.changed = changed
        self._all = {one.key: one for one in self._read()}

    def all(self) -> list[Subscription]:
        """Every one of them."""
        return list(self._all.values())

    def find(self, subsystem: str, type_: str) -> Subscription | None:
        """A subsystem's own of a type."""
        return self._all.get((subsystem, type_))

    def own(self, subsystem: str, type_: str) -> Subscription:
        """A subsystem's own of a type; ``ProblemError`` 404 if it has none."""
        found = self.find(subsystem, type_)
        if found is None:
            raise ProblemError(404, "govstack.subscription", f"there is no subscription to {type_}")
        return found

    def of(self, subsystem: str, domain: str) -> list[Subscription]:
        """A subsystem's own in a domain."""
        own = [one for one in self._all.values() if one.subsystem == subsystem]
        return [one for one in own if one.type.partition(".")[0] == domain]

    def check_new(self, new: Subscription) -> None:
        """``ProblemError`` 409 if there is one of its kind, 400 if there are too many."""
        if new.key in self._all:
            raise ProblemError(
                409, "govstack.subscribed", f"there is a subscription to {new.type} already"
            )
        if sum(one.subsystem == new.subsystem for one in self._all.values()) >= MOST:
            raise _wrong(f"there are {MOST} subscriptions: cancel those that nobody reads")

    def keep(self, new: Subscription) -> None:
        """Keep one, in place of that of the same subsystem and type if there is one."""
        self._write({**self._all, new.key: new})

    def remove(self, old: Subscription) -> None:
        """Forget one."""
        self._write({key: one for key, one in self._all.items() if key != old.key})

    def _read(self) -> list[Subscription]:
        try:
            value = strict_json.loads(self._file.read_bytes())
            return [Subscription(**one) for one in value["subscriptions"]]
        except FileNotFoundError:
            return []
        except (OSError, strict_json.StrictJSONError, KeyError, TypeError) as error:
            raise ConfigurationError(
                "config.subscriptions",
                f"{self._file} is no file of subscriptions: {error}",
                hint="restore it, or move it away: the systems then subscribe again",
            ) from None

    def _write(self, new: dict[tuple[str, str], Subscription]) -> None:
        write_durably(self._file, {"subscriptions": [asdict(one) for one in new.values()]})
        self._all = new
        self.changed()


def write_durably(file: Path, value: Any) -> None:
    """Replace a JSON file whole, on disk when this returns; only its owner may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as new:
        new.write(strict_json.dumps(value))
        new.flush()
        os.fsync(new.fileno())
    temporary.replace(file)


def _wrong(detail: str) -> ProblemError:
    return ProblemError(400, "govstack.subscription", detail)
