"""The nine checks of a message that comes in, and the only place where their order is written.

Each takes what is known so far, adds to it, and raises when the message must not pass; does no
input or output. A check's number is its place, from 1, the same in code, errors, logs and docs:

 1. form: the seal parses strictly, algorithm and type are allowed, sizes are bounded
 2. registry: the named snapshot is known here, and was not outdated when the seal was made
 3. identity: the signing certificate is listed for the source, trusted, not revoked
 4. signature: it is by that certificate's key, over these very bytes
 5. freshness: not too old, not from the future, for me, not accepted before, answers what I sent
 6. policy: the named agreement covers it, in the sender's snapshot then and in mine now
 7. digest: the body is the one that was sealed; a confidential one opens, and says what it sealed
 8. schema: the body is valid under a schema version of its type, and within the allowed fields
 9. meaning: the body can be read in this node's terms
"""

from __future__ import annotations

from collections.abc import Callable

from xroad_lite import policy
from xroad_lite.envelope import SALT_BYTES, is_replay, parse_seal, verify_body, verify_seal
from xroad_lite.errors import (
    EncryptionError,
    PolicyError,
    SchemaError,
    SealError,
    SemanticsError,
)
from xroad_lite.exchange.calls import check_call, sealed_call
from xroad_lite.exchange.compiled import (
    Wording,
    check_valid,
    compiled_schema,
    compiled_translator,
    wording,
)
from xroad_lite.exchange.confidential import opened_body
from xroad_lite.exchange.freshness import check_freshness
from xroad_lite.exchange.identity import standing
from xroad_lite.exchange.judgement import Awaited, Course, Judgement, OpenRequest
from xroad_lite.exchange.persons import check_pseudonyms, subject_of
from xroad_lite.exchange.registries import (
    UndecidedError,
    asked,
    check_mappings,
    check_registry,
    check_stopped,
    decide,
    home,
    is_foreign,
)
from xroad_lite.exchange.wire_prefix import MARK, decode_marked

# 1. form


def _check_form(found: Judgement) -> None:
    token, salt, body, node = found.token, found.salt, found.body, found.node
    if is_replay(token):
        raise SealError(
            "envelope.replay",
            "it is marked as a replay of a recorded message: expected the message itself",
            hint="replays are read from a queue of their own: docs/evidence.md",
        )
    if len(body) > node.max_body:
        raise SealError("envelope.too_large", f"the body is larger than {node.max_body} bytes")
    if len(salt) != SALT_BYTES:
        raise SealError("envelope.salt", f"got a salt of {len(salt)} bytes: expected {SALT_BYTES}")
    found.opened, found.holds = node.seals.get(token) or (parse_seal(token), None)
    attributes = found.attributes = found.opened.attributes
    if (attributes.inreplyto is None) is not (attributes.requesthash is None):
        raise SealError("envelope.attribute", "inreplyto and requesthash go together")


# 2. registry


# in registries.py: whose registry is asked, and whether it may be relied on


# 3. identity


def _check_identity(found: Judgement) -> None:
    node, opened, alike = found.node, found.opened, found.alike
    assert opened is not None
    assert alike is not None
    if alike.stands:
        return
    for snapshot in {alike.snapshot: None, alike.known.current: None}:
        stands = standing(snapshot, found.attributes.source, opened.chain, opened.issued_at)
        stands.check_revoked(node.now, node.proved_at)
    alike.stands = True


# 4. signature


def check_signature(found: Judgement) -> None:
    """Check 4, which may also be tried after an earlier check has stopped."""
    assert found.opened is not None
    verify_seal(found.opened, found.holds)
    found.proven = True


# 5. freshness


# in freshness.py: whether it comes in time, for the first time, and answers what was sent


# 6. policy


def _check_policy(found: Judgement) -> None:
    alike, answered = found.alike, found.request or found.awaited
    assert alike is not None
    if answered is not None:
        _check_same_agreement(found, answered)
    asked_by = None if found.request is None else found.request.type
    receipt_for = None if found.awaited is None else found.awaited.sealed
    way = found.operation, asked_by, receipt_for
    course = alike.courses.get(way)
    if course is None:
        course = alike.courses[way] = _decided(found)
    found.course, found.agreement = course, course.agreement


def _decided(found: Judgement) -> Course:
    """What all that are like this one, and answer what it answers, are decided by."""
    node, attributes = found.node, found.attributes
    assert found.opened is not None
    sealed_at, now = float(found.opened.issued_at), node.now
    if found.request is not None:
        _check_answer(found, found.request)
    if found.awaited is not None:
        sealed_at = now = found.awaited.sealed  # a receipt is due for what was sealed in time
    call = sealed_call(attributes)
    for snapshot, at in asked(found, sealed_at, now):
        movement = policy.Movement(
            found.operation,
            attributes.source,
            attributes.recipient,
            attributes.type,
            attributes.purpose,
            at,
            sealed_at,
            call,
        )
        agreement = decide(found, snapshot, movement)
        expected = policy.projection(agreement, attributes.type)
        if attributes.projection != expected:
            raise PolicyError(
                "policy.projection",
                f"the seal names the projection {attributes.projection}: the agreement's "
                f"allowed fields are {expected}",
            )
    return Course(agreement)


def _check_same_agreement(found: Judgement, sent: OpenRequest | Awaited) -> None:
    """An answer travels under the agreement, and for the purpose, of what it answers."""
    answer = found.attributes
    if (answer.agreement, answer.purpose) != (sent.agreement, sent.purpose):
        raise PolicyError(
            "policy.other_agreement",
            f"the answer is under {answer.agreement} for {answer.purpose}: what it answers was "
            f"under {sent.agreement} for {sent.purpose}",
        )


def _check_answer(found: Judgement, request: OpenRequest) -> None:
    answer = found.attributes
    assert found.known is not None
    party = found.known.current.party(answer.source)
    service = party.service(request.type) if party is not None else None
    if answer.type != policy.ERROR_TYPE and (service is None or answer.type != service[1]):
        raise PolicyError(
            "policy.type",
            f"{answer.type} does not answer {request.type}: "
            f"expected {service[1] if service else 'a service that is listed'}",
        )


# 7. digest


def _check_digest(found: Judgement) -> None:
    assert found.opened is not None
    verify_body(found.opened, found.salt, found.body)
    try:
        found.plain = opened_body(found)
    except EncryptionError as error:
        if error.code == "encryption.no_key":  # ours to put right: nothing is wrong with it
            raise UndecidedError(error.code, error.message, hint=error.hint) from None
        raise


# 8. schema


def _check_schema(found: Judgement) -> None:
    assert found.agreement is not None
    assert found.plain is not None
    attributes, course = found.attributes, found.course or Course(found.agreement)
    if course.wording is None:
        course.wording = _wording(found)
    version, compiled, persons = course.wording
    if found.plain.startswith(MARK):
        asked = found.node.takes_prefix(attributes.type)
        value = decode_marked(compiled, version, found.plain, asked=asked)
    else:
        value = compiled.decode(found.plain)
    check_valid(compiled, version, value)
    check_call(attributes, value)
    allowed = found.agreement.fields_.get(attributes.type)
    if allowed is not None and compiled.project(value, allowed) != value:
        raise PolicyError(
            "policy.field_not_allowed", "the body has fields that the agreement does not allow"
        )
    check_pseudonyms(found, persons)
    found.schema, found.value = version, value
    found.subject = subject_of(found, persons)


def _wording(found: Judgement) -> Wording:
    """The schema that a message names, if bodies of its type may be written in it."""
    attributes, snapshot = found.attributes, home(found)
    version = snapshot.schema(attributes.dataschema)
    if version is None:
        raise SchemaError(
            "schema.unknown", f"the snapshot {snapshot.name} has no schema {attributes.dataschema}"
        )
    if version.type != attributes.type:
        raise SchemaError(
            "schema.other_type", f"{version.iri} is of {version.type}, not of {attributes.type}"
        )
    if version.status not in ("active", "deprecated"):
        raise SchemaError("schema.status", f"{version.iri} is {version.status}")
    ready = wording(snapshot, version)
    if attributes.datacontenttype != ready.compiled.content_type:
        raise SchemaError(
            "schema.content_type",
            f"got {attributes.datacontenttype}: {version.iri} is {ready.compiled.content_type}",
        )
    return ready


# 9. meaning


def _check_meaning(found: Judgement) -> None:
    node = found.node
    assert found.schema is not None
    attributes = found.attributes
    found.reading = found.value
    target_iri = node.reads(attributes.type, attributes.inreplyto)
    if target_iri is None or attributes.type in (policy.ERROR_TYPE, policy.RECEIPT_TYPE):
        return
    target = node.known.current.schema(target_iri)
    if target is None:
        raise SemanticsError("semantics.unknown_schema", f"there is no schema {target_iri} here")
    found.reads = target.iri
    if target.sha256 == found.schema.sha256 and not is_foreign(found):
        return
    translation = compiled_translator(node.known.current, found.schema, target)
    check_mappings(found, translation.files)
    result = translation.apply(found.value)
    found.losses, found.mapping = result.losses, translation.digest
    compiled = compiled_schema(node.known.current, target)
    violations = compiled.validate(result.value)
    if violations or result.losses:
        check_stopped(found)
    if violations:
        missing = [f"{loss.path}: {loss.detail}" for loss in result.losses]
        raise SemanticsError(
            "semantics.unreadable",
            f"read as {target.type}: {violations[0].path or 'the body'}: {violations[0].message}"
            + (f"; lost on the way: {'; '.join(missing)[:500]}" if missing else ""),
        )
    found.reading = result.value


CHECKS: tuple[Callable[[Judgement], None], ...] = (
    _check_form,
    check_registry,
    _check_identity,
    check_signature,
    check_freshness,
    _check_policy,
    _check_digest,
    _check_schema,
    _check_meaning,
)
