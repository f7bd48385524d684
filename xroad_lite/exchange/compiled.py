"""Schemas made ready once per snapshot, translators once per vocabulary; chooses none of them.

Snapshots with the same vocabularies share what was compiled by these: most new ones change others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from xroad_lite.errors import SchemaError, SemanticsError
from xroad_lite.registry import SchemaVersion, Snapshot
from xroad_lite.schema import CompiledSchema, compile_schema
from xroad_lite.schema.persons import Persons, persons
from xroad_lite.semantics import Translator, Vocabulary, load_vocabulary, translator
from xroad_lite.semantics.vocabulary import digest_of


class Wording(NamedTuple):
    """A schema version made ready to read and write bodies, and whom its messages name."""

    version: SchemaVersion
    compiled: CompiledSchema
    persons: Persons


_WORDINGS: WeakKeyDictionary[Snapshot, dict[str, Wording]] = WeakKeyDictionary()
_WORDS: WeakKeyDictionary[Snapshot, _Words] = WeakKeyDictionary()
_BY_DIGEST: WeakValueDictionary[str, _Words] = WeakValueDictionary()


class _Words:
    """A vocabulary, with the translators that were compiled by it."""

    __slots__ = ("__weakref__", "translators", "vocabulary")

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.translators: dict[tuple[str, str, str, str], Translator] = {}


def _words(snapshot: Snapshot, load: Callable[[], Vocabulary] | None = None) -> _Words:
    found = _WORDS.get(snapshot)
    if found is None:
        files = snapshot.vocabulary_files
        digest = digest_of(files)
        found = _BY_DIGEST.get(digest)
        if found is None:
            found = _Words(load() if load else load_vocabulary(files))
            _BY_DIGEST[digest] = found
        _WORDS[snapshot] = found
    return found


def wording(snapshot: Snapshot, version: SchemaVersion) -> Wording:
    """A schema version made ready; references resolve inside its snapshot."""
    ready = _WORDINGS.setdefault(snapshot, {})
    found = ready.get(version.iri)
    if found is None:
        resources = snapshot.schema_resources(version.kind)
        found = ready[version.iri] = Wording(
            version,
            compile_schema(version.document, version.kind, resources=resources),
            persons(version.document, version.kind, resources),
        )
    return found


def compiled_schema(snapshot: Snapshot, version: SchemaVersion) -> CompiledSchema:
    """The compiled form of a schema version; references resolve inside its snapshot."""
    return wording(snapshot, version).compiled


def compiled_translator(
    snapshot: Snapshot, source: SchemaVersion, target: SchemaVersion
) -> Translator:
    """The translator from one schema version to another by the snapshot's vocabularies."""
    words = _words(snapshot)
    key = (source.iri, source.sha256, target.iri, target.sha256)
    if key not in words.translators:
        words.translators[key] = translator(source.document, target.document, words.vocabulary)
    return words.translators[key]


def give_vocabulary(snapshot: Snapshot, load: Callable[[], Vocabulary]) -> None:
    """Take the snapshot's vocabulary from ``load`` unless it is known, not from Turtle."""
    _words(snapshot, load)


def check_readable(snapshot: Snapshot, source: SchemaVersion, target: SchemaVersion) -> None:
    """Refuse a subscription that could never be served: a required field that has no source."""
    missing = compiled_translator(snapshot, source, target).missing_required
    if missing:
        raise SemanticsError(
            "semantics.no_route",
            f"{source.type} cannot be read as {target.type}: nothing in it means "
            f"{', '.join(missing)}",
            hint="add a mapping, or read the message as it is",
        )


def check_valid(compiled: CompiledSchema, version: SchemaVersion, value: Any) -> None:
    """``SchemaError`` ``schema.invalid`` names the first violation."""
    violations = compiled.validate(value)
    if not violations:
        return
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    raise SchemaError(
        "schema.invalid",
        f"{first.path or 'the body'}: {first.message}{more}; "
        f"expected {version.type} version {version.version}",
    )
