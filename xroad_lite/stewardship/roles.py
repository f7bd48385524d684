"""The roles of a registry, as they are published and as they are staged; keeps and signs them.

Does not say what a role holds (``staging`` does), and publishes nothing (``repository`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xroad_lite import times
from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.edition import covers
from xroad_lite.registry.folder import TIMESTAMP
from xroad_lite.registry.metadata import MAX_METADATA_BYTES, Head, parse, read_target
from xroad_lite.registry.models import Instance, Lives
from xroad_lite.stewardship.signing import RoleKeys

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata

INSTANCE = "instance.yaml"
TOP = ("root", "targets", "snapshot", "timestamp")
_ONLINE = ("root", "snapshot", "timestamp")
"""Roles that sign no documents."""
_STAGED = "staged"


class Roles:
    """The roles of one registry, for whoever holds some of its keys; ``now`` is Unix seconds."""

    def __init__(
        self,
        folder: RegistryFolder,
        keys: RoleKeys,
        *,
        now: float,
        lives: Lives | None = None,
    ) -> None:
        self.folder = folder
        self._keys = keys
        self._now = now
        self._roles: dict[str, Metadata[Any]] = {}
        self._head: Head | None = None
        self._staged: dict[str, Metadata[Any]] = {}
        self._pending: dict[str, str] = {}
        self._written: list[str] = []
        self._read_published()
        self._read_staged()
        self.lives = lives or self._declared_lives()
        """How long what is signed holds; as the published instance.yaml says, unless given."""

    def role(self, name: str) -> Metadata[Any]:
        """A role as it is staged, or else as it is published."""
        found = self._staged.get(name) or self._roles.get(name)
        if found is None:
            raise RegistryError(
                "registry.unknown_role",
                f"there is no role {name}: there are {', '.join(sorted(self.names()))}",
            )
        return found

    def names(self) -> set[str]:
        """All roles, without bins."""
        return {*TOP, *self._delegated()} & (self._roles.keys() | self._staged.keys())

    def keys(self, name: str) -> tuple[list[str], int]:
        """Key ids and threshold of a role, as its delegator says now."""
        role = self._delegator(name).signed.get_delegated_role(name)
        return list(role.keyids), role.threshold

    def paths(self, name: str) -> tuple[str, ...]:
        """The patterns of a delegated role."""
        return self._delegated().get(name, ())

    def owner(self, path: str) -> str:
        """Which role signs the document of a path."""
        roles = self._delegated().items()
        return next((name for name, paths in roles if covers(paths, path)), "targets")

    def shares(self, documents: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
        """The documents by the role that signs them; a role may have none."""
        found: dict[str, dict[str, bytes]] = {name: {} for name in self.names() - set(_ONLINE)}
        for path, data in documents.items():
            found[self.owner(path)][path] = data
        return found

    def published(self, name: str) -> Any:
        """The signed part of a role as it is published; None before."""
        found = self._roles.get(name)
        return None if found is None else found.signed

    @property
    def staged(self) -> tuple[str, ...]:
        """Roles whose next version is not published yet."""
        return tuple(self._staged)

    def life(self, name: str) -> float:
        """For how many seconds what is signed of a role holds, as instance.yaml declares."""
        declared = self.lives.model_dump()
        return times.duration(declared.get(name, self.lives.roles))

    def save(self) -> None:
        """Keep what is staged, for the next who signs."""
        present = {one.stem for one in (self.folder.path / _STAGED).glob("*.json")}
        for name, one in self._staged.items():
            self.folder.write(f"{_STAGED}/{name}.json", one.to_bytes())
        for name in present - self._staged.keys():
            (self.folder.path / _STAGED / f"{name}.json").unlink()

    def _read_published(self) -> None:
        from tuf.api.metadata import Root, Targets, Timestamp

        try:
            data = self.folder.read(TIMESTAMP, MAX_METADATA_BYTES)
        except RegistryError as error:
            if error.code != "registry.out_of_reach":
                raise
            return
        self._roles["timestamp"] = parse(Timestamp, data, "timestamp")
        self._roles["root"] = parse(Root, self.folder.roots.newest()[0], "root")
        self._head = self.folder.head()
        self._roles["snapshot"] = self._head.metadata
        for file in self._head.metadata.signed.meta:
            name = file.removesuffix(".json")
            if name != "root":
                self._roles[name] = parse(Targets, self._head.get(name, self.folder.read), name)

    def _read_staged(self) -> None:
        from tuf.api.metadata import Root, Targets

        for file in sorted((self.folder.path / _STAGED).glob("*.json")):
            kind = Root if file.stem == "root" else Targets
            self._staged[file.stem] = parse(kind, file.read_bytes(), file.stem)

    def _delegated(self) -> dict[str, tuple[str, ...]]:
        top = self._staged.get("targets") or self._roles.get("targets")
        if top is None or top.signed.delegations is None:
            return {}
        return {name: tuple(one.paths or ()) for name, one in top.signed.delegations.roles.items()}

    def _delegator(self, name: str) -> Metadata[Any]:
        return self.role(self._delegator_name(name))

    def _delegator_name(self, name: str) -> str:
        if name in TOP:
            return "root"
        return "targets" if name in self._delegated() else name.rpartition("-")[0]

    def _bins(self, name: str) -> tuple[str, ...]:
        delegations = self.role(name).signed.delegations
        return tuple(delegations.roles) if delegations is not None and name != "targets" else ()

    def _expiry(self, name: str, seconds: float | None = None) -> datetime:
        life = self.life(name)
        return datetime.fromtimestamp(self._now + (life if seconds is None else seconds), UTC)

    def _due(self, name: str) -> bool:
        """Whether less than half of its life is left of what is published."""
        found = self._roles.get(name)
        ends = self._now + self.life(name) / 2
        return found is not None and found.signed.expires.timestamp() < ends

    def _declared_lives(self) -> Lives:
        """As the published instance.yaml says."""
        top = self._roles.get("targets")
        found = top.signed.targets.get(INSTANCE) if top is not None else None
        if found is None:
            return Lives()
        data = read_target(found, self.folder.read)
        return read_document(Instance, INSTANCE, data).lives

    def _next(self, name: str, seconds: float | None = None) -> Metadata[Any]:
        """The next version of a role, staged to be changed; what had signed it is gone."""
        from tuf.api.metadata import Metadata

        if name not in self._staged:
            copied: Metadata[Any] = Metadata.from_bytes(self.role(name).to_bytes())
            copied.signed.version += 1
            self._staged[name] = copied
        found = self._staged[name]
        found.signed.expires = self._expiry(name, seconds)
        found.signatures.clear()
        return found

    def _sign(self, name: str, *, afresh: bool = True) -> None:
        found = self._staged[name]
        if afresh:
            found.signatures.clear()
        self._keys.sign(found, self._all_keys(name))

    def _all_keys(self, name: str) -> list[str]:
        """Who may sign a role: by what its delegator says now, and by what it will say."""
        delegator = self._delegator_name(name)
        found: dict[str, None] = {}
        for one in (self._staged.get(delegator), self._roles.get(delegator)):
            try:
                found |= dict.fromkeys(one.signed.get_delegated_role(name).keyids) if one else {}
            except ValueError:
                continue  # not delegated yet
        return list(found)
