"""Prepares what this node wants to say: schema, policy, projection, seal; does not log or send.

One message has one recipient, so a publication becomes as many messages as agreements reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xroad_lite import policy, times
from xroad_lite.envelope import Attributes, Sealed, check_attributes, seal
from xroad_lite.errors import PolicyError, RefusedError, SchemaError, SealError
from xroad_lite.exchange.compiled import check_valid, compiled_schema
from xroad_lite.exchange.wire_prefix import wire_prefix
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import Signer
from xroad_lite.registry import SchemaVersion, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an adapter wants to say; times are Unix seconds.

    ``operation`` is publish, request or reply. A reply names the agreement of what it answers.
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
    agreement: str
    purpose: str
    projection: str | None
    schema: SchemaVersion
    content_type: str
    body: bytes
    registry: str


def prepare(draft: Draft, snapshot: Snapshot, me: str, now: float) -> list[Ready]:
    """One ready message per recipient.

    ``RefusedError`` with the number of the check that every receiver would refuse it by: 2 when the
    registry known here has expired, 6 without an agreement, 8 when the body breaks its schema.
    """
    expires = snapshot.manifest.expires + times.duration(snapshot.instance.grace)
    if now > expires:
        raise RefusedError(
            2,
            "registry.expired",
            f"the registry known here expired at {times.to_text(expires)}",
            hint="publish a new snapshot, or bring the registry within reach",
        )
    try:
        version = _schema(draft, snapshot)
        compiled = compiled_schema(snapshot, version)
        check_valid(compiled, version, draft.body)
    except SchemaError as error:
        raise RefusedError(8, error.code, error.message, hint=error.hint) from None
    try:
        agreements = _agreements(draft, snapshot, me, now)
    except PolicyError as error:
        raise RefusedError(6, error.code, error.message, hint=error.hint) from None
    return [_ready(draft, snapshot, version, *chosen) for chosen in agreements]


def seal_ready(
    ready: Ready,
    signer: Signer,
    *,
    me: str,
    message_id: str,
    event_id: str | None,
    sequence: int,
    now: float,
) -> Sealed:
    """Seal a ready message under its id and its place among those to its recipient.

    Its attributes must have passed ``check_ready``.
    """
    attributes = _attributes(ready, me, message_id, event_id, sequence, now)
    return seal(attributes, ready.body, signer, issued_at=int(now), checked=True)


def check_ready(ready: Ready, signer: Signer, *, me: str, now: float) -> None:
    """Refuse now, by check 1, what could not be sealed when it commits with other effects."""
    rehearsed = new_message_id(now)
    try:
        check_attributes(_attributes(ready, me, rehearsed, rehearsed, 1, now), signer)
    except SealError as error:
        raise RefusedError(1, error.code, error.message, hint=error.hint) from None


def _attributes(
    ready: Ready, me: str, message_id: str, event_id: str | None, sequence: int, now: float
) -> Attributes:
    draft = ready.draft
    return Attributes(
        id=message_id,
        source=me,
        type=draft.type,
        time=times.to_text(now if draft.time is None else draft.time),
        datacontenttype=ready.content_type,
        dataschema=ready.schema.iri,
        sequence=f"{sequence:016d}",
        agreement=ready.agreement,
        purpose=ready.purpose,
        registry=ready.registry,
        subject=draft.subject,
        recipient=ready.recipient,
        eventid=event_id,
        projection=ready.projection,
        expirytime=None if draft.expires is None else times.to_text(draft.expires),
        inreplyto=draft.in_reply_to,
        requesthash=draft.request_hash,
        userid=draft.user_id,
        issue=draft.issue,
        representedparty=draft.represented_party,
        traceparent=draft.traceparent,
    )


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
    draft: Draft, snapshot: Snapshot, me: str, now: float
) -> list[tuple[str | None, str, str]]:
    """Recipient, agreement and purpose of each message that this draft becomes."""
    movement = policy.Movement(
        draft.operation, me, draft.recipient, draft.type, draft.purpose or "", now
    )
    if draft.agreement is not None:
        policy.decide(snapshot, draft.agreement, movement)
        return [(draft.recipient, draft.agreement, draft.purpose or "")]
    return policy.find(snapshot, movement, draft.purpose)


def _ready(
    draft: Draft,
    snapshot: Snapshot,
    version: SchemaVersion,
    recipient: str | None,
    agreement_iri: str,
    purpose: str,
) -> Ready:
    agreement = snapshot.agreement(agreement_iri)
    assert agreement is not None
    compiled = compiled_schema(snapshot, version)
    value, allowed = draft.body, agreement.fields_.get(draft.type)
    try:
        body = compiled.encode(value)
    except SchemaError as error:
        raise RefusedError(8, error.code, error.message, hint=error.hint) from None
    if allowed is not None:
        value = compiled.project(value, allowed)
        body = compiled.encode(value)
        try:
            check_valid(compiled, version, value)
        except SchemaError as error:
            raise RefusedError(
                8,
                "schema.projection",
                f"what {agreement.agreement}/{agreement.version} allows of it is not valid alone: "
                f"{error.message}",
                hint="the agreement must allow every required field",
            ) from None
    if draft.confluent_prefix:
        body = wire_prefix(version) + body
    return Ready(
        draft,
        recipient,
        agreement_iri,
        purpose,
        policy.projection(agreement, draft.type),
        version,
        compiled.content_type,
        body,
        snapshot.name,
    )
