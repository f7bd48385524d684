"""The registries of the days of a log's messages, this instance's and those that it trusted.

Judges nothing, and fetches nothing: what is not in the mirrors or the bundle cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite.envelope import Attributes
from xroad_lite.errors import RegistryError
from xroad_lite.messagelog.entries import Entry
from xroad_lite.registry import RegistryFolder, SchemaVersion, Snapshot
from xroad_lite.registry.trusted import instance_of
from xroad_lite.replay.judging import Trusted


class Days:
    """What was known entry by entry; ``RegistryError`` from all that asks for what is not here."""

    def __init__(self, registry: RegistryFolder, trusted: Trusted) -> None:
        self._registry = registry
        self._mirrors = trusted
        self._newest: dict[str, str] = {}
        """What the log says was adopted last of each other registry."""
        self._read: dict[tuple[str, str], Snapshot] = {}

    def adopt(self, entry: Entry) -> None:
        """Take in that a snapshot was adopted."""
        if (instance := entry.fields.get("instance")) is not None:
            self._newest[instance] = entry.fields["registry"]

    def here(self, entry: Entry) -> Snapshot:
        """This instance's, as the node knew it when it wrote the entry."""
        return self._own(entry.fields["registry"])

    def senders(self, entry: Entry, sealed: Attributes) -> Snapshot:
        """The one that the seal names, of its sender's instance."""
        here, instance = self.here(entry), instance_of(sealed.source)
        if instance == here.instance.instance:
            return self._own(sealed.registry)
        return self._other(here, instance, sealed.registry)

    def written(self, entry: Entry, sealed: Attributes) -> tuple[SchemaVersion, Snapshot]:
        """The schema that a message was written in, and the snapshot that has it.

        A schema's name is in its instance's own: so only one of these registries can have it.
        """
        for day in self._all(entry, sealed):
            if (found := day.schema(sealed.dataschema)) is not None:
                return found, day
        raise RegistryError(
            "registry.missing_schema", f"no registry of that day has {sealed.dataschema}"
        )

    def _all(self, entry: Entry, sealed: Attributes) -> Iterator[Snapshot]:
        here = self.here(entry)
        yield self.senders(entry, sealed)
        yield here
        for instance in here.trusted:  # what is asked of another instance is in its words
            if instance in self._newest:
                yield self._other(here, instance, self._newest[instance])

    def _own(self, name: str) -> Snapshot:
        if ("", name) not in self._read:
            self._read["", name] = self._registry.load(self._registry.head(name))
        return self._read["", name]

    def _other(self, here: Snapshot, instance: str, name: str) -> Snapshot:
        if instance not in here.trusted:
            raise RegistryError("registry.untrusted_instance", f"{instance} was not trusted then")
        if (instance, name) not in self._read:
            folder = self._mirrors(instance, here.file(here.trusted[instance].root))
            self._read[instance, name] = folder.load(folder.head(name))
        return self._read[instance, name]
