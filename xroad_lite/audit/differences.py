"""In what two logs may differ, in words; does not find it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

WRONG, OPEN, NAMED = "wrong", "could not be established", "named"
"""Against one of the logs; nothing here tells; known, and no fault of a log."""
MAX_EXAMPLES = 200
"""So many of a kind are told one by one; all are counted."""


class Kind(NamedTuple):
    """A kind of difference: its name, how grave it is, and what to say of each."""

    name: str
    verdict: str
    text: str


ABSENT = Kind("absent", WRONG, "sent and never received: {why}; {known}")
OMITTED = Kind(
    "omitted",
    WRONG,
    "its log does not have it, and yet it answered: entry {answer} of the sender's log is sealed "
    "by it and names this very seal",
)
WAITING = Kind("waiting", NAMED, "not sent yet: it waits in the outbox")
EXPIRED = Kind("expired", NAMED, "never sent: it expired in the outbox")
NOT_HEARD = Kind("not heard", NAMED, "sent to everybody who listens, and not received")
ON_ITS_WAY = Kind(
    "on its way", OPEN, "sent and not received yet, nor anything after it: it may come; {known}"
)
ENDS = Kind("ends", OPEN, "the other log ends before it, at {at}: ask for a newer copy")
NOT_CHOSEN = Kind("not chosen", OPEN, "the other side holds chosen entries, and this is not one")
UNLOGGED = Kind(
    "unlogged", WRONG, "received under the sender's seal, which holds; in no entry of its log"
)
FORGED = Kind("forged", WRONG, "logged as received, and its seal does not hold: {why}")
STRANGER = Kind(
    "stranger",
    NAMED,
    "came in the sender's name and was refused ({code}); the sender sent it no such message",
)
SIGNATURE = Kind("changed", WRONG, "came under another signature than the one that was sent")
BODY = Kind("changed", WRONG, "its body or salt is not the same in the two logs")
BODILESS = Kind(
    "body", NAMED, "the seals are equal; the bodies could not be compared: not kept by {who}"
)
REFUSED = Kind("refused", NAMED, "came, and was refused{step} ({code})")
CONTRADICTED = Kind(
    "contradicted",
    WRONG,
    "its receipt said {state!r} (entry {receipt} of the sender's log); the log of who gave it "
    "does not",
)
TWICE = Kind("one number twice", WRONG, "two messages have the number {number}: {low} and {high}")
NUMBER = Kind(
    "number", WRONG, "number {which} is in neither log: the sender's log lacks what it counted"
)
VIEWS = Kind(
    "view",
    WRONG,
    "a checkpoint of {size} entries that the other party saw has another root: the log showed "
    "two views of itself",
)
SET_BACK = Kind(
    "view",
    OPEN,
    "it has {size} entries, and the other party saw it with {seen}: it is an older copy, or was "
    "set back",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which two logs differ; what is not known is None."""

    kind: str
    verdict: str
    source: str
    recipient: str
    said: str
    number: int | None = None
    id: str | None = None
    type: str | None = None
    sent: int | None = None
    """Its entry in the log of who sent it."""
    received: int | None = None
    """Its entry in the log of who got it."""


@dataclass(slots=True)
class Held:
    """What came of holding two logs against each other."""

    parties: tuple[str, str]
    sent: dict[str, int] = field(default_factory=Counter)
    """Messages that each of the two sent to the other."""
    received: dict[str, int] = field(default_factory=Counter)
    """Those of them that the other has; by who sent."""
    kinds: dict[tuple[str, str], int] = field(default_factory=Counter)
    """How many differences there are, by kind and verdict."""
    differences: list[Difference] = field(default_factory=list)
    unproven: tuple[int, int] = (0, 0)
    """What each got without a seal that holds: nobody can say whose it was."""

    def add(self, one: Difference) -> None:
        """Count a difference, and keep it unless there are many alike."""
        self.kinds[one.kind, one.verdict] += 1
        if self.kinds[one.kind, one.verdict] <= MAX_EXAMPLES:
            self.differences.append(one)

    @property
    def verdict(self) -> str | None:
        """The worst: wrong, could not be established, or None."""
        found = {verdict for _, verdict in self.kinds}
        return WRONG if WRONG in found else OPEN if OPEN in found else None
