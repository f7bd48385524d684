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

MAX_FILES = 128
"""How many other files one schema may refer to, by itself and by those."""
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


class File(NamedTuple):
    """One file, walked once: its root, its size, and what its schemas are called."""

    root: Place
    values: int
    patterns: int
    named: tuple[tuple[str, str, Place], ...]
    """Keyword, name and schema of each ``$id``, ``$anchor`` and ``$dynamicAnchor``."""


@runtime_checkable
class Shared(Protocol):
    """Files that many schemas refer to: each is walked once for all of them."""

    walked: dict[tuple[str, int], File]
    """By address, and the draft that it is of if it does not say."""


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
        otherwise = self.files[""].draft if "" in self.files else 2020
        file = self._walked(uri, document, otherwise)
        self._values += file.values
        if self._values > MAX_VALUES:
            raise SchemaError(
                "schema.too_large",
                f"the schema and what it refers to hold more than {MAX_VALUES:,} values",
            )
        self.patterns += file.patterns
        self.loaded[uri] = file.root
        for keyword, name, place in file.named:
            self._register(keyword, name, place)
        self._load_metaschema(document)
        return file.root

    def _walked(self, uri: str, document: Any, otherwise: int) -> File:
        if uri == BASE or not isinstance(self.resources, Shared):
            return _walk(uri, document, draft_of(document, self._resource, otherwise))
        key = (uri, otherwise)
        if key not in self.resources.walked:
            draft = draft_of(document, self._resource, otherwise)
            self.resources.walked[key] = _walk(uri, document, draft)
        return self.resources.walked[key]

    def _load_metaschema(self, document: Any) -> None:
        name = document.get("$schema") if isinstance(document, dict) else None
        if isinstance(name, str) and name.removesuffix("#") not in NAMES:
            self._document(urldefrag(name).url, name)

    def _register(self, keyword: str, name: str, place: Place) -> None:
        if keyword == "$id":
            self.loaded.setdefault(place.base, place)
            if place.draft == 7 and name.startswith("#"):
                self._anchors.setdefault(place.base + name, place)
            return
        if f"{place.base}#{name}" in self._anchors and keyword == "$anchor":
            raise SchemaError("schema.duplicate_name", f"the $anchor {name[:80]!r} stands twice")
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
            if len(self.files) > MAX_FILES:
                raise too_many_files()
            self.files[uri] = self._load(uri, resource)
            return self.files[uri]
        if (standard := _metaschema(uri)) is not None:
            return self._load(uri, standard)
        raise unresolved(reference, "no file of the registry has that address")


def addresses(document: Any, uri: str) -> set[str]:
    """The addresses of other files that a file refers to; ``uri`` is its own.

    ``SchemaError`` for a document that is too large, or an address that is none.
    """
    root = Place(None, uri, draft_of(document, lambda _: None, 2020)).within(document)
    check_size(document)
    found: set[str] = set()
    for place in _places(root):
        for keyword in ("$ref", "$dynamicRef"):
            reference = place.keywords().get(keyword)
            if isinstance(reference, str) and not reference.startswith("#"):
                found.add(address(place.base, reference))
    return found - {uri, root.base}


def too_many_files() -> SchemaError:
    """The error for a schema that reaches more files than anything useful does."""
    return SchemaError(
        "schema.too_many_files",
        f"the schema refers to more than {MAX_FILES} other files, by itself and by those",
        hint="put what belongs together into one file, below $defs",
    )


def _places(root: Place) -> Iterator[Place]:
    pending = [root]
    while pending:
        here = pending.pop()
        yield here
        pending.extend(below for _, _, below in here.subschemas())


def _walk(uri: str, document: Any, draft: int) -> File:
    values, patterns = check_size(document), 0
    root = Place(None, uri, draft).within(document)
    named: list[tuple[str, str, Place]] = []
    for here in _places(root):
        schema = here.schema
        if isinstance(schema, dict):
            patterns += "pattern" in schema
            if isinstance(below := schema.get("patternProperties"), dict):
                patterns += len(below)
            named += [(word, name, here) for word, name in _names(schema, here.draft)]
    return File(root, values, patterns, tuple(named))


def _names(schema: Mapping[str, Any], draft: int) -> Iterator[tuple[str, str]]:
    for keyword in ("$id", "$anchor", "$dynamicAnchor"):
        name = schema.get(keyword)
        if isinstance(name, str) and (draft == 2020 or keyword == "$id"):
            yield keyword, name


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
