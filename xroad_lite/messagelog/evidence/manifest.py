"""The list of a bundle's files, and the log's word that it made it; does not read the files.

``manifest.json`` names every file but itself and ``manifest.note``, which is a signed note of the
log's own key (C2SP) over the SHA-256 of ``manifest.json``. The note's second line is no number, so
that it can never be taken for a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import LogError
from xroad_lite.messagelog import notes
from xroad_lite.messagelog.notes import Note, Signer, Verifier

FORMAT = "xroad-lite-evidence"
VERSION = 1
PATH, NOTE = "manifest.json", "manifest.note"
_FIRST_LINE = f"{FORMAT} manifest v{VERSION}"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a bundle: its path, length in bytes, SHA-256 (hex), and what it is."""

    path: str
    length: int
    sha256: str
    what: str

    @classmethod
    def of(cls, path: str, data: bytes, what: str) -> File:
        """Of the bytes that are written."""
        return cls(path, len(data), hashlib.sha256(data).hexdigest(), what)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself."""

    log: str
    """The origin of the log: its name in checkpoints."""
    size: int
    """Of the tree that the bundle's checkpoint is over."""
    entries: tuple[int, ...] | None
    """The chosen entries; None when all of them are there."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """How they were chosen, as it was asked for."""
    files: tuple[File, ...] = ()

    def to_json(self) -> bytes:
        """The bytes of ``manifest.json``: sorted, one file a line, the same every time."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "log": self.log,
            "size": self.size,
            "entries": None if self.entries is None else list(self.entries),
            "chosen": self.chosen,
        }
        text = json.dumps(head, ensure_ascii=False, sort_keys=True)[:-1]
        lines = ",\n".join(
            json.dumps({"path": one.path, "length": one.length, "sha256": one.sha256,
                        "what": one.what}, ensure_ascii=False)
            for one in sorted(self.files, key=lambda one: one.path)
        )  # fmt: skip
        return f'{text}, "files": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """From the bytes of ``manifest.json``; ``LogError`` if they are none."""
        try:
            found = strict_json.loads(data)
            if (found["format"], found["version"]) != (FORMAT, VERSION):
                raise LogError(
                    "log.manifest",
                    f"{PATH} is of {found['format']!r:.40} version {found['version']!r:.20}: "
                    f"expected {FORMAT} version {VERSION}",
                )
            made = cls(
                _a(str, found["log"]),
                _a(int, found["size"]),
                _entries(found["entries"]),
                _a(dict, found["chosen"]),
                tuple(_file(one) for one in _a(list, found["files"])),
            )
        except (strict_json.StrictJSONError, KeyError, TypeError) as error:
            raise LogError("log.manifest", f"{PATH} is no manifest: {error!s:.120}") from None
        if made.to_json() != data:
            raise LogError("log.manifest", f"{PATH} is not written as a manifest is")
        return made

    def sign(self, signer: Signer) -> Note:
        """The log's word for it: the text of ``manifest.note``."""
        return notes.sign(_text(self.log, self.to_json()), signer)


def verify(note: bytes, manifest: bytes, log: Verifier) -> None:
    """Raise ``LogError`` unless the log's key signed these bytes of ``manifest.json``."""
    found = notes.read(note)
    found.verify(log)
    if found.text != _text(log.name, manifest):
        raise LogError("log.manifest", f"{NOTE} is over another {PATH}")


def _text(log: str, manifest: bytes) -> str:
    return f"{_FIRST_LINE}\n{log}\n{hashlib.sha256(manifest).hexdigest()}\n"


def _file(found: Any) -> File:
    return File(
        _a(str, found["path"]),
        _a(int, found["length"]),
        _a(str, found["sha256"]),
        _a(str, found["what"]),
    )


def _entries(found: Any) -> tuple[int, ...] | None:
    return None if found is None else tuple(_a(int, one) for one in _a(list, found))


def _a(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"got {value!r:.60}: expected {kind.__name__}")
    return value
