"""Reads ``x-jsonld-context`` as JSON-LD 1.1 would. Does not fetch: contexts stand in the schema.

What is understood: terms, prefixes, ``@vocab``, ``@type`` coercion, ``@container`` list and set,
``null``. Everything else of JSON-LD is refused by name, so that nothing means less than it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from xroad_lite.errors import SemanticsError

_GENERAL_DELIMITERS: Final = tuple(":/?#[]@")
_DEFINITION_KEYS: Final = frozenset({"@id", "@type", "@container", "@prefix"})
_CONTEXT_KEYS: Final = frozenset({"@version", "@vocab", "@base"})
_COERCIONS: Final = frozenset({"@id", "@vocab"})
_CONTAINERS: Final = frozenset({"@list", "@set"})
MAX_TERMS: Final = 5_000


@dataclass(frozen=True, slots=True)
class TermDefinition:
    """What a key means: an IRI or nothing, the datatype of its values, whether order matters."""

    iri: str | None
    coercion: str | None = None
    container: str | None = None
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The meanings of keys at one place in a schema."""

    terms: tuple[tuple[str, TermDefinition], ...] = ()
    vocab: str | None = None

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
        self.vocab = active.vocab
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
        return Context(tuple(sorted(self.terms.items())), self.vocab)

    def _read_vocab(self) -> None:
        if self.local.get("@version", 1.1) != 1.1:
            raise _bad(self.where, "@version is not 1.1")
        base = self.local.get("@base")
        if base is not None and (not isinstance(base, str) or ":" not in base):
            raise _bad(self.where, "@base is no absolute IRI")
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
        return TermDefinition(iri, self.coercion(key, body), self.container(key, body), prefix)

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
                f"the term {key!r} has the @container {container!r}: expected @list or @set",
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


def _bad(where: str, what: str) -> SemanticsError:
    return SemanticsError("semantics.context", f"{where}: {what}", hint="see docs/semantics.md")
