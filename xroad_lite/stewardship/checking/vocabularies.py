"""Checks vocabularies and mappings, and that schemas and agreements use terms that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xroad_lite.errors import RegistryError, SemanticsError
from xroad_lite.registry.documents import DocumentError
from xroad_lite.registry.purposes import PATH as PURPOSES
from xroad_lite.registry.purposes import Purposes
from xroad_lite.semantics import Vocabulary, load_vocabulary
from xroad_lite.semantics.avro import json_schema_of
from xroad_lite.semantics.binding import bind
from xroad_lite.semantics.names import short
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_SYNTAX: Final = re.compile(r" at line (\d+) of <[^>]*>: Bad syntax \((.*?)\) at \^")
_BOUND: Final = (b"x-jsonld-context", b"x-jsonld-type")


def check_vocabularies(reading: Reading) -> Iterator[Finding]:
    """Every file below ``vocabularies/``, then the terms that schemas use."""
    files = {p: data for p, data in reading.files.items() if p.startswith("vocabularies/")}
    good = dict(files)
    try:
        vocabulary = load_vocabulary(files)
    except SemanticsError as error:
        if error.code == "semantics.too_large":
            yield Finding("vocabularies", error.code, error.message)
            return
        for path, data in files.items():
            try:
                load_vocabulary({path: data})
            except SemanticsError as broken:
                del good[path]
                yield _broken(path, broken)
        vocabulary = load_vocabulary(good)
    for fault in vocabulary.faults:
        name = short(fault.where)
        yield Finding(
            fault.file, "semantics.fault", f"{name}: {fault.detail}", "warning", near=name
        )
    if len(good) == len(files):  # else what a file lacks is only what could not be read
        yield from _terms(reading, vocabulary)


def _broken(path: str, error: SemanticsError) -> Finding:
    found = _SYNTAX.search(error.message)
    if found is None:
        return Finding(path, error.code, error.message.removeprefix(f"{path} "), hint=error.hint)
    message = f"is not Turtle: bad syntax ({found[2]})"
    return Finding(path, error.code, message, line=int(found[1]), column=1)


def _terms(reading: Reading, vocabulary: Vocabulary) -> Iterator[Finding]:
    spaces = {namespace(iri) for iri in vocabulary.terms}
    for path, data in sorted(reading.files.items()):
        match = layout.VERSION.fullmatch(path)
        if match is None or path in reading.faulty or not any(word in data for word in _BOUND):
            continue
        kind = "avro" if match[4] == "avsc" else "json"
        document = reading.schema(f"{match[1]}.{match[2]}", match[3], kind)
        try:
            binding = bind(json_schema_of(document), vocabulary.unknown)
        except SemanticsError as error:
            if document is not None:
                yield Finding(path, error.code, error.message, hint=error.hint)
            continue
        for shape in binding.shapes:
            for one in shape.fields:
                if one.note.startswith("unknown term "):
                    iri = one.note.removeprefix("unknown term ").partition(";")[0]
                    known = namespace(iri) in spaces
                    yield Finding(
                        path,
                        "semantics.unknown_term",
                        f"{shape.pointer}/{one.key}: {one.note}",
                        "wrong" if known else "warning",
                        hint="declare the term below vocabularies/, or correct the context",
                        near=f'"{one.key}"',
                    )


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
