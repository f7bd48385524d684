"""The registry of those days, from the files of a bundle: what its snapshots say, and who vouches.

A snapshot that is signed as it should be proves little: who has the keys that were rotated out can
make one today. It counts if an entry of the log says that it was adopted, or if one that was
adopted names it, by digest, among those before. Does not read the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog.evidence.parts import REGISTRY, Finding
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import COSIGNATURE, ED25519, Verifier
from xroad_lite.registry import Snapshot
from xroad_lite.registry.lines import History, Roots
from xroad_lite.registry.metadata import (
    MAX_METADATA_BYTES,
    Head,
    Read,
    archive_path,
    digest_of,
    load_snapshot,
)
from xroad_lite.registry.trusted import instance_of


@dataclass(slots=True)
class Registries:
    """The snapshots of one piece of evidence."""

    anchor: bytes
    read: Read
    findings: list[Finding] = field(default_factory=list)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    """Those that can be relied on."""
    newest: Snapshot | None = None
    """The last that the log adopted."""
    line: str = ""
    """Whose registry: the log's own, or another instance's that it trusted."""
    others: dict[str, Registries] = field(default_factory=dict)
    """Those of other instances, by their names."""
    _heads: dict[str, Head] = field(default_factory=dict)

    def take(self, tally: Tally) -> None:
        """Verify what the log adopted, and what its messages name."""
        try:
            roots = Roots(self.anchor, self.read)
        except XRoadError as error:
            self._find("the registry's root", error)
            return
        adopted = self._adopted(tally)
        for name, entry in tally.judged.items() if not self.line else ():
            if name not in adopted or adopted[name] > entry:
                self._add(
                    f"entry {entry}",
                    "registry.not_adopted",
                    f"it was judged under the snapshot {name}, and no entry before it says that "
                    "it was adopted",
                )
        for name in self._wanted(tally):
            self._take(name, adopted, roots)
        last = list(adopted)[-1:]
        self.newest = self.snapshots.get(last[0]) if last else None
        for one in self.others.values():
            self._check_trusted(one)
            one.take(tally)
            self.findings += one.findings

    def _check_trusted(self, other: Registries) -> None:
        """Another instance's root is the one that our own registry says."""
        roots = [
            snapshot.file(snapshot.trusted[other.line].root)
            for snapshot in self.snapshots.values()
            if other.line in snapshot.trusted
        ]
        if other.anchor not in roots:
            self._add(
                f"the root of {other.line}",
                "registry.other_root",
                "no snapshot of the log's own registry here trusts it",
            )

    def of(self, subsystem: str) -> Registries:
        """The registry that speaks for a subsystem: that of its instance."""
        return self.others.get(instance_of(subsystem), self)

    def _wanted(self, tally: Tally) -> Iterator[str]:
        names = [] if self.line else list(tally.judged)
        for said in tally.said:
            instance = instance_of(said.source)
            if instance == self.line or (not self.line and instance not in self.others):
                names.append(said.registry)
        last = [name for _, _, name, _, line in tally.snapshots if line == self.line][-1:]
        yield from dict.fromkeys([*names, *last])

    def _adopted(self, tally: Tally) -> dict[str, int]:
        """What the log says that it adopted: by name, the entry that says so first, in order."""
        adopted: dict[str, int] = {}
        before: tuple[str, int] | None = None
        for entry, _, name, root, line in tally.snapshots:
            if line != self.line:
                continue
            adopted.setdefault(name, entry)
            if before is not None and before[0] != name and root <= before[1]:
                self._check_follows(entry, name, before[0])
            before = name, root
        return adopted

    def _check_follows(self, entry: int, name: str, before: str) -> None:
        try:
            if History(self._head(name), self.read).find(before) is None:
                self._add(
                    f"entry {entry}",
                    "registry.forked",
                    f"it adopts the snapshot {name}, which does not follow {before}, adopted "
                    "before it under the same root",
                )
        except XRoadError as error:
            self._find(f"entry {entry}", error)

    def _take(self, name: str, adopted: dict[str, int], roots: Roots) -> None:
        try:
            head = self._head(name)
            found = load_snapshot(head, roots, self.read)
            found.read(again=True)
            vouched = name in adopted or any(
                History(self._head(one), self.read).find(name) is not None
                for one in reversed(adopted)
                if int(one.partition(":")[0]) > head.version
            )
        except XRoadError as error:
            self._find(f"snapshot {name}", error)
            return
        if not vouched:
            self._add(
                f"snapshot {name}",
                "registry.not_adopted",
                "its signatures hold, but no entry says that it was adopted, and none that was "
                "adopted names it among those before: who has keys of that time can make it today",
                wrong=False,
            )
            return
        self.snapshots[name] = found

    def _head(self, name: str) -> Head:
        if name not in self._heads:
            sha256 = digest_of(name)
            data = self.read(archive_path(sha256), MAX_METADATA_BYTES, sha256)
            self._heads[name] = Head.read(data)
        return self._heads[name]

    def _find(self, place: str, error: XRoadError) -> None:
        away = error.code == "registry.out_of_reach"
        self._add(place, error.code, error.message, wrong=not away)

    def _add(self, place: str, code: str, message: str, *, wrong: bool = True) -> None:
        place = f"{self.line}: {place}" if self.line else place
        self.findings.append(Finding(REGISTRY, place, code, message, wrong))

    def log_keys(self, origin: str) -> list[Verifier]:
        """The keys that any of the snapshots lists for a log, by the name in its checkpoints."""
        return [one for one in self._listed(ED25519) if one.name == origin]

    def witnesses(self, origin: str) -> list[Verifier]:
        """The keys of all other logs, as witnesses sign with them."""
        return [one for one in self._listed(COSIGNATURE) if one.name != origin]

    def _listed(self, kind: int) -> list[Verifier]:
        found: dict[Verifier, None] = {}
        every = [self, *self.others.values()]
        for snapshot in [each for one in every for each in one.snapshots.values()]:
            for identifier in snapshot.subsystems:
                party = snapshot.party(identifier)
                name = url_path(SubsystemId.parse(identifier))
                for text in party.subsystem.log_keys if party is not None else ():
                    try:
                        one = Verifier.read(text)
                    except LogError:
                        continue
                    if one.name == name:
                        found[Verifier(one.name, kind, one.public)] = None
        return list(found)

    def time_authorities(self) -> list[bytes]:
        """The roots of the time-stamping authorities that any of the snapshots trusts, DER."""
        from xroad_lite.keys import read_certificates

        found: dict[bytes, None] = {}
        for snapshot in self.snapshots.values():
            for path in (one.certificate for one in snapshot.instance.timestamping):
                try:
                    found |= dict.fromkeys(read_certificates(snapshot.file(path)))
                except XRoadError as error:
                    self._find(path, error)
        return list(found)
