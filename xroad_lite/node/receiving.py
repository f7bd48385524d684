"""From the transport to the log and inbox: judge, record, then acknowledge; runs no handlers.

What arrives is durable here, with its verdict, before it is acknowledged. What nobody proved to
have signed leaves a digest and a count, under a quota; what was signed and refused is kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from xroad_lite import times
from xroad_lite.encryption import Holder
from xroad_lite.envelope import MAX_SEAL_BYTES, data_hash, parse_seal, read_seals
from xroad_lite.errors import EncryptionError, KeysError, LogError, RegistryError
from xroad_lite.exchange import (
    Awaited,
    Judgement,
    OpenRequest,
    Outcome,
    Receiving,
    read_again,
    receive,
)
from xroad_lite.keys import base64url
from xroad_lite.messagelog import Inbox, Incoming, Store, correspondence, entries
from xroad_lite.messagelog.retention import QUARANTINE, Rule, kept_until
from xroad_lite.node.registries import Registries
from xroad_lite.node.sending import Sender
from xroad_lite.node.terms import Terms
from xroad_lite.policy import RECEIPT, REPLY, REQUEST
from xroad_lite.transports import Delivery, Transport

BATCH = 100
"""Less than half of what the broker may send ahead, so that it sends while these are judged."""
MAX_UNDECIDED = 2000
"""Beyond this nothing is read any more, until something is decided."""
MAX_STRANGERS = 100
"""How many may wait whose certificate the registry known here does not list, all together."""
_JUDGE_AGAIN_SECONDS = 5.0
_QUARANTINE_SECONDS = 7 * 86_400.0
_QUARANTINE_BYTES = 64 * 1_048_576
_UNPROVEN_ENTRIES, _UNPROVEN_SECONDS = 1000, 3600.0
_REFUSALS_KEPT = 3
"""How often one id of one source is kept as refused: the rest are copies that anybody can make."""
_FRESH_JUDGEMENTS, _FRESH_BYTES = 2000, 64 * 1_048_576

_STRANGER = "? "
_COUNTERS = {one: f"received.{one.value}" for one in Outcome}


class Receiver:
    """Judges deliveries under the registry of now, and keeps them with their verdicts."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        registry: Registries,
        sender: Sender,
        *,
        me: str,
        max_body: int,
        terms: Terms,
        refuse: Callable[[Judgement], None],
        holder: Callable[[], Holder],
    ) -> None:
        self._store = store
        self._transport = transport
        self._registry = registry
        self._sender = sender
        self._me = me
        self._max_body = max_body
        self._terms = terms
        self._refuse = refuse
        self._holder = holder
        self.inbox = Inbox(store)
        self._unproven: deque[float] = deque()
        self._taken: list[Delivery] = []
        """Received and not yet durable here: a transport gives each out once."""
        self._durable: list[int] = []
        """Tags of what is durable here and not yet acknowledged."""
        self.judged: OrderedDict[int, Judgement] = OrderedDict()
        """Judgements of late, by log entry, so that a handler need not translate again."""
        self._fresh_bytes = 0
        self._replied: dict[str, int] = {}
        """Answers by the ids of our requests, in the open transaction."""
        self.answered: list[tuple[str, int]] = []
        """Our requests that were answered of late, and the answers' entries: see ``desk``."""
        self.lend: Callable[[Incoming, float], float | None] = lambda *_: None
        """Gives until when, Unix seconds, somebody has at once what was accepted: see ``desk``."""

    def accepted(self, subscription: str, source: str, message_id: str) -> str | None:
        """See ``exchange.Memory``."""
        return self.inbox.accepted(subscription, source, message_id)

    def open_request(self, message_id: str) -> OpenRequest | None:
        """See ``exchange.Memory``."""
        if message_id in self._replied:
            return None
        return self._sender.asked.get(message_id) or self._asked_before(message_id)

    def _asked_before(self, message_id: str) -> OpenRequest | None:
        """A request that memory has no more, as the log has it."""
        entry = correspondence.unanswered(self._store, message_id)
        if entry is None:
            return None
        opened = parse_seal(self._store.seal(entry))
        sealed = opened.attributes
        agreement = self._registry.current.agreement(sealed.agreement)
        is_event = agreement is not None and agreement.operation != REQUEST
        if is_event or sealed.recipient is None or sealed.expirytime is None:
            return None
        expires = times.to_unix(sealed.expirytime)
        named = sealed.agreement, sealed.purpose
        return OpenRequest(sealed.recipient, sealed.type, opened.identity, expires, *named)

    def awaited(self, message_id: str) -> Awaited | None:
        """See ``exchange.Memory``."""
        return self._sender.receipts.awaited(message_id)

    def pump(self, now: float) -> bool:
        """Take in what arrived, then what may be decided by now; True if there was anything."""
        undecided = self._again(now)
        if self.inbox.undecided_count() >= MAX_UNDECIDED:
            return undecided
        deliveries = self._taken = self._taken or self._transport.receive(BATCH)
        if deliveries:
            node = self.moment(now, [one.seal for one in deliveries])
            with self._replies():
                for delivery in deliveries:
                    self._take(delivery, node)
            self._durable += [delivery.tag for delivery in deliveries]
            self._taken = []
        if self._durable:
            self._transport.acknowledge(self._durable)
            self._durable = []
        return undecided or bool(deliveries)

    @contextmanager
    def _replies(self) -> Iterator[None]:
        """A transaction, after which it is known what the answers in it answer."""
        self._replied.clear()
        with self._store.transaction(), self._sender.receipts.coming():
            yield
        self.answered += self._replied.items()
        for message_id in self._replied:
            self._sender.asked.pop(message_id, None)
        self._replied.clear()

    def _take(self, delivery: Delivery, node: Receiving) -> None:
        now, content = node.now, (delivery.seal, delivery.salt, delivery.body)
        found = self._judge(*content, node)
        waits = found.proven and self.inbox.holding and self._waits(found)
        if found.verdict.outcome is Outcome.UNDECIDED or waits:
            if not self._may_wait(found):
                self._store.count("undecided.full")
                self._keep_unproven(found, now)
                return
            self.inbox.hold(
                delivery.lane,
                self._order(found),
                content,
                found.verdict.code or "waits for an earlier one",
                found.missing,
                now + _JUDGE_AGAIN_SECONDS if found.missing else now,
            )
        else:
            self._record(found, now)

    def _waits(self, found: Judgement) -> bool:
        """Whether an earlier one of its key and source waits, listed in the registry or not yet."""
        order = self._order(found).removeprefix(_STRANGER)
        return self.inbox.holds(order) or self.inbox.holds(_STRANGER + order)

    def _may_wait(self, found: Judgement) -> bool:
        """Whether there is room: strangers must not stop everybody by naming what never was.

        What a registered key has sealed always waits; at ``MAX_UNDECIDED`` reading stops instead.
        """
        stranger = self._order(found).startswith(_STRANGER)
        return not stranger or self.inbox.held(_STRANGER) < MAX_STRANGERS

    def _order(self, found: Judgement) -> str:
        """What waits behind what is undecided: one key's messages of one source.

        Before check 3 anybody can name any source: a stranger's seal must not hold up its own.
        """
        assert found.opened is not None
        certificate, source = found.opened.certificate, found.attributes.source
        party = self._registry.party(source)
        listed = party is not None and party.certificate(certificate.sha256) is not None
        return f"{'' if listed else _STRANGER}{source} {certificate.thumbprint}"

    def _again(self, now: float) -> bool:
        rows = self.inbox.undecided(now) if self.inbox.undecided_count() else []
        if not rows:
            return False
        decided = False
        stuck: set[str] = set()
        node = self.moment(now)
        with self._replies():
            for row in rows:
                order = row.order
                if order in stuck:
                    continue
                found = self._judge(row.seal, row.salt, row.body, node)
                if found.verdict.outcome is Outcome.UNDECIDED:
                    stuck.add(order)
                    next_at = now + _JUDGE_AGAIN_SECONDS
                    self.inbox.still_undecided(
                        row.number, found.verdict.code, found.missing, next_at
                    )
                else:
                    self.inbox.decided(row.number)
                    self._record(found, now)
                    decided = True
        return decided

    def _judge(self, seal: bytes, salt: bytes, body: bytes, node: Receiving) -> Judgement:
        found = receive(seal, salt, body, node)
        undecided = found.verdict.outcome is Outcome.UNDECIDED
        if undecided and self._registry.learn(found, node.now):
            node.alike.clear()
            found = receive(seal, salt, body, self.moment(node.now))
        return found

    def moment(self, now: float, seals: Iterable[bytes] = ()) -> Receiving:
        """What this node knows at ``now``, for the checks; ``seals`` came together then."""
        return Receiving(
            me=self._me,
            now=now,
            known=self._registry.known,
            memory=self,
            reads=self._terms.reads,
            max_body=self._max_body,
            takes_prefix=self._terms.takes_prefix,
            trusted=self._registry.trusted,
            holder=self._holder(),
            seals=read_seals(seals),
        )

    def judgement(self, index: int, now: float) -> Judgement:
        """The judgement of an accepted entry: of late from memory, else read again."""
        return self.judged.get(index) or self.read(index, now)

    def read(self, index: int, now: float, *, reads: str | None = None) -> Judgement:
        """Read an accepted entry again, in the terms of a schema's IRI if not as its log says."""
        entry, body = self._store.entry(index), self._store.body(index)
        if body is None:
            raise LogError("log.erased", f"the body of entry {index} was erased")
        sealed = entry.attributes()
        trusted = self._registry.reading(sealed["source"], sealed["registry"], now)
        if trusted is None:
            raise RegistryError(
                "registry.out_of_reach", f"the snapshot {sealed['registry']} cannot be read now"
            )
        seal, node = self._store.seal(index), replace(self.moment(now), trusted=trusted)
        try:
            return read_again(seal, *body, node, reads or entry.fields.get("reads"))
        except EncryptionError as error:  # it opened when it came: a key was taken away
            raise KeysError("keys.encryption", f"entry {index}: {error}", hint=error.hint) from None

    def _record(self, found: Judgement, now: float) -> None:
        outcome = found.verdict.outcome
        self._store.count(_COUNTERS[outcome])
        if outcome is Outcome.ACCEPTED:
            self._accept(found, now)
        elif outcome is Outcome.DUPLICATE:
            self._sender.send_again(found.attributes.source, found.attributes.id)
        elif found.proven:
            self._keep_refused(found, now)
        else:
            self._keep_unproven(found, now)

    def _accept(self, found: Judgement, now: float) -> None:
        assert found.opened is not None
        attributes = found.attributes
        index = self._append(found, now)
        missing = self._store.note_sequence(entries.IN, attributes.source, int(attributes.sequence))
        if missing:
            self._store.count("sequence.missing", missing)
        self.inbox.accept(found.opened)
        self._sender.receipts.received(found, index)
        if found.operation == RECEIPT:
            self._sender.receipts.got(found, index)
            return
        if found.operation == REPLY:
            self._replied[attributes.inreplyto or ""] = index
        else:
            expiry = attributes.expirytime
            expires = None if expiry is None else times.to_unix(expiry)
            named = index, attributes.type, attributes.source, attributes.subject
            row = Incoming(*named, 0, 0, False, expires)
            self.inbox.add(*named, expires, self.lend(row, now))
        self.judged[index] = found
        self._fresh_bytes += len(found.body)
        while len(self.judged) > _FRESH_JUDGEMENTS or self._fresh_bytes > _FRESH_BYTES:
            self.forget(next(iter(self.judged)))

    def forget(self, index: int) -> None:
        """Let go of a judgement: its message was handled, or others need the room."""
        found = self.judged.pop(index, None)
        if found is not None:
            self._fresh_bytes -= len(found.body)

    def _keep_refused(self, found: Judgement, now: float) -> None:
        check = found.verdict.check or 0
        if self._refusals(found) >= _REFUSALS_KEPT:
            self._store.count("refused.not_logged")
            return
        quarantined = 2 <= check <= 7  # nobody vouches for a body that is not the sealed one
        if quarantined and not self._quarantine_has_room(len(found.body)):
            self._store.count("quarantine.full")
            self._keep_unproven(found, now)
            return
        index = self._append(found, now, quarantined=quarantined)
        self._sender.receipts.received(found, index)
        if found.operation == REQUEST or check == 5:
            self._refuse(found)

    def _refusals(self, found: Judgement) -> int:
        attributes = found.attributes
        rows = self._store.query(
            "SELECT count(*) FROM xl_messages WHERE id = ? AND source = ? AND direction = 'in'"
            " AND result = 'refused'",
            (attributes.id, attributes.source),
        )
        return int(rows[0][0])

    def _quarantine_has_room(self, size: int) -> bool:
        """Whether body and seal still fit: anybody with a key of her own can fill a log."""
        held = self._sender.retention.quarantined_bytes(MAX_SEAL_BYTES)
        return held + size + MAX_SEAL_BYTES <= _QUARANTINE_BYTES

    def _append(self, found: Judgement, now: float, *, quarantined: bool = False) -> int:
        assert found.opened is not None
        kept = (now + _QUARANTINE_SECONDS, Rule(QUARANTINE)) if quarantined else _kept(found, now)
        leaf = entries.message(
            entries.IN,
            now,
            found.opened,
            registry=self._registry.current.name,
            verdict=found.verdict.to_json(),
            mapping=found.mapping,
            reads=found.reads,
            received=_received(found),
        )
        index = self._store.append_message(
            leaf,
            found.opened,
            direction=entries.IN,
            salt=found.salt,
            body=found.body,
            result=found.verdict.outcome.value,
            keep_until=None if kept is None else kept[0],
        )
        if kept is not None:
            self._sender.retention.keep(index, kept[1])
        return index

    def _keep_unproven(self, found: Judgement, now: float) -> None:
        while self._unproven and self._unproven[0] < now - _UNPROVEN_SECONDS:
            self._unproven.popleft()
        if len(self._unproven) >= _UNPROVEN_ENTRIES:
            self._store.count("unproven.not_logged")
            return
        self._unproven.append(now)
        leaf = entries.unproven(
            now,
            base64url(hashlib.sha256(found.token).digest()),
            len(found.token) + len(found.salt) + len(found.body),
            registry=self._registry.current.name,
            verdict=found.verdict.to_json(),
        )
        self._store.append(leaf)


def _kept(found: Judgement, now: float) -> tuple[float, Rule] | None:
    """Until when its agreement has the body kept, and that rule; receipts are kept for ever."""
    agreement = found.agreement
    if agreement is None or agreement.retention is None or found.operation == RECEIPT:
        return None
    rule = Rule.of_agreement(agreement.retention, found.attributes.agreement)
    return kept_until(now, agreement.retention), rule


def _received(found: Judgement) -> str | None:
    """The salted digest of a body that is not the sealed one."""
    if found.verdict.outcome is Outcome.ACCEPTED:
        return None
    received = data_hash(found.salt, found.body)
    return None if received == found.attributes.datahash else received
