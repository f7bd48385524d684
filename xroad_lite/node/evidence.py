"""What a node does so that its log can be proved to others: checkpoints, stamps and witnesses.

Does not judge or carry messages; without a key for the log it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xroad_lite.errors import LogError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.lease import Tenancy
from xroad_lite.messagelog.log_keys import LogKeys
from xroad_lite.messagelog.trusted import TrustedStore
from xroad_lite.node.checkpointing import NAME, Checkpointing
from xroad_lite.node.desk import Desk
from xroad_lite.node.settings import Settings
from xroad_lite.node.stamping import Stamping
from xroad_lite.node.witnessing import Serve, Witnessing
from xroad_lite.registry import Snapshot

Listed = Callable[[str], bool]


class Evidence:
    """Checkpoints, time stamps and witnesses of one open log; ``pump`` moves on what is due."""

    def __init__(self, settings: Settings, talk: Callable[[str], object]) -> None:
        """Hold the log's identity, before anything of it is opened.

        ``LogError`` when another process has it, or the key that signed the log is gone.
        """
        self._keys = log_keys(settings)
        self.checkpoints: Checkpointing | None = None
        self.stamps: Stamping | None = None
        self.witnesses: Witnessing | None = None
        self._settings, self._talk = settings, talk
        self._folder = settings.path(settings.trusted)
        self._signer = self._keys.signer(lambda _: False)
        self._tenancy: Tenancy | None = None
        if self._signer is not None:
            self._tenancy = Tenancy(self._folder)
            self._tenancy.take(talk)
        elif TrustedStore(self._folder / NAME).read() is not None:
            raise LogError(
                "log.no_key",
                f"{self._folder / NAME} holds a checkpoint of this log, and the key that signs the "
                f"next is gone: expected {settings.log_key_uri} and its public side, log-key.vkey",
                hint="bring both back, or make the next with: xroad-lite keys new --use log",
            )

    def begin(self, store: Store, now: float) -> None:
        """Begin with the open log; ``LogError`` when it is not the one that was signed last."""
        if self._signer is not None and self._tenancy is not None:
            settings = self._settings
            self.checkpoints = Checkpointing(
                store,
                TrustedStore(self._folder / NAME),
                self._tenancy,
                self._signer,
                self._keys.verifiers(),
                entries=settings.checkpoints.entries,
                seconds=settings.checkpoints.seconds,
                now=now,
                talk=self._talk,
            )
            self.stamps = Stamping(store, self.checkpoints, settings.stamps, self._talk)

    def begin_witnessing(self, desk: Desk, serve: Serve) -> None:
        """Show the log to witnesses, and be one for others, where agreements let it."""
        if self.checkpoints is not None:
            self.witnesses = Witnessing(
                self.checkpoints,
                self._settings.subsystem,
                desk,
                serve,
                self._settings.witnesses,
                self._talk,
            )

    def choose_key(self, listed: Listed) -> None:
        """Sign with the newest key that the registry lists."""
        signer = self._keys.signer(listed)
        if self.checkpoints is not None and signer is not None:
            self.checkpoints.signer = signer

    def pump(self, snapshot: Snapshot, now: float) -> None:
        """Do what is due; ``LogError`` when another process may keep this log."""
        if self.checkpoints is not None and self.stamps is not None:
            self.checkpoints.pump(now)
            self.stamps.pump(snapshot, now)
        if self.witnesses is not None:
            self.witnesses.pump(snapshot, now)

    def check(self, now: float) -> None:
        """Raise ``LogError`` when nothing may be sent now."""
        if self.checkpoints is not None and self.stamps is not None:
            self.checkpoints.check()
            self.stamps.check(now)

    def status(self) -> dict[str, Any]:
        """What people and monitoring want to know of it."""
        return {
            "checkpoint": None if self.checkpoints is None else self.checkpoints.status(),
            "stamps": None if self.stamps is None else self.stamps.status(),
            "witnesses": None if self.witnesses is None else self.witnesses.status(),
        }

    def close(self, now: float) -> None:
        """Sign what is not yet covered, and let the next process begin."""
        if self.checkpoints is not None:
            self.checkpoints.close(now)

    def abandon(self) -> None:
        """Let the next process begin, after a start that failed."""
        if self._tenancy is not None:
            self._tenancy.give_back()


def log_keys(settings: Settings) -> LogKeys:
    """The keys of a node's log; nothing is opened or asked for yet."""
    name = url_path(SubsystemId.parse(settings.subsystem))
    return LogKeys(settings.log_key_uri, settings.folder, name, settings.passphrase())
