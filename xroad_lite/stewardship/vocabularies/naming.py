"""Finds terms without a label or a definition in a language. Does not judge the words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xroad_lite.semantics.lexicon import Texts
from xroad_lite.semantics.names import short
from xroad_lite.stewardship.checking.findings import Finding, Severity
from xroad_lite.stewardship.vocabularies.reading import Words


def gaps(words: Words, languages: Sequence[str], severity: Severity = "wrong") -> Iterator[Finding]:
    """Every term that lacks a label or a definition, every vocabulary that lacks a title.

    A label in ``pt-BR`` counts for ``pt``.
    """
    for iri, said in words.entries.items():
        for what, code, texts in (
            ("label", "label_gap", [one.labels for one in said]),
            ("definition", "definition_gap", [one.definitions for one in said]),
        ):
            if missing := _missing(languages, _tags(texts)):
                message = f"{short(iri)} has no {what} in {', '.join(missing)}"
                hint = f'write {_PROPERTY[what]} "…"@{missing[0]}'
                yield words.finding(said[0].file, code, iri, message, severity, hint)
    for iri, (path, tags) in words.titles.items():
        if missing := _missing(languages, tags):
            message = f"the vocabulary {short(iri)} has no title in {', '.join(missing)}"
            hint = f'write dct:title "…"@{missing[0]}'
            yield words.finding(path, "title_gap", iri, message, severity, hint)


_PROPERTY = {"label": "rdfs:label, or skos:prefLabel for a code,", "definition": "skos:definition"}


def _tags(texts: Iterable[Texts]) -> frozenset[str]:
    return frozenset(tag for pairs in texts for tag, text in pairs if text.strip())


def _missing(languages: Sequence[str], tags: frozenset[str]) -> list[str]:
    return [
        language
        for language in languages
        if not any(tag == language or tag.startswith(f"{language}-") for tag in tags)
    ]
