"""What a handler does through its node, gathered until it can be committed whole; does not send.

Publications and replies are checked when they are made, so that the handler sees the error, and are
sealed when the transaction commits that also marks the message as handled.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Protocol

from xroad_lite.exchange import Draft, Ready
from xroad_lite.messagelog import Store
from xroad_lite.node.left_out import Published


class Writer(Protocol):
    """The part of the node that prepares and seals."""

    @property
    def store(self) -> Store:
        """Where everything commits."""
        ...

    def prepare(self, draft: Draft) -> list[Ready]:
        """Check a draft; one ready message per recipient."""
        ...

    def check_room(self, count: int) -> None:
        """``TransportError`` if the outbox would not take so many more."""
        ...

    def write(self, ready: Sequence[Ready]) -> list[int]:
        """Seal, log and queue, inside the open transaction; gives the log entries."""
        ...


class Effects:
    """Publications, replies and SQL that commit together, or not at all."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._gathered: list[Ready] = []
        self._open: ExitStack | None = None

    @property
    def uses_sql(self) -> bool:
        """Whether a transaction is open because SQL was run."""
        return self._open is not None

    def publish(
        self,
        type: str,
        body: Any,
        *,
        subject: str | None = None,
        purpose: str | None = None,
        time: float | None = None,
        expires: float | None = None,
        user_id: str | None = None,
        issue: str | None = None,
        represented_party: str | None = None,
        traceparent: str | None = None,
        confluent_prefix: bool = False,
    ) -> Published:
        """Publish to every subsystem that an agreement in force lets have it.

        ``body`` is a value valid under the newest schema of ``type``; ``subject`` says whose order
        it belongs to, and is sealed as a pseudonym where the schema says that it names a person;
        ``purpose`` may be left out where the agreement has one; ``confluent_prefix`` puts 0x00 and
        the schema's number before the body, for subscribers that ask for it. Gives the event's id,
        a text whose ``left_out`` says whom policy keeps from it though an agreement names them.
        ``RefusedError`` says which check every receiver would refuse it by. The other keywords are
        X-Road's and W3C's attributes of the same names.
        """
        draft = Draft(
            operation="publish",
            type=type,
            body=body,
            subject=subject,
            purpose=purpose,
            time=time,
            expires=expires,
            user_id=user_id,
            issue=issue,
            represented_party=represented_party,
            traceparent=traceparent,
            confluent_prefix=confluent_prefix,
        )
        return Published.of(self._gather(draft))

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run SQL on the adapter's own tables in the node's store, in the same transaction.

        Gives the rows. Tables of the node (``xl_…``), transactions and PRAGMA are out of reach.
        """
        if self._open is None:
            self._open = ExitStack()
            self._open.enter_context(self._writer.store.transaction())
        return self._writer.store.guest(statement, values)

    def add(self, draft: Draft) -> str:
        """Check a draft now and keep it for the commit; gives its event id."""
        return self._gather(draft).attributes["id"]

    def _gather(self, draft: Draft) -> Ready:
        ready = self._writer.prepare(draft)
        self._gathered += ready
        return ready[0]

    def take(self) -> list[Ready]:
        """What was gathered, for whoever writes it; it is not kept here."""
        gathered, self._gathered = self._gathered, []
        return gathered

    def write(self) -> list[int]:
        """Seal, log and queue what was gathered, inside the open transaction."""
        return self._writer.write(self.take())

    def commit(self) -> None:
        """Close the transaction that SQL opened, if it did."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    def undo(self) -> None:
        """Forget what was gathered and roll SQL back."""
        self._gathered.clear()
        opened, self._open = self._open, None
        if opened is not None:
            opened.__exit__(_UndoneError, _UndoneError(), None)


class _UndoneError(Exception):
    """Makes the store's transaction roll back."""
