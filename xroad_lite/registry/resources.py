"""Schema documents by the names that references use, parsed when asked for; does not read folders.

A registry holds thousands of schemas, and one schema refers to a few: the others stay bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

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

    def __getitem__(self, key: str) -> Any:
        name = key.removeprefix(self._prefix)
        if name not in self._names:
            raise KeyError(key)
        if name not in self._documents:
            self._documents[name] = self._read_once(name)
        return self._documents[name]

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
