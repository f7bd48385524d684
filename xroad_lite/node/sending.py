"""From ready messages to the transport: seal and log, then send until confirmed; does not listen.

An entry that is in the outbox is durable; it is sent again, under the same id, until the transport
confirms it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from xroad_lite.envelope import Sealed, parse_seal
from xroad_lite.errors import TransportError
from xroad_lite.exchange import OpenRequest, Ready, check_ready, seal_ready
from xroad_lite.keys import Signer
from xroad_lite.messagelog import Outbox, Outgoing, Store, correspondence, entries
from xroad_lite.messagelog.retention import Retention, Rule, kept_until
from xroad_lite.node.receipts import Receipts
from xroad_lite.policy import RECEIPT, REPLY, REQUEST
from xroad_lite.transports import REPLIES, Outcome, Parcel, Transport

WINDOW = 1000
MAX_FLYING_BYTES = 64 * 1_048_576
_FRESH_BYTES = 65_536
"""Larger bodies are read back from the store when they are sent."""
_FRESH_REQUESTS = 10_000
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
_EVERYBODY = "*"
_ERASED = (b"", b"")
_WITHDRAWN = {"code": "sent.withdrawn", "message": "its sender has withdrawn it"}


class Sender:
    """Seals into the log and outbox, and moves the outbox to the transport."""

    def __init__(
        self, store: Store, transport: Transport, signer: Signer, limit: int, max_body: int
    ) -> None:
        self._store = store
        self._transport = transport
        self.signer = signer
        """Seals from now on; it changes when the registry lists a newer key of this node."""
        self._limit = limit
        self._max_body = max_body
        self.outbox = Outbox(store)
        self.receipts = Receipts(store)
        self.retention = Retention(store)
        self.retention.create()
        self._in_flight: dict[int, Outgoing] = {}
        self._flying: dict[int, int] = {}
        """Body bytes of what is on the way, by log entry."""
        self._fresh: dict[int, Sealed] = {}
        """Sealed of late, by log entry, so that sending need not read them back."""
        self.asked: OrderedDict[str, OpenRequest] = OrderedDict()
        """Requests of late that wait, by id, so that their answers need not read the log."""
        self._sent_up_to = -1
        self._postponed_until: float | None = 0.0

    def write(self, ready: Sequence[Ready], now: float) -> list[int]:
        """Seal, log and queue, in the caller's transaction; gives the log entries.

        ``TransportError`` ``transport.outbox_full`` at the outbox's limit: nothing is logged then.
        """
        self.check_room(len(ready))
        numbered = [(one, self._store.next_sequence(entries.OUT, _peer(one))) for one in ready]
        try:
            sealed = seal_ready(numbered, self.signer, now=now)
        except BaseException:  # whatever becomes of the transaction, no number is left out
            for one, number in reversed(numbered):
                self._store.unused_sequence(entries.OUT, _peer(one), number)
            raise
        return [self._log(one, done, now) for one, done in zip(ready, sealed, strict=True)]

    def check_room(self, count: int) -> None:
        """``TransportError`` ``transport.outbox_full`` unless so many more may wait there."""
        if not self.outbox.has_room(count, self._limit):
            raise TransportError(
                "transport.outbox_full",
                f"{len(self.outbox)} messages wait in the outbox: its limit is {self._limit}",
                hint="see why with: xroad-lite status; then publish again",
            )

    def check(self, ready: Sequence[Ready]) -> None:
        """Refuse now what could not be sealed and sent later, when it commits with other effects.

        ``TransportError`` ``transport.too_large`` for a body that no receiver would take;
        ``RefusedError`` of check 1 for attributes that have not their form.
        """
        for one in ready:
            if len(one.body) > self._max_body:
                raise TransportError(
                    "transport.too_large",
                    f"the body has {len(one.body)} bytes: at most {self._max_body}",
                    hint="send a reference to it, or raise max_body at both ends",
                )
            check_ready(one, self.signer)

    def _log(self, ready: Ready, sealed: Sealed, now: float) -> int:
        leaf = entries.message(
            entries.OUT, now, sealed.opened, registry=ready.attributes["registry"]
        )
        kept = ready.retention
        index = self._store.append_message(
            leaf,
            sealed.opened,
            direction=entries.OUT,
            salt=sealed.salt,
            body=sealed.body,
            keep_until=None if kept is None else kept_until(now, kept),
        )
        if kept is not None:
            self.retention.keep(index, Rule.of_agreement(kept, ready.attributes["agreement"]))
        self._queue(ready, sealed, index)
        self.receipts.sent(ready, sealed, index)
        return index

    def _queue(self, ready: Ready, sealed: Sealed, index: int) -> None:
        draft, opened = ready.draft, sealed.opened
        lane = REPLIES if draft.operation in (REPLY, RECEIPT) else draft.type
        self.outbox.add(index, ready.recipient, lane, draft.expires)
        self._fresh.pop(index, None)  # of a transaction that was rolled back
        if len(self._fresh) < WINDOW and len(sealed.body) < _FRESH_BYTES:
            self._fresh[index] = sealed
        if draft.operation == REQUEST and ready.recipient and draft.expires is not None:
            sealed_as = opened.attributes
            request = OpenRequest(
                ready.recipient,
                draft.type,
                opened.identity,
                draft.expires,
                sealed_as.agreement,
                sealed_as.purpose,
            )
            self.asked[sealed_as.id] = request
            if len(self.asked) > _FRESH_REQUESTS:
                self.asked.popitem(last=False)

    def send_again(self, source: str, message_id: str) -> bool:
        """Queue the stored reply to a request that came again; False if there is none any more."""
        entry = correspondence.answer(self._store, source, message_id)
        if entry is None or self._store.body(entry) is None:  # it was erased
            return False
        self.outbox.add(entry, source, REPLIES)
        self._sent_up_to = min(self._sent_up_to, entry - 1)
        return True

    def pump(self, now: float) -> bool:
        """Take in outcomes, hand over what is due; True if there was anything to do."""
        outcomes = self._transport.outcomes()
        if outcomes:
            self._settle(outcomes, now)
        if self._postponed_until is not None and self._postponed_until <= now:
            self._sent_up_to, self._postponed_until = -1, self.outbox.next_due(now)
        room = WINDOW - len(self._in_flight)
        due = self.outbox.due(self._sent_up_to, now, room) if room > 0 else []
        due = [one for one in due if one.index not in self._in_flight]
        parcels = self._parcels(due)
        if parcels:
            self._transport.send(parcels)
            for one, parcel in zip(due, parcels, strict=False):
                self._in_flight[one.index] = one
                self._flying[one.index] = len(parcel.body)
                self._sent_up_to = one.index
        return bool(outcomes or parcels)

    def _parcels(self, due: Sequence[Outgoing]) -> list[Parcel]:
        """As many as may be on the way at once, by their bytes; one always may."""
        parcels: list[Parcel] = []
        room = MAX_FLYING_BYTES - sum(self._flying.values())
        for one in due:
            if room <= 0 and (parcels or self._flying):
                break
            parcels.append(self._parcel(one))
            room -= len(parcels[-1].body)
        return parcels

    def drop_expired(self, now: float) -> None:
        """Say in the log, and send no more, what its receiver would refuse as too late."""
        for index, attempts in self.outbox.expired(now):
            if index not in self._in_flight:
                self._give_up(index, attempts, now)

    def withdraw(self, event: str, now: float) -> bool:
        """Send no more what is left of an event, by its id, and say so in the log.

        False when nothing was left: it is with the transport, or was never published.
        """
        rows = self._store.query(
            "SELECT idx, attempts FROM xl_outbox WHERE idx >="
            " (SELECT idx FROM xl_messages WHERE id = ? AND direction = 'out')",
            (event,),
        )
        left = [row for row in rows if row[0] not in self._in_flight]
        left = [row for row in left if self._is_of(event, row[0])]
        for index, attempts in left:
            self._give_up(index, attempts, now, _WITHDRAWN)
        return bool(left)

    def _is_of(self, event: str, index: int) -> bool:
        sealed = self._store.entry(index).attributes()
        return event in (sealed["id"], sealed.get("eventid"))

    def _give_up(
        self, index: int, attempts: int, now: float, why: dict[str, str] | None = None
    ) -> None:
        with self._store.transaction():
            self._store.append(entries.outcome(now, index, entries.EXPIRED, attempts, why))
            self._store.count("sent.expired")
            self.outbox.confirmed([index])
            self.receipts.not_sent(index)
            self._fresh.pop(index, None)

    def _parcel(self, one: Outgoing) -> Parcel:
        sealed = self._fresh.pop(one.index, None)
        if sealed is None:
            seal, (salt, body) = self._store.seal(one.index), self._store.body(one.index) or _ERASED
        else:
            seal, salt, body = sealed.seal, sealed.salt, sealed.body
        attributes = parse_seal(seal).attributes if sealed is None else sealed.opened.attributes
        return Parcel(one.index, one.recipient, one.lane, seal, salt, body, attributes.to_dict)

    def _settle(self, outcomes: list[tuple[int, Outcome]], now: float) -> None:
        sent_up_to, self._sent_up_to = self._sent_up_to, -1  # should this fail, all is sent again
        settled = [
            (index, outcome, self._in_flight.pop(index, None)) for index, outcome in outcomes
        ]
        for index, _ in outcomes:
            self._flying.pop(index, None)
        # What a power cut takes back is sent again, and known as a duplicate there.
        with self._store.transaction(durable=False):
            confirmed = []
            for index, outcome, one in settled:
                if outcome is Outcome.CONFIRMED:
                    confirmed.append(index)
                elif one is not None:
                    wait = min(_FIRST_WAIT * 2 ** min(one.attempts, 10), _LONGEST_WAIT)
                    self.outbox.postponed(index, outcome.value, now + wait)
                    earliest = self._postponed_until
                    until = now + wait
                    self._postponed_until = until if earliest is None else min(earliest, until)
            self.outbox.confirmed(confirmed, now)
        self._sent_up_to = sent_up_to

    def next_due(self) -> float | None:
        """When something that was postponed is due, Unix seconds."""
        return self._postponed_until


def _peer(ready: Ready) -> str:
    """Among whose messages it is counted."""
    return ready.recipient or _EVERYBODY
