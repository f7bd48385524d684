"""The snapshots that a node knows: the current one, earlier ones, and when each was superseded.

Does not fetch: check 2 says what is missing, and the node looks for it. What was let go of is read
again by a callable that is given.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable

from xroad_lite.errors import RegistryError
from xroad_lite.registry.snapshot import Snapshot
from xroad_lite.registry.succession import check_succeeds

KEPT = 8
"""How many earlier snapshots are in memory: messages name the newest, or one of this day."""
_REMEMBERED_NAMES = 1000
_REMEMBERED_VERSIONS = 10_000

Read = Callable[[str], Snapshot | None]
"""A snapshot that was known, by its name, from where it is kept; None if it is there no more."""


class KnownSnapshots:
    """What is known of one registry; ``adopt`` moves on to a newer current snapshot."""

    def __init__(
        self,
        current: Snapshot,
        *,
        again: bool = False,
        read: Read = lambda _: None,
        refreshed: float = 0.0,
    ) -> None:
        """``again`` says that it was adopted before: then it is not read whole once more."""
        current.read(again=again)
        self.current = current
        self.fresh_until = current.edition.expires
        """Until when the current one may be taken for the newest, Unix seconds."""
        self.refreshed = refreshed
        """When the registry was last in reach, Unix seconds."""
        self._read = read
        self._earlier: OrderedDict[str, Snapshot] = OrderedDict()
        self._names: dict[int, str] = {}
        self._published: dict[int, float] = {}
        self._versions: list[int] = []
        self._never: set[str] = set()
        self._remember(current)

    def adopt(self, snapshot: Snapshot) -> None:
        """Make ``snapshot`` current; ``RegistryError`` if it may not follow the present one."""
        check_succeeds(snapshot, self.current)
        before = self.current
        self.add(snapshot)
        self.current = snapshot
        self.fresh_until = snapshot.edition.expires
        self._keep(before)

    def renew(self, fresh_until: float) -> None:
        """A time stamp said that the current one is still the newest."""
        self.fresh_until = min(fresh_until, self.current.edition.expires)

    def add(self, snapshot: Snapshot) -> None:
        """Know an earlier snapshot; ``RegistryError`` if it is faulty or there are two of it."""
        snapshot.read()
        version = snapshot.edition.version
        if self._names.get(version, snapshot.name) != snapshot.name:
            raise RegistryError(
                "registry.two_snapshots", f"there are two snapshots with the version {version}"
            )
        self._remember(snapshot)
        self._keep(snapshot)

    def note(self, version: int, published: float) -> None:
        """Know when a version was published, without its content."""
        if version not in self._published:
            insort(self._versions, version)
            self._published[version] = published
        while len(self._versions) > _REMEMBERED_VERSIONS:
            oldest = self._versions.pop(0)
            del self._published[oldest]
            self._names.pop(oldest, None)

    def note_never(self, name: str) -> None:
        """Know that the registry was asked for a snapshot, and cannot ever have had it."""
        if len(self._never) >= _REMEMBERED_NAMES:
            self._never.clear()
        self._never.add(name)

    def never_published(self, name: str) -> bool:
        """Whether there was no such snapshot, ever."""
        return name in self._never

    def get(self, name: str) -> Snapshot | None:
        """The snapshot ``VERSION:DIGEST``, if it is known."""
        if name == self.current.name:
            return self.current
        found = self._earlier.get(name)
        if found is None and self._names.get(int(name.partition(":")[0])) == name:
            found = self._read(name)
        if found is not None:
            self._keep(found)
        return found

    def superseded_at(self, snapshot: Snapshot) -> float | None:
        """When the next version was published, Unix seconds; None for the newest known."""
        next_one = bisect_right(self._versions, snapshot.edition.version)
        if next_one == len(self._versions):
            return None
        version = self._versions[next_one]
        return self._published[version] if version <= self.current.edition.version else None

    def _remember(self, snapshot: Snapshot) -> None:
        version = snapshot.edition.version
        self.note(version, snapshot.edition.published)
        self._published[version] = snapshot.edition.published
        self._names[version] = snapshot.name

    def _keep(self, snapshot: Snapshot) -> None:
        """Have an earlier one in memory, and let go of what was asked for the longest ago."""
        self._earlier[snapshot.name] = snapshot
        self._earlier.move_to_end(snapshot.name)
        while len(self._earlier) > KEPT:
            self._earlier.popitem(last=False)
