"""Who got none of what was published, and why: for the one who publishes, and in the node's talk.

Does not decide it: policy does. Publishing goes on for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xroad_lite.exchange import Ready
from xroad_lite.policy import LeftOut

_NAMED = 5


class Published(str):
    """The id of an event that was published, with whom policy left out of it."""

    left_out: tuple[LeftOut, ...]

    @classmethod
    def of(cls, ready: Ready) -> Published:
        """From the first message of the event, which has the event's id as its own."""
        event = cls(ready.attributes["id"])
        event.left_out = ready.left_out
        return event


class LeftOutTalk:
    """Says in a line whom policy leaves out of a type, whenever that has changed."""

    def __init__(self, talk: Callable[[str], None]) -> None:
        self._talk = talk
        self._said: dict[tuple[str, str | None], frozenset[tuple[str | None, str]]] = {}

    def say(self, ready: Sequence[Ready]) -> None:
        """Of the messages of one draft."""
        draft, left_out = ready[0].draft, ready[0].left_out
        about = draft.type, draft.purpose
        if not left_out and about not in self._said:
            return
        now = frozenset((one.recipient, one.code) for one in left_out)
        if self._said.get(about) != now:
            self._said[about] = now
            self._talk(_line(draft.type, left_out))


def _line(type_: str, left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return f"{type_} goes to everybody again whom an agreement names"
    named = "; ".join(map(str, left_out[:_NAMED]))
    more = len(left_out) - _NAMED
    return f"{type_} does not go to {named}" + (f"; and {more} more" if more > 0 else "")
