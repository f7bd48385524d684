"""The pseudonym key of an agreement: whether it needs one, for whom it is wrapped, a new one.

Does not keep the key: whoever makes it could read it only until it is wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite import times
from xroad_lite.encryption import PublicKey, new_pseudonym_key
from xroad_lite.errors import RegistryError
from xroad_lite.registry import Agreement, Parties, Party, Snapshot
from xroad_lite.registry.encryption_keys import public_key
from xroad_lite.schema.persons import persons


def standing(parties: Parties, agreement: Agreement) -> list[str]:
    """The subsystems that are its parties, or stand under them, in order."""
    sides = [one for one in (agreement.provider, agreement.consumer) if one is not None]
    return sorted({each for side in sides for each in parties.standing(side)})


def carried(parties: Parties, agreement: Agreement) -> set[str]:
    """The types of messages that go under an agreement, answers too."""
    found = set(agreement.types)
    for provider in parties.standing(agreement.provider):
        party = parties.get(provider)
        for type_ in agreement.types:
            service = party.service(type_) if party is not None else None
            if service is not None:
                found.add(service[1])
    return found


def not_ended(party: Party, at: float) -> Iterator[PublicKey]:
    """The keys to wrap to: each that is listed and has not ended by Unix time ``at``."""
    for one in party.subsystem.encryption_keys:
        if one.until is None or times.to_unix(one.until) > at:
            yield public_key(one)


def wrapped_key(parties: Parties, iri: str, agreement: Agreement, at: float) -> str:
    """A new pseudonym key for the version with this IRI, wrapped to all its parties.

    ``RegistryError`` where one of them lists no encryption key, or the agreement is open.
    """
    names = standing(parties, agreement) if agreement.consumer is not None else []
    found = {name: parties.get(name) for name in names}
    wraps = [(name, key) for name, one in found.items() if one for key in not_ended(one, at)]
    without = sorted(set(names) - {name for name, _ in wraps})
    if without or not wraps:
        raise RegistryError(
            "registry.no_encryption_key",
            f"{agreement.agreement}/{agreement.version} can have no pseudonym key: "
            + (
                f"{', '.join(without):.500} list no encryption key"
                if names
                else "it has no parties"
            ),
            hint="make one with: xroad-lite keys new --use encryption; and have it listed",
        )
    return new_pseudonym_key(iri, wraps)


def personal_types(snapshot: Snapshot, agreement: Agreement) -> list[str]:
    """The types that go under it whose newest schema says that an attribute names a person."""
    found = []
    for type_ in sorted(carried(snapshot.parties, agreement)):
        version = snapshot.latest_schema(type_)
        if version is not None:
            resources = snapshot.schema_resources(version.kind)
            if persons(version.document, version.kind, resources).any:
                found.append(type_)
    return found
