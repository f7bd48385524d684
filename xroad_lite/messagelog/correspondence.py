"""Which message belongs to which, from the search columns of the log; keeps nothing of its own."""

from __future__ import annotations

from xroad_lite.envelope import RECEIPT_TYPE
from xroad_lite.messagelog.store import Store

_ACCEPTED = (
    "SELECT idx FROM xl_messages WHERE id = ? AND source = ? AND type = ?"
    " AND direction = 'in' AND result = 'accepted'"
)
_UNANSWERED = (
    "SELECT idx FROM xl_messages WHERE id = ? AND direction = 'out' AND inreplyto IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM xl_messages WHERE inreplyto = ? AND direction = 'in'"
    " AND result = 'accepted' AND type <> ?)"
)
_ANSWER = (
    "SELECT max(idx) FROM xl_messages WHERE inreplyto = ? AND recipient = ?"
    " AND direction = 'out' AND type <> ?"
)


def accepted(store: Store, type_: str, source: str, message_id: str) -> int | None:
    """The entry of the message that was accepted under this id; rows that wait are left aside."""
    rows = store.peek(_ACCEPTED, (message_id, source, type_))
    return int(rows[0][0]) if rows else None


def newest_id(store: Store) -> str:
    """The last of all ids, in the order of texts; empty when there is none."""
    return str(store.peek("SELECT max(id) FROM xl_messages")[0][0] or "")


def unanswered(store: Store, message_id: str) -> int | None:
    """The entry of our message with this id, unless an answer to it was accepted."""
    rows = store.query(_UNANSWERED, (message_id, message_id, RECEIPT_TYPE), table="xl_messages")
    return int(rows[0][0]) if rows else None


def answer(store: Store, recipient: str, message_id: str) -> int | None:
    """The entry of our last answer to a message of ``recipient``'s, if there is one."""
    rows = store.query(_ANSWER, (message_id, recipient, RECEIPT_TYPE), table="xl_messages")
    return None if rows[0][0] is None else int(rows[0][0])
