"""The steward behind the HTTP server: changes its source directory, and publishes it at once.

What cannot be published leaves the directory as it was. Does not ask who is allowed to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.identifiers import MessageType
from xroad_lite.registry import Snapshot
from xroad_lite.stewardship.confluent import Catalogue
from xroad_lite.stewardship.confluent.submitted import Submitted
from xroad_lite.stewardship.schema_sources import SchemaSource
from xroad_lite.stewardship.schemas import register_version, set_mode, set_status

_EXPECTED = 10_000


class Writer:
    """One change at a time; see ``confluent.Steward``."""

    def __init__(
        self,
        source: Path,
        publish: Callable[[], Snapshot],
        adopt: Callable[[Snapshot], Catalogue],
        *,
        owner: str = "",
    ) -> None:
        """``owner`` is the member that new subjects belong to; else whoever owns their domain."""
        self._source = source
        self._publish = publish
        self._adopt = adopt
        self._owner = owner
        self._lock = threading.Lock()
        self._expected: dict[str, str] = {}
        """Modes of subjects to come, set by clients that set the mode first."""

    def register(self, type_: str, schema: Submitted) -> Catalogue:
        """Register a document as the next version of a type."""

        def change() -> None:
            register_version(
                self._source,
                type_,
                schema.written,
                schema.kind,
                owner=self._owner or self._owner_of_domain(type_),
                title=self._title(type_, schema.written),
                mode=self._expected.get(type_, ""),
                references=schema.references,
            )

        catalogue = self._changed(type_, change)
        self._expected.pop(type_, None)
        return catalogue

    def expect_mode(self, type_: str, mode: str | None) -> None:
        """Remember the mode of a subject whose first version is still to come."""
        if mode is None:
            self._expected.pop(type_, None)
        elif len(self._expected) < _EXPECTED:
            self._expected[type_] = mode

    def expected_mode(self, type_: str) -> str | None:
        """The mode that is remembered for it."""
        return self._expected.get(type_)

    def retire(self, type_: str, versions: list[int]) -> Catalogue:
        """End the life of versions, by way of being deprecated."""

        def change() -> None:
            for version in versions:
                if SchemaSource(self._source).version(type_, version).status == "active":
                    set_status(self._source, type_, version, "deprecated")
                set_status(self._source, type_, version, "retired")

        return self._changed(type_, change)

    def evolve(self, type_: str, mode: str | None) -> Catalogue:
        """Give a subject another mode of compatibility, or none of its own."""
        return self._changed(type_, lambda: set_mode(self._source, type_, mode))

    def _changed(self, type_: str, change: Callable[[], None]) -> Catalogue:
        folder = self._source / "schemas" / MessageType.parse(type_).subject
        with self._lock:
            before = _files(folder)
            try:
                change()
                return self._adopt(self._publish())
            except BaseException:
                _restore(folder, before)
                raise

    def _owner_of_domain(self, type_: str) -> str:
        """Who owns all other subjects of a new type's domain; a subject keeps the owner it has."""
        schemas = SchemaSource(self._source)
        if schemas.subject(type_) is not None:
            return ""
        domain = MessageType.parse(type_).domain
        others = [one for one in schemas.types() if MessageType.parse(one).domain == domain]
        owners = {schemas.known(one).owner for one in others}
        if len(owners) != 1:
            raise SchemaError(
                "schema.unknown_owner",
                f"{type_} is new, and it is not clear who owns it: the subjects of {domain} belong "
                f"to {', '.join(sorted(owners)) or 'nobody yet'}",
                hint="start the server with --owner, or register its first version by hand",
            )
        return owners.pop()

    def _title(self, type_: str, document: Any) -> dict[str, str]:
        """A new subject's title, as its document says it, in the instance's first language."""
        instance = SchemaSource(self._source).instance
        language = next(iter(instance.title), "en") if instance else "en"
        said = document if isinstance(document, dict) else {}
        title = said.get("title") or said.get("doc") or MessageType.parse(type_).name
        return {language: str(title)[:200]}


def _files(folder: Path) -> dict[Path, bytes]:
    if not folder.is_dir():
        return {}
    return {one: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def _restore(folder: Path, before: dict[Path, bytes]) -> None:
    for path, data in _files(folder).items():
        if path not in before:
            path.unlink()
        elif before[path] != data:
            path.write_bytes(before[path])
    if not before and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
