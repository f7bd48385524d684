"""A node's view of the registry: what it adopted, logged, and still has to fetch.

Does not decide what a missing snapshot means: check 2 does.
"""

from __future__ import annotations

from pathlib import Path

from xroad_lite.errors import RegistryError, XRoadError
from xroad_lite.messagelog import Store, entries
from xroad_lite.registry import KnownSnapshots, RegistryFolder, Snapshot

_META = "registry"
_ASK_AGAIN_SECONDS = 60.0
_REMEMBERED_NAMES = 1000


class RegistryView:
    """Adopts newer snapshots, each with an entry in the log, and fetches the ones peers name."""

    def __init__(self, folder: Path, store: Store, now: float) -> None:
        self._folder = RegistryFolder(folder)
        self._store = store
        self._never_published: set[str] = set()
        self._asked: dict[str, float] = {}
        self._names: dict[int, str] = {}
        self.problem: str | None = None
        """Why the registry could not be refreshed, for people; None when all is well."""
        self.refreshed = now
        """When it last was in reach, Unix seconds."""
        newest = self._folder.newest()
        adopted = store.meta(_META)
        if adopted is not None and newest.manifest.version < int(adopted.partition(":")[0]):
            raise RegistryError(
                "registry.rollback",
                f"the registry at {folder} is at snapshot {newest.manifest.version}: this node "
                f"had already adopted {adopted}",
            )
        if adopted is not None and newest.name != adopted:
            earlier = self._folder.load(int(adopted.partition(":")[0]))
            if earlier.name != adopted:
                raise RegistryError(
                    "registry.two_snapshots", f"{earlier.name} was published over {adopted}"
                )
            self.known = KnownSnapshots(earlier)
            self.refresh(now)
        else:
            self.known = KnownSnapshots(newest)
            if adopted is None:
                self._log(newest, now)

    @property
    def current(self) -> Snapshot:
        """The newest snapshot adopted here."""
        return self.known.current

    def refresh(self, now: float) -> bool:
        """Adopt the newest snapshot, if there is a newer one; what fails stays as it was."""
        try:
            adopted = self._adopt_newest()
        except XRoadError as error:  # whatever a document holds, it is a faulty registry
            self.problem = str(error)
            return False
        self.problem = None
        self.refreshed = now
        if self._store.meta(_META) != self.current.name:
            self._log(self.current, now)
        return adopted

    def _adopt_newest(self) -> bool:
        present = self.current.manifest.version
        later = [one for one in self._folder.versions() if one > present]
        if later:
            self.known.adopt(self._folder.load(later[-1]))
        for version in later[:-1]:
            self.known.note(version, self._folder.manifest(version).published)
        return bool(later)

    def fetch(self, name: str, now: float) -> bool:
        """Look for the snapshot ``VERSION:DIGEST``; True when now it is known what it is.

        What the registry does not have yet is asked for once a minute at the most.
        """
        if now < self._asked.get(name, 0.0) + _ASK_AGAIN_SECONDS:
            return False
        if len(self._asked) >= _REMEMBERED_NAMES:
            self._asked.clear()
        self._asked[name] = now
        self.refresh(now)
        if self.known.get(name) is not None:
            return True
        version = int(name.partition(":")[0])
        if self.problem is not None or version > self.current.manifest.version:
            return False
        return self._fetch_earlier(name, version)

    def _fetch_earlier(self, name: str, version: int) -> bool:
        try:
            published = self._folder.versions()
            if version in published and self._name_of(version) == name:
                self.known.add(self._folder.load(version))
                for later in published[published.index(version) + 1 :][:1]:
                    self.known.note(later, self._folder.manifest(later).published)
                return True
        except XRoadError as error:
            self.problem = str(error)
            return False
        if len(self._never_published) >= _REMEMBERED_NAMES:
            self._never_published.clear()
        self._never_published.add(name)
        return True

    def _name_of(self, version: int) -> str:
        """A snapshot's name, read once: a stranger can make us ask for any number of them."""
        if version not in self._names:
            self._names[version] = self._folder.manifest(version).name
        return self._names[version]

    def never_published(self, name: str) -> bool:
        """Whether the registry was asked for this snapshot and cannot ever have had it."""
        return name in self._never_published

    def _log(self, snapshot: Snapshot, now: float) -> None:
        with self._store.transaction():
            self._store.append(entries.snapshot(now, snapshot.name))
            self._store.set_meta(_META, snapshot.name)
