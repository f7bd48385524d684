"""Checks agreements against parties, schemas, services and purposes; does not decide by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from xroad_lite import times
from xroad_lite.errors import RegistryError, SchemaError, XRoadError
from xroad_lite.identifiers import MessageType, SubsystemId, percent_encoded
from xroad_lite.policy import PUBLISH, RECEIPT_TYPE, REQUEST
from xroad_lite.registry.agreements import (
    ENDED,
    FOLDER,
    Agreements,
    Approval,
    approval_path,
    ending_path,
)
from xroad_lite.registry.models import Agreement, Subject
from xroad_lite.registry.yaml_values import Path
from xroad_lite.schema import missing_for_projection
from xroad_lite.schema.pointers import parsed
from xroad_lite.stewardship.agreement_keys import carried
from xroad_lite.stewardship.checking.declared import Declared
from xroad_lite.stewardship.checking.endpoints import check_endpoints
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.members import Names, check_party, check_type
from xroad_lite.stewardship.checking.reading import Reading
from xroad_lite.stewardship.checking.trusted import check_between
from xroad_lite.stewardship.checking.wording import check_named
from xroad_lite.stewardship.drafts import TODO

_BROKER_NAME_BYTES: Final = 255
_SOON_SECONDS: Final = 30 * 86_400
_USABLE: Final = ("active", "deprecated")


def check_agreements(reading: Reading) -> Iterator[Finding]:
    """Each agreement, and that no version of one is there twice."""
    names = Names("agreement")
    declared = Declared(reading)
    for path, agreement in reading.agreements:
        yield from names.meet(f"{agreement.agreement}/{agreement.version}", path, ("agreement",))
        yield from check_named(path, agreement.title, ("title",))
        yield from check_named(path, agreement.legal_basis.text, ("legal_basis", "text"))
        yield from _unwritten(path, agreement)
        yield from _parties(reading, path, agreement)
        yield from _period(reading, path, agreement)
        own = reading.parties.is_own(agreement.provider)  # whose types they are
        for index, type_ in enumerate(agreement.types):
            if own:
                yield from check_type(reading, path, type_, ("types", index))
            if type_ in agreement.types[:index]:
                message = f"{type_} is listed twice"
                yield Finding(path, "registry.duplicate", message, "warning", at=("types", index))
        yield from _names(reading, path, agreement)
        yield from _services(reading, path, agreement)
        yield from check_endpoints(reading, path, agreement)
        yield from _receipts(reading, path, agreement)
        yield from check_between(reading, path, agreement)
        for type_, pointers in agreement.fields_.items() if own else ():
            yield from _fields(reading, path, agreement, type_, pointers, declared)
    yield from _approvals(reading)


def _unwritten(path: str, agreement: Agreement) -> Iterator[Finding]:
    """What the form of ``agreement new`` left for a person to write."""
    texts = {("title",): agreement.title, ("legal_basis", "text"): agreement.legal_basis.text}
    for at, by_language in texts.items():
        for language, text in by_language.items():
            if text.strip() == TODO:
                message = f"{'.'.join(at)} in {language} is still to be written"
                yield Finding(path, "registry.todo", message, at=(*at, language))


def _approvals(reading: Reading) -> Iterator[Finding]:
    """Who has not approved, and approvals and endings that do not hold."""
    lead = reading.instance.agreement_certificates if reading.instance else []
    sound = {path for path, _ in reading.agreements}
    files = {
        path: data
        for path, data in reading.files.items()
        if path in sound or (path.startswith(FOLDER) and path.endswith((ENDED, ".jws")))
    }
    agreements = Agreements(
        files,
        reading.base,
        lambda one: reading.parties.approvers(one, lead),
        read=dict(reading.agreements),
        bases={one.instance: one.base for _, one in reading.trusted},
    )
    for path, agreement in reading.agreements:
        for one in agreements.approvals(agreement):
            yield from _approval(reading, path, one)
        try:
            ended = agreements.ending(agreement)
        except RegistryError as error:
            yield Finding(path, error.code, error.message)
        else:
            if ended is not None:
                where = ending_path(agreement.agreement, agreement.version)
                yield from _approval(reading, where, ended[1])


def _approval(reading: Reading, path: str, approval: Approval) -> Iterator[Finding]:
    if approval.given:
        return
    file = approval_path(path, approval.role)
    there = file in reading.files
    yield Finding(
        file if there else path,
        "registry.approval" if there else "registry.not_approved",
        f"the {approval.role}, {approval.party}, {approval.problem}"
        + ("" if there else ": until then it is not in force"),
        "wrong" if there else "warning",
        hint=f"approve it with: xroad-lite agreement sign {path}",
    )


def _parties(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    if (agreement.consumer is None) is not agreement.open:
        message = "an agreement is either open, or has a consumer: got " + (
            "neither" if agreement.consumer is None else "both"
        )
        at: Path = ("open",) if agreement.open else ()
        yield Finding(path, "registry.parties", message, at=at)
    if agreement.open and agreement.operation != PUBLISH:
        message = "only a publication can be open to everybody: got operation request"
        yield Finding(path, "registry.parties", message, at=("operation",))
    for name in ("provider", "consumer"):
        party = getattr(agreement, name)
        if party is not None:
            yield from check_party(reading, path, party, (name,))
            yield from _suspended(reading, path, party, (name,))
    if agreement.provider == agreement.consumer:
        message = f"{agreement.provider} is provider and consumer: it needs no agreement"
        yield Finding(path, "registry.parties", message, "warning", at=("consumer",))


def _suspended(reading: Reading, path: str, party: str, at: Path) -> Iterator[Finding]:
    parties = [reading.parties.get(one) for one in reading.parties.standing(party)]
    known = [one for one in parties if one is not None]
    if known and not any(one.active for one in known):
        message = f"{party} is suspended: nothing passes under this agreement"
        yield Finding(path, "registry.suspended", message, "note", at=at)


def _period(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    period = agreement.period
    start, until = times.to_unix(period.start), times.to_unix(period.until)
    at: Path = ("period", "until")
    if until <= start:
        message = f"it ends at {period.until}, before it begins, at {period.start}"
        yield Finding(path, "registry.period", message, at=at)
    elif until <= reading.now:
        message = f"it ended at {period.until}: nothing passes under it"
        yield Finding(path, "registry.ended", message, "note", at=at)
    elif until <= reading.now + _SOON_SECONDS:
        days = (until - reading.now) / 86_400
        message = f"it ends at {period.until}, in {days:.0f} days"
        hint = "agree on a next version, in a file of its own"
        yield Finding(path, "registry.ends_soon", message, "warning", hint=hint, at=at)


def _names(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    iri = f"{reading.base}agreements/{agreement.agreement}/{agreement.version}"
    if len(iri.encode()) > _BROKER_NAME_BYTES:
        message = f"its IRI {iri} is longer than {_BROKER_NAME_BYTES} bytes"
        yield Finding(path, "registry.too_long", message, at=("agreement",))
    standing = reading.parties.standing
    for name in ("provider", "consumer"):
        party = getattr(agreement, name)
        if party is None or not reading.parties.knows(party):
            continue
        for one, type_ in product(sorted(standing(party)), agreement.types):
            parts = SubsystemId.parse(one), MessageType.parse(type_)
            on_broker = ".".join(percent_encoded(part) for part in parts)
            if len(on_broker) > _BROKER_NAME_BYTES:
                message = (
                    f"the broker's name {on_broker} has {len(on_broker)} bytes: at most "
                    f"{_BROKER_NAME_BYTES}"
                )
                yield Finding(path, "registry.too_long", message, at=(name,))


def _services(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    if agreement.operation != REQUEST:
        return
    for provider in sorted(reading.parties.standing(agreement.provider)):
        party = reading.parties.get(provider)
        for index, type_ in enumerate(agreement.types):
            if party is not None and party.service(type_) is None:
                yield Finding(
                    path,
                    "registry.unknown_service",
                    f"{provider} has no service that is asked by {type_}",
                    hint="list it below services: of that subsystem, with request and response",
                    at=("types", index),
                )


def _receipts(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    """Whoever is to give receipts must be one, and know their schema."""
    if not agreement.receipt:
        return
    if agreement.open:
        message = "what is open to everybody has no recipient that could give a receipt"
        yield Finding(path, "registry.receipt", message, at=("receipt",))
    if RECEIPT_TYPE not in reading.subjects:
        message = f"it asks for receipts, and the registry has no schema of {RECEIPT_TYPE}"
        hint = "copy schemas/xroad/receipt from what xroad-lite init FOLDER makes"
        yield Finding(path, "registry.receipt", message, hint=hint, at=("receipt",))


def _fields(
    reading: Reading,
    path: str,
    agreement: Agreement,
    type_: str,
    pointers: Sequence[str],
    declared: Declared,
) -> Iterator[Finding]:
    at: Path = ("fields", type_)
    yield from check_type(reading, path, type_, at)
    if type_ not in reading.subjects:
        return
    if type_ not in carried(reading.parties, agreement):
        message = f"fields of {type_}: no message of this type goes under this agreement"
        yield Finding(path, "registry.unused_fields", message, "warning", at=at)
    known = declared.of(reading.subjects[type_][1])
    for index, pointer in enumerate(pointers):
        try:
            steps = parsed(pointer)
        except SchemaError as error:
            message = f"fields of {type_}: {error.message}"
            yield Finding(path, error.code, message, hint=error.hint, at=(*at, index))
            continue
        if known is not None and not known.has(steps):
            message = f"fields of {type_}: no version in use declares {pointer}"
            message += reading.nearest(pointer, known.pointers)
            yield Finding(path, "registry.unknown_field", message, at=(*at, index))
    yield from _projection(reading, path, reading.subjects[type_][1], pointers, at)


def _projection(
    reading: Reading, path: str, subject: Subject, pointers: Sequence[str], at: Path
) -> Iterator[Finding]:
    active = [int(n) for n, one in subject.versions.items() if one.status == "active"]
    document = reading.schema(subject.type, str(max(active, default=0)), subject.kind)
    if document is None:
        return
    resources = reading.resources[subject.kind]
    try:
        missing = missing_for_projection(document, pointers, kind=subject.kind, resources=resources)
    except XRoadError:
        return  # the fault of a pointer, or of a schema that it refers to, is told where it stands
    if missing:
        message = (
            f"fields of {subject.type}: its schema requires {', '.join(missing)}, not allowed here"
        )
        yield Finding(path, "registry.projection", message, at=at)
