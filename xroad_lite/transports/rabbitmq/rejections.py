"""Tells when a broker has rejected for so long that a new connection is worth a try; pure.

A queue may be full, and then nothing helps but time. But a channel of RabbitMQ 3.10 that was opened
between the loss of a queue's leader and the election of the next goes on rejecting for ever.
"""

from __future__ import annotations

FIRST_SECONDS = 1.5
LONGEST_SECONDS = 300.0


class Rejections:
    """Routing keys of which the broker took nothing lately. Times are seconds of any clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._patience = FIRST_SECONDS

    def note(self, key: str, now: float, *, taken: bool) -> None:
        """The broker took or rejected a parcel with this routing key."""
        if not taken:
            self._since.setdefault(key, now)
        elif self._since and self._since.pop(key, None) is not None:
            self._patience = FIRST_SECONDS

    def overdue(self, now: float) -> bool:
        """Whether a key is only rejected for longer than the present patience."""
        return any(now - since > self._patience for since in self._since.values())

    def renewed(self) -> None:
        """A new connection is made; if it rejects too, the next one is made later."""
        self._since.clear()
        self._patience = min(LONGEST_SECONDS, 2 * self._patience)
