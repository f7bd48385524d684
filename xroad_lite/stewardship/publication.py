"""Publishes a registry's source directory, or one steward's part of it, if the cross-checks hold.

Does not know how roles are signed: ``repository`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder, Snapshot, read_source
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Instance, Lives
from xroad_lite.stewardship.checking import check_registry
from xroad_lite.stewardship.publishing_lock import publishing
from xroad_lite.stewardship.repository import Outcome, Repository
from xroad_lite.stewardship.roles import INSTANCE
from xroad_lite.stewardship.signing import RoleKeys
from xroad_lite.stewardship.staging import domain_paths

if TYPE_CHECKING:
    from securesystemslib.signer import Key

_BUNDLED = ("schemas", "vocabularies")


def publish(
    source: Path,
    folder: Path,
    keys: RoleKeys,
    *,
    now: float,
    role: str | None = None,
    lives: Lives | None = None,
    afresh: bool = False,
) -> Outcome:
    """Check the directory ``source`` and publish what changed in it, or in one role's part of it.

    ``RegistryError`` names the first fault and says how many there are, or the role that changed
    and that no key at hand may sign (``registry.no_key``).
    """
    with publishing(folder):
        documents = read_source(source)
        repository = Repository(RegistryFolder(folder), keys, now=now, lives=lives)
        if role is not None:
            documents = _with_others(repository, role, documents)
        _check(documents, source, now)
        if lives is None:  # a change of them counts from now on
            repository.lives = read_document(Instance, INSTANCE, documents[INSTANCE]).lives
        for name, own in sorted(repository.shares(documents).items()):
            if role in (None, name):
                _put(repository, name, own, keys)
        return repository.commit(afresh=afresh)


def publish_whole(source: Path, folder: Path, keys: RoleKeys, *, now: float) -> Snapshot:
    """As ``publish``, by whoever has every key that it takes; gives the newest snapshot.

    ``RegistryError`` ``registry.no_key`` when something still waits for a signature.
    """
    outcome = publish(source, folder, keys, now=now)
    if outcome.staged:
        waiting = ", ".join(outcome.staged)
        raise RegistryError("registry.no_key", f"not every key is here: {waiting} must be signed")
    return outcome.snapshot or RegistryFolder(folder).newest()


def refresh(folder: Path, keys: RoleKeys, *, now: float) -> Outcome:
    """Sign what is staged with the keys at hand, publish what is complete, and stamp the time."""
    with publishing(folder):
        repository = Repository(RegistryFolder(folder), keys, now=now)
        repository.sign()
        documents = repository.would_be() if repository.staged else {}
        if documents:  # a registry that was just made has none
            _check(documents, folder, now)
        return repository.commit()


def delegate_domain(
    folder: Path, domain: str, public: Sequence[Key], keys: RoleKeys, threshold: int, *, now: float
) -> Outcome:
    """Give a domain to whoever holds these keys, and take it from whoever held it before.

    What lies under its paths moves from the lead agency's role to the new one as soon as the
    steward has signed it.
    """
    with publishing(folder):
        repository = Repository(RegistryFolder(folder), keys, now=now)
        repository.delegate(domain, public, domain_paths(domain), threshold)
        return repository.commit()


def rotate_keys(
    folder: Path,
    role: str,
    keys: RoleKeys,
    *,
    now: float,
    add: Sequence[Key] = (),
    remove: Sequence[str] = (),
    threshold: int | None = None,
) -> Outcome:
    """Change the keys of a role; see ``Repository.rotate``."""
    with publishing(folder):
        repository = Repository(RegistryFolder(folder), keys, now=now)
        repository.rotate(role, add=add, remove=remove, threshold=threshold)
        return repository.commit()


def _with_others(
    repository: Repository, role: str, documents: Mapping[str, bytes]
) -> dict[str, bytes]:
    """One role's documents as the source has them, all others as they are published."""
    repository.role(role)
    others = repository.would_be()
    kept = {path: data for path, data in others.items() if repository.owner(path) != role}
    return kept | repository.shares(documents)[role]


def _put(repository: Repository, name: str, documents: Mapping[str, bytes], keys: RoleKeys) -> None:
    if repository.put(name, documents) and not keys.holds(repository.keys(name)[0]):
        raise RegistryError(
            "registry.no_key",
            f"the documents of the role {name} changed, and none of its keys is here",
            hint=f"its steward publishes with: xroad-lite registry publish … --role {name}",
        )


def _check(documents: Mapping[str, bytes], source: Path, now: float) -> None:
    findings = [one for one in check_registry(documents, now=now) if one.is_wrong]
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise RegistryError(
            "registry.faulty",
            f"{findings[0]}{more}",
            hint=f"see all with: xroad-lite registry check {source}",
        )


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
