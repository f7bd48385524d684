"""Keeps a mirror of a registry up to date with TUF's own client; does not adopt or log anything.

The client refuses what is rolled back, frozen, mixed or signed by too few; then every role and
document is verified (``metadata``), and only then is the mirror moved on to it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xroad_lite.errors import RegistryError, XRoadError
from xroad_lite.registry.folder import TIMESTAMP, RegistryFolder
from xroad_lite.registry.lines import History, Roots
from xroad_lite.registry.metadata import (
    MAX_METADATA_BYTES,
    Head,
    archive_path,
    load_snapshot,
    metadata_path,
)
from xroad_lite.registry.snapshot import Snapshot

if TYPE_CHECKING:
    from xroad_lite.registry.origin import Origin

_CLIENT = "client"
"""The folder, inside the mirror, that TUF's client has to itself."""
_MIRRORED = 8
"""A mirror of another's may hold so many times what one snapshot may: earlier ones are kept."""
_EARLIER = 20_000
"""So many snapshots of another's are followed back: one an hour for two years."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A registry as it was seen: its newest snapshot, and until when that may be relied on."""

    snapshot: Snapshot
    head: Head
    fresh_until: float
    timestamp: bytes


class RegistryClient:
    """One node's way to the registry; one thread at a time.

    ``origins`` are asked in turn until one has a good state. ``anchor`` is the trusted root.
    ``most`` is for the registry of somebody else: it bounds the bytes of a snapshot, and the
    mirror's by eight times that.
    """

    def __init__(
        self,
        origins: Sequence[str],
        mirror: Path,
        anchor: bytes,
        *,
        base: Path,
        seconds: float = 60,
        most: int | None = None,
    ) -> None:
        self.mirror = RegistryFolder(mirror, anchor)
        self._addresses = origins
        self._base = base
        self._seconds = seconds
        self._anchor = anchor
        self._most = most
        self._earlier = None if most is None else _EARLIER
        self._held: int | None = None
        """Bytes in the mirror, once they were counted."""
        self._refused: tuple[str, XRoadError] | None = None

    @cached_property
    def origins(self) -> list[Origin]:
        """Where the registry is fetched from."""
        from xroad_lite.registry.origin import Origin

        return [Origin(one, base=self._base, seconds=self._seconds) for one in self._addresses]

    @property
    def remote(self) -> bool:
        """Whether asking may take long."""
        return any(one.startswith(("https://", "http://")) for one in self._addresses)

    def kept(self) -> State | None:
        """The last good state, from the mirror alone; None if there is none."""
        try:
            timestamp, _, fresh_until = self.mirror.timestamp()
            head = self.mirror.head()
            snapshot = self.mirror.load(head)
        except RegistryError:
            return None
        return State(snapshot, head, min(fresh_until, snapshot.edition.expires), timestamp)

    def update(self, now: float, present: State | None) -> State:
        """The newest state, from the first origin that has a good one; verified, not yet kept.

        ``RegistryError`` says why there is none: its code names what was refused.
        """
        problem: XRoadError | None = None
        for origin in self.origins:
            try:
                return self._update_from(origin, now, present)
            except XRoadError as error:
                problem = problem or error
        raise problem or RegistryError("registry.out_of_reach", "no address of a registry")

    def look(self, now: float, present: State | None) -> State:
        """As ``update``, without disturbing the node that owns the mirror: for ``doctor``."""
        with tempfile.TemporaryDirectory() as folder:
            own = self.mirror.path / _CLIENT
            if own.is_dir():
                shutil.copytree(own, Path(folder) / _CLIENT, symlinks=True)
            beside = RegistryClient(
                self._addresses, Path(folder), self._anchor, base=self._base, most=self._most
            )
            return beside.update(now, present)

    def newest(self, now: float) -> Snapshot:
        """The newest snapshot within reach, or else the last good one."""
        kept = self.kept()
        try:
            return self.look(now, kept).snapshot
        except XRoadError:
            if kept is None:
                raise
            return kept.snapshot

    def keep(self, state: State) -> None:
        """Move the mirror on to a state."""
        sha256 = hashlib.sha256(state.head.data).hexdigest()
        self.mirror.write(archive_path(sha256), state.head.data)
        self.mirror.write(TIMESTAMP, state.timestamp)

    def refuse(self, head: Head, error: XRoadError) -> None:
        """Remember that a snapshot is not fit to be adopted, so that it is not read in vain."""
        self._refused = head.name, error

    def published(self, state: State, since: State) -> dict[int, float]:
        """When each snapshot after one and up to the other was published, by version."""
        history = History(state.head, self.read, self._earlier)
        history.find(since.head.name)
        return history.published()

    def find(self, name: str, present: State, since: float) -> tuple[Snapshot | None, History]:
        """An earlier snapshot that was the newest at ``since`` or later, and the way back to it."""
        history = History(present.head, self.read, self._earlier)
        head = history.find(name, since)
        return (None if head is None else self._load(head, present)), history

    def again(self, name: str, present: State | None) -> Snapshot | None:
        """A snapshot that was known here, from the mirror; None if it is there no more."""
        try:
            return self._load(self.mirror.head(name), present)
        except RegistryError:
            return None

    def read(self, path: str, limit: int, sha256: str | None = None) -> bytes:
        """From the mirror, or from an origin into the mirror (see ``metadata.Read``)."""
        try:
            return self.mirror.read(path, limit, sha256)
        except RegistryError as error:
            problem = error
        for origin in self.origins:
            try:
                data = origin.read(path, limit, sha256)
            except RegistryError as error:
                problem = error
            else:
                self._make_room(len(data))
                self.mirror.write(path, data, durable=False)
                return data
        raise problem

    def _make_room(self, size: int) -> None:
        """Count what the mirror will hold; ``registry.mirror_full`` beyond what it may."""
        if self._most is None:
            return
        if self._held is None:
            files = (one.stat() for one in self.mirror.path.rglob("*") if one.is_file())
            self._held = sum(one.st_size for one in files)
        if self._held + size > self._most * _MIRRORED:
            raise RegistryError(
                "registry.mirror_full",
                f"{self.mirror.path} holds {self._held} bytes of the registry: at most "
                f"{self._most * _MIRRORED} are kept",
                hint="if that much is right, raise instance_bytes in node.yaml",
            )
        self._held += size

    def _update_from(self, origin: Origin, now: float, present: State | None) -> State:
        timestamp, head, fresh_until = self._ask(origin, now)
        if self._refused is not None and self._refused[0] == head.name:
            raise self._refused[1]
        if present is not None and head.name == present.head.name:
            snapshot = present.snapshot
        else:
            if present is not None and head.root <= present.head.root:
                self._check_follows(head, present.head)
            snapshot = self._load(head, present)
        fresh_until = min(fresh_until, snapshot.edition.expires)
        return State(snapshot, head, fresh_until, timestamp)

    def _ask(self, origin: Origin, now: float) -> tuple[bytes, Head, float]:
        """Let TUF's client look for a newer state; it keeps its files in a folder of its own."""
        from tuf.api.exceptions import DownloadError, RepositoryError
        from tuf.api.metadata import Root, Timestamp
        from tuf.ngclient import Updater

        from xroad_lite.registry.metadata import parse
        from xroad_lite.registry.origin import refusal

        folder = self.mirror.path / _CLIENT
        try:
            folder.mkdir(parents=True, exist_ok=True)
            updater = Updater(
                str(folder),
                origin.base + "metadata/",
                fetcher=origin.fetcher,
                bootstrap=self._anchor,
            )
            # The client takes no clock: its reference time is set by hand, as its own tests do.
            updater._trusted_set.reference_time = datetime.fromtimestamp(now, UTC)
            updater.refresh()
            timestamp, head, root = (
                (folder / f"{name}.json").read_bytes() for name in ("timestamp", "snapshot", "root")
            )
        except (RepositoryError, DownloadError, OSError) as error:
            raise refusal(error, origin.address) from None
        expires = min(
            parse(Timestamp, timestamp, "timestamp").signed.expires,
            parse(Root, root, "root").signed.expires,
        )
        return timestamp, Head.read(head), expires.timestamp()

    def _check_follows(self, head: Head, present: Head) -> None:
        """The past does not change, but by a new root: then a stolen key may have written it."""
        if head.version < present.version:
            raise RegistryError(
                "registry.rollback", f"got snapshot {head.version} after {present.version}"
            )
        if History(head, self.read, self._earlier).find(present.name) is None:
            raise RegistryError(
                "registry.forked",
                f"snapshot {head.version} does not follow {present.name}, which was adopted here",
                hint="ask the lead agency: its snapshot key may be stolen",
            )

    def _load(self, head: Head, present: State | None) -> Snapshot:
        """Verify a snapshot; documents that are in memory already are shared with it."""
        like = None if present is None else present.snapshot
        known = {} if like is None else like.by_digest

        def read(path: str, limit: int, sha256: str | None) -> bytes:
            data = known.get(sha256) if sha256 is not None else None
            return self.read(path, limit, sha256) if data is None else data

        return load_snapshot(head, Roots(self._anchor, self.read), read, like, self._most)


def newest_root(address: str) -> tuple[bytes, int]:
    """The newest root of a registry, bytes and version: trusted by nobody yet."""
    from xroad_lite.registry.origin import Origin

    origin = Origin(address, base=Path())
    first = origin.read(metadata_path("root", 1), MAX_METADATA_BYTES)
    data, root = Roots(first, origin.read).newest()
    return data, root.version
