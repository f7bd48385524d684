"""Whether one snapshot may follow another: what was published never changes; adopts nothing."""

from __future__ import annotations

import re

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Subject
from xroad_lite.registry.schemas import SUBJECT
from xroad_lite.registry.snapshot import Snapshot

_SCHEMA = re.compile(r"schemas/[^/]+/[^/]+/\d+\.(json|avsc)")


def check_succeeds(later: Snapshot, earlier: Snapshot) -> None:
    """Refuse to follow ``earlier`` if a version falls or a published schema has changed.

    Under a new root a version may fall: then a stolen key may have raised it.
    """
    now, before = later.edition, earlier.edition
    if now.version <= before.version and now.root <= before.root:
        raise RegistryError(
            "registry.rollback", f"got snapshot {now.version} after {before.version}"
        )
    files = later.files
    for path, data in earlier.files.items():
        if files.get(path, data) == data:
            continue
        if _SCHEMA.fullmatch(path):
            raise RegistryError(
                "registry.schema_changed",
                f"{path} was published with another content: a version never changes",
                hint="publish the change as a new version",
            )
        if SUBJECT.fullmatch(path):
            _check_references(later, earlier, path)


def _check_references(later: Snapshot, earlier: Snapshot, path: str) -> None:
    subject = read_document(Subject, path, later.file(path))
    for number, before in earlier.subjects[subject.type].versions.items():
        now = subject.versions.get(number)
        if now is not None and before.status != "draft" and now.references != before.references:
            raise RegistryError(
                "registry.schema_changed",
                f"{path}: version {number} was published with other references",
                hint="publish the change as a new version",
            )
