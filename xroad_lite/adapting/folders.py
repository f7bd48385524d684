"""A folder of this machine or of an SFTP server, through the same verbs.

Files are moved whole: what was interrupted shows under no final name. Knows no form of files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit

from xroad_lite.errors import ConfigurationError, TransportError

States = dict[str, tuple[int, float]]
"""Size in bytes and time of change by file name."""


class Folder(Protocol):
    """The verbs; names are relative to it. ``OSError`` or ``TransportError`` if it is away."""

    def make(self, name: str) -> None:
        """Make a folder in it, if it is missing; itself without a name, on this machine."""
        ...

    def files(self, name: str = "") -> States:
        """The regular files in it or in a folder in it; links are not followed."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file, to read."""
        ...

    def move(self, old: str, new: str) -> None:
        """Rename a file: it is there under one of the two names, whatever happens."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """A whole file under its name, replacing what was there, or none."""
        ...


def open_folder(
    address: str,
    *,
    known_hosts: str | None = None,
    key: str | None = None,
    password: str | None = None,
) -> Folder:
    """The folder at a path, or at ``sftp://user@host:port/path`` (relative: ``/./path``).

    An SFTP server's key must be in the file ``known_hosts``; ``key`` is a private key's file.
    ``TransportError`` when it cannot be reached, ``ConfigurationError`` without known hosts.
    """
    if not address.startswith("sftp://"):
        return LocalFolder(address)
    if known_hosts is None:
        raise ConfigurationError(
            "config.known_hosts",
            f"{address}: an SFTP server is believed by its key alone",
            hint="ssh-keyscan HOST > known_hosts, compare its key, and give known_hosts",
        )
    return SftpFolder(address, known_hosts, key, password)


class LocalFolder:
    """A folder of this machine. What has returned is on the disk."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def make(self, name: str) -> None:
        """See ``Folder``."""
        (self._path / name).mkdir(parents=True, exist_ok=True)

    def files(self, name: str = "") -> States:
        """See ``Folder``."""
        found = [(one.name, one.lstat()) for one in (self._path / name).iterdir()]
        return {one: (at.st_size, at.st_mtime) for one, at in found if _regular(at.st_mode)}

    def open(self, name: str) -> BinaryIO:
        """See ``Folder``."""
        return (self._path / name).open("rb")

    def move(self, old: str, new: str) -> None:
        """See ``Folder``."""
        (self._path / old).rename(self._path / new)
        for folder in {(self._path / one).parent for one in (old, new)}:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def write(self, name: str, data: bytes) -> None:
        """See ``Folder``."""
        part = _unfinished(name)
        with (self._path / part).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.move(part, name)


class SftpFolder:
    """A folder of an SFTP server, over one connection; ``TransportError`` when that breaks."""

    def __init__(
        self, address: str, known_hosts: str, key: str | None, password: str | None
    ) -> None:
        try:
            import paramiko
        except ImportError:
            raise ImportError("SFTP needs: pip install 'xroad-lite[sftp]'") from None

        at, self._client = urlsplit(address), paramiko.SSHClient()
        self._where = f"{at.hostname}:{at.port or 22}{at.path}"
        self._broken = EOFError, paramiko.SSHException
        self._client.load_host_keys(known_hosts)
        self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
        with self._told(OSError):
            self._client.connect(
                at.hostname or "",
                at.port or 22,
                unquote(at.username or ""),
                password,
                key_filename=key,
                timeout=20,
                allow_agent=False,
                look_for_keys=False,
            )
            self._sftp: Any = self._client.open_sftp()
            self._sftp.get_channel().settimeout(60)
            self._sftp.chdir(unquote(at.path))

    @contextmanager
    def _told(self, *more: type[Exception]) -> Iterator[None]:
        """A broken connection in this project's words."""
        try:
            yield
        except (*self._broken, *more) as error:
            self._client.close()
            raise TransportError("transport.unreachable", f"{self._where}: {error}") from None

    def make(self, name: str) -> None:
        """See ``Folder``."""
        with self._told():
            if name and name not in self._sftp.listdir():
                self._sftp.mkdir(name)

    def files(self, name: str = "") -> States:
        """See ``Folder``."""
        with self._told():
            found = self._sftp.listdir_attr(name or ".")
        return {one.filename: (one.st_size, one.st_mtime) for one in found if _regular(one.st_mode)}

    def open(self, name: str) -> BinaryIO:
        """See ``Folder``."""
        with self._told():
            return cast(BinaryIO, self._sftp.open(name, "rb", 65_536))

    def move(self, old: str, new: str) -> None:
        """See ``Folder``."""
        with self._told():
            self._sftp.posix_rename(old, new)

    def write(self, name: str, data: bytes) -> None:
        """See ``Folder``."""
        part = _unfinished(name)
        with self._told(), self._sftp.open(part, "wb") as file:
            file.write(data)
        self.move(part, name)


def _regular(mode: int | None) -> bool:
    return stat.S_ISREG(mode or 0)


def _unfinished(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.part"
