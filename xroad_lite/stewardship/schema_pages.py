"""What a schema's page says: its fields, codes, changes, an example; not in which form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xroad_lite.errors import SchemaError, SemanticsError
from xroad_lite.schema import compile_schema
from xroad_lite.schema.differences import differences
from xroad_lite.schema.fields import Field, fields
from xroad_lite.schema.sampling import examples
from xroad_lite.schema.wording import bounds_of, codes_of, text_of, type_of
from xroad_lite.semantics import Vocabulary
from xroad_lite.stewardship.meanings import meanings
from xroad_lite.stewardship.schema_sources import SchemaSource, SourceVersion

_MAX_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One field, as the table of a page shows it."""

    path: str
    title: str
    type: str
    bounds: tuple[str, ...]
    description: str
    term: str
    label: str
    required: bool
    personal: bool
    codelist: str
    since: int


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page says, before it is written as Markdown or HTML."""

    type: str
    version: int
    status: str
    kind: str
    iri: str
    owner: str
    compatibility: str
    language: str
    title: str
    description: str
    rows: tuple[Row, ...]
    codes: Mapping[str, tuple[tuple[str, str], ...]]
    versions: tuple[tuple[int, str], ...]
    changes: tuple[str, ...]
    example: str


def page_of(
    source: SchemaSource, found: SourceVersion, vocabulary: Vocabulary, language: str
) -> Page:
    """The page of one version, in one language as far as it is there."""
    subject = source.known(found.type)
    resources = source.resources(found.kind)
    listed = fields(found.document, found.kind, resources)[:_MAX_ROWS]
    since = _since(source, found)
    try:
        means = meanings(found.document)
    except SemanticsError:
        means = {}
    rows = []
    for one in listed:
        meaning = means.get(one.path)
        term = (meaning.iri or "") if meaning else ""
        rows.append(
            Row(
                one.path,
                text_of(one, "title", language),
                type_of(one),
                tuple(bounds_of(one)),
                text_of(one, "description", language),
                term,
                _label(vocabulary, term, language),
                one.required,
                one.personal,
                str(one.says.get("x-codelist", "")),
                since.get(one.path, found.version),
            )
        )
    return Page(
        type=found.type,
        version=found.version,
        status=found.status,
        kind=found.kind,
        iri=_iri(source, found),
        owner=subject.owner,
        compatibility=subject.compatibility,
        language=language,
        title=rows[0].title or found.type,
        description=rows[0].description,
        rows=tuple(rows[1:]),
        codes=_codes(listed, vocabulary, language),
        versions=tuple(sorted((int(n), one.status) for n, one in subject.versions.items())),
        changes=tuple(_changes(source, found)),
        example=_example(source, found),
    )


def _iri(source: SchemaSource, found: SourceVersion) -> str:
    """The version's IRI; empty where no instance gives it a base."""
    name = f"schemas/{found.type.replace('.', '/', 1)}/{found.version}"
    return source.base + name if source.instance else ""


def _since(source: SchemaSource, found: SourceVersion) -> dict[str, int]:
    """The version in which each field came, and from which on it stayed."""
    since: dict[str, int] = {}
    for one in source.versions(found.type):
        if one.version <= found.version:
            here = {f.path for f in fields(one.document, one.kind, source.resources(one.kind))}
            since = {path: since.get(path, one.version) for path in here}
    return since


def _label(vocabulary: Vocabulary, iri: str, language: str) -> str:
    term = vocabulary.terms.get(iri)
    labels = dict(term.labels) if term else {}
    return labels.get(language) or labels.get("en") or next(iter(labels.values()), "")


def _codes(
    listed: Sequence[Field], vocabulary: Vocabulary, language: str
) -> dict[str, tuple[tuple[str, str], ...]]:
    """The codes of each list that the schema uses, with their labels."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for one in listed:
        scheme = str(one.says.get("x-codelist", ""))
        known = vocabulary.notations.get(scheme, {})
        codes = [str(code) for code in codes_of(one) if code is not None] or list(known)
        if scheme:
            found[scheme] = tuple(
                (code, _label(vocabulary, known.get(code, ""), language)) for code in codes
            )
    return found


def _changes(source: SchemaSource, found: SourceVersion) -> Iterator[str]:
    earlier = [one for one in source.versions(found.type) if one.version < found.version]
    if earlier:
        before = earlier[-1]
        resources = source.resources(found.kind)
        for one in differences(found.document, before.document, found.kind, resources):
            yield str(one)


def _example(source: SchemaSource, found: SourceVersion) -> str:
    resources = source.resources(found.kind)
    try:
        schema = compile_schema(found.document, found.kind, resources=resources)
        body: Any = examples(schema, 1, resources=resources)[0]
    except SchemaError:
        return ""
    return json.dumps(body, indent=2, ensure_ascii=False)
