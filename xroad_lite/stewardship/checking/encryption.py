"""Checks that what is to be encrypted can be: keys of subsystems, confidential agreements, and the
keys of pseudonyms. Opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite import times
from xroad_lite.encryption import KEY, parties_of, producers_of
from xroad_lite.errors import EncryptionError, XRoadError
from xroad_lite.registry import Agreement, Party
from xroad_lite.registry.encryption_keys import key_in_force, public_key
from xroad_lite.registry.models import Subsystem
from xroad_lite.registry.trusted import instance_of
from xroad_lite.registry.yaml_values import Path
from xroad_lite.schema.persons import persons
from xroad_lite.stewardship.agreement_keys import carried, standing
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_MAKE = "make one with: xroad-lite keys new --use encryption; and have it listed"


def check_encryption(reading: Reading) -> Iterator[Finding]:
    """Every encryption key, and every agreement that needs some."""
    met: dict[str, str] = {}
    for path, member in reading.members:
        for index, subsystem in enumerate(member.subsystems):
            name = f"{member.member}/{subsystem.code}"
            yield from _keys(path, name, subsystem, ("subsystems", index, "encryption_keys"), met)
    personal: dict[str, bool] = {}
    for path, agreement in reading.agreements:
        if agreement.confidential:
            yield from _confidential(reading, path, agreement)
        if agreement.pseudonym_key is not None:
            yield from _pseudonym_key(reading, path, agreement)
        else:
            yield from _persons_in_clear(reading, path, agreement, personal)


def _keys(
    path: str, name: str, subsystem: Subsystem, at: Path, met: dict[str, str]
) -> Iterator[Finding]:
    for index, entry in enumerate(subsystem.encryption_keys):
        try:
            kid = public_key(entry).kid
        except EncryptionError as error:
            yield Finding(
                path, "registry.encryption_key", error.message, hint=_MAKE, at=(*at, index)
            )
            continue
        other = met.setdefault(kid, f"{name} #{index}")
        if other == f"{name} #{index}":
            continue
        if other.rpartition(" #")[0] == name:
            message = f"the encryption key {kid} is listed twice"
            yield Finding(path, "registry.duplicate", message, at=(*at, index))
        else:
            message = (
                f"the encryption key {kid} is listed for {other.rpartition(' #')[0]} and for "
                f"{name}: either could read what is for the other"
            )
            yield Finding(path, "registry.shared_encryption_key", message, at=(*at, index))


def _confidential(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    at: Path = ("confidential",)
    if agreement.open:
        message = "what is open to everybody cannot be confidential"
        yield Finding(path, "registry.confidential", message, at=at)
    for name, party in _registered(reading, agreement):
        try:
            key = key_in_force(party.subsystem.encryption_keys, reading.now)
        except EncryptionError:
            continue  # told where the key is listed
        if key is None:
            message = f"it is confidential, and {name} lists no encryption key in force"
            yield Finding(path, "registry.no_encryption_key", message, hint=_MAKE, at=at)


def _pseudonym_key(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    at: Path = ("pseudonym_key",)
    again = f"make a new one with: xroad-lite agreement key {agreement.agreement}"
    wrapped = (agreement.pseudonym_key or "").encode()
    try:
        wraps, producers = parties_of(wrapped, KEY), producers_of(wrapped, KEY)
    except EncryptionError as error:
        yield Finding(path, "registry.pseudonym_key", error.message, hint=again, at=at)
        return
    bases = {one.instance: one.base for _, one in reading.trusted}
    base = bases.get(instance_of(agreement.provider), reading.base)
    iri = f"{base}agreements/{agreement.agreement}/{agreement.version}"
    if reading.instance is not None and producers != {iri}:
        said = ", ".join(sorted(producers))
        message = f"it is of {said:.300}: expected a key of this version's own, of {iri}"
        yield Finding(path, "registry.pseudonym_key", message, hint=again, at=at)
        return
    for other in sorted({name for name, _ in wraps if not _is_party(reading, agreement, name)}):
        message = f"{other} can open it, and is no party of the agreement"
        yield Finding(path, "registry.pseudonym_key", message, hint=again, at=at)
    for name, party in _registered(reading, agreement):
        yield from _wrapped_to(path, name, party, {kid for one, kid in wraps if one == name}, again)


def _is_party(reading: Reading, agreement: Agreement, name: str) -> bool:
    sides = (agreement.provider, agreement.consumer)
    return any(reading.parties.stands_for(side, name) for side in sides if side)


def _wrapped_to(
    path: str, name: str, party: Party, kids: set[str], again: str
) -> Iterator[Finding]:
    """Who joins a group later can join no pseudonyms: a new version lets them."""
    at: Path = ("pseudonym_key",)
    if not kids:
        message = f"it is not wrapped to {name}, who can neither make nor know its pseudonyms"
        yield Finding(path, "registry.pseudonym_key", message, "warning", hint=again, at=at)
        return
    try:
        listed = any(party.lists_encryption_key(kid) for kid in kids)
    except EncryptionError:
        return
    if not listed:
        message = f"it is wrapped to a key of {name} that the registry does not list"
        yield Finding(path, "registry.pseudonym_key", message, hint=again, at=at)


def _persons_in_clear(
    reading: Reading, path: str, agreement: Agreement, known: dict[str, bool]
) -> Iterator[Finding]:
    if agreement.consumer is None or times.to_unix(agreement.period.until) <= reading.now:
        return
    for type_ in sorted(carried(reading.parties, agreement)):
        if type_ not in known:
            known[type_] = _names_persons(reading, type_)
        if known[type_]:
            yield Finding(
                path,
                "registry.no_pseudonym_key",
                f"the schema of {type_} marks subject or userid as personal, and there is no key "
                "for their pseudonyms: messages that name one are refused",
                "warning",
                hint=f"make one with: xroad-lite agreement key {agreement.agreement}",
            )


def _names_persons(reading: Reading, type_: str) -> bool:
    if type_ not in reading.subjects:
        return False
    subject = reading.subjects[type_][1]
    active = [int(n) for n, one in subject.versions.items() if one.status == "active"]
    document = reading.schema(type_, str(max(active, default=0)), subject.kind)
    if document is None:
        return False
    try:
        return persons(document, subject.kind, reading.resources[subject.kind]).any
    except XRoadError:
        return False  # the schema's fault is told where it stands


def _registered(reading: Reading, agreement: Agreement) -> Iterator[tuple[str, Party]]:
    for name in standing(reading.parties, agreement.provider, agreement.consumer):
        party = reading.parties.get(name)
        if party is not None:
            yield name, party
