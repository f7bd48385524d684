"""The pseudonym key of an agreement: whether it needs one, for whom it is wrapped, a new one.

Does not keep the key: whoever makes it could read it only until it is wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from xroad_lite import times
from xroad_lite.encryption import PublicKey, new_pseudonym_key
from xroad_lite.errors import IdentifierError, RegistryError
from xroad_lite.registry import Agreement, Parties, Party, Snapshot
from xroad_lite.registry.documents import read_yaml
from xroad_lite.registry.encryption_keys import public_key
from xroad_lite.registry.trusted import instance_of
from xroad_lite.schema.persons import persons

_WHY: Final = "# Makes pseudonyms of persons; wrapped to each party.\n"
_KEY: Final = re.compile(rf"^({re.escape(_WHY)})?pseudonym_key:.*\n?", re.MULTILINE)


def standing(parties: Parties, *sides: str | None) -> list[str]:
    """The subsystems that are these parties of an agreement, or stand under them, in order."""
    return sorted({each for side in sides if side for each in parties.standing(side)})


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


def wrapped_key(books: Sequence[Parties], iri: str, sides: Sequence[str | None], at: float) -> str:
    """A new pseudonym key for the version with this IRI, wrapped to all who stand under its sides.

    ``books`` are who is registered, here and in other instances, each believed about its own.
    ``RegistryError`` where one of them lists no encryption key, or there is nobody on one side.
    """
    found = {side: _parties_of(books, side) for side in sides}
    why = [f"{side or 'everybody'} is no registered party" for side in sides if not found[side]]
    wraps = []
    for name, party in {one: each for of in found.values() for one, each in of.items()}.items():
        keys = list(not_ended(party, at))
        wraps += [(name, key) for key in keys]
        why += [] if keys else [f"{name} lists no encryption key"]
    if why:
        raise RegistryError(
            "registry.no_encryption_key",
            f"there can be no pseudonym key: {'; '.join(why):.800}",
            hint="make one with: xroad-lite keys new --use encryption; and have it listed",
        )
    return new_pseudonym_key(iri, wraps)


def _parties_of(books: Sequence[Parties], side: str | None) -> dict[str, Party]:
    """Who stands under a party of an agreement, by the registry of its own instance."""
    try:
        own = next((one for one in books if side and one.is_own(side)), None)
        names = sorted(own.standing(side)) if own and side else []
    except IdentifierError:
        return {}
    found = {name: own.get(name) for name in names} if own else {}
    return {name: party for name, party in found.items() if party is not None}


def with_key(text: str, snapshot: Snapshot, at: float, others: Sequence[Snapshot] = ()) -> str:
    """An agreement's file with a new pseudonym key, in place of the one that it has.

    ``others`` are the snapshots of other instances that have parties. ``RegistryError`` as in
    ``wrapped_key``.
    """
    said = read_yaml("the agreement", text.encode())
    name, version, provider = said["agreement"], said["version"], str(said.get("provider"))
    home = snapshot.trusted.get(instance_of(provider))
    base = snapshot.instance.base if home is None else home.base
    sides = [said.get(side) for side in ("provider", "consumer")]
    books = [one.parties for one in (snapshot, *others)]
    key = wrapped_key(books, f"{base}agreements/{name}/{version}", sides, at)
    return f"{without_key(text).rstrip()}\n{_WHY}pseudonym_key: '{key}'\n"


def has_key(text: str) -> bool:
    """Whether an agreement's file has a pseudonym key."""
    return _KEY.search(text) is not None


def without_key(text: str) -> str:
    """An agreement's file without its pseudonym key: that of another version is of no use."""
    return _KEY.sub("", text)


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
