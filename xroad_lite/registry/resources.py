"""Schema documents by the names that references use, parsed when asked for; does not read folders.

A registry holds thousands of schemas, and one schema refers to a few: the others stay bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from xroad_lite.errors import RegistryError


class SchemaResources(Mapping[str, Any]):
    """By IRI (``<base>schemas/citizens/birth/2``) and by ``citizens/birth/2``."""

    def __init__(self, base: str, names: Iterable[str], read: Callable[[str], Any]) -> None:
        """``names`` are as ``citizens/birth/2``; ``read`` gives the document of one."""
        self._prefix = f"{base}schemas/"
        self._names = dict.fromkeys(names)
        self._read = read
        self._documents: dict[str, Any] = {}
        self._reading: set[str] = set()
        self._addresses: dict[str, str] | None = None

    def __getitem__(self, key: str) -> Any:
        name = key.removeprefix(self._prefix)
        if name not in self._names:
            raise KeyError(key)
        if name not in self._documents:
            self._documents[name] = self._read_once(name)
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
        if name in self._reading:
            raise RegistryError("registry.reference", f"{name} refers to itself by others")
        self._reading.add(name)
        try:
            return self._read(name)
        finally:
            self._reading.discard(name)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.removeprefix(self._prefix) in self._names

    def __iter__(self) -> Iterator[str]:
        return (self._prefix + name for name in self._names)

    def __len__(self) -> int:
        return len(self._names)


def _joined(base: str, address: str) -> str:
    try:
        return urldefrag(urljoin(base, address)).url
    except ValueError:  # no address: the compiler of schemas says so
        return address
