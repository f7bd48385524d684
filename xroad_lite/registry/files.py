"""The documents of one snapshot by path, each read once; does not know what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TypeVar

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Document

_D = TypeVar("_D", bound=Document)


class Files:
    """Bytes by path; what is the same in ``like``, the snapshot's before it, is not read anew."""

    def __init__(self, files: Mapping[str, bytes], like: Files | None = None) -> None:
        self.all = dict(files)
        self._documents: dict[str, tuple[bytes, Document]] = dict(like._documents) if like else {}
        """By path what was read of which bytes, here or in the one before."""

    @cached_property
    def by_digest(self) -> dict[str, bytes]:
        """All documents by SHA-256 (hex), for another snapshot to share."""
        return {hashlib.sha256(data).hexdigest(): data for data in self.all.values()}

    def get(self, path: str) -> bytes | None:
        """The bytes of one file, if it is here."""
        return self.all.get(path)

    def file(self, path: str) -> bytes:
        """The bytes of one file; ``RegistryError`` if there is none of that path."""
        data = self.all.get(path)
        if data is None:
            raise RegistryError("registry.missing_file", f"{path} is not in the registry")
        return data

    def below(self, folder: str, ending: str | tuple[str, ...]) -> list[tuple[str, bytes]]:
        """Path and bytes of those in a folder with an ending, by path."""
        return sorted(
            (path, data)
            for path, data in self.all.items()
            if path.startswith(folder) and path.endswith(ending)
        )

    def document(self, model: type[_D], path: str) -> _D:
        """One file, read as a model; ``RegistryError`` says where it is none."""
        data, before = self.file(path), self._documents.get(path)
        if before is None or before[0] != data or not isinstance(before[1], model):
            before = self._documents[path] = data, read_document(model, path, data)
        found = before[1]
        assert isinstance(found, model)
        return found

    def documents(self, model: type[_D], folder: str) -> tuple[_D, ...]:
        """All YAML files in a folder, read as a model, by path."""
        return tuple(self.document(model, path) for path, _ in self.below(folder, ".yaml"))
