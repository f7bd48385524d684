"""Where a registry's files are fetched from: a folder, or a web server by HTTP or HTTPS.

Does not verify what it fetches. It imports python-tuf, so it is imported where it is used.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import urllib3
from tuf.api import exceptions
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from xroad_lite.errors import RegistryError
from xroad_lite.registry.folder import check_bytes

_CHUNK_BYTES = 65_536
_SECONDS = 60.0
"""In how much time one file must have come, whatever trickles in."""


class Origin:
    """One place that has the registry: an ``https:`` or ``http:`` address, or a folder's path."""

    def __init__(self, address: str, *, base: Path, seconds: float = _SECONDS) -> None:
        self.address = address
        self.remote = address.startswith(("https://", "http://"))
        if self.remote:
            self.base = address.rstrip("/") + "/"
            self.fetcher: FetcherInterface = _WebFetcher(seconds)
        else:
            self.base = "folder:"
            self.fetcher = _FolderFetcher(base / address)

    def read(self, path: str, limit: int, sha256: str | None = None) -> bytes:
        """See ``metadata.Read``."""
        data = bytearray()
        try:
            for chunk in self.fetcher.fetch(self.base + quote(path)):
                data += chunk
                if len(data) > limit:
                    break
        except (exceptions.DownloadError, OSError) as error:
            raise refusal(error, f"{self.address}: {path}") from None
        check_bytes(path, data, limit, sha256)
        return bytes(data)


class _FolderFetcher(FetcherInterface):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        from urllib.parse import unquote

        try:
            file = (self._folder / unquote(url.removeprefix("folder:"))).open("rb")
        except FileNotFoundError:
            if not self._folder.is_dir():
                raise
            raise exceptions.DownloadHTTPError(f"{url} is not there", 404) from None
        return _chunks(file)


def _chunks(file: object) -> Iterator[bytes]:
    with file as open_file:  # type: ignore[attr-defined]
        while chunk := open_file.read(_CHUNK_BYTES):
            yield chunk


class _WebFetcher(Urllib3Fetcher):
    """Tuf's own, with an end: a server that trickles bytes holds nobody for longer."""

    def __init__(self, seconds: float) -> None:
        super().__init__(socket_timeout=int(min(10, max(1, seconds))), app_user_agent="xroad_lite")
        self._seconds = seconds

    def _chunks(self, response: urllib3.response.BaseHTTPResponse) -> Iterator[bytes]:
        ends = time.monotonic() + self._seconds
        try:
            while chunk := response.read1(_CHUNK_BYTES):
                yield chunk
                if time.monotonic() > ends:
                    raise exceptions.SlowRetrievalError(f"not done after {self._seconds:g} s")
        except urllib3.exceptions.TimeoutError as error:
            raise exceptions.SlowRetrievalError(str(error)) from error
        finally:
            response.close()


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.UnsignedMetadataError, "registry.threshold"),
    (exceptions.BadVersionNumberError, "registry.rollback"),
    (exceptions.ExpiredMetadataError, "registry.frozen"),
    (exceptions.LengthOrHashMismatchError, "registry.mixed"),
    (exceptions.DownloadLengthMismatchError, "registry.endless_data"),
    (exceptions.SlowRetrievalError, "registry.slow"),
    (exceptions.RepositoryError, "registry.metadata"),
)


def refusal(error: Exception, what: str) -> RegistryError:
    """Our error for one of python-tuf's."""
    reason = getattr(error.__cause__, "reason", None)
    if isinstance(reason, urllib3.exceptions.NewConnectionError):  # python-tuf calls it slow
        return RegistryError("registry.out_of_reach", f"{what}: {reason}")
    found = (code for kind, code in _CODES if isinstance(error, kind))
    code = next(found, "registry.out_of_reach")
    cause = error.__cause__ if code in ("registry.out_of_reach", "registry.slow") else None
    return RegistryError(code, f"{what}: {cause or error}")
