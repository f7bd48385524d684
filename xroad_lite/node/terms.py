"""In which terms a node reads what it receives; does not read it.

A subscription names a schema, and so does a question for its answer; left out, a body is read in
the terms of its sender.
"""

from __future__ import annotations

from pathlib import Path

from xroad_lite.errors import ConfigurationError, SemanticsError
from xroad_lite.exchange import check_readable, give_vocabulary
from xroad_lite.node.registries import Registries
from xroad_lite.node.words import read_vocabulary
from xroad_lite.registry import SchemaVersion


class Terms:
    """Schemas by subscription, and by the id of a question that waits for its answer."""

    def __init__(self, registry: Registries, cache: Path) -> None:
        self._registry = registry
        self._cache = cache
        self._reading: dict[str, str] = {}
        self._prefixed: set[str] = set()

    def subscribe(self, type_: str, reads: str | None, *, confluent_prefix: bool) -> None:
        """Read messages of ``type_`` as ``reads`` names it.

        ``ConfigurationError`` when the registry has no such schema, ``SemanticsError`` when a
        required field of it has no source in the newest version of ``type_``.
        """
        if reads is not None:
            self._reading[type_] = self._readable(type_, reads).iri
        if confluent_prefix:
            self._prefixed.add(type_)

    def ask(self, message_id: str, reads: str | None) -> None:
        """Read the answer to a question as ``reads`` names it."""
        if reads is not None:
            self._reading[message_id] = self.target(reads).iri

    def asked(self, message_id: str) -> None:
        """No answer to this question is waited for any more."""
        self._reading.pop(message_id, None)

    def reads(self, type_: str, in_reply_to: str | None) -> str | None:
        """The IRI of the schema that a message is read as; see ``exchange.Receiving``."""
        return self._reading.get(type_ if in_reply_to is None else in_reply_to)

    def takes_prefix(self, type_: str) -> bool:
        """Whether bodies of this type may have Confluent's wire prefix."""
        return type_ in self._prefixed

    def _readable(self, type_: str, reads: str) -> SchemaVersion:
        """The schema to read as, if some instance's ``type_`` can be read so.

        What an instance will offer whose registry was not in reach yet, is seen when it comes.
        """
        target, current = self.target(reads), self._registry.current
        asked = [current, *self._registry.trusted_now.values()]
        sources = [one for one in (each.latest_schema(type_) for each in asked) if one is not None]
        if not sources and not self._registry.awaited:
            raise ConfigurationError(
                "config.subscription",
                f"the registry has no active schema for {type_}",
                hint="check the message type, or ask the steward of its domain",
            )
        problems = []
        for source in sources:
            try:
                if source.sha256 != target.sha256:
                    check_readable(current, source, target)
                return target
            except SemanticsError as error:
                problems.append(error)
        if problems and not self._registry.awaited:
            raise problems[0]
        return target

    def target(self, reads: str) -> SchemaVersion:
        """The schema that ``reads`` names, by type or ``type/version``."""
        name, _, version = reads.partition("/")
        snapshot = self._registry.current
        give_vocabulary(snapshot, lambda: read_vocabulary(snapshot, self._cache))
        if version.isascii() and version.isdigit():
            target = snapshot.schema(snapshot.schema_iri(name, int(version)))
        else:
            target = None if version else snapshot.latest_schema(name)
        if target is None:
            raise ConfigurationError(
                "config.reads",
                f"the registry has no schema to read as {reads!r}",
                hint="name a message type, as citizens.person or citizens.person/1",
            )
        return target
