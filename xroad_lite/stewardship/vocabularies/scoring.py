"""Scores schemas by the share of fields that mean a registered term. Binds nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xroad_lite.errors import SemanticsError, XRoadError
from xroad_lite.schema.fields import fields
from xroad_lite.semantics import Vocabulary
from xroad_lite.semantics.catalogue import Catalogue
from xroad_lite.semantics.names import short
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.semantics.similarity import best
from xroad_lite.stewardship.meanings import meanings

_NEAR: Final = 0.5
_MAX_SUGGESTIONS: Final = 500
_MAX_NAME: Final = 80
"""How much of a name is compared."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """A field without a registered meaning: why, and the term that is called most like it."""

    pointer: str
    reason: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """How many fields a schema has, and which of them mean nothing; ``fault`` if it is unreadable.

    A field counts once, those inside objects and items too.
    """

    schema: str
    fields: int
    unbound: tuple[Unbound, ...]
    fault: str = ""

    @property
    def bound(self) -> int:
        """How many fields are bound."""
        return self.fields - len(self.unbound)

    @property
    def share(self) -> float:
        """From 0 to 1; a schema without fields has nothing to bind."""
        return self.bound / self.fields if self.fields else float(not self.fault)


def score(files: Mapping[str, bytes]) -> list[Score]:
    """The score of every schema version below ``schemas/``, by name."""
    found = Catalogue(files)
    proposals = _Proposals(found.vocabulary)
    return [_scored(found, name, path, proposals) for name, path in found.schemas.items()]


def _scored(found: Catalogue, name: str, path: str, proposals: _Proposals) -> Score:
    try:
        document = found.document(name)
        kind = "avro" if path.endswith(".avsc") else "json"
        listed = {one.path: one for one in fields(document, kind) if one.is_named}
    except XRoadError as error:
        return Score(name, 0, (), error.message)
    try:
        means = meanings(document)
    except SemanticsError as error:
        means, fault = {}, error.message
    else:
        fault = ""
    home = {namespace(one.iri) for one in means.values() if one.iri}
    unbound = []
    for pointer, one in listed.items():
        iri = means[pointer].iri if pointer in means else None
        reason = found.vocabulary.unknown(iri) if iri else "no term"
        if reason:
            near = proposals.nearest(one.name, _titles(one.says), home)
            unbound.append(Unbound(pointer, reason.partition(";")[0], near))
    return Score(name, len(listed), tuple(unbound), fault)


def _titles(says: Mapping[str, Any]) -> Iterator[str]:
    texts = says.get("x-title")
    for text in (says.get("title"), *(texts.values() if isinstance(texts, dict) else ())):
        if isinstance(text, str):
            yield text


class _Proposals:
    """The properties of a vocabulary by all their names."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._left = _MAX_SUGGESTIONS
        self._names = {
            iri: tuple(name[:_MAX_NAME] for name in (short(iri), *dict(term.labels).values()))
            for iri, term in vocabulary.terms.items()
            if any(kind.endswith("Property") for kind in term.kinds)
        }

    def nearest(self, key: str, titles: Iterable[str], home: set[str]) -> str | None:
        """The property most like a field, first among those of the schema's own vocabularies."""
        self._left -= 1
        if self._left < 0:
            return None
        wanted = [name[:_MAX_NAME] for name in (key, *titles)]
        for near in (True, False):
            ranked = [
                (best(wanted, names)[0], iri)
                for iri, names in self._names.items()
                if (namespace(iri) in home) is near
            ]
            likeness, iri = max(ranked, default=(0.0, ""))
            if likeness >= _NEAR:
                return iri
        return None
