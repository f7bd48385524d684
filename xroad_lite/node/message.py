"""A message as a handler sees it: the body in the reader's terms, and what it may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.envelope import Attributes
from xroad_lite.exchange import Judgement
from xroad_lite.node.effects import Effects
from xroad_lite.node.left_out import Published
from xroad_lite.semantics import Loss


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived, judged and translated.

    ``body`` is in this node's terms, ``original`` as its sender wrote it, ``losses`` what the
    translation could not carry. ``attributes`` are the sealed ones. ``attempt`` counts from 1;
    ``id`` is the idempotency key for effects made outside the node. ``dead_before`` holds the log
    entries of dead letters with the same source and subject that this message overtook.
    """

    body: Any
    original: Any = field(repr=False)
    attributes: Attributes = field(repr=False)
    losses: tuple[Loss, ...]
    entry: int
    """Index of its entry in this node's log."""
    attempt: int = 1
    subject: str | None = None
    """Whose order it belongs to: by name where the body says it, else as sealed, a pseudonym."""
    dead_before: tuple[int, ...] = ()
    replay: bool = False
    """Whether it is shown again from a log: it was handled before, and can have no effect here."""
    _effects: Effects | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The message's id, a UUIDv7."""
        return self.attributes.id

    @property
    def type(self) -> str:
        """The message's type, ``domain.name``."""
        return self.attributes.type

    @property
    def source(self) -> str:
        """The subsystem that sealed it."""
        return self.attributes.source

    @property
    def purpose(self) -> str:
        """What it may be used for."""
        return self.attributes.purpose

    def publish(self, type: str, body: Any, **options: Any) -> Published:
        """Publish together with the handling of this message; see ``Effects.publish``."""
        return self._reachable().publish(type, body, **options)

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run SQL together with the handling of this message; see ``Effects.sql``."""
        return self._reachable().sql(statement, values)

    def _reachable(self) -> Effects:
        if self.replay:
            raise RuntimeError("a message that is replayed from a log cannot publish or run SQL")
        if self._effects is None:
            raise RuntimeError("only a message in its handler can publish or run SQL")
        return self._effects


def replayed(found: Judgement, entry: int) -> Message:
    """A message shown again from a log, after it was judged again; it can have no effect."""
    return Message(
        body=found.reading,
        original=found.value,
        attributes=found.attributes,
        losses=found.losses,
        entry=entry,
        subject=found.subject,
        replay=True,
    )
