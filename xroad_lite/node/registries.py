"""The registries that a node follows: its own, and one of each instance that its own trusts.

Does not decide what a registry may say of whom: check 2 does. Each other registry has its own
root, mirror and line in the log. One that is trusted no more is not looked at again, but what was
accepted from there is still read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from xroad_lite.errors import XRoadError
from xroad_lite.exchange import Judgement
from xroad_lite.messagelog import Store
from xroad_lite.node.registry_view import RegistryView
from xroad_lite.node.settings import Settings
from xroad_lite.registry import KnownSnapshots, Party, RegistryClient, RegistryFolder, Snapshot
from xroad_lite.registry.trusted import TrustedInstance, instance_of

_LOOK_AGAIN_SECONDS = 1.0
_REMOTE_SECONDS = 60.0
"""How often another instance's registry is looked at over the web."""
_ROOT = "root.json"
"""In a mirror, the root from which another instance's registry was believed."""


class Registries:
    """The node's own registry, of which all is asked that is not said to be another's."""

    def __init__(self, settings: Settings, store: Store, now: float) -> None:
        self._settings = settings
        self._store = store
        self._own = RegistryView(settings.registry_client(), store, now)
        self._views: dict[str, RegistryView] = {}
        """By folder of the mirror; of former trust too."""
        self._trusted: dict[str, RegistryView] = {}
        self._problems: dict[str, str] = {}
        """Of trusted instances whose registry cannot even be looked for."""
        self._followed: Snapshot | None = None
        self._follow(now)

    @property
    def known(self) -> KnownSnapshots:
        """What is known of the node's own registry."""
        return self._own.known

    @property
    def current(self) -> Snapshot:
        """The newest snapshot of the node's own registry."""
        return self._own.current

    @property
    def trusted(self) -> dict[str, KnownSnapshots]:
        """What is known of the registries of trusted instances, as far as anything is."""
        return {name: one.known for name, one in self._trusted.items() if one.ready}

    @property
    def trusted_now(self) -> dict[str, Snapshot]:
        """The newest snapshots of trusted instances, as far as they are known."""
        return {name: one.current for name, one in self.trusted.items()}

    @property
    def awaited(self) -> list[str]:
        """The trusted instances of whose registry nothing is known yet."""
        return [name for name in self.current.trusted if name not in self.trusted]

    def party(self, subsystem: str) -> Party | None:
        """A registered subsystem of this instance, or of one that is trusted and known."""
        view = self._view_of(subsystem)
        return view.current.party(subsystem) if view is not None and view.ready else None

    def refresh(self, now: float) -> None:
        """Look at the own registry, then at those that it trusts now; see ``RegistryView``."""
        self._own.refresh(now)
        self._follow(now)
        for view in self._trusted.values():
            if not view.remote or not view.asked <= now < view.asked + _REMOTE_SECONDS:
                view.refresh(now)

    def collect(self, now: float) -> None:
        """Take in what visits to registries brought that have come back."""
        if self._own.collect():
            self._follow(now)
        for view in self._trusted.values():
            view.collect()

    def learn(self, found: Judgement, now: float) -> bool:
        """Look for what a judgement lacks; True when it may be decided now."""
        if found.missing is not None:
            view = self._view_of(found.attributes.source)
            return view is not None and view.fetch(found.missing, now)
        if found.behind and not self._own.asked <= now < self._own.asked + _LOOK_AGAIN_SECONDS:
            self.refresh(now)
            return True
        return False

    def reading(self, source: str, name: str, now: float) -> Mapping[str, KnownSnapshots] | None:
        """What is known by instance, the snapshot by which an accepted message is read included.

        None when it cannot be had: the trust may have ended since it was accepted.
        """
        instance = instance_of(source)
        view = self._view_of(source)
        if view is not None and view.ready and view.known.get(name) is None:
            view.fetch(name, now)
        if view is not None and view.ready and view.known.get(name) is not None:
            return self.trusted
        found = self._from_mirrors(instance, name)
        return None if found is None else self.trusted | {instance: KnownSnapshots(found)}

    def status(self, now: float) -> dict[str, Any]:
        """What people and monitoring want to know of them."""
        found = self._own.status(now)
        if not self.current.trusted:
            return found
        return found | {
            "trusted": {
                name: {"registry": None, "registry_problem": self._problem(name)}
                if (view := self._trusted.get(name)) is None or not view.ready
                else view.status(now)
                for name in sorted(self.current.trusted)
            }
        }

    def complaint(self, now: float) -> str | None:
        """One line for people when something of them does not hold; None when all is well."""
        said = [self._own.complaint(now)]
        for name in sorted(self.current.trusted):
            view = self._trusted.get(name)
            problem = view.complaint(now) if view and view.ready else self._problem(name)
            said.append(problem and f"instance {name}: {problem}")
        return "; ".join(filter(None, said)) or None

    def _problem(self, name: str) -> str | None:
        view = self._trusted.get(name)
        return self._problems.get(name) or (view.problem if view else None) or "not fetched yet"

    def _view_of(self, source: str) -> RegistryView | None:
        instance = instance_of(source)
        own = self.current.instance.instance
        return self._own if instance == own else self._trusted.get(instance)

    def _follow(self, now: float) -> None:
        """Follow whom the newest snapshot trusts, and nobody else."""
        snapshot = self.current
        if snapshot is self._followed:
            return
        self._followed, self._problems = snapshot, {}
        trusted: dict[str, RegistryView] = {}
        for name, one in snapshot.trusted.items():
            try:
                trusted[name] = self._view(one, snapshot.file(one.root), now)
            except XRoadError as error:
                self._problems[name] = str(error)
        self._trusted = trusted

    def _view(self, one: TrustedInstance, root: bytes, now: float) -> RegistryView:
        client = trusted_client(self._settings, one, root)
        key = f"{client.mirror.path} {one.registry} {one.base}"
        if key not in self._views:
            client.mirror.write(_ROOT, root)
            self._views[key] = RegistryView(client, self._store, now, one)
        return self._views[key]

    def _from_mirrors(self, instance: str, name: str) -> Snapshot | None:
        """An earlier snapshot of an instance that is trusted no more."""
        for path in _mirrors(self._settings).glob(f"{quote(instance, safe='')}-*"):
            try:
                folder = RegistryFolder(path, (path / _ROOT).read_bytes())
                return folder.load(folder.head(name))
            except (XRoadError, OSError):
                continue
        return None


def trusted_client(settings: Settings, one: TrustedInstance, root: bytes) -> RegistryClient:
    """The way to the registry of a trusted instance, believed from ``root`` on."""
    return RegistryClient(
        settings.instances.get(one.instance, one.registry),
        trusted_mirror(settings, one.instance, root),
        root,
        base=settings.folder,
        most=settings.instance_bytes,
    )


def trusted_mirror(settings: Settings, instance: str, root: bytes) -> Path:
    """The folder that keeps what was adopted of another instance's registry, under one root."""
    digest = hashlib.sha256(root).hexdigest()[:16]
    return _mirrors(settings) / f"{quote(instance, safe='')}-{digest}"


def mirrors(settings: Settings) -> Callable[[str, bytes], RegistryFolder]:
    """What was kept of another instance's registry, by its name and root: for a replay."""

    def mirror(instance: str, root: bytes) -> RegistryFolder:
        return RegistryFolder(trusted_mirror(settings, instance, root), root)

    return mirror


def _mirrors(settings: Settings) -> Path:
    mirror = settings.path(settings.mirror)
    return mirror.with_name(f"{mirror.name}-trusted")
