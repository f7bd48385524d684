"""Renews a log's time stamps while they can still be believed; an operator's step, or a yearly job.

Does not run a node, but adopts the newest registry as one that starts: an audit believes only the
authorities of snapshots that the log adopted. Two stamps are made: the first goes with the lists of
revocations of today, the second proves that first stamp, lists and all that was before existed
while the authorities' certificates, and today's algorithms, were good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.stamps import Kept
from xroad_lite.node.evidence import Evidence
from xroad_lite.node.lock import take_lock
from xroad_lite.node.registry_view import RegistryView
from xroad_lite.node.settings import Settings

_REGISTRY_SECONDS = 30.0


def restamp_log(
    settings: Settings,
    clock: Callable[[], float],
    lists: Mapping[str, bytes],
    talk: Callable[[str], object] = lambda _: None,
) -> tuple[Kept, Kept]:
    """Both stamps. ``lists`` are more lists of revocations to archive, by where they come from.

    ``LogError`` while the node runs or without a log key; ``TimestampError`` when nobody stamps.
    """
    log = settings.path(settings.log)
    if not log.is_file():
        raise LogError("log.missing", f"there is no log at {log}", hint="start the node once")
    with ExitStack() as undo:
        undo.enter_context(take_lock(log))
        evidence = Evidence(settings, talk)
        undo.callback(evidence.abandon)
        store = undo.enter_context(closing(Store(log)))
        evidence.begin(store, clock())
        if evidence.stamps is None:
            raise LogError(
                "log.no_key",
                "there is no key that could sign for this log",
                hint="make one with: xroad-lite keys new --use log",
            )
        registry = RegistryView(settings.registry_client(), store, clock())
        registry.settle(_REGISTRY_SECONDS)
        evidence.stamps.follow(registry.current)
        first = evidence.stamps.stamp_now(clock(), lists)
        second = evidence.stamps.stamp_now(clock(), {})
        evidence.close(clock())
        return first, second
