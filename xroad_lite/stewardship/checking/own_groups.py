"""Checks that a subsystem's own group decides about that subsystem alone.

Its owner says who is in it: opposite anybody else she would decide who gets another's data.
"""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite.identifiers import GroupId, SubsystemId, parse_party
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading


def check_own_groups(reading: Reading) -> Iterator[Finding]:
    """That opposite a subsystem's own group stands that subsystem, in each agreement."""
    for path, agreement in reading.agreements:
        sides = ("provider", agreement.provider), ("consumer", agreement.consumer)
        for (name, party), (_, other) in (sides, sides[::-1]):
            owner = _owner(party)
            if owner is not None and other != str(owner):
                yield Finding(
                    path,
                    "registry.parties",
                    f"{party} is a group of {owner}, and the other party is "
                    f"{other or 'everybody'}: expected {owner}",
                    hint="make it a group of the instance, in groups/",
                    at=(name,),
                )


def _owner(party: str | None) -> SubsystemId | None:
    named = parse_party(party) if party is not None else None
    return named.subsystem if isinstance(named, GroupId) else None
