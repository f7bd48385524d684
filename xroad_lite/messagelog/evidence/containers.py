"""Where a bundle's files lie: in a folder or in a zip; does not know what they mean.

A bundle is written by path and read by path, so that both forms hold the very same files.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from xroad_lite.errors import LogError

MAX_FILE_BYTES = 512 * 1_048_576
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The only time that stands in a zip: the same evidence gives the same bytes."""


_END, _END_BYTES = b"PK\x05\x06", 22
MIMETYPE, FRAME = "mimetype", "META-INF/"
ASICE_TYPE = b"application/vnd.etsi.asic-e+zip"


class Container(Protocol):
    """A bundle that is there."""

    name: str

    def read(self, path: str) -> bytes:
        """A file's bytes; ``LogError`` ``log.bundle_file`` if it is not there or cannot be read."""

    def paths(self) -> Iterator[str]:
        """Every file, in the order of their paths."""


class Sink(Protocol):
    """A bundle that is being made."""

    def write(self, path: str, data: bytes) -> None:
        """Add a file; each path once."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Folder:
    """A bundle in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = str(root)

    def read(self, path: str) -> bytes:
        """See ``Container``."""
        try:
            with (self._root / _inside(path)).open("rb") as file:
                return _bounded(path, file.read(MAX_FILE_BYTES + 1))
        except OSError as error:
            raise missing(path, error.strerror or str(error)) from None

    def paths(self) -> Iterator[str]:
        """See ``Container``; links are no files of a bundle, and are given as they are."""
        found = [
            (Path(folder) / name).relative_to(self._root).as_posix()
            for folder, _, names in os.walk(self._root)
            for name in names
        ]
        return iter(sorted(found))


class FolderSink:
    """Writes a bundle into a new folder, which stands there whole or not at all."""

    def __init__(self, root: Path) -> None:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise occupied(root)
        self._root = root
        self._temporary = root.with_name(f".{root.name}.{os.getpid()}")

    def write(self, path: str, data: bytes) -> None:
        """See ``Sink``."""
        file = self._temporary / _inside(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as opened:
            opened.write(data)

    def __enter__(self) -> Self:
        self._temporary.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            import shutil

            shutil.rmtree(self._temporary, ignore_errors=True)
            return
        if self._root.exists():
            self._root.rmdir()  # it was empty when this began
        self._temporary.replace(self._root)


class Zip:
    """A bundle in one file."""

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise LogError("log.bundle", f"{file} is no bundle: {error}") from None
        names = self._zip.namelist()
        if len(set(names)) != len(names):
            raise LogError("log.bundle", f"{file} holds two files of one name")

    def read(self, path: str) -> bytes:
        """See ``Container``."""
        try:
            info = self._zip.getinfo(path)
            with self._zip.open(info) as file:
                return _bounded(path, file.read(MAX_FILE_BYTES + 1))
        except KeyError:
            raise missing(path, "No such file") from None
        except (OSError, RuntimeError, EOFError, NotImplementedError, ValueError) as error:
            raise missing(path, str(error)) from None
        except Exception as error:  # zlib's own error has no public name in zipfile
            if type(error).__module__ not in ("zlib", "zipfile", "lzma"):
                raise
            raise missing(path, str(error)) from None

    def paths(self) -> Iterator[str]:
        """See ``Container``."""
        return iter(sorted(self._zip.namelist()))


class Asice(Zip):
    """A bundle in an ASiC-E container: a zip with a frame, which is no part of the bundle.

    ETSI EN 319 162-1, annex A.1.
    """

    def paths(self) -> Iterator[str]:
        """See ``Container``; without the frame."""
        frame = set(self.frame())
        return (path for path in super().paths() if path not in frame)

    def frame(self) -> list[str]:
        """The files that make it a container."""
        return [path for path in super().paths() if path == MIMETYPE or path.startswith(FRAME)]

    def faults(self) -> Iterator[str]:
        """What is wrong with the zip itself."""
        infos = self._zip.infolist()
        first = min(infos, key=lambda one: one.header_offset)
        plain = first.compress_type == zipfile.ZIP_STORED and first.header_offset == 0
        if first.filename != MIMETYPE or not plain or self.read(MIMETYPE) != ASICE_TYPE:
            yield f"{MIMETYPE} must come first, uncompressed, and say {ASICE_TYPE.decode()}"
        if not self._ends():
            yield "something stands behind its last file"
        for one in infos:
            if one.is_dir() or one.filename != _safe(one.filename):
                yield f"{one.filename!r:.120} is no path inside a bundle"

    def _ends(self) -> bool:
        """Whether the zip's own end (APPNOTE 4.3.16, without a comment) is the file's."""
        with Path(self.name).open("rb") as file:
            file.seek(-_END_BYTES, os.SEEK_END)
            return file.read(4) == _END


class ZipSink:
    """Writes a bundle into one new file, in the order of writing, with no times in it."""

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise occupied(file)
        self._file = file
        self._temporary = file.with_name(f".{file.name}.{os.getpid()}")

    def write(self, path: str, data: bytes, *, stored: bool = False) -> None:
        """See ``Sink``; ``stored``: not compressed."""
        info = zipfile.ZipInfo(_inside(path), _EPOCH)
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        self._zip.writestr(info, data)

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._zip = zipfile.ZipFile(self._temporary, "x", zipfile.ZIP_DEFLATED)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._zip.close()
        if kind is not None:
            self._temporary.unlink(missing_ok=True)
            return
        self._temporary.replace(self._file)


def sink(place: Path) -> FolderSink | ZipSink:
    """Where a bundle is to be written: a zip if its name ends so, else a folder."""
    return ZipSink(place) if place.suffix == ".zip" else FolderSink(place)


def container(place: Path) -> Folder | Zip:
    """A bundle that is there, in any form."""
    if place.is_dir():
        return Folder(place)
    found = Zip(place)
    return Asice(place) if MIMETYPE in found.paths() else found


def missing(path: str, why: str) -> LogError:
    """The error for a file of a bundle that cannot be had."""
    return LogError("log.bundle_file", f"{path} cannot be read: {why}")


def _inside(path: str) -> str:
    steps = path.split("/")
    if any(step in ("", ".", "..") for step in steps) or "\\" in path or "\0" in path:
        raise LogError("log.bundle", f"{path!r:.120} is no path inside a bundle")
    return path


def _safe(path: str) -> str | None:
    try:
        return _inside(path)
    except LogError:
        return None


def _bounded(path: str, data: bytes) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise LogError("log.bundle", f"{path} has more than {MAX_FILE_BYTES} bytes")
    return data


def occupied(place: Path) -> LogError:
    """The error for a place where something is already."""
    return LogError(
        "log.bundle_exists",
        f"{place} is there already: a bundle is written to a new place",
        hint="name another place, or remove it first",
    )
