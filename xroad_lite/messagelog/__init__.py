"""Entries, the Merkle tree over them, and the store that is log, outbox and inbox at once.

Does not know who is allowed what: it keeps what ``exchange`` decided, and proves that it was kept.
"""

from __future__ import annotations

from xroad_lite.messagelog.inbox import DeadLetter, Inbox, Incoming, Undecided
from xroad_lite.messagelog.outbox import Outbox, Outgoing
from xroad_lite.messagelog.store import Store

__all__ = ["DeadLetter", "Inbox", "Incoming", "Outbox", "Outgoing", "Store", "Undecided"]
