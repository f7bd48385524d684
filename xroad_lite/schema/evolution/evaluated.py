"""Which fields and items ``unevaluated…`` leaves to itself, where that is certain; proves nothing.

JSON Schema 2020-12 core, section 11. What ``$ref`` and ``allOf`` bring is certain; what depends on
which alternative holds is not, and then there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xroad_lite.schema.references import Documents, Place, referred

_ALTERNATIVES = ("anyOf", "oneOf", "if", "then", "else", "dependentSchemas")
_ALL_FIELDS = ("additionalProperties", "unevaluatedProperties")
_ALL_ITEMS = ("items", "unevaluatedItems")


@dataclass(slots=True)
class Evaluated:
    """What the other keywords of a schema evaluate."""

    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    first: int = 0
    all_fields: bool = False
    all_items: bool = False
    fields_uncertain: bool = False
    items_uncertain: bool = False


def evaluated(place: Place, documents: Documents) -> Evaluated:
    """What is evaluated beside the ``unevaluated…`` keywords of one schema."""
    found = Evaluated()
    own = place.keywords()
    _add(place, documents, found, skip={"unevaluatedProperties", "unevaluatedItems"} & set(own))
    return found


def _add(place: Place, documents: Documents, found: Evaluated, skip: set[str]) -> None:
    keywords = place.keywords()
    found.names |= set(keywords.get("properties", ()))
    found.patterns |= set(keywords.get("patternProperties", ()))
    found.first = max(found.first, len(keywords.get("prefixItems", ())))
    found.all_fields |= any(word in keywords and word not in skip for word in _ALL_FIELDS)
    found.all_items |= any(word in keywords and word not in skip for word in _ALL_ITEMS)
    found.items_uncertain |= "contains" in keywords
    if "$dynamicRef" in keywords:
        found.fields_uncertain = found.items_uncertain = True
    for word, _, below in place.subschemas():
        if word == "allOf":
            _add(below, documents, found, set())
        elif word in _ALTERNATIVES:
            _add_uncertain(below, documents, found)
    if (target := referred(documents, place)) is not None:
        _add(target, documents, found, set())


def _add_uncertain(place: Place, documents: Documents, found: Evaluated) -> None:
    """An alternative that evaluates nothing changes nothing; any other is uncertain."""
    here = Evaluated()
    _add(place, documents, here, set())
    evaluates = here.names or here.patterns or here.all_fields
    found.fields_uncertain |= bool(evaluates) or here.fields_uncertain
    found.items_uncertain |= bool(here.first) or here.all_items or here.items_uncertain
