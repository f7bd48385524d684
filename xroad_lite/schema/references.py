"""Finds subschemas and what they refer to, in a document and other registry files; fetches nothing.

Does not follow a reference beyond the files it was given and the standards' own metaschemas.
JSON Schema 2020-12 core, sections 8.2 and 9; draft-07 core, section 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote, urldefrag, urljoin

from xroad_lite.errors import SchemaError
from xroad_lite.schema.dialects import NAMES, draft_of
from xroad_lite.schema.limits import MAX_VALUES, check_size
from xroad_lite.schema.pointers import parsed

BASE = "https://registry.invalid/"
"""The base of documents without ``$id``: keys of resources that are paths are relative to it."""

ONE = ("additionalProperties", "unevaluatedProperties", "propertyNames", "additionalItems",
       "unevaluatedItems", "items", "contains", "not", "if", "then", "else",
       "contentSchema")  # fmt: skip
MANY = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
NAMED = ("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs",
         "definitions")  # fmt: skip
_ONLY_2020 = {"unevaluatedProperties", "unevaluatedItems", "prefixItems", "dependentSchemas"}
_ONLY_07 = {"additionalItems"}
_HOLDING = frozenset((*ONE, *MANY, *NAMED))
_KEYWORDS = {7: _HOLDING - _ONLY_2020, 2020: _HOLDING - _ONLY_07}
"""By draft, the keywords in whose values schemas stand."""


@runtime_checkable
class Addressed(Protocol):
    """Files that know themselves which of them has an address: looking costs once for all."""

    def by_own_address(self, address: str) -> Any:
        """The file whose ``$id`` is this address; None if there is none."""
        ...


class Place(NamedTuple):
    """A schema, with the address that its references are relative to and its draft (7 or 2020)."""

    schema: Any
    base: str
    draft: int

    def keywords(self) -> Mapping[str, Any]:
        """The keywords that count: beside a ``$ref``, draft-07 knows no other."""
        if not isinstance(self.schema, dict):
            return {}
        if self.draft == 7 and "$ref" in self.schema:
            return {"$ref": self.schema["$ref"]}
        return self.schema

    def within(self, schema: Any) -> Place:
        """A subschema of this one, which may set an address of its own."""
        if not isinstance(schema, dict) or "$id" not in schema:
            return Place(schema, self.base, self.draft)
        identifier = schema["$id"]
        if not isinstance(identifier, str) or (self.draft == 7 and "$ref" in schema):
            return Place(schema, self.base, self.draft)
        name = schema.get("$schema")
        draft = (
            NAMES.get(name.removesuffix("#"), self.draft) if isinstance(name, str) else self.draft
        )
        return Place(schema, urldefrag(_join(self.base, identifier)).url, draft)

    def subschemas(self) -> Iterator[tuple[str, str, Place]]:
        """Each subschema that stands in this schema: keyword, name or position, place."""
        if not isinstance(self.schema, dict):
            return
        known = _KEYWORDS[self.draft]
        for keyword in [word for word in self.schema if word in known]:
            value = self.schema[keyword]
            if keyword in ONE and isinstance(value, dict | bool):
                yield keyword, "", self.within(value)
            elif keyword in MANY and isinstance(value, list):
                for index, item in enumerate(value):
                    yield keyword, str(index), self.within(item)
            elif keyword in NAMED and isinstance(value, dict):
                for name, item in value.items():
                    if isinstance(item, dict | bool):
                        yield keyword, name, self.within(item)


@dataclass(slots=True)
class Documents:
    """A schema document and the other registry files that it may refer to, loaded when needed."""

    document: Any
    resources: Mapping[str, Any]
    files: dict[str, Place] = field(default_factory=dict)
    loaded: dict[str, Place] = field(default_factory=dict)
    _anchors: dict[str, Place] = field(default_factory=dict)
    _dynamic: dict[str, list[Place]] = field(default_factory=dict)
    _addresses: dict[str, Any] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], Place] = field(default_factory=dict)
    patterns: int = 0
    """How many patterns all that is loaded holds."""
    _values: int = 0

    @property
    def root(self) -> Place:
        """The document itself."""
        if "" not in self.files:
            self.files[""] = self._load(BASE, self.document)
        return self.files[""]

    def _load(self, uri: str, document: Any) -> Place:
        self._values += check_size(document)
        if self._values > MAX_VALUES:
            raise SchemaError(
                "schema.too_large",
                f"the schema and what it refers to hold more than {MAX_VALUES:,} values",
            )
        otherwise = self.files[""].draft if "" in self.files else 2020
        draft = draft_of(document, self._resource, otherwise)
        place = Place(None, uri, draft).within(document)
        self.loaded[uri] = place
        pending = [place]
        while pending:
            here = pending.pop()
            self._register(here)
            pending.extend(below for _, _, below in here.subschemas())
        self._load_metaschema(document)
        return place

    def _load_metaschema(self, document: Any) -> None:
        name = document.get("$schema") if isinstance(document, dict) else None
        if isinstance(name, str) and name.removesuffix("#") not in NAMES:
            self._document(urldefrag(name).url, name)

    def _register(self, place: Place) -> None:
        schema = place.schema
        if not isinstance(schema, dict):
            return
        self.patterns += "pattern" in schema
        if isinstance(named := schema.get("patternProperties"), dict):
            self.patterns += len(named)
        if "$id" in schema and isinstance(schema["$id"], str):
            self.loaded.setdefault(place.base, place)
            if place.draft == 7 and schema["$id"].startswith("#"):
                self._anchors.setdefault(place.base + schema["$id"], place)
        for keyword in ("$anchor", "$dynamicAnchor") if place.draft == 2020 else ():
            if isinstance(name := schema.get(keyword), str):
                if f"{place.base}#{name}" in self._anchors and keyword == "$anchor":
                    raise SchemaError(
                        "schema.duplicate_name", f"the $anchor {name[:80]!r} stands twice"
                    )
                self._anchors.setdefault(f"{place.base}#{name}", place)
                if keyword == "$dynamicAnchor":
                    self._dynamic.setdefault(name, []).append(place)

    def resolve(self, place: Place, reference: str) -> Place:
        """What a ``$ref`` at a place names; ``SchemaError`` where no file given here has it."""
        key = (place.base, reference)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(*key)
        return self._resolved[key]

    def _resolve(self, base: str, reference: str) -> Place:
        uri, fragment = urldefrag(_join(base, reference))
        target = self._document(uri, reference)
        if not fragment:
            return target
        if not fragment.startswith("/"):
            found = self._anchors.get(f"{uri}#{unquote(fragment)}") or self._anchors.get(
                f"{target.base}#{unquote(fragment)}"
            )
            if found is None:
                raise unresolved(reference, "there is no such $anchor")
            return found
        return _step(target, parsed(unquote(fragment)), reference)

    def dynamic(self, name: str) -> list[Place]:
        """Every schema loaded so far that a ``$dynamicRef`` to this name may mean."""
        return self._dynamic.get(name, [])

    def _resource(self, uri: str) -> Any:
        """The file at an address: by its key, absolute or relative, or else by its own ``$id``."""
        for key in (uri, uri.removeprefix(BASE)):
            if key in self.resources:
                return self.resources[key]
        if isinstance(self.resources, Addressed):
            return self.resources.by_own_address(uri)
        if not self._addresses:
            for key, resource in self.resources.items():
                address = urldefrag(_join(BASE, key)).url
                self._addresses.setdefault(address, resource)
                if isinstance(resource, dict) and isinstance(resource.get("$id"), str):
                    own = urldefrag(_join(address, resource["$id"])).url
                    self._addresses.setdefault(own, resource)
        return self._addresses.get(uri)

    def _document(self, uri: str, reference: str) -> Place:
        if uri in self.loaded:
            return self.loaded[uri]
        if (resource := self._resource(uri)) is not None:
            self.files[uri] = self._load(uri, resource)
            return self.files[uri]
        if (standard := _metaschema(uri)) is not None:
            return self._load(uri, standard)
        raise unresolved(reference, "no file of the registry has that address")


def referred(documents: Documents, place: Place, keyword: str = "$ref") -> Place | None:
    """What the reference of one schema names; a ``$dynamicRef`` names its static target here."""
    if place.schema is True or place.schema is False or keyword not in place.schema:
        return None
    reference = place.keywords().get(keyword)
    if not isinstance(reference, str) or (keyword == "$dynamicRef" and place.draft == 7):
        return None
    return documents.resolve(place, reference)


def address(base: str, reference: str) -> str:
    """The absolute address that a reference names, without its fragment."""
    return urldefrag(_join(base, reference)).url


def unresolved(reference: Any, reason: str) -> SchemaError:
    """The error for a reference that leads nowhere."""
    return SchemaError(
        "schema.unresolved_reference",
        f"the reference {str(reference)[:200]!r} cannot be resolved: {reason}",
        hint="register the file that it names first; nothing is fetched over the network",
    )


def _step(place: Place, segments: tuple[str, ...], reference: str) -> Place:
    value, here = place.schema, place
    for segment in segments:
        if isinstance(value, dict) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and segment.isdecimal() and int(segment) < len(value):
            value = value[int(segment)]
        else:
            raise unresolved(reference, f"there is no {segment[:80]!r} on its way")
        if isinstance(value, dict):
            here = here.within(value)
    if not isinstance(value, dict | bool):
        raise unresolved(reference, "it names no schema")
    return Place(value, here.base, here.draft)


def _join(base: str, reference: str) -> str:
    if reference.startswith("#"):  # urljoin knows no fragments of urn: and other opaque addresses
        return base + reference
    try:
        return urljoin(base, reference)
    except ValueError as error:
        raise SchemaError("schema.invalid", f"{reference[:120]!r} is no address: {error}") from None


def _metaschema(uri: str) -> Any:
    if not uri.startswith(("http://json-schema.org/", "https://json-schema.org/")):
        return None
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    for address in (uri, uri + "#"):
        if address in REGISTRY:
            return REGISTRY.contents(address)
    return None
