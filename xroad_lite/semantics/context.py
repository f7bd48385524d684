"""Reads ``x-jsonld-context`` as JSON-LD 1.1 would. Does not fetch: contexts stand in the schema.

What is understood: terms, prefixes, ``@vocab``, ``@base``, ``@type`` coercion, ``@language``,
``@container`` list, set and language, ``null``. Everything else of JSON-LD is refused by name, so
that nothing means less than it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from xroad_lite.errors import SemanticsError

_GENERAL_DELIMITERS: Final = tuple(":/?#[]@")
_DEFINITION_KEYS: Final = frozenset({"@id", "@type", "@container", "@prefix", "@language"})
_CONTEXT_KEYS: Final = frozenset({"@version", "@vocab", "@base", "@language"})
_COERCIONS: Final = frozenset({"@id", "@vocab"})
_CONTAINERS: Final = frozenset({"@list", "@set", "@language"})
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
"""A language tag, as far as its form (RFC 5646)."""
_NOT_IN_IRIS: Final = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
MAX_TERMS: Final = 5_000


@dataclass(frozen=True, slots=True)
class TermDefinition:
    """What a key means: an IRI or nothing, the datatype of its values, whether order matters.

    ``language`` is the tag of its texts where ``speaks``; else that of the context holds.
    """

    iri: str | None
    coercion: str | None = None
    container: str | None = None
    prefix: bool = False
    language: str | None = None
    speaks: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The meanings of keys at one place in a schema."""

    terms: tuple[tuple[str, TermDefinition], ...] = ()
    vocab: str | None = None
    base: str | None = None
    language: str | None = None

    def language_of(self, term: TermDefinition) -> str | None:
        """The language of the texts of a term, in lower case; texts with a datatype have none."""
        if term.coercion is not None or term.container == "@language":
            return None
        return term.language if term.speaks else self.language

    def value_iri(self, text: Any, coercion: str) -> Any:
        """The IRI that a text stands for under ``@type: @id`` or ``@vocab``; None if it is none.

        Numbers and booleans stand for themselves.
        """
        if not isinstance(text, str):
            return text
        terms = dict(self.terms)
        if coercion == "@vocab" and text in terms:
            return terms[text].iri
        found: str | None = _compact(text, terms) if ":" in text else None
        if found is None and coercion == "@vocab" and self.vocab is not None:
            found = self.vocab + text
        elif found is None or (found == text and not _SCHEME.match(text)):
            found = urljoin(self.base, text) if self.base is not None else None
        good = found is not None and ":" in found and not _NOT_IN_IRIS.search(found)
        return found if good and not text.startswith(("@", "_:")) else None

    def value_term(self, iri: Any) -> Any:
        """How a field of ``@type: @vocab`` writes an IRI: as a term of its context, if one is."""
        if not isinstance(iri, str):
            return iri
        names = [name for name, term in self.terms if term.iri == iri and ":" not in name]
        if names:
            return min(names, key=lambda name: (len(name), name))
        rest = iri[len(self.vocab) :] if self.vocab and iri.startswith(self.vocab) else ""
        plain = rest and ":" not in rest and not rest.startswith("@")
        return rest if plain and rest not in dict(self.terms) else iri

    def define(self, key: str) -> TermDefinition:
        """What ``key`` means here; keys that begin with ``@`` mean nothing."""
        if key.startswith("@"):
            return TermDefinition(None)
        found = dict(self.terms).get(key)
        if found is not None:
            return found
        if ":" in key:
            return TermDefinition(_compact(key, dict(self.terms)))
        return TermDefinition(self.vocab + key if self.vocab is not None else None)

    def class_iri(self, name: str) -> str | None:
        """The IRI of ``x-jsonld-type``: a term, a compact or a whole IRI."""
        return self.define(name).iri


def extended(active: Context, local: object, where: str) -> Context:
    """``active`` with the terms of ``local``; ``where`` names the place in errors."""
    if local is None:
        return Context()
    if isinstance(local, (list, tuple)):
        for part in local:
            active = extended(active, part, where)
        return active
    if isinstance(local, str):
        raise SemanticsError(
            "semantics.remote_context",
            f"{where}: the context {local[:200]!r} is elsewhere: expected an object",
            hint="write the terms into the schema; contexts come from the registry alone",
        )
    if not isinstance(local, Mapping):
        raise _bad(where, f"a context is {type(local).__name__}: expected an object")
    if len(local) > MAX_TERMS:
        raise _bad(where, f"a context has {len(local)} terms: expected at most {MAX_TERMS}")
    return _Reader(active, local, where).read()


class _Reader:
    """One local context being read; terms may lean on each other in any order."""

    def __init__(self, active: Context, local: Mapping[str, Any], where: str) -> None:
        self.local, self.where = local, where
        self.terms = dict(active.terms)
        self.vocab, self.base, self.language = active.vocab, active.base, active.language
        self.open: set[str] = set()
        self.done: set[str] = set()

    def read(self) -> Context:
        for key in self.local:
            if not isinstance(key, str) or not key:
                raise _bad(self.where, f"{key!r} is no term: expected text")
            if key.startswith("@") and key not in _CONTEXT_KEYS:
                raise _bad(
                    self.where,
                    f"{key} stands in a context: keywords cannot be redefined, and of the others "
                    f"only {', '.join(sorted(_CONTEXT_KEYS))} are understood",
                )
        self._read_vocab()
        for key in self.local:
            if not key.startswith("@"):
                self.term(key)
        terms = tuple(sorted(self.terms.items()))
        return Context(terms, self.vocab, self.base, self.language)

    def _read_vocab(self) -> None:
        if self.local.get("@version", 1.1) != 1.1:
            raise _bad(self.where, "@version is not 1.1")
        if "@base" in self.local:
            self.base = self.local["@base"]
            if self.base is not None and not _absolute(self.base):
                raise _bad(self.where, f"@base is {self.base!r}: expected an absolute IRI")
        if "@language" in self.local:
            self.language = self._language("the context", self.local["@language"])
        if "@vocab" in self.local:
            vocab = self.local["@vocab"]
            if vocab is not None and (not isinstance(vocab, str) or ":" not in vocab):
                raise _bad(self.where, f"@vocab is {vocab!r}: expected an absolute IRI")
            self.vocab = vocab if vocab is None else self.expand(vocab, vocab_ok=False)

    def term(self, key: str) -> None:
        if key in self.done:
            return
        if key in self.open:
            raise _bad(self.where, f"the term {key!r} is defined by itself")
        self.open.add(key)
        self.terms.pop(key, None)
        self.terms[key] = self.definition(key, self.local[key])
        self.open.discard(key)
        self.done.add(key)

    def definition(self, key: str, value: object) -> TermDefinition:
        if value is None:
            return TermDefinition(None)
        simple = isinstance(value, str)
        body = {"@id": value} if simple else value
        if not isinstance(body, Mapping):
            raise _bad(self.where, f"the term {key!r} is {type(value).__name__}")
        if unknown := sorted(str(name) for name in body if name not in _DEFINITION_KEYS):
            raise _bad(self.where, f"the term {key!r} has {unknown[0]}, which is not understood")
        if "@id" in body and body["@id"] is None:
            return TermDefinition(None)
        iri = self.iri_of(key, body)
        prefix = body.get("@prefix", simple and iri.endswith(_GENERAL_DELIMITERS))
        if not isinstance(prefix, bool):
            raise _bad(self.where, f"the term {key!r} has an @prefix that is no boolean")
        if "@type" in body and "@language" in body:
            raise _bad(self.where, f"the term {key!r} has both @type and @language")
        return TermDefinition(
            iri,
            self.coercion(key, body),
            self.container(key, body),
            prefix,
            self._language(f"the term {key!r}", body.get("@language")),
            "@language" in body,
        )

    def _language(self, what: str, tag: object) -> str | None:
        if tag is None:
            return None
        if not isinstance(tag, str) or not _LANGUAGE.fullmatch(tag):
            raise _bad(self.where, f"{what} has the @language {tag!r}: expected a tag such as es")
        return tag.lower()

    def iri_of(self, key: str, body: Mapping[str, Any]) -> str:
        name = body.get("@id", key)
        if not isinstance(name, str):
            raise _bad(self.where, f"the term {key!r} has an @id that is no text")
        if name.startswith("@"):
            raise _bad(self.where, f"the term {key!r} is another name for the keyword {name}")
        if "@id" not in body and ":" not in key and self.vocab is None:
            raise _bad(self.where, f"the term {key!r} has no IRI: no @id, and no @vocab")
        if name == key and ":" not in key:
            return (self.vocab or "") + key if self.vocab is not None else self._no_iri(key, name)
        iri = self.expand(name)
        return iri if ":" in iri else self._no_iri(key, name)

    def _no_iri(self, key: str, name: str) -> str:
        raise _bad(self.where, f"the term {key!r} stands for {name!r}, which is no IRI")

    def coercion(self, key: str, body: Mapping[str, Any]) -> str | None:
        coercion = body.get("@type")
        if coercion is None:
            return None
        if isinstance(coercion, str) and coercion in _COERCIONS:
            return coercion
        if not isinstance(coercion, str) or coercion.startswith("@"):
            raise _bad(self.where, f"the term {key!r} has the @type {coercion!r}")
        iri = self.expand(coercion)
        return iri if ":" in iri else self._no_iri(key, coercion)

    def container(self, key: str, body: Mapping[str, Any]) -> str | None:
        container = body.get("@container")
        if isinstance(container, list) and len(container) == 1:
            container = container[0]
        if container is None:
            return None
        if not isinstance(container, str) or container not in _CONTAINERS:
            raise _bad(
                self.where,
                f"the term {key!r} has the @container {container!r}: expected @list, @set or "
                "@language",
            )
        return container

    def expand(self, name: str, *, vocab_ok: bool = True) -> str:
        prefix, colon, _ = name.partition(":")
        for part in (name, prefix) if colon else (name,):
            if part in self.local and part not in self.done and not part.startswith("@"):
                self.term(part)
        if name in self.terms and vocab_ok:
            return self.terms[name].iri or ""
        if colon:
            return _compact(name, self.terms)
        return self.vocab + name if self.vocab is not None and vocab_ok else name


def _compact(name: str, terms: Mapping[str, TermDefinition]) -> str:
    prefix, _, rest = name.partition(":")
    found = terms.get(prefix)
    if rest.startswith("//") or found is None or not found.prefix or found.iri is None:
        return name
    return found.iri + rest


def _absolute(iri: object) -> bool:
    return isinstance(iri, str) and bool(_SCHEME.match(iri)) and not _NOT_IN_IRIS.search(iri)


def _bad(where: str, what: str) -> SemanticsError:
    return SemanticsError("semantics.context", f"{where}: {what}", hint="see docs/semantics.md")
