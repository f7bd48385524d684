"""The snapshots that a node knows: the current one, earlier ones, and when each was superseded.

Does not fetch: ``resolve`` says what is missing, and the node looks for it.
"""

from __future__ import annotations

from xroad_lite.errors import RegistryError
from xroad_lite.registry.snapshot import Snapshot


class KnownSnapshots:
    """Grows only; ``adopt`` moves on to a newer current snapshot."""

    def __init__(self, current: Snapshot, *, again: bool = False) -> None:
        """``again`` says that it was adopted before: then it is not read whole once more."""
        current.read(again=again)
        self.current = current
        self.fresh_until = current.edition.expires
        """Until when the current one may be taken for the newest, Unix seconds."""
        self._by_name = {current.name: current}
        self._published = {current.edition.version: current.edition.published}

    def adopt(self, snapshot: Snapshot) -> None:
        """Make ``snapshot`` current; ``RegistryError`` if it may not follow the present one."""
        snapshot.check_succeeds(self.current)
        self.add(snapshot)
        self.current = snapshot
        self.fresh_until = snapshot.edition.expires

    def renew(self, fresh_until: float) -> None:
        """A time stamp said that the current one is still the newest."""
        self.fresh_until = min(fresh_until, self.current.edition.expires)

    def add(self, snapshot: Snapshot) -> None:
        """Know an earlier snapshot; ``RegistryError`` if it is faulty or there are two of it."""
        snapshot.read()
        version = snapshot.edition.version
        same = [one for one in self._by_name.values() if one.edition.version == version]
        if same and same[0].name != snapshot.name:
            raise RegistryError(
                "registry.two_snapshots", f"there are two snapshots with the version {version}"
            )
        self._by_name[snapshot.name] = snapshot
        self._published[version] = snapshot.edition.published

    def note(self, version: int, published: float) -> None:
        """Know when a version was published, without its content."""
        self._published.setdefault(version, published)

    def get(self, name: str) -> Snapshot | None:
        """The snapshot ``VERSION:DIGEST``, if it is known."""
        return self._by_name.get(name)

    def superseded_at(self, snapshot: Snapshot) -> float | None:
        """When the next version was published, Unix seconds; None for the newest known."""
        current = self.current.edition.version
        later = [
            version for version in self._published if snapshot.edition.version < version <= current
        ]
        return self._published[min(later)] if later else None
