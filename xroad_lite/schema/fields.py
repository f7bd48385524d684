"""The fields of a schema as people see them, one list for JSON Schema and Avro; judges nothing.

Every field that a body may hold, with where it stands in bodies and in the schema's file. What
``allOf``, alternatives and references add is listed too, and what leads back to itself once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.schema.pointers import escaped
from xroad_lite.schema.references import Documents, Place, referred

MAX_FIELDS = 5_000
_MAX_DEPTH = 20
_ALTERNATIVES = ("anyOf", "oneOf", "then", "else")
_OTHERS = ("items", "additionalProperties", "patternProperties")
_NAMING = ("title", "x-title", "description", "x-description")
_AVRO_NAMED = ("record", "error", "enum", "fixed")
_PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or the body itself, whose ``path`` is empty.

    ``path`` is a JSON Pointer into bodies in which ``*`` stands for every item, or every other
    field; ``at`` one into the schema's file, None for what stands in another file. ``says`` are the
    keywords that hold for its value, ``holder`` those of the object around it.
    """

    path: str
    name: str
    at: str | None
    says: Mapping[str, Any]
    holder: Mapping[str, Any]
    required: bool
    personal: bool

    @property
    def is_root(self) -> bool:
        """Whether it is the body itself."""
        return not self.path

    @property
    def is_named(self) -> bool:
        """Whether it has a name: items and other fields have none."""
        return bool(self.name)


def fields(document: Any, kind: str, resources: Mapping[str, Any] | None = None) -> list[Field]:
    """The fields of a schema that compiles, the body first, in the order of the file."""
    walk = _JSON(document, resources or {}) if kind == "json" else _Avro(document, resources or {})
    return walk.found


@dataclass(frozen=True, slots=True)
class _Said:
    """A schema that applies to a value: where it stands, and whether it surely applies."""

    place: Place
    at: str | None
    certain: bool


@dataclass(slots=True)
class _JSON:
    document: Any
    resources: Mapping[str, Any]
    found: list[Field] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)
    _documents: Documents = field(init=False)
    _pointers: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._documents = Documents(self.document, self.resources)
        root = self._documents.root
        self._pointers = _pointers(root)
        self._add(root, "", "", "", {}, required=True, personal=False, open_=frozenset())

    def _add(
        self,
        place: Place,
        path: str,
        name: str,
        at: str | None,
        holder: Mapping[str, Any],
        *,
        required: bool,
        personal: bool,
        open_: frozenset[int],
    ) -> None:
        """List one field, then what lies in it."""
        if path in self._paths or len(self.found) >= MAX_FIELDS or path.count("/") > _MAX_DEPTH:
            return
        said = self._here(place, at, open_)
        says: dict[str, Any] = {}
        for one in said:
            for word, value in one.place.keywords().items():
                if one.certain or word in _NAMING:
                    says.setdefault(word, value)
        personal = personal or any(one.place.keywords().get("x-personal") is True for one in said)
        self._paths.add(path)
        self.found.append(Field(path, name, at, says, holder, required, personal))
        open_ = open_.union(id(one.place.schema) for one in said)
        for one in said:
            self._below(one, path, personal, open_)

    def _here(self, place: Place, at: str | None, open_: frozenset[int]) -> list[_Said]:
        """A schema and those that it applies to the same value, each once."""
        found: list[_Said] = []
        seen = set(open_)
        pending = [_Said(place, at, True)]
        while pending:
            one = pending.pop()
            if not isinstance(one.place.schema, dict) or id(one.place.schema) in seen:
                continue
            seen.add(id(one.place.schema))
            found.append(one)
            inner = []
            if (target := referred(self._documents, one.place)) is not None:
                inner.append(_Said(target, self._pointers.get(id(target.schema)), one.certain))
            for word, index, below in one.place.subschemas():
                if word in ("allOf", *_ALTERNATIVES):
                    where = _join(one.at, word, index)
                    inner.append(_Said(below, where, one.certain and word == "allOf"))
            pending += reversed(inner)
        return found

    def _below(self, said: _Said, path: str, personal: bool, open_: frozenset[int]) -> None:
        keywords = said.place.keywords()
        needed = keywords.get("required", ()) if said.certain else ()
        for word, name, below in said.place.subschemas():
            if word not in keywords or below.schema is False:
                continue
            step, own, required = "*", "", False
            if word == "properties":
                step, own, required = escaped(name), name, name in needed
            elif word == "prefixItems" or (word == "items" and name):
                step = name
            elif word not in _OTHERS or not isinstance(below.schema, dict):
                continue
            where = _join(said.at, word, name)
            self._add(below, f"{path}/{step}", own, where, keywords,
                      required=required, personal=personal, open_=open_)  # fmt: skip


def _join(at: str | None, *steps: str) -> str | None:
    """A pointer with more steps, of which empty ones stand for no step."""
    return None if at is None else at + "".join(f"/{escaped(step)}" for step in steps if step)


def _pointers(root: Place) -> dict[int, str]:
    """Where in a document each schema stands."""
    found: dict[int, str] = {}
    pending = [(root, "")]
    while pending:
        place, at = pending.pop()
        found.setdefault(id(place.schema), at)
        pending += [(b, _join(at, word, name) or "") for word, name, b in place.subschemas()]
    return found


@dataclass(slots=True)
class _Avro:
    document: Any
    resources: Mapping[str, Any]
    found: list[Field] = field(default_factory=list)
    _named: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    _all_declared: bool = False

    def __post_init__(self) -> None:
        self._declare(self.document, "", "")
        self._add(self.document, "", "", "", {}, {}, "", required=True, personal=False, open_=())

    def _declare(self, schema: Any, at: str | None, space: str) -> None:
        """Note where each named type stands."""
        if isinstance(schema, list):
            for index, branch in enumerate(schema):
                self._declare(branch, _join(at, str(index)), space)
        if not isinstance(schema, dict):
            return
        if schema.get("type") in _AVRO_NAMED:
            full = _full(schema, space)
            space = full.rpartition(".")[0]
            if at is not None or full not in self._named:
                self._named[full] = (schema, at)
        for word in ("items", "values", "type"):
            if isinstance(schema.get(word), dict | list):
                self._declare(schema[word], _join(at, word), space)
        for index, item in enumerate(schema.get("fields", ())):
            self._declare(item.get("type"), _join(at, "fields", str(index), "type"), space)

    def _full_name(self, name: str, space: str) -> str:
        """The name under which a type is declared, in another file if not in this; else empty."""
        candidates = (f"{space}.{name}" if space else name, name)
        found = next((full for full in candidates if full in self._named), "")
        if not found and not self._all_declared:
            self._all_declared = True
            for resource in self.resources.values():
                self._declare(resource, None, "")
            return self._full_name(name, space)
        return found

    def _resolved(self, schema: Any, at: str | None, space: str) -> tuple[Any, str | None, str]:
        """A type with names followed: its object or list, where it stands, its namespace."""
        if isinstance(schema, str):
            full = "" if schema in _PRIMITIVES else self._full_name(schema, space)
            if not full:
                return {"type": schema}, at, space
            found, where = self._named[full]
            return found, where, full.rpartition(".")[0]
        if isinstance(schema, dict) and isinstance(schema.get("type"), str):
            if schema["type"] in _AVRO_NAMED:
                return schema, at, _full(schema, space).rpartition(".")[0]
            if schema["type"] not in (*_PRIMITIVES, "array", "map"):
                return self._resolved(schema["type"], _join(at, "type"), space)
        return schema, at, space

    def _add(
        self,
        schema: Any,
        path: str,
        name: str,
        at: str | None,
        own: Mapping[str, Any],
        holder: Mapping[str, Any],
        space: str,
        *,
        required: bool,
        personal: bool,
        open_: tuple[int, ...],
    ) -> None:
        if len(self.found) >= MAX_FIELDS or len(open_) > _MAX_DEPTH:
            return
        said = [self._resolved(schema, at, space)]
        if isinstance(said[0][0], list):
            inside, where, around = said[0]
            said = [
                self._resolved(branch, _join(where, str(index)), around)
                for index, branch in enumerate(inside)
            ]
        says: dict[str, Any] = {"type": _type(schema), "branches": [one for one, _, _ in said]}
        for one, _, _ in said:
            says |= {word: value for word, value in one.items() if word not in ("type", "name")}
        says |= {word: value for word, value in own.items() if word not in ("type", "name")}
        personal = personal or says.get("x-personal") is True
        self.found.append(Field(path, name, at, says, holder, required, personal))
        for one, where, around in said:
            if id(one) not in open_:
                self._below(one, path, where, around, personal, (*open_, id(one)))

    def _below(
        self,
        schema: Mapping[str, Any],
        path: str,
        at: str | None,
        space: str,
        personal: bool,
        open_: tuple[int, ...],
    ) -> None:
        for index, item in enumerate(schema.get("fields", ())):
            self._add(item["type"], f"{path}/{escaped(item['name'])}", item["name"],
                      _join(at, "fields", str(index)), item, schema, space,
                      required="default" not in item, personal=personal, open_=open_)  # fmt: skip
        for word in ("items", "values"):
            if word in schema:
                self._add(schema[word], f"{path}/*", "", _join(at, word), {}, schema, space,
                          required=False, personal=personal, open_=open_)  # fmt: skip


def _full(schema: Mapping[str, Any], space: str) -> str:
    name, own = str(schema.get("name", "")), schema.get("namespace", space)
    return name if "." in name or not own else f"{own}.{name}"


def _type(schema: Any) -> Any:
    """What a type is called: a name, or the names of the branches of a union."""
    if isinstance(schema, list):
        return [_type(branch) for branch in schema]
    if isinstance(schema, dict):
        kind = schema.get("type")
        return schema.get("logicalType") or schema.get("name") or _type(kind)
    return schema
