"""Schema documents by the names that references use, parsed when asked for; does not read folders.

A registry holds thousands of schemas, and one schema refers to a few: the others stay bytes. What
is read, or is refused, is read once for all that refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from xroad_lite.errors import RegistryError

MAX_DEPTH = 64
"""How long a line of schemas may be in which each needs the text of the one before."""


class SchemaResources(Mapping[str, Any]):
    """By IRI (``<base>schemas/citizens/birth/2``) and by ``citizens/birth/2``."""

    def __init__(self, base: str, names: Iterable[str], read: Callable[[str], Any]) -> None:
        """``names`` are as ``citizens/birth/2``; ``read`` gives the document of one."""
        self._prefix = f"{base}schemas/"
        self._names = dict.fromkeys(names)
        self._read = read
        self._documents: dict[str, Any] = {}
        self._refused: dict[str, RegistryError] = {}
        self._reading: dict[str, int] = {}
        """Those being read, each with the length of the longest line behind it so far."""
        self._lengths: dict[str, int] = {}
        self.walked: dict[tuple[str, int], Any] = {}
        """See ``schema.references.Shared``."""
        self._addresses: dict[str, str] | None = None

    def __getitem__(self, key: str) -> Any:
        name = key.removeprefix(self._prefix)
        if name not in self._names:
            raise KeyError(key)
        if name not in self._documents:
            self._documents[name] = self._read_once(name)
        if self._reading:
            asking = next(reversed(self._reading))
            self._reading[asking] = max(self._reading[asking], self._lengths[name])
        return self._documents[name]

    def by_own_address(self, address: str) -> Any:
        """The document whose ``$id`` is this address; None if there is none.

        The first call reads all of them; those that cannot be read have no address.
        """
        if self._addresses is None:
            self._addresses = {}
            for key in self:
                try:
                    document = self[key]
                except RegistryError:
                    continue
                if isinstance(document, dict) and isinstance(document.get("$id"), str):
                    self._addresses.setdefault(_joined(key, document["$id"]), key)
        found = self._addresses.get(address)
        return None if found is None else self[found]

    def named(self, type_: str, version: int) -> Any:
        """The document of a version that another refers to; ``RegistryError`` if there is none."""
        name = f"{type_.replace('.', '/', 1)}/{version}"
        if name not in self._names:
            raise RegistryError(
                "registry.reference",
                f"a schema refers to {type_} version {version}, which is not here as this kind",
                hint="register it first",
            )
        return self[name]

    def _read_once(self, name: str) -> Any:
        if name in self._refused:
            raise self._refused[name]
        if name in self._reading:
            raise RegistryError("registry.reference", f"{name} refers to itself by others")
        if len(self._reading) > MAX_DEPTH:
            raise _TooLongError(name)
        self._reading[name] = 0
        try:
            document = self._read(name)
            self._lengths[name] = length = self._reading[name] + 1
            if length > MAX_DEPTH:
                self._refused[name] = _TooLongError(name)
                raise self._refused[name]
            return document
        except RegistryError as error:
            if not isinstance(error, _TooLongError) or len(self._reading) == 1:
                self._refused[name] = error  # of those between, the line may be short enough
            raise
        finally:
            del self._reading[name]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.removeprefix(self._prefix) in self._names

    def __iter__(self) -> Iterator[str]:
        return (self._prefix + name for name in self._names)

    def __len__(self) -> int:
        return len(self._names)


class _TooLongError(RegistryError):
    """A line of schemas of which each needs the next one's text, that does not seem to end."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "registry.reference",
            f"{name} stands in a line of more than {MAX_DEPTH} schemas of which each needs the "
            "text of the next",
            hint="put what belongs together into one schema",
        )


def _joined(base: str, address: str) -> str:
    try:
        return urldefrag(urljoin(base, address)).url
    except ValueError:  # no address: the compiler of schemas says so
        return address
