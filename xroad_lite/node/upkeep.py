"""What a running node does now and then beside its messages: look, say, erase; moves no message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xroad_lite import strict_json, times
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.retention import Retention
from xroad_lite.node.keys_in_use import KeysInUse
from xroad_lite.node.receiving import Receiver
from xroad_lite.node.registered import Registered
from xroad_lite.node.registries import Registries
from xroad_lite.node.sending import Sender
from xroad_lite.node.usage import names_of

STATUS = "status"
"""Under which name the store keeps what the running node last said of itself."""
_PURGE_SECONDS = 60.0
_STATUS_SECONDS = 5.0
_DAY = 86_400.0


class Upkeep:
    """Each kind of work at its own pace, by the node's clock, which may be set back."""

    def __init__(
        self,
        store: Store,
        registry: Registries,
        me: Registered,
        keys: KeysInUse,
        sender: Sender,
        receiver: Receiver,
        *,
        refresh_seconds: float,
        now: float,
        choose_log_key: Callable[[], None],
        live: Callable[[float], dict[str, Any]],
        talk: Callable[[str], object],
    ) -> None:
        """``live`` is what only the running process knows, at a Unix time."""
        self._store = store
        self._registry = registry
        self._me = me
        self._keys = keys
        self._sender = sender
        self._receiver = receiver
        self._refresh_seconds = refresh_seconds
        self._choose_log_key = choose_log_key
        self._live = live
        self._talk = talk
        self._refreshed = self._purged = now
        self._said = 0.0
        self._complaint: str | None = None

    def pump(self, now: float) -> None:
        """Do what is due at Unix time ``now``."""
        if now - self._refreshed >= self._refresh_seconds or now < self._refreshed:
            self._refreshed = now
            self._refresh(now)
            self._sender.signer = self._keys.renewed(self._sender.signer, self._me, now)
            self._choose_log_key()
        else:
            self._registry.collect(now)
        if now - self._said >= _STATUS_SECONDS or now < self._said:
            self._said = now
            with self._store.transaction(durable=False):
                self._store.set_meta(STATUS, strict_json.dumps(self._live(now)).decode())
        if now - self._purged >= _PURGE_SECONDS:
            self._purged = now
            self._purge(now)

    def names(self, code: str) -> set[str]:
        """What stands for a person in seals that this node can read; see ``usage.names_of``."""
        return names_of(code, self._registry.current, self._keys.holder)

    def _refresh(self, now: float) -> None:
        """Look for a newer registry, and say once what is wrong with it."""
        self._registry.refresh(now)
        problem = self._registry.complaint(now) or self._keys.complaint(self._me, now)
        if problem != self._complaint:
            self._complaint = problem
            self._talk(
                problem or f"all is well again; the registry is at {self._registry.current.name}"
            )

    def _purge(self, now: float) -> None:
        """Erase and forget what has had its time."""
        retention = Retention(self._store, self.names)
        retention.erase(now)
        retention.settle()
        self._sender.drop_expired(now)
        self._sender.receipts.look_again()
        oldest = now - times.duration(self._registry.current.instance.max_age) - _DAY
        self._sender.outbox.forget_sent(oldest)
