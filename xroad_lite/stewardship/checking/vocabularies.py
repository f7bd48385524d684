"""Checks vocabularies and mappings, and that schemas and agreements use terms that exist."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Final

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import DocumentError
from xroad_lite.registry.purposes import PATH as PURPOSES
from xroad_lite.registry.purposes import Purposes
from xroad_lite.semantics import Vocabulary
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_BOUND: Final = (b"x-jsonld-context", b"x-jsonld-type")


def check_vocabularies(reading: Reading) -> Iterator[Finding]:
    """Every file below ``vocabularies/``, then the terms that schemas use.

    What takes SHACL is left to ``vocab check``; a label that lacks a language may be published.
    """
    # Here, since they make findings of this package.
    from xroad_lite.stewardship.vocabularies import integrity, read_words
    from xroad_lite.stewardship.vocabularies.naming import gaps

    words = read_words(reading.files)
    yield from words.broken
    yield from integrity(words)
    if reading.instance is not None:
        languages = reading.instance.languages or reading.instance.title
        yield from gaps(words, tuple(languages), "warning")
    if not words.broken:  # else what a file lacks may be what could not be read
        yield from _terms(reading, words.vocabulary, words.spaces)


def _terms(reading: Reading, vocabulary: Vocabulary, spaces: Container[str]) -> Iterator[Finding]:
    from xroad_lite.stewardship.vocabularies.resolving import unknown_in_schema

    for path, data in sorted(reading.files.items()):
        match = layout.VERSION.fullmatch(path)
        if match is None or path in reading.faulty or not any(word in data for word in _BOUND):
            continue
        kind = "avro" if match[4] == "avsc" else "json"
        document = reading.schema(f"{match[1]}.{match[2]}", match[3], kind)
        if document is not None:
            yield from unknown_in_schema(path, document, vocabulary, spaces)


def check_purposes(reading: Reading) -> Iterator[Finding]:
    """The list of purposes, and that agreements name purposes that are listed."""
    data = reading.files.get(PURPOSES)
    if data is None:
        return
    try:
        purposes = Purposes.read(data)
    except DocumentError as error:
        yield Finding(PURPOSES, error.code, error.problem, line=error.line, column=error.column)
        return
    except RegistryError as error:
        message = error.message.removeprefix(f"{PURPOSES}: ")
        yield Finding(PURPOSES, error.code, message, hint=error.hint)
        return
    spaces = {namespace(iri) for iri in purposes.titles}
    for path, agreement in reading.agreements:
        for index, iri in enumerate(agreement.purposes):
            if iri not in purposes.titles:
                yield Finding(
                    path,
                    "registry.unknown_purpose",
                    f"{iri} is not listed as a purpose{reading.nearest(iri, purposes.titles)}",
                    "wrong" if namespace(iri) in spaces else "warning",
                    hint=f"choose one of {PURPOSES}, or add it there with its title",
                    at=("purposes", index),
                )
