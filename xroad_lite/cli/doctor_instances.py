"""What ``xroad-lite doctor`` says of a node's registry, and of those of trusted instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xroad_lite import times
from xroad_lite.errors import XRoadError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import RegistryClient, Snapshot

_REPAIR = "bring it within reach, or ask its lead agency; only its own members' messages wait"


def trusted_instances(
    settings: Settings, snapshot: Snapshot, now: float
) -> Iterator[tuple[str, str, str, str]]:
    """What, state, what was found and how to repair it, of each trusted instance."""
    for name in sorted(snapshot.trusted):
        try:
            state, found = _look(settings, snapshot, name, now)
        except XRoadError as error:
            state, found = "missing", error.message
        yield f"registry of {name}", state, found, "" if state == "good" else _REPAIR


def looked(client: RegistryClient, now: float) -> tuple[Snapshot, str, str]:
    """The newest snapshot within reach or kept, its state for a row, and what to say of it.

    ``RegistryError`` when there is neither.
    """
    kept, problem = client.kept(), ""
    try:
        state = client.look(now, kept)
    except XRoadError as error:
        if kept is None:
            raise
        state, problem = kept, f"; {error.message}"
    edition, grace = state.snapshot.edition, times.duration(state.snapshot.instance.grace)
    left = state.fresh_until - now
    lapsed = "".join(f"; {role}" for role in edition.roles if now > role.expires)
    until = f"good until {times.to_text(state.fresh_until)}"
    if left <= 0:
        until = f"expired at {times.to_text(state.fresh_until)}"
        if left > -grace:
            until += f", in grace until {times.to_text(state.fresh_until + grace)}"
    good = left > 0 and not problem and not lapsed
    return (
        state.snapshot,
        "good" if good else "optional" if left > -grace else "missing",
        f"snapshot {edition.version} under root {edition.root}, {until}{lapsed}{problem}",
    )


def _look(settings: Settings, snapshot: Snapshot, name: str, now: float) -> tuple[str, str]:
    from xroad_lite.node.registries import trusted_client

    one = snapshot.trusted[name]
    found, state, said = looked(trusted_client(settings, one, snapshot.file(one.root)), now)
    if (found.instance.instance, found.instance.base) != (one.instance, one.base):
        return "missing", f"it says that it is {found.instance.instance}, {found.instance.base}"
    return state, said
