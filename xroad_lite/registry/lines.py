"""Two lines that vouch for the past and the next: roots, and the snapshots before a trusted one.

Does no input or output: bytes come in by ``metadata.Read``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xroad_lite.errors import RegistryError
from xroad_lite.registry.metadata import (
    MAX_METADATA_BYTES,
    Head,
    MetadataError,
    Read,
    archive_path,
    digest_of,
    metadata_path,
    parse,
    verify,
)

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root

_MAX_ROOTS = 1024


class Roots:
    """The line of roots: from the one trusted here, on and back, each signed by the one before."""

    def __init__(self, anchor: bytes, read: Read) -> None:
        from tuf.api.metadata import Root

        found = parse(Root, anchor, "root")
        verify(found.signed, "root", found)
        self._read = read
        self._known: dict[int, tuple[bytes, Metadata[Root]]] = {
            found.signed.version: (anchor, found)
        }

    def get(self, version: int) -> tuple[bytes, Root]:
        """Bytes and content of one root of the line; ``MetadataError`` if it is not of the line."""
        low, high = min(self._known), max(self._known)
        if not low - _MAX_ROOTS <= version <= high + _MAX_ROOTS:
            raise MetadataError("registry.metadata", f"root {version} is far from root {high}")
        for number in range(high + 1, version + 1):
            self._extend(number, signer=number - 1)
        for number in range(low - 1, version - 1, -1):
            self._extend(number, signer=number)
        data, found = self._known[version]
        return data, found.signed

    def newest(self) -> tuple[bytes, Root]:
        """The last root of the line that can be read."""
        number = max(self._known)
        while True:
            try:
                self.get(number + 1)
            except RegistryError as error:
                if error.code != "registry.out_of_reach":
                    raise
                return self.get(number)
            number += 1

    def _extend(self, number: int, *, signer: int) -> None:
        """Take in root ``number``, next to one that is known: the earlier signed the later."""
        from tuf.api.metadata import Root

        data = self._read(metadata_path("root", number), MAX_METADATA_BYTES, None)
        found = parse(Root, data, "root")
        if found.signed.version != number:
            raise MetadataError("registry.metadata", f"{number}.root.json has another version")
        verify(found.signed, "root", found)
        both = {**{key: one for key, (_, one) in self._known.items()}, number: found}
        verify(both[signer].signed, "root", both[signer + 1])
        self._known[number] = (data, found)


class History:
    """The snapshots before one that is trusted: each names the one before, and so vouches for it.

    So nobody who has a key of that time, or stole one, can add to the past.
    """

    def __init__(self, newest: Head, read: Read, most: int | None = None) -> None:
        """``most`` earlier ones are read, then it is ``registry.too_many``."""
        self._newest = self._oldest = newest
        self._most = most
        self._heads = {newest.version: newest}
        self._read = read

    def find(self, name: str, since: float = 0.0) -> Head | None:
        """The snapshot ``VERSION:DIGEST``, if it is one of these.

        Those that were no longer the newest at ``since``, Unix seconds, are not looked for.
        """
        version = int(name.partition(":")[0])
        while self._oldest.version > version and self._oldest.published >= since:
            if not self._step_back():
                break
        found = self._heads.get(version)
        return found if found is not None and found.name == name else None

    def published(self) -> dict[int, float]:
        """When each snapshot that was looked at was published, Unix seconds by version."""
        return {version: head.published for version, head in self._heads.items()}

    def _step_back(self) -> bool:
        previous = self._oldest.previous
        if previous is None:
            return False
        if self._most is not None and len(self._heads) > self._most:
            raise RegistryError(
                "registry.too_many",
                f"more than {self._most} snapshots before {self._newest.version} are not followed",
            )
        sha256 = digest_of(previous)
        head = Head.read(self._read(archive_path(sha256), MAX_METADATA_BYTES, sha256))
        if head.name != previous or head.version != self._oldest.version - 1:
            raise MetadataError(
                "registry.fast_forward",
                f"snapshot {self._oldest.version} says that it follows {previous}",
            )
        self._oldest = self._heads[head.version] = head
        return True
