"""Proposes cells between two vocabularies, each with a confidence and its reasons. Adopts none.

Evidence is what people would look at: labels in every language, datatypes, the codes of code
lists, the classes that properties belong to. What is not said counts neither for nor against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xroad_lite.semantics.catalogue import Catalogue
from xroad_lite.semantics.lexicon import DATATYPES, Entry
from xroad_lite.semantics.links import links_of
from xroad_lite.semantics.names import short
from xroad_lite.semantics.similarity import alike, best, overlap, words
from xroad_lite.semantics.values import BROADER, EXACT, NARROWER, Function

_WEIGHTS: Final[Mapping[str, float]] = {
    "labels": 0.6,
    "codes": 0.25,
    "datatype": 0.1,
    "class": 0.15,
    "definition": 0.1,
}
_CONFLICT: Final = 0.5
"""What a datatype that cannot be the same leaves of the confidence."""
LEAST: Final = 0.6


@dataclass(frozen=True, slots=True)
class Proposal:
    """``left`` may be read as ``right``; ``confidence`` from 0 to 1; ``reasons`` are sentences."""

    left: str
    right: str
    relation: str
    function: Function | None
    confidence: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposals:
    """The best first; ``mapped`` counts the terms of the left side that already have a way."""

    found: tuple[Proposal, ...]
    mapped: int


def propose(
    catalogue: Catalogue, left: Sequence[str], right: Sequence[str], least: float = LEAST
) -> Proposals:
    """One proposal at most for each term of either side, none below ``least``."""
    judge = _Judge(catalogue)
    mapped = judge.already_mapped(left, right)
    ours = [judge.catalogue.lexicon[iri] for iri in left if iri not in mapped]
    theirs = [judge.catalogue.lexicon[iri] for iri in right if iri not in mapped]
    terms = _matched(judge.pairs(ours, theirs), least)
    codes = _matched(judge.codes(ours, theirs, terms), least)
    good = [one for one in terms if judge.catalogue.lexicon[one.left].kind != "code list"]
    found = sorted((*good, *codes), key=lambda one: (-one.confidence, one.left, one.right))
    return Proposals(tuple(found), len(mapped & set(left)))


def _matched(proposals: Iterator[Proposal], least: float) -> list[Proposal]:
    """The best proposals such that no term stands in two; ties by name."""
    taken: set[str] = set()
    found = []
    good = [one for one in proposals if one.confidence >= least]
    for one in sorted(good, key=lambda one: (-one.confidence, one.left, one.right)):
        if one.left not in taken and one.right not in taken:
            taken.update((one.left, one.right))
            found.append(one)
    return found


@dataclass(frozen=True, slots=True)
class _Judge:
    catalogue: Catalogue

    def already_mapped(self, left: Sequence[str], right: Sequence[str]) -> set[str]:
        """Terms of either side that some chain of cells leads from, to the other side."""
        links = {
            term: [link.target for link in found]
            for term, found in links_of(self.catalogue.vocabulary).items()
        }
        found: set[str] = set()
        for ours, theirs in ((left, set(right)), (right, set(left))):
            for term in ours:
                if reached := _reached(links, term) & theirs:
                    found |= {term, *reached}
        return found

    def pairs(self, ours: Sequence[Entry], theirs: Sequence[Entry]) -> Iterator[Proposal]:
        for one in ours:
            for other in theirs:
                if one.kind == other.kind and one.kind != "code":
                    yield self.judged(one, other)

    def codes(
        self, ours: Sequence[Entry], theirs: Sequence[Entry], terms: Sequence[Proposal]
    ) -> Iterator[Proposal]:
        """Codes of the code lists that were proposed, or that proposed properties take."""
        lists = {
            pair
            for one in terms
            for pair in (
                (one.left, one.right),
                (self.code_list(one.left), self.code_list(one.right)),
            )
        }
        for left in ours:
            for right in theirs:
                both = {(a, b) for a in left.schemes for b in right.schemes}
                if left.kind == right.kind == "code" and both & lists:
                    yield self.judged(left, right)

    def judged(self, one: Entry, other: Entry) -> Proposal:
        evidence = dict(self.evidence(one, other))
        weight = sum(_WEIGHTS[name] for name in evidence)
        score = sum(_WEIGHTS[name] * value for name, (value, _) in evidence.items()) / weight
        conflict = evidence.get("datatype", (1.0, ""))[0] == 0.0
        return Proposal(
            left=one.iri,
            right=other.iri,
            relation=_relation(one, other),
            function=self.function(one, other),
            confidence=round(score * (_CONFLICT if conflict else 1.0), 3),
            reasons=tuple(reason for value, reason in evidence.values() if reason),
        )

    def evidence(self, one: Entry, other: Entry) -> Iterator[tuple[str, tuple[float, str]]]:
        yield "labels", _labels(one, other)
        if one.kind == "code":
            if set(one.notations) & set(other.notations):
                yield "codes", (1.0, f"both have the code {one.notations[0]}")
            return
        codes = self.code_overlap(one.iri, other.iri)
        if codes is not None:
            yield "codes", (codes, f"{codes:.0%} of their codes agree")
        ours, theirs = self.datatype(one), self.datatype(other)
        if ours and theirs:
            same = ours == theirs
            said = f"both are {ours}" if same else f"{ours} on the left, {theirs} on the right"
            yield "datatype", (float(same), said)
        if one.domains and other.domains:
            score, left, right = best(self.names(one.domains), self.names(other.domains))
            yield "class", (score, f"of the classes {left} and {right}" if score > 0.5 else "")
        defined = _definitions(one, other)
        if defined is not None:
            yield "definition", (defined, "defined in like words" if defined > 0.5 else "")

    def names(self, iris: Sequence[str]) -> list[str]:
        lexicon = self.catalogue.lexicon
        known = [lexicon[iri] for iri in iris if iri in lexicon]
        return [text for entry in known for _, text in entry.labels] or [*map(short, iris)]

    def datatype(self, entry: Entry) -> str:
        """The family of a property's values, by its range or by the schemas that use it."""
        for iri in entry.ranges:
            if short(iri) in DATATYPES:
                return DATATYPES[short(iri)]
            if iri in self.catalogue.lexicon:
                kind = self.catalogue.lexicon[iri].kind
                return "code" if kind == "code list" else "object"
        for use in self.catalogue.usages:
            if use.field.iri == entry.iri:
                if use.field.codes:
                    return "code"
                if not use.field.leaf:
                    return "object"
                if use.field.format in ("date", "date-time"):
                    return "date" if use.field.format == "date" else "date and time"
                names = {_JSON_TYPES[name] for name in use.field.types}
                return names.pop() if len(names) == 1 else ""
        return ""

    def code_list(self, iri: str) -> str | None:
        """The concept scheme whose codes a property takes; a scheme itself."""
        if iri in self.catalogue.vocabulary.notations:
            return iri
        entry = self.catalogue.lexicon.get(iri)
        ranges = entry.ranges if entry is not None else ()
        used = [use.field.codes for use in self.catalogue.usages if use.field.iri == iri]
        known = self.catalogue.vocabulary.notations
        return next((one for one in (*ranges, *used) if one in known), None)

    def code_overlap(self, left: str, right: str) -> float | None:
        ours, theirs = self.code_list(left), self.code_list(right)
        if ours is None or theirs is None:
            return None
        notations = self.catalogue.vocabulary.notations
        by_code = overlap(notations[ours], notations[theirs])
        by_name = overlap(self.code_names(notations[ours]), self.code_names(notations[theirs]))
        return max(by_code, by_name)

    def code_names(self, codes: Mapping[str, str]) -> set[str]:
        lexicon = self.catalogue.lexicon
        return {
            " ".join(words(text))
            for concept in codes.values()
            if concept in lexicon
            for _, text in lexicon[concept].labels
        }

    def function(self, one: Entry, other: Entry) -> Function | None:
        if one.kind != "property":
            return None
        ours, theirs = self.code_list(one.iri), self.code_list(other.iri)
        if ours and theirs and ours != theirs:
            return Function("lookup", (("from", ours), ("to", theirs)))
        if (self.datatype(one), self.datatype(other)) == ("date and time", "date"):
            return Function("dateof")
        return None


_JSON_TYPES: Final = {
    "string": "text",
    "boolean": "yes or no",
    "integer": "number",
    "number": "number",
}


def _reached(links: Mapping[str, Sequence[str]], start: str) -> set[str]:
    found, open_ = {start}, [start]
    while open_:
        for other in links.get(open_.pop(), ()):
            if other not in found:
                found.add(other)
                open_.append(other)
    return found - {start}


def _labels(one: Entry, other: Entry) -> tuple[float, str]:
    """The mean over the languages that both have; the last part of the IRI counts as a label."""
    scores = [
        (*best(_called(one, language), _called(other, language)), language)
        for language in sorted(_languages(one) & _languages(other)) or [""]
    ]
    mean = sum(score for score, *_ in scores) / len(scores)
    top, left, right, language = max(scores)
    said = f"called {left!r} and {right!r}" + (f" ({language})" if language else "")
    return mean, said if top > 0.0 else ""


def _languages(entry: Entry) -> set[str]:
    return {language for language, _ in entry.labels}


def _called(entry: Entry, language: str) -> list[str]:
    texts = [text for known, text in (*entry.labels, *entry.other_labels) if known == language]
    return [*texts, short(entry.iri).rpartition(".")[2]]


def _definitions(one: Entry, other: Entry) -> float | None:
    ours, theirs = dict(one.definitions), dict(other.definitions)
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return None
    return max(alike(ours[language], theirs[language]) for language in shared)


def _relation(one: Entry, other: Entry) -> str:
    """Broader where one name is the other with more words: a tax residence is a residence."""
    left, right = (set(words(entry.label("en"))) for entry in (one, other))
    if left > right and right:
        return BROADER
    return NARROWER if right > left and left else EXACT
