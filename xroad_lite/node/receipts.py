"""Receipts: what a node owes for what it received, sealed and sent; and what it got for its own.

Does not decide whether a receipt is due: the agreement does. What is owed is written in the
transaction that accepts, refuses or handles a message, and sealed soon after.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from xroad_lite import times
from xroad_lite.envelope import RECEIPT_TYPE, Seal, Sealed, parse_seal
from xroad_lite.errors import RefusedError, TransportError
from xroad_lite.exchange import Awaited, Draft, Judgement, Outcome, Ready
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.receipts import RECEIVED, REFUSED, Owed, ReceiptTables, Told, Waiting
from xroad_lite.node.effects import Effects, Writer
from xroad_lite.policy import RECEIPT
from xroad_lite.registry import Snapshot

BATCH = 100
_LATER_SECONDS = 60.0
_GOOD_SECONDS = 30 * 86_400.0
_POLICY = 6
_REMEMBERED = 2000


class Receipts:
    """Both sides of receipts, in one node's store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = ReceiptTables(store)
        self._tables.create()
        self._any = self._tables.any_owed()
        """Whether an outcome needs to be looked up: mostly no agreement asks for receipts."""
        self._next: float | None = 0.0
        """When there may be something to seal, Unix seconds; None while there is nothing."""
        self._sealed: OrderedDict[int, Seal] = OrderedDict()
        """Seals of late that a receipt is owed for, by log entry, so that they need not be read."""
        self._reached: dict[str, Waiting] = {}
        """Messages of ours for which a receipt came in the open transaction: written together."""
        self.problem: str | None = None
        """Why receipts cannot be sealed now, for people."""

    # of what came

    def received(self, found: Judgement, entry: int) -> None:
        """Owe a receipt for an accepted or refused message, if its agreement asks for one.

        In the open transaction. Only the recipient itself gives one, and never for a receipt.
        """
        attributes, node = found.attributes, found.node
        agreement = node.known.current.agreement(attributes.agreement)
        due = agreement is not None and agreement.receipt and attributes.recipient == node.me
        if not due or attributes.type == RECEIPT_TYPE:
            return
        verdict = found.verdict
        accepted = verdict.outcome is Outcome.ACCEPTED
        told = Told(
            RECEIVED if accepted else REFUSED, node.now, verdict.check, verdict.code or None
        )
        self._tables.owe(entry, told)
        self._any, self._next = True, 0.0
        assert found.opened is not None
        self._sealed[entry] = found.opened
        while len(self._sealed) > _REMEMBERED:
            self._sealed.popitem(last=False)

    def came_to(self, entry: int, told: Told) -> None:
        """Owe a receipt for what became of an accepted message, in the open transaction."""
        if self._any and self._tables.owe_outcome(entry, told):
            self._next = 0.0

    def look_again(self) -> None:
        """An operator's command may have owed something."""
        self._next = 0.0

    def pump(self, now: float, writer: Writer) -> bool:
        """Seal what is owed; True if there was anything to do."""
        if self._next is None or now < self._next:
            return False
        ready = [(one, self._prepared(one, now, writer)) for one in self._tables.due(now, BATCH)]
        try:
            with self._store.transaction():
                written = [
                    (receipt, one.number)
                    for one, effects in ready
                    if effects is not None
                    for receipt in effects.write()
                ]
                self._tables.written(written)
        except TransportError as error:  # the outbox is full
            self.problem = str(error)
            self._next = now + 1
            return False
        self._next = self._tables.next_due()
        return bool(ready)

    def _prepared(self, one: Owed, now: float, writer: Writer) -> Effects | None:
        effects = Effects(writer)
        try:
            effects.add(self._draft(one))
        except RefusedError as error:
            never = error.check == _POLICY  # no agreement lets this receipt pass
            self._store.count("receipts.not_allowed" if never else "receipts.postponed")
            self._tables.later(one.number, None if never else now + _LATER_SECONDS)
            self.problem = None if never else str(error)
            return None
        self.problem = None
        return effects

    def _draft(self, one: Owed) -> Draft:
        """The receipt, under the agreement and purpose of what it is for."""
        opened, told = self._sealed.get(one.entry), one.told
        opened = opened or parse_seal(self._store.seal(one.entry))
        sealed = opened.attributes
        body = {"state": told.state, "check": told.check, "code": told.code}
        return Draft(
            operation=RECEIPT,
            type=RECEIPT_TYPE,
            body={name: value for name, value in body.items() if value is not None},
            recipient=sealed.source,
            purpose=sealed.purpose,
            agreement=sealed.agreement,
            time=told.at,
            expires=told.at + _GOOD_SECONDS,
            in_reply_to=sealed.id,
            request_hash=opened.identity,
            answers_sealed=float(opened.issued_at),
            traceparent=sealed.traceparent,
        )

    # of what went

    def sent(self, ready: Ready, sealed: Sealed, entry: int) -> None:
        """Await a receipt for a message, in the transaction that logs it, if one is due."""
        if ready.receipt and ready.recipient is not None:
            attributes = sealed.opened.attributes
            waiting = Waiting(
                entry,
                attributes.id,
                ready.recipient,
                attributes.type,
                sealed.opened.identity,
                attributes.agreement,
                attributes.purpose,
                float(sealed.opened.issued_at),
                None,
            )
            self._tables.wait_for(waiting)

    def not_sent(self, entry: int) -> None:
        """A message of ours expired in the outbox."""
        self._tables.not_sent(entry)

    def awaited(self, message_id: str) -> Awaited | None:
        """See ``exchange.Memory``."""
        found = self._waiting(message_id)
        if found is None:
            return None
        return Awaited(
            found.recipient, found.identity, found.agreement, found.purpose, found.sealed
        )

    def _waiting(self, message_id: str) -> Waiting | None:
        return self._reached.get(message_id) or self._tables.awaited(message_id)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """In a transaction that receives: at its end is written what the receipts in it say."""
        self._reached.clear()
        yield
        self._tables.reached(self._reached.values())
        self._reached.clear()

    def got(self, found: Judgement, entry: int) -> None:
        """Keep what an accepted receipt says, in the open transaction."""
        says, attributes = found.value, found.attributes
        at = times.to_unix(attributes.time)
        told = Told(says["state"], at, says.get("check"), says.get("code"))
        message_id = attributes.inreplyto or ""
        waiting = self._waiting(message_id)
        assert waiting is not None, "check 5 lets pass only what is awaited"
        self._reached[message_id] = self._tables.got(entry, waiting, told)

    def status(self, now: float, within: float) -> dict[str, object]:
        """What people and monitoring want to know; missing is what did not come ``within`` s."""
        return {**self._tables.status(now - within), "problem": self.problem}


def are_due(snapshot: Snapshot, me: str) -> bool:
    """Whether some agreement lets this subsystem expect receipts, so that it listens for them."""
    standing = snapshot.parties.standing
    return any(
        me in standing(party)
        for agreement in snapshot.agreements
        if agreement.receipt
        for party in (agreement.provider, agreement.consumer)
        if party is not None
    )
