"""Other instances that this one trusts: ``trusted/*.yaml``, which the lead agency signs.

Does not fetch their registries: the node does, each for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final

from pydantic import Field

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Document, Texts

FOLDER: Final = "trusted/"
MAX_TRUSTED_BYTES = 256 * 1_048_576
"""Of one snapshot of another instance's registry, unless a node says otherwise."""


class TrustedInstance(Document):
    """Another instance, whose registry is believed about its own members, and about nobody else.

    ``root`` is the path, inside this registry, of the root.json from which the other is believed.
    """

    instance: str = Field(min_length=1, max_length=64, pattern=r"^[^/%\s]+$")
    base: Annotated[str, Field(pattern=r"^https?://[^\s]+/$", max_length=128)]
    """Its base IRI, by which its schemas and agreements are named."""
    title: Texts = Field(default_factory=dict)
    root: str = Field(min_length=1, max_length=255)
    registry: list[str] = Field(min_length=1)
    """Where it is fetched from, tried in turn: ``https:`` addresses, or folders."""


@lru_cache(maxsize=4096)
def instance_of(identifier: str) -> str:
    """The instance that a subsystem, member or a subsystem's own group is of; ``""`` for a group
    of the instance itself, which has no other's name in it.
    """
    scheme, colon, rest = identifier.partition(":")
    if colon and scheme == "group":
        identifier = rest
    head, slash, _ = identifier.partition("/")
    return head if slash else ""


def read_trusted(files: Mapping[str, bytes], own: str, base: str) -> dict[str, TrustedInstance]:
    """The trusted instances by identifier, of the documents below ``trusted/``.

    ``own`` and ``base`` are this instance's identifier and base IRI. ``RegistryError`` when one is
    there twice, is this instance itself, or has a base IRI in which another's names could lie.
    """
    found: dict[str, TrustedInstance] = {}
    bases = {own: base}
    for path, data in sorted(files.items()):
        one = read_document(TrustedInstance, path, data)
        if one.instance in bases:
            which = "this instance itself" if one.instance == own else "there twice"
            raise RegistryError("registry.trusted", f"{path}: {one.instance} is {which}")
        for other, taken in bases.items():
            if one.base.startswith(taken) or taken.startswith(one.base):
                raise RegistryError(
                    "registry.trusted",
                    f"{path}: the base {one.base} overlaps with {taken}, of {other}: names of one "
                    "would be names of the other",
                )
        found[one.instance] = one
        bases[one.instance] = one.base
    return found
