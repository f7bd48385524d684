"""Publishes a registry's source directory as the next snapshot, if the cross-checks hold.

Does not sign: that comes with the registry's own issue.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder, Snapshot, read_source
from xroad_lite.stewardship.checking import check_registry

_EXPIRES_SECONDS = 365 * 86_400.0
_BUNDLED = ("schemas", "vocabularies")


def publish(
    source: Path, folder: Path, *, now: float, expires_in: float = _EXPIRES_SECONDS
) -> Snapshot:
    """Check the directory ``source`` and publish it in ``folder``; gives the new snapshot.

    ``RegistryError`` names the first fault and says how many there are. ``expires_in`` is seconds.
    """
    documents = read_source(source)
    findings = [one for one in check_registry(documents, now=now) if one.is_wrong]
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise RegistryError(
            "registry.faulty",
            f"{findings[0]}{more}",
            hint=f"see all with: xroad-lite registry check {source}",
        )
    return RegistryFolder(folder).publish(documents, published=now, expires=now + expires_in)


def bundled_root() -> Path:
    """The folder with the schemas and vocabularies that come with this package."""
    root = Path(str(files("xroad_lite") / "data"))
    return root if root.is_dir() else Path(__file__).parents[2]  # a checkout keeps them at the top


def bundled_files() -> dict[str, bytes]:
    """The schemas and vocabularies that come with this package, by path in a registry."""
    root = bundled_root()
    found: dict[str, bytes] = {}
    for name in _BUNDLED:
        _collect(root / name, name, found)
    return found


def _collect(folder: Traversable | Path, prefix: str, found: dict[str, bytes]) -> None:
    for child in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{prefix}/{child.name}"
        if child.is_dir():
            _collect(child, path, found)
        elif child.name.endswith((".json", ".avsc", ".yaml", ".ttl", ".tsv")):
            found[path] = child.read_bytes()
