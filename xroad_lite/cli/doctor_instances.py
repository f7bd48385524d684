"""What ``xroad-lite doctor`` says of the registries of trusted instances; a line for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xroad_lite import times
from xroad_lite.errors import XRoadError

if TYPE_CHECKING:
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot

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


def _look(settings: Settings, snapshot: Snapshot, name: str, now: float) -> tuple[str, str]:
    from xroad_lite.node.registries import trusted_client

    one = snapshot.trusted[name]
    client = trusted_client(settings, one, snapshot.file(one.root))
    kept, problem = client.kept(), ""
    try:
        state = client.look(now, kept)
    except XRoadError as error:
        if kept is None:
            raise
        state, problem = kept, f"; {error.message}"
    edition, instance = state.snapshot.edition, state.snapshot.instance
    if (instance.instance, instance.base) != (one.instance, one.base):
        return "missing", f"it says that it is {instance.instance}, {instance.base}"
    left, grace = state.fresh_until - now, times.duration(instance.grace)
    lapsed = "".join(f"; {role}" for role in edition.roles if now > role.expires)
    until = "good until" if left > 0 else "expired at"
    good = left > 0 and not problem and not lapsed
    return (
        "good" if good else "optional" if left > -grace else "missing",
        f"snapshot {edition.version} under root {edition.root}, {until} "
        f"{times.to_text(state.fresh_until)}{lapsed}{problem}",
    )
