"""Changes of a registry's roles: each stages the next version of one, signed by the keys at hand.

Does not publish: what is staged waits until enough keys have signed it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xroad_lite import strict_json
from xroad_lite.errors import RegistryError
from xroad_lite.registry.metadata import INDEXES, MetadataError, target_path, verify
from xroad_lite.stewardship.roles import TOP, Roles

if TYPE_CHECKING:
    from securesystemslib.signer import Key
    from tuf.api.metadata import Root, Targets

PARTIES = {"members": ("members/*", "groups/*"), "agreements": ("agreements/*",)}
"""The lead agency's own delegated roles: they grow, so they have roles, and bins, of their own."""
_DOMAIN = ("schemas/{0}/*/*", "vocabularies/{0}.ttl", "vocabularies/mappings/{0}--*")
BIN_FILES = 1000
"""How many files one metadata file should list: beyond it a role is divided into bins."""


class Staging(Roles):
    """The roles with what may be done to them."""

    def create(
        self,
        *,
        root: Sequence[Key],
        targets: Sequence[Key],
        snapshot: Sequence[Key],
        timestamp: Sequence[Key],
        threshold: int = 1,
    ) -> None:
        """The first root, and the lead agency's roles with nothing in them."""
        from tuf.api.metadata import Metadata, Root, Targets

        if self._roles or self._staged:
            raise RegistryError(
                "registry.exists", f"there is a registry at {self.folder.path} already"
            )
        first = Root(expires=self._expiry("root"), consistent_snapshot=True)
        for name, keys in zip(TOP, (root, targets, snapshot, timestamp), strict=True):
            for key in keys:
                first.add_key(key, name)
        _set_threshold(first.roles["root"], threshold)
        self._staged["root"] = Metadata(first)
        self._staged["targets"] = Metadata(Targets(expires=self._expiry("targets")))
        for name, paths in PARTIES.items():
            self.delegate(name, targets, paths)
        self._sign("root")

    def delegate(
        self, name: str, keys: Sequence[Key], paths: Sequence[str] | None = None, threshold: int = 1
    ) -> None:
        """Give paths to a role, or give a role that there is other keys."""
        from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Targets

        top: Targets = self._next("targets").signed
        if top.delegations is None:
            top.delegations = Delegations({}, {})
        roles = top.delegations.roles
        assert roles is not None
        if paths is None and name not in roles:
            raise RegistryError("registry.unknown_role", f"there is no delegated role {name}")
        known = roles.pop(name, None)
        patterns = list(known.paths or () if paths is None and known else paths or ())
        if f"{INDEXES}{name}.json" not in patterns:
            patterns.append(f"{INDEXES}{name}.json")
        role = DelegatedRole(name, [one.keyid for one in keys], 1, True, patterns)
        _set_threshold(role, threshold)
        roles[name] = role
        used = {key_id for one in roles.values() for key_id in one.keyids}
        top.delegations.keys = {
            key_id: key
            for key_id, key in {**top.delegations.keys, **{one.keyid: one for one in keys}}.items()
            if key_id in used
        }
        if name in self._roles:
            self._sign("targets")
            self._renew_if_invalid(name)
            return
        moved = {path: one for path, one in top.targets.items() if role.is_delegated_path(path)}
        for path in moved:
            del top.targets[path]
        self._staged[name] = Metadata(Targets(expires=self._expiry(name), targets=moved))
        self._sign("targets")
        self._sign(name)

    def rotate(
        self,
        name: str,
        *,
        add: Sequence[Key] = (),
        remove: Sequence[str] = (),
        threshold: int | None = None,
    ) -> None:
        """Change the keys of a role; ``remove`` are key ids, or their beginnings."""
        keyids, old = self.keys(name)
        gone = {one for one in keyids if any(one.startswith(each) for each in remove)}
        for each in remove:
            if not any(one.startswith(each) for one in keyids):
                raise RegistryError(
                    "registry.unknown_key",
                    f"{each} is no key of {name}: its keys are {', '.join(k[:16] for k in keyids)}",
                )
        signed = self._delegator(name).signed
        kept = [signed.get_key(one) for one in keyids if one not in gone]
        keys = list({one.keyid: one for one in [*kept, *add]}.values())
        threshold = old if threshold is None else threshold
        if name not in TOP:
            self.delegate(name, keys, None, threshold)
            return
        root: Root = self._next("root").signed
        for one in gone:
            root.revoke_key(one, name)
        for key in add:
            root.add_key(key, name)
        _set_threshold(root.roles[name], threshold)
        self._sign("root")
        if name == "targets":
            self.renew("targets")

    def renew(self, name: str, seconds: float | None = None) -> None:
        """Sign what a role says again, with a new end; in ``seconds`` from now, if given."""
        self._next(name, seconds)
        self._sign(name)

    def put(self, name: str, documents: Mapping[str, bytes]) -> bool:
        """Make these the documents of a role; False if they are already, and only it is renewed."""
        from tuf.api.metadata import TargetFile

        bins = self._divide(name, len(documents))
        index = strict_json.canonical({"role": name, "paths": sorted(documents)})
        parts: dict[str, dict[str, bytes]] = {one: {} for one in (name, *bins)}
        parts[name][f"{INDEXES}{name}.json"] = index
        for path, data in documents.items():
            parts[_bin(path, bins) if bins else name][path] = data
        changed = False
        for part, files in parts.items():
            listed = {
                path: TargetFile.from_data(path, data, ["sha256"]) for path, data in files.items()
            }
            differs = self.role(part).signed.targets != listed
            changed |= differs
            if differs or (self._due(part) and self._keys.holds(self._all_keys(part))):
                for path, data in files.items():
                    where = target_path(path, listed[path].hashes["sha256"])
                    self.folder.write(where, data, durable=False)
                    self._written.append(where)
                self._next(part).signed.targets = listed
                self._sign(part)
            elif part in self._staged:
                self._sign(part, afresh=False)
        return changed

    def sign(self) -> None:
        """Add the signatures of the keys at hand to everything that is staged."""
        for name in list(self._staged):
            self._sign(name, afresh=False)

    def _renew_if_invalid(self, name: str) -> None:
        """Stage a role and its bins again, if its keys have changed so that it does not hold."""
        try:
            verify(self._delegator(name).signed, name, self._roles[name])
            if not self._bins(name):
                return
        except MetadataError:
            pass
        self._next(name)
        bins = self._bins(name)
        if bins:
            self._delegate_bins(name, bins)
        for one in (name, *bins):
            self.renew(one)

    def _divide(self, name: str, files: int) -> tuple[str, ...]:
        """The bins that so many files need: 16, 256, …; never fewer than there are."""
        from tuf.api.metadata import Metadata, Targets

        bins = self._bins(name)
        count = max(1, len(bins))
        while name != "targets" and files > BIN_FILES * count:
            count *= 16
        if count == max(1, len(bins)):
            return bins
        digits = len(f"{count - 1:x}")
        bins = tuple(f"{name}-{number:0{digits}x}" for number in range(count))
        self._next(name)
        self._delegate_bins(name, bins)
        for one in bins:
            self._staged[one] = Metadata(Targets(expires=self._expiry(name)))
        return bins

    def _delegate_bins(self, name: str, bins: Iterable[str]) -> None:
        from tuf.api.metadata import DelegatedRole, Delegations

        keyids, threshold = self.keys(name)
        signed = self._delegator(name).signed
        roles = {
            one: DelegatedRole(one, keyids, threshold, True, None, [one.rpartition("-")[2]])
            for one in bins
        }
        keys = {one: signed.get_key(one) for one in keyids}
        self._staged[name].signed.delegations = Delegations(keys, roles)


def domain_paths(domain: str) -> tuple[str, ...]:
    """What the steward of a domain signs."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", domain) or domain in (*TOP, *PARTIES):
        raise RegistryError("registry.role", f"{domain!r} is no name of a domain")
    return tuple(one.format(domain) for one in _DOMAIN)


def _bin(path: str, bins: Sequence[str]) -> str:
    prefix, _, digits = bins[0].rpartition("-")
    return f"{prefix}-{hashlib.sha256(path.encode()).hexdigest()[: len(digits)]}"


def _set_threshold(role: Any, threshold: int) -> None:
    if not 1 <= threshold <= len(role.keyids):
        raise RegistryError(
            "registry.threshold",
            f"got a threshold of {threshold} with {len(role.keyids)} keys: "
            "expected at least 1, and as many keys",
        )
    role.threshold = threshold
