"""Schemas and vocabularies by the names that people give them. Does not open files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from xroad_lite import strict_json
from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import Binding, Field, bind
from xroad_lite.semantics.lexicon import Entry, read_lexicon, read_prefixes
from xroad_lite.semantics.names import short
from xroad_lite.semantics.vocabulary import Vocabulary, load_vocabulary

_SCHEMA: Final = re.compile(r"schemas/([^/]+/[^/]+/(\d+))\.(?:json|avsc)")


@dataclass(frozen=True, slots=True)
class Usage:
    """One field of one schema; ``pointer`` has ``*`` for the items of arrays."""

    schema: str
    pointer: str
    field: Field

    @property
    def name(self) -> str:
        """As a person may write it again."""
        return f"{self.schema}#{self.pointer}"


@dataclass(frozen=True)  # not slotted: what is asked for is read once, then kept
class Catalogue:
    """``files`` are paths below ``schemas/`` and ``vocabularies/`` with their bytes."""

    files: Mapping[str, bytes] = field(repr=False)

    @cached_property
    def vocabulary_files(self) -> dict[str, bytes]:
        """Vocabularies and mappings alone."""
        return {path: self.files[path] for path in self.files if path.startswith("vocabularies/")}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All vocabularies and mappings, as translators use them."""
        return load_vocabulary(self.vocabulary_files)

    @cached_property
    def lexicon(self) -> dict[str, Entry]:
        """All terms, as their vocabularies present them."""
        return read_lexicon(self.vocabulary_files)

    @cached_property
    def prefixes(self) -> dict[str, str]:
        """The prefix of each namespace, as the files have it."""
        return read_prefixes(self.vocabulary_files)

    def brief(self, iri: str) -> str:
        """An IRI for people: with its prefix if the files have one, else its last part."""
        name = short(iri)
        prefix = self.prefixes.get(iri.removesuffix(name))
        return f"{prefix}:{name}" if prefix else name

    @cached_property
    def schemas(self) -> dict[str, str]:
        """The path of every schema version by its name, ``citizens/person/1``."""
        found = {match[1]: path for path in self.files if (match := _SCHEMA.fullmatch(path))}
        return dict(sorted(found.items()))

    def schema_name(self, text: str) -> str:
        """The whole name behind ``citizens.person``, ``citizens/person`` or one with a version.

        Without a version the newest is meant. ``SemanticsError`` names the nearest.
        """
        wanted = text.strip("/").replace(".", "/")
        if wanted in self.schemas:
            return wanted
        versions = [name for name in self.schemas if name.rpartition("/")[0] == wanted]
        if versions:
            return max(versions, key=lambda name: int(name.rpartition("/")[2]))
        known = sorted({name.rpartition("/")[0] for name in self.schemas})
        near = difflib.get_close_matches(wanted, known, 1, 0.5)
        raise SemanticsError(
            "semantics.unknown_schema",
            f"there is no schema {text!r}" + (f": did you mean {near[0]}?" if near else ""),
            hint="schemas here: " + (", ".join(known) or "none"),
        )

    def document(self, name: str) -> Any:
        """The schema document behind a whole name; ``SemanticsError`` when it is not JSON."""
        path = self.schemas[name]
        try:
            return strict_json.loads(self.files[path])
        except ValueError as error:
            raise SemanticsError("semantics.schema", f"{path} is not JSON: {error}") from None

    def binding(self, name: str) -> Binding:
        """The shapes of a schema."""
        return bind(json_schema_of(self.document(name)), self.vocabulary.unknown)

    @cached_property
    def usages(self) -> tuple[Usage, ...]:
        """Every field of every schema."""
        return tuple(use for name in self.schemas for use in self.usages_of(name))

    def usages_of(self, name: str) -> Iterator[Usage]:
        """Every field of one schema, those inside objects too; recursion is entered once."""
        for pointer, item in self.binding(name).everywhere():
            yield Usage(name, pointer, item)

    def fields(self, text: str) -> list[Usage]:
        """The fields that a person may mean: ``schema#/pointer``, ``/pointer``, a key."""
        schema, hash_, pointer = text.partition("#")
        if hash_ and pointer.startswith("/") and "://" not in schema:
            name = self.schema_name(schema)
            return [use for use in self.usages_of(name) if _same_place(use.pointer, pointer)]
        if text.startswith("/"):
            return [use for use in self.usages if _same_place(use.pointer, text)]
        return [use for use in self.usages if use.field.key == text]

    def terms(self, text: str) -> list[str]:
        """The terms that a person may mean: an IRI, its last part, a label in any language."""
        if text in self._known:
            return [text]
        prefix, _, rest = text.partition(":")
        spaces = [space for space, known in self.prefixes.items() if known == prefix]
        if spaces and rest:
            return [space + rest for space in spaces if space + rest in self._known]
        folded = text.casefold()
        return [iri for iri in sorted(self._known) if short(iri).casefold() == folded] or [
            iri
            for iri, entry in sorted(self.lexicon.items())
            if any(label.casefold() == folded for _, label in entry.labels)
        ]

    @cached_property
    def _known(self) -> frozenset[str]:
        return self.vocabulary.borrowed.union(self.lexicon)

    def nearest(self, text: str) -> list[str]:
        """What is written most like ``text``, for an error's hint."""
        names = {use.field.key for use in self.usages} | {short(iri) for iri in self.lexicon}
        names |= {label for entry in self.lexicon.values() for _, label in entry.labels}
        return difflib.get_close_matches(short(text), sorted(names), 3, 0.5)


def _same_place(pointer: str, asked: str) -> bool:
    """Whether two pointers name one field: ``*`` and positions of arrays may be left out."""

    def plain(text: str) -> list[str]:
        return [part for part in text.split("/") if part != "*" and not part.isdecimal()]

    return plain(pointer) == plain(asked)
