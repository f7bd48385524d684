"""Schemas and translators compiled once per snapshot; does not choose which one applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from xroad_lite.errors import SchemaError, SemanticsError
from xroad_lite.registry import SchemaVersion, Snapshot
from xroad_lite.schema import CompiledSchema, compile_schema
from xroad_lite.semantics import Translator, Vocabulary, load_vocabulary, translator

_SCHEMAS: WeakKeyDictionary[Snapshot, dict[str, CompiledSchema]] = WeakKeyDictionary()
_VOCABULARIES: WeakKeyDictionary[Snapshot, Vocabulary] = WeakKeyDictionary()
_TRANSLATORS: WeakKeyDictionary[Snapshot, dict[tuple[str, str], Translator]] = WeakKeyDictionary()


def compiled_schema(snapshot: Snapshot, version: SchemaVersion) -> CompiledSchema:
    """The compiled form of a schema version; references resolve inside its snapshot."""
    compiled = _SCHEMAS.setdefault(snapshot, {})
    if version.iri not in compiled:
        compiled[version.iri] = compile_schema(
            version.document, version.kind, resources=snapshot.schema_resources(version.kind)
        )
    return compiled[version.iri]


def compiled_translator(
    snapshot: Snapshot, source: SchemaVersion, target: SchemaVersion
) -> Translator:
    """The translator from one schema version to another by the snapshot's vocabularies."""
    compiled = _TRANSLATORS.setdefault(snapshot, {})
    key = (source.sha256, target.sha256)
    if key not in compiled:
        if snapshot not in _VOCABULARIES:
            _VOCABULARIES[snapshot] = load_vocabulary(snapshot.vocabulary_files)
        compiled[key] = translator(source.document, target.document, _VOCABULARIES[snapshot])
    return compiled[key]


def give_vocabulary(snapshot: Snapshot, load: Callable[[], Vocabulary]) -> None:
    """Take the snapshot's vocabulary from ``load`` unless it is known, not from Turtle."""
    if snapshot not in _VOCABULARIES:
        _VOCABULARIES[snapshot] = load()


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
