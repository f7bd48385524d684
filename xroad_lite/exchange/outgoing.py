"""Prepares what this node wants to say: schema, policy, projection, seal; does not log or send.

One message has one recipient, so a publication becomes as many messages as agreements reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from xroad_lite import policy, times
from xroad_lite.encryption import Holder
from xroad_lite.envelope import PROFILE, Sealed, check_sealable, seal_all
from xroad_lite.errors import PolicyError, RefusedError, SchemaError, SealError
from xroad_lite.exchange.calls import call_of, endpoint_text
from xroad_lite.exchange.compiled import check_valid, wording
from xroad_lite.exchange.confidential import encrypted
from xroad_lite.exchange.judgement import NOBODY
from xroad_lite.exchange.persons import with_pseudonyms
from xroad_lite.exchange.registries import is_common
from xroad_lite.exchange.wire_prefix import wire_prefix
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import Signer
from xroad_lite.registry import Agreement, SchemaVersion, Snapshot
from xroad_lite.registry.trusted import instance_of
from xroad_lite.schema import CompiledSchema

_ANY_SEQUENCE, _ANY_DIGEST = "0" * 16, "0" * 43


class Draft(NamedTuple):
    """What an adapter wants to say; times are Unix seconds.

    ``operation`` is publish, request, reply or receipt. A reply or a receipt names the agreement of
    what it answers, a receipt also when that was sealed (``answers_sealed``).
    """

    operation: str
    type: str
    body: Any
    recipient: str | None = None
    purpose: str | None = None
    agreement: str | None = None
    subject: str | None = None
    time: float | None = None
    expires: float | None = None
    in_reply_to: str | None = None
    request_hash: str | None = None
    answers_sealed: float | None = None
    user_id: str | None = None
    issue: str | None = None
    represented_party: str | None = None
    traceparent: str | None = None
    confluent_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A draft for one recipient that has passed schema and policy; only the seal is missing."""

    draft: Draft
    recipient: str | None
    body: bytes
    attributes: dict[str, str]
    """By name, in the order of the seal, all but ``sequence`` and ``datahash`` as they will be."""
    receipt: bool = False
    """Whether its recipient owes a receipt."""
    retention: str | None = None
    """How long the log keeps the body, as the agreement says; None for ever."""
    left_out: tuple[policy.LeftOut, ...] = ()
    """Who gets no message of this draft's, though an agreement names them."""


def prepare(
    draft: Draft,
    snapshot: Snapshot,
    me: str,
    now: float,
    event_id: str,
    fresh_until: float | None = None,
    holder: Holder = NOBODY,
    *,
    trusted: Mapping[str, Snapshot] | None = None,
) -> list[Ready]:
    """One ready message per recipient; the first has the event's id as its own.

    ``trusted`` are the newest snapshots of other instances: they have the types of those who are
    asked there. They may be old, since each recipient's node has its own registry's word.
    ``RefusedError`` with the number of the check that every receiver would refuse it by: 2 when the
    registry known here has expired (at ``fresh_until``, if a time stamp said so), 6 without an
    agreement, 7 when a party has no key to encrypt to, 8 when the body breaks its schema.
    ``KeysError`` when ``holder`` lacks the key that opens an agreement's pseudonym key.
    """
    expires = snapshot.edition.expires if fresh_until is None else fresh_until
    grace = times.duration(snapshot.instance.grace)
    if now > expires + grace:
        raise RefusedError(
            2,
            "registry.expired",
            f"the registry known here expired at {times.to_text(expires)}",
            hint="publish a new snapshot, or bring the registry within reach",
        )
    trusted = trusted or {}
    home = _home(draft, snapshot, trusted)
    role = home.role(draft.type)
    if role is not None and now > role.expires + grace:
        raise RefusedError(2, "registry.role_expired", str(role))
    try:
        version, compiled, named = wording(home, _schema(draft, home))
        check_valid(compiled, version, draft.body)
        whole = compiled.encode(draft.body)
    except SchemaError as error:
        raise RefusedError(8, error.code, error.message, hint=error.hint) from None
    try:
        call = call_of(draft.type, draft.body, draft.recipient)
        chosen, left_out = _agreements(draft, snapshot, me, now, call, trusted)
    except PolicyError as error:
        raise RefusedError(6, error.code, error.message, hint=error.hint) from None
    prefix = wire_prefix(version) if draft.confluent_prefix else b""
    common = _common(draft, snapshot, version, me, now)
    common["datacontenttype"] = compiled.content_type
    common["eventid"] = event_id if len(chosen) > 1 else None
    ready = []
    for number, (recipient, iri, purpose) in enumerate(chosen):
        agreement = snapshot.agreement(iri)
        assert agreement is not None
        allowed = agreement.fields_.get(draft.type)
        values = common | {
            "id": new_message_id(now) if number else event_id,
            "agreement": iri,
            "purpose": purpose,
            "recipient": recipient,
            "projection": policy.projection(agreement, draft.type),
            "endpoint": endpoint_text(agreement, call),
        }
        body = whole if allowed is None else _projected(draft.body, compiled, version, agreement)
        body = prefix + body
        if named.any and draft.operation != policy.REPLY:
            values |= with_pseudonyms(values, named, iri, agreement, holder)
        if agreement.confidential:
            closed = encrypted(body, values, agreement, [snapshot, *trusted.values()], now)
            body, values["datacommit"] = closed.body, closed.commitment
        attributes = {name: value for name, value in values.items() if value is not None}
        afterwards = _afterwards(draft, agreement)
        ready.append(Ready(draft, recipient, body, attributes, *afterwards, left_out))
    return ready


def _afterwards(draft: Draft, agreement: Agreement) -> tuple[bool, str | None]:
    """Whether a message is receipted, and how long kept: a receipt never is, and is for ever."""
    if draft.operation == policy.RECEIPT:
        return False, None
    return agreement.receipt and agreement.consumer is not None, agreement.retention


def check_ready(ready: Ready, signer: Signer) -> None:
    """Refuse now, by check 1, what could not be sealed when it commits with other effects."""
    try:
        check_sealable(ready.attributes, signer)
    except SealError as error:
        raise RefusedError(1, error.code, error.message, hint=error.hint) from None


def seal_ready(ready: Iterable[tuple[Ready, int]], signer: Signer, *, now: float) -> list[Sealed]:
    """Seal messages that ``check_ready`` has passed, each with its number among its recipient's."""
    contents = [
        (one.attributes | {"sequence": f"{sequence:016d}"}, one.body) for one, sequence in ready
    ]
    return seal_all(contents, signer, issued_at=int(now))


def _home(draft: Draft, snapshot: Snapshot, trusted: Mapping[str, Snapshot]) -> Snapshot:
    """The snapshot that has the type: who asks another instance does it in that one's words."""
    recipient = draft.recipient
    own = recipient is None or snapshot.parties.is_own(recipient)
    if own or draft.operation != policy.REQUEST or is_common(draft.type):
        return snapshot
    return trusted.get(instance_of(recipient or ""), snapshot)


def _schema(draft: Draft, snapshot: Snapshot) -> SchemaVersion:
    version = snapshot.latest_schema(draft.type)
    if version is None:
        raise SchemaError(
            "schema.unknown",
            f"the registry has no active schema for {draft.type}",
            hint="check the message type, or ask the steward of its domain",
        )
    return version


def _agreements(
    draft: Draft,
    snapshot: Snapshot,
    me: str,
    now: float,
    call: policy.Call | None,
    trusted: Mapping[str, Snapshot],
) -> policy.Found:
    """Recipient, agreement and purpose of each message that this draft becomes."""
    at = now if draft.answers_sealed is None else draft.answers_sealed
    movement = policy.Movement(
        draft.operation, me, draft.recipient, draft.type, draft.purpose or "", at, call=call
    )
    if draft.agreement is not None:
        policy.decide_all(snapshot, draft.agreement, movement, trusted)
        return policy.Found([(draft.recipient, draft.agreement, draft.purpose or "")])
    return policy.find(snapshot, movement, draft.purpose, trusted)


def _common(
    draft: Draft, snapshot: Snapshot, version: SchemaVersion, me: str, now: float
) -> dict[str, str | None]:
    """The attributes in the order of the seal; None stands for what ``prepare`` puts in.

    ``sequence`` and ``datahash``, known only when it is sealed, stand with any value of their form.
    """
    return {
        "id": None,
        "source": me,
        "type": draft.type,
        "time": times.to_text(now if draft.time is None else draft.time),
        "datacontenttype": None,
        "dataschema": version.iri,
        "sequence": _ANY_SEQUENCE,
        "agreement": None,
        "purpose": None,
        "registry": snapshot.name,
        "datahash": _ANY_DIGEST,
        "specversion": "1.0",
        "profile": PROFILE,
        "subject": draft.subject,
        "recipient": None,
        "datacommit": None,
        "eventid": None,
        "projection": None,
        "expirytime": None if draft.expires is None else times.to_text(draft.expires),
        "inreplyto": draft.in_reply_to,
        "requesthash": draft.request_hash,
        "userid": draft.user_id,
        "issue": draft.issue,
        "representedparty": draft.represented_party,
        "traceparent": draft.traceparent,
    }


def _projected(
    value: Any, compiled: CompiledSchema, version: SchemaVersion, agreement: Agreement
) -> bytes:
    """The body with only the fields that the agreement allows."""
    value = compiled.project(value, agreement.fields_[version.type])
    try:
        check_valid(compiled, version, value)
        return compiled.encode(value)
    except SchemaError as error:
        raise RefusedError(
            8,
            "schema.projection",
            f"what {agreement.agreement}/{agreement.version} allows of it is not valid alone: "
            f"{error.message}",
            hint="the agreement must allow every required field",
        ) from None
