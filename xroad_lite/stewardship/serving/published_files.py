"""One file of a published registry, read so that no path leads out of its folder.

Names that begin with a dot and symbolic links are not there. Does not list folders.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TYPES = {
    ".json": "application/json",
    ".avsc": "application/json",
    ".yaml": "application/yaml",
    ".ttl": "text/turtle; charset=utf-8",
    ".rdf": "application/rdf+xml",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".pem": "application/pem-certificate-chain",
    ".der": "application/octet-stream",
}
_CONTENT_ADDRESSED = re.compile(r"[0-9a-f]{64}(\..+)?")
_VERSIONED = re.compile(r"[1-9][0-9]*\.[^/]+\.json")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """What a file holds, of which type it is, and whether its name can ever mean something else."""

    data: bytes
    content_type: str
    etag: str
    is_immutable: bool


def read_file(root: Path, path: Sequence[str]) -> PublishedFile | None:
    """The regular file below ``root`` at these segments; None where there is none."""
    if not path or any(not one or one.startswith(".") or "/" in one or "\0" in one for one in path):
        return None
    try:
        data = _read(root, path)
    except OSError:
        return None
    if data is None:
        return None
    name = path[-1]
    ending = os.path.splitext(name)[1]  # noqa: PTH122  a name, no path
    kept = _CONTENT_ADDRESSED.fullmatch(name) or _VERSIONED.fullmatch(name)
    return PublishedFile(
        data,
        _TYPES.get(ending, "application/octet-stream"),
        f'"{hashlib.sha256(data).hexdigest()}"',
        kept is not None,
    )


def _read(root: Path, path: Sequence[str]) -> bytes | None:
    """Step by step, each from the folder before it, so that nothing can be swapped on the way."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for segment in path[:-1]:
            below = os.open(segment, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        file = os.open(path[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as opened:
        return opened.read() if stat.S_ISREG(os.fstat(file).st_mode) else None
