"""The purposes that agreements and messages name, and which is narrower than which.

``vocabularies/purposes.yaml`` holds the Data Privacy Vocabulary's and an instance's own. Does not
decide what a message may do: ``policy`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from pydantic import Field

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Document, Iri, Texts

PATH = "vocabularies/purposes.yaml"


class _Entry(Document):
    title: Texts = Field(default_factory=dict)
    broader: list[str] = Field(default_factory=list)


class _Purposes(Document):
    prefix: Iri
    purposes: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class Purposes:
    """Each known purpose's IRI with its titles, and with all purposes that it is part of."""

    titles: Mapping[str, Texts] = field(default_factory=dict)
    wider: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes, path: str = PATH) -> Purposes:
        """From the document; ``RegistryError`` when a broader one is not listed, or is narrower."""
        document = read_document(_Purposes, path, data)

        def iri(name: str) -> str:
            return name if ":" in name else document.prefix + name

        broader = {iri(name): set(map(iri, one.broader)) for name, one in document.purposes.items()}
        unknown = sorted(set().union(*broader.values()) - set(broader))
        if unknown:
            raise RegistryError(
                "registry.purpose",
                f"{path}: {unknown[0]} is named as broader and is not listed itself",
                hint="list it under purposes:, with broader: [] if nothing is wider",
            )
        try:
            order = list(TopologicalSorter(broader).static_order())
        except CycleError as error:
            circle = " → ".join(error.args[1])
            raise RegistryError(
                "registry.purpose", f"{path}: these are each narrower than the next: {circle}"
            ) from None
        wider: dict[str, frozenset[str]] = {}
        for one in order:
            wider[one] = frozenset(broader[one]).union(*(wider[each] for each in broader[one]))
        return cls({iri(name): one.title for name, one in document.purposes.items()}, wider)

    def covers(self, allowed: str, asked: str) -> bool:
        """Whether what is allowed for one purpose is allowed for another: itself or a narrower."""
        return asked == allowed or allowed in self.wider.get(asked, ())
