"""Lays out two schemas as rows, and what links them. Does not know SVG or HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xroad_lite.semantics.binding import Binding, Field
from xroad_lite.semantics.report import Report, TargetField
from xroad_lite.semantics.translation import Translator
from xroad_lite.semantics.vocabulary import Vocabulary

MEANINGS: Final[Mapping[str, str]] = {
    "exact": "the same, and it comes back the same",
    "reversible": "true as read; the way back holds for some messages only",
    "broadened": "read as something wider",
    "narrowed": "a part is always cut",
    "ambiguous": "several cells tie, none is taken",
    "defaulted": "required, without a source: the schema gives the value",
    "missing": "nothing leads here",
    "unbound": "the schema gives it no known meaning",
    "dropped": "said by the sender, read by nothing",
}
"""What each status means, the good ones first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a schema; ``status`` is that of the report, or ``part`` for an object."""

    pointer: str
    key: str
    depth: int
    label: str
    status: str
    required: bool
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """From row ``source`` on the left to row ``target`` on the right; ``how`` is a word or two."""

    source: int
    target: int
    status: str
    how: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Both sides, the lines between them, and how many fields of them have each status."""

    left: tuple[Row, ...]
    right: tuple[Row, ...]
    lines: tuple[Line, ...]
    counts: Mapping[str, int]


def laid_out(translator: Translator, language: str) -> Layout:
    """The layout of a translation; labels are those of the terms, in ``language`` if there."""
    report, (source, target) = translator.report, translator.bindings
    names = _Labels(translator.vocabulary, language)
    left = tuple(_left(source, report, names))
    right = tuple(_right(target, report, names))
    counts = Counter(row.status for row in (*right, *left) if row.status in MEANINGS)
    return Layout(left, right, tuple(_lines(report, left, right)), counts)


@dataclass(frozen=True, slots=True)
class _Labels:
    vocabulary: Vocabulary
    language: str

    def of(self, item: Field) -> str:
        term = self.vocabulary.terms.get(item.iri or "")
        labels = dict(term.labels) if term is not None else {}
        return labels.get(self.language) or labels.get("en") or ""


def _left(source: Binding, report: Report, names: _Labels) -> Iterator[Row]:
    status = {entry.pointer: entry for entry in report.source}
    kept = [entry.pointer for entry in report.source if entry.status == "kept"]
    for pointer, item in source.everywhere():
        entry = status.get(pointer)
        words = (entry.note,) if entry is not None and entry.note else ()
        used = any(one.startswith(pointer + "/") for one in kept)
        said = entry.status if entry is not None else ("kept" if used else "dropped")
        yield _row(pointer, item, said, names, words)


def _right(target: Binding, report: Report, names: _Labels) -> Iterator[Row]:
    entries = {entry.pointer: entry for entry in report.target}
    for pointer, item in target.everywhere():
        entry = entries.get(pointer)
        if entry is None:  # inside an object that is itself missing
            yield _row(pointer, item, "missing", names, ("the object around it is missing",))
        else:
            yield _row(pointer, item, entry.status, names, entry.reasoning)


def _row(pointer: str, item: Field, status: str, names: _Labels, words: tuple[str, ...]) -> Row:
    parts = [part for part in pointer.split("/")[1:] if part != "*"]
    key = item.key + ("[]" if item.array else "")
    return Row(pointer, key, len(parts) - 1, names.of(item), status, item.required, words)


def _lines(report: Report, left: Sequence[Row], right: Sequence[Row]) -> Iterator[Line]:
    places = {row.pointer: number for number, row in enumerate(left)}
    entries = {entry.pointer: entry for entry in report.target}
    for number, row in enumerate(right):
        entry = entries.get(row.pointer)
        if entry is None:
            continue
        how = _how(entry)
        for pointer in entry.sources:
            place = _nearest(pointer, places)
            if place is not None:
                yield Line(place, number, entry.status, how)
                how = ""  # said once, where the lines meet


def _nearest(pointer: str, places: Mapping[str, int]) -> int | None:
    """The row of a pointer, or of what is around it where a schema contains itself."""
    while pointer and pointer not in places:
        pointer = pointer.rpartition("/")[0]
    return places.get(pointer)


def _how(entry: TargetField) -> str:
    """The functions on the way, from the source onwards."""
    found = [step.partition(" by ")[2].partition("(")[0] for step in entry.reasoning]
    return ", ".join(filter(None, found))
