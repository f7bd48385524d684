"""Checks which other instances are trusted, and what documents say of their members.

Does not fetch their registries: whether a member is registered there, a node finds out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from xroad_lite.errors import RegistryError
from xroad_lite.registry.models import Agreement
from xroad_lite.registry.trusted import TrustedInstance, instance_of
from xroad_lite.registry.yaml_values import Path
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_WEB: Final = ("https://", "http://")


def check_trusted(reading: Reading) -> Iterator[Finding]:
    """Each is another instance, named once, with a root that can be believed and names apart."""
    bases = [("instance.yaml", reading.instance.base)] if reading.instance else []
    names = {reading.instance.instance: "instance.yaml"} if reading.instance else {}
    for path, one in reading.trusted:
        other = names.setdefault(one.instance, path)
        if other != path:
            message = f"the instance {one.instance} stands in {other} too"
            yield Finding(path, "registry.duplicate", message, at=("instance",))
        yield from _root(reading, path, one)
        if not any(each.startswith(_WEB) for each in one.registry):
            message = "its registry is only in folders: nodes on other machines will not find it"
            yield Finding(path, "registry.address", message, "note", at=("registry",))
        bases.append((path, one.base))
    for (first, base), (second, other) in combinations(bases, 2):
        if base.startswith(other) or other.startswith(base):
            message = f"the base {other} overlaps with {base}, of {first}: expected names apart"
            yield Finding(second, "registry.trusted", message, at=("base",))


def _root(reading: Reading, path: str, one: TrustedInstance) -> Iterator[Finding]:
    from tuf.api.metadata import Root

    from xroad_lite.registry.metadata import parse, verify

    data = reading.files.get(one.root)
    if data is None:
        message = f"root: there is no {one.root[:120]} in the source"
        hint = "fetch it with: xroad-lite registry trust add"
        yield Finding(path, "registry.missing_file", message, hint=hint, at=("root",))
        return
    try:
        root = parse(Root, data, "root")
        verify(root.signed, "root", root)
    except RegistryError as error:
        yield Finding(one.root, error.code, error.message)


def check_foreign_party(
    reading: Reading, path: str, party: str, at: Path, *, in_group: bool = False
) -> Iterator[Finding]:
    """That a party of another instance is a subsystem or member of one that is trusted."""
    instance = instance_of(party)
    if in_group:
        message = f"{party} is of the instance {instance}: a group holds this instance's own alone"
        hint = "make an agreement with it by its own name"
        yield Finding(path, "registry.foreign_party", message, hint=hint, at=at)
    elif party.startswith("group:"):
        message = f"{party} is a group of another instance, which only its own registry knows"
        hint = "name the subsystems or members that are meant, one agreement each"
        yield Finding(path, "registry.foreign_party", message, hint=hint, at=at)
    elif instance not in {one.instance for _, one in reading.trusted}:
        message = f"{party} is of the instance {instance}, which this one does not trust"
        hint = "the lead agency decides: xroad-lite registry trust add"
        yield Finding(path, "registry.untrusted_instance", message, hint=hint, at=at)


def check_between(reading: Reading, path: str, agreement: Agreement) -> Iterator[Finding]:
    """That one party at least is this instance's: between others it decides nothing."""
    named = [one for one in (agreement.provider, agreement.consumer) if one is not None]
    foreign = [one for one in named if not reading.parties.is_own(one)]
    if foreign and len(foreign) == len(named) and not agreement.open:
        message = "no party is of this instance: nothing here goes under it"
        yield Finding(path, "registry.foreign_party", message, at=("provider",))
    groups = [one for one in named if one.startswith("group:")]
    if foreign and groups:
        message = f"{groups[0]} and {foreign[0]}: between instances an agreement names no group"
        yield Finding(path, "registry.foreign_party", message, at=("provider",))
