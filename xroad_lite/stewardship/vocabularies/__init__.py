"""What a steward asks of vocabularies: do they hold, and how much of a schema do they explain?

Does not change a file, adopt a term or open an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from xroad_lite.errors import XRoadError
from xroad_lite.semantics.catalogue import Catalogue
from xroad_lite.stewardship.checking.findings import Finding, located
from xroad_lite.stewardship.vocabularies.examples import broken_examples
from xroad_lite.stewardship.vocabularies.naming import gaps
from xroad_lite.stewardship.vocabularies.reading import Words, read_words
from xroad_lite.stewardship.vocabularies.resolving import unknown_in_schema, unknown_terms
from xroad_lite.stewardship.vocabularies.scoring import Score, score
from xroad_lite.stewardship.vocabularies.shapes import broken_shapes
from xroad_lite.stewardship.vocabularies.structure import (
    cell_faults,
    contradictions,
    cycles,
    duplicate_notations,
    odd_values,
)

__all__ = ["Score", "Words", "check_words", "integrity", "read_words", "score"]

Progress = Callable[[str, int, int], None]


def check_words(
    files: Mapping[str, bytes],
    *,
    languages: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> list[Finding]:
    """Everything that is wrong with vocabularies, mappings, and the terms that schemas use.

    ``files`` are paths below ``vocabularies/`` and ``schemas/`` with their bytes; ``languages``
    those in which everything must be named, by default those of the vocabularies' own titles.
    """
    words = read_words(files)
    findings = [*words.broken, *integrity(words)]
    findings += gaps(words, languages or words.languages)
    if not words.broken:
        findings += _in_schemas(files, words, progress)
    for number, path in enumerate(words.graphs):
        progress(path, number, len(words.graphs))
        findings += broken_shapes(words, path)
    return located(findings, files)


def integrity(words: Words) -> Iterator[Finding]:
    """What makes vocabularies mean something else than they seem to; quick, and without SHACL."""
    yield from cycles(words)
    yield from duplicate_notations(words)
    yield from odd_values(words)
    yield from cell_faults(words)
    yield from contradictions(words)
    if not words.broken:  # else what a file lacks may be what could not be read
        yield from unknown_terms(words)


def _in_schemas(files: Mapping[str, bytes], words: Words, progress: Progress) -> Iterator[Finding]:
    found = Catalogue(files)
    for number, (name, path) in enumerate(found.schemas.items()):
        progress(path, number, len(found.schemas))
        try:
            document = found.document(name)
        except XRoadError as error:
            yield Finding(path, error.code, error.message.removeprefix(f"{path} "))
            continue
        yield from unknown_in_schema(path, document, words.vocabulary, words.spaces)
        yield from broken_examples(path, name, document)
