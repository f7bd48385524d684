"""To whom ``log replay`` shows messages again: a handler, a queue, the running node."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import output
from xroad_lite.errors import ConfigurationError, LogError, TransportError

if TYPE_CHECKING:
    from xroad_lite.envelope import Replayed
    from xroad_lite.exchange import Judgement
    from xroad_lite.messagelog.replays import ReplayTable
    from xroad_lite.node.message import Message
    from xroad_lite.transports.replays import ReplayQueue

ROWS = 12
"""So many rows of a kind are told to people; programs get all."""
_AT_ONCE = 100
_LOOK_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Shown:
    """Messages that were accepted then and are again: those chosen are shown, without effects."""

    after: int
    type: str | None
    ids: frozenset[str]
    done: int = 0
    """How many were shown."""
    last: int = -1
    """The last entry that was looked at."""
    found: set[str] = field(default_factory=set)
    failed: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, entry: int, found: Judgement) -> None:
        """A message, in the log's order."""
        sealed = found.attributes
        self.last = max(entry, self.after)
        named = self.ids & {sealed.id, str(entry)}
        wanted = self.type in (None, sealed.type) and (named or not self.ids)
        if entry > self.after and wanted and sealed.inreplyto is None:
            self.found |= named
            self.show(entry, found)

    def show(self, entry: int, found: Judgement) -> None:
        """Show it, or keep it for ``end``."""
        raise NotImplementedError

    def end(self) -> None:
        """All were looked at."""

    @property
    def absent(self) -> list[str]:
        """The ids that were asked for and not shown."""
        return sorted(self.ids - self.found)

    @property
    def ok(self) -> bool:
        """Whether all went well."""
        return not self.failed and not self.absent

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        failed = [{"entry": entry, "message": why} for entry, why in self.failed]
        found = {"handled": self.done, "failed": failed, "absent": self.absent, "last": self.last}
        return found | ({} if self.ok else {"ok": False})

    def words(self) -> str:
        """How many were shown to whom."""
        raise NotImplementedError

    def say(self) -> None:
        """For people."""
        output.paragraph(escape(self.words()))
        alike: dict[str, list[int]] = {}
        for entry, why in self.failed:
            alike.setdefault(why, []).append(entry)
        for why, of in list(alike.items())[:ROWS]:
            which = f"entry {of[0]}" + (f" and {len(of) - 1} more" if len(of) > 1 else "")
            output.paragraph(f"[bold red]failed[/] {which}: {escape(why)}")
        if len(alike) > ROWS:
            output.paragraph(f"and for {len(alike) - ROWS} reasons more: see --json")
        for one in self.absent:
            output.paragraph(
                f"[bold red]not shown[/] {escape(one)}: no message that was accepted and can be "
                "judged here is named so"
            )
        if not self.ids and self.done:
            output.paragraph(f"to go on from here later: --after {self.last}")


@dataclass(slots=True, kw_only=True)
class ToHandler(Shown):
    """A callable of this process."""

    handler: Callable[[Message], object]

    def show(self, entry: int, found: Judgement) -> None:
        """Call it."""
        from xroad_lite.node.message import replayed

        self.done += 1
        try:
            self.handler(replayed(found, entry))
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is its failure
            self.failed.append((entry, f"{type(error).__name__}: {error}"))

    def words(self) -> str:
        """See ``Shown``."""
        return f"{self.done} shown to the handler again, {len(self.failed)} failed"


@dataclass(slots=True, kw_only=True)
class ToQueue(Shown):
    """A replay queue: each lies there marked, with its verdict."""

    name: str
    queue: ReplayQueue
    _waiting: list[Replayed] = field(default_factory=list)
    _put_last: int = -1
    """The last entry that surely lies there."""

    def show(self, entry: int, found: Judgement) -> None:
        """Lay it there, many at once."""
        self._waiting.append(_marked(entry, found))
        if len(self._waiting) == _AT_ONCE:
            self._put()

    def end(self) -> None:
        """Lay the rest there."""
        self._put()
        self.queue.close()

    def _put(self) -> None:
        if not self._waiting:
            return
        try:
            self.queue.put(self._waiting)
        except TransportError as error:
            upto = max(self.after, self._put_last)
            raise TransportError(
                error.code,
                f"{error.message}; {self.done} lie in the queue, and of the next "
                f"{len(self._waiting)} perhaps some",
                hint=f"go on with: --after {upto}"
                if upto >= 0
                else "put it right, and begin again",
            ) from None
        self.done += len(self._waiting)
        self._put_last = self._waiting[-1].entry
        self._waiting.clear()

    def to_json(self) -> dict[str, Any]:
        """See ``Shown``."""
        return Shown.to_json(self) | {"queue": self.name}

    def words(self) -> str:
        """See ``Shown``."""
        return f"{self.done} laid in the queue {self.name}, marked as replays"


@dataclass(slots=True, kw_only=True)
class ToNode(Shown):
    """The running node, which looks into the table beside its log."""

    table: ReplayTable
    wait: float
    """How many seconds may pass without a result."""
    _entries: list[int] = field(default_factory=list)

    def show(self, entry: int, _: Judgement) -> None:
        """Keep it until all are known."""
        self._entries.append(entry)

    def end(self) -> None:
        """Ask for all of them, and wait for what becomes of them."""
        if not self._entries:
            return
        now = time.time()
        if not self.table.ask(self._entries, now, now + self.wait):
            raise LogError(
                "log.replay_at_work",
                "another replay to this node is at work",
                hint="wait until it has ended",
            )
        try:
            self._await()
        finally:
            self.table.clear()

    def _await(self) -> None:
        from xroad_lite.messagelog.replays import SHOWN

        results: dict[int, str] = {}
        ends = time.monotonic() + self.wait
        with output.progress("shown to the node") as progress:
            while len(results) < len(self._entries) and time.monotonic() < ends:
                time.sleep(_LOOK_SECONDS)
                found = self.table.results()
                if len(found) > len(results):
                    ends = time.monotonic() + self.wait
                    self.table.wait(time.time() + self.wait)
                results = found
                progress("shown to the node", len(results), len(self._entries))
        self.done = sum(one == SHOWN for one in results.values())
        nobody = (
            f"no running node took it within {self.wait:g} s: it must run, with a subscription "
            "that says replays=True"
        )
        for entry in self._entries:
            if (why := results.get(entry, nobody)) != SHOWN:
                self.failed.append((entry, why))

    def words(self) -> str:
        """See ``Shown``."""
        return f"{self.done} shown by the running node again, {len(self.failed)} not"


def _marked(entry: int, found: Judgement) -> Replayed:
    from xroad_lite.envelope import Replayed

    assert found.opened is not None
    return Replayed(
        log=found.node.me,
        entry=entry,
        received=times.to_text(found.node.now),
        verdict=found.verdict.to_json(),
        replayed=times.to_text(time.time()),
        opened=found.opened,
        salt=found.salt,
        body=found.body,
    )


def callable_named(name: str) -> Callable[[Message], object]:
    """What ``module:function`` names; modules of this folder are found too."""
    import sys
    from importlib import import_module

    module, _, function = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), function) if module and function else None
    except (ImportError, AttributeError) as error:
        raise ConfigurationError("config.handler", f"--handler {name!r}: {error}") from None
    finally:
        sys.path.remove("")
    if not callable(found):
        raise ConfigurationError(
            "config.handler", f"got --handler {name!r}: expected a callable, as module:function"
        )
    return cast("Callable[[Message], object]", found)


def queue_at(node: Path, transport: str | None, name: str) -> ReplayQueue:
    """The replay queue of this name, at the node's transport unless another is given."""
    from xroad_lite.node import Settings
    from xroad_lite.transports.replays import check_name, open_replays

    check_name(name)
    if transport is not None:
        return open_replays(transport, name)
    try:
        settings = Settings.read(node)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.code,
            f"no --transport was given, and there is no node whose it could be: {error.message}",
            hint="say where: --transport embedded:FILE, or --transport amqp://…",
        ) from None
    return open_replays(settings.transport, name, base=settings.folder)
