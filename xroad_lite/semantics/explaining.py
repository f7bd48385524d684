"""Says what a field or a term means and where that is said. Does not print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.catalogue import Catalogue, Usage
from xroad_lite.semantics.lexicon import Entry
from xroad_lite.semantics.links import Link, cell_sentence, links_of, overall, way
from xroad_lite.semantics.reconcile import BACKWARDS, named
from xroad_lite.semantics.report import TargetField
from xroad_lite.semantics.translation import translator


@dataclass(frozen=True, slots=True)
class Explanation:
    """One term (or a field without one), with everything that is said of it.

    ``mappings`` are the cells that name the term, as they are written.
    """

    iri: str | None
    entry: Entry | None
    usages: tuple[Usage, ...]
    mappings: tuple[Saying, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """What one cell says, its name and its file; ``both`` when it is read backwards too."""

    says: str
    cell: str
    file: str
    both: bool


def explain(catalogue: Catalogue, text: str) -> list[Explanation]:
    """What ``text`` may mean: a field by ``schema#/pointer``, pointer or key; a term; a label.

    ``SemanticsError`` when nothing is called so; it names what is written alike.
    """
    usages = catalogue.fields(text)
    terms = [use.field.iri for use in usages if use.field.iri is not None]
    if not usages or ("#" not in text and not text.startswith("/")):
        terms += catalogue.terms(text)
    unbound = [
        Explanation(None, None, (use,), (), use.field.note) for use in usages if not use.field.iri
    ]
    found = [_explained(catalogue, iri) for iri in dict.fromkeys(terms)]
    if not found and not unbound:
        raise unknown(catalogue, text)
    return [*found, *unbound]


def unknown(catalogue: Catalogue, text: str) -> SemanticsError:
    """The error for a name that nothing has."""
    near = catalogue.nearest(text)
    return SemanticsError(
        "semantics.unknown_name",
        f"no field, term or label is called {text!r}",
        hint=f"written alike: {', '.join(near)}" if near else "see xroad-lite vocab explain --help",
    )


def _explained(catalogue: Catalogue, iri: str) -> Explanation:
    return Explanation(
        iri,
        catalogue.lexicon.get(iri),
        tuple(use for use in catalogue.usages if use.field.iri == iri or use.field.codes == iri),
        tuple(_mappings(catalogue, iri)),
    )


def _mappings(catalogue: Catalogue, iri: str) -> Iterator[Saying]:
    cells = catalogue.vocabulary.cells
    backwards = {(cell.name, cell.file) for cell in cells if cell.name.endswith(BACKWARDS)}
    for cell in cells:
        if iri in named(cell) and not cell.name.endswith(BACKWARDS):
            both = (cell.name + BACKWARDS, cell.file) in backwards
            yield Saying(cell_sentence(cell, catalogue.brief), cell.name, cell.file, both)
    for other, relation in sorted(catalogue.vocabulary.matches.get(iri, {}).items()):
        says = f"{catalogue.brief(iri)} {relation} {catalogue.brief(other)}"
        yield Saying(says, "", "", iri in catalogue.vocabulary.matches.get(other, {}))


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How one thing is read as another: by the fields of two schemas, or by terms alone."""

    source: str
    target: str
    kind: str
    steps: tuple[str, ...]
    links: tuple[Link, ...] = ()
    note: str = ""

    @property
    def found(self) -> bool:
        """Whether there is a way."""
        return bool(self.steps or self.links)


def path_between(catalogue: Catalogue, start: str, end: str) -> list[Reasoning]:
    """How ``start`` is read as ``end``: fields by translation of their schemas, terms by cells.

    There is one answer for each pair of things that the two names may mean; those with a way come
    first. ``SemanticsError`` when a name is unknown.
    """
    left, right = (_meant(catalogue, text) for text in (start, end))
    found = [
        _between_fields(catalogue, one, other)
        if isinstance(one, Usage) and isinstance(other, Usage)
        else _between_terms(catalogue, one, other)
        for one in left
        for other in right
    ]
    ways = [one for one in found if one.found]
    return ways or found


def _meant(catalogue: Catalogue, text: str) -> list[Usage | str]:
    """The fields of a name that names a schema too; else its terms."""
    usages = catalogue.fields(text)
    if "#/" in text and usages:
        return list(usages)
    bound = [use.field.iri for use in usages if use.field.iri is not None]
    terms = dict.fromkeys([*bound, *catalogue.terms(text)])
    if not terms:
        raise unknown(catalogue, text)
    return list(terms)


def _between_fields(catalogue: Catalogue, start: Usage, end: Usage) -> Reasoning:
    there = translator(
        catalogue.document(start.schema), catalogue.document(end.schema), catalogue.vocabulary
    )
    entry = there.report.field(end.pointer)
    if start.pointer in entry.sources:
        return Reasoning(start.name, end.name, entry.status, entry.reasoning)
    return Reasoning(start.name, end.name, "missing", (), note=_instead(entry))


def _instead(entry: TargetField) -> str:
    if entry.sources:
        return f"it is read from {', '.join(entry.sources)} instead: {'; '.join(entry.reasoning)}"
    return f"it is {entry.status}: {'; '.join(entry.reasoning)}"


def _between_terms(catalogue: Catalogue, start: Usage | str, end: Usage | str) -> Reasoning:
    left, right = (one.field.iri if isinstance(one, Usage) else one for one in (start, end))
    if left is None or right is None:
        return Reasoning(str(start), str(end), "missing", (), note="a field without a meaning")
    if left == right:
        return Reasoning(left, right, "exact", ("both mean the same term",))
    taken = way(links_of(catalogue.vocabulary, catalogue.brief), left, right)
    if taken is None:
        return Reasoning(left, right, "missing", (), note="no chain of cells leads there")
    return Reasoning(left, right, overall(taken), (), taken)
