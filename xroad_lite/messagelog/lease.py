"""Who keeps a log now, told beside its trusted checkpoint: a lease with an epoch, swapped whole.

Does not rely on clocks of two machines to agree: a lease of another machine's has lapsed when it
was watched, unchanged, for as long as it lasts. Within one machine a lock says it at once.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from xroad_lite import strict_json
from xroad_lite.errors import LogError
from xroad_lite.messagelog.trusted import TrustedStore

SECONDS = 30.0
"""How long a lease lasts that is not renewed."""
_POLL_SECONDS = 0.5
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Lease:
    """That one process keeps the log: the ``epoch`` counts processes, ``renewals`` its own."""

    epoch: int
    renewals: int
    holder: str
    """For people; empty when it was given back."""
    machine: str
    """One running system: a lock is seen by all of it."""

    def __bytes__(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return strict_json.dumps(fields) + b"\n"

    @classmethod
    def read(cls, data: bytes, path: Path) -> Lease:
        """Read a lease; ``LogError`` if it is none."""
        with suppress(strict_json.StrictJSONError, TypeError):
            found = cls(**strict_json.loads(data))
            if all(type(getattr(found, name)) is int for name in ("epoch", "renewals")):
                return found
        raise LogError(
            "log.lease",
            f"{path} holds no lease: got {data[:40]!r}",
            hint=f"make sure that no process keeps this log, then remove {path}",
        )


class Tenancy:
    """This process's hold on a log's identity, in the folder of its trusted store.

    A thread renews it, so that it is kept however long a handler keeps the log to itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = SECONDS,
        machine: str | None = None,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self._store = TrustedStore(folder / "lease")
        self._lock_path = folder / ".holder.lock"
        self._seconds = seconds
        self._elapsed = elapsed or running_seconds
        self._machine = this_machine() if machine is None else machine
        self._lock: IO[bytes] | None = None
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._lost: LogError | None = None
        self._lease: Lease | None = None
        self._until = 0.0

    @property
    def epoch(self) -> int:
        """How many processes have kept this log so far, this one included."""
        assert self._lease is not None
        return self._lease.epoch

    def check(self) -> None:
        """Raise ``LogError`` when another process may keep the log: then nothing is written.

        A lease that has lapsed, as while the machine slept, is renewed first.
        """
        if self._lost is not None:
            raise self._lost
        if self._elapsed() >= self._until:
            self.renew()

    def take(self, waiting: Callable[[str], object] = lambda _: None) -> None:
        """Begin an epoch. Where another machine's process did not give back, watch it first.

        ``LogError`` ``log.held`` if a process is at work; ``waiting`` is told why this takes long.
        """
        self._lock = self._take_lock()
        try:
            held = self._store.read()
            before = Lease.read(held, self._store.path) if held is not None else None
            if before is not None and before.holder and before.machine != self._machine:
                waiting(f"{before.holder} may keep this log: waiting {self._seconds:g} s for it")
                self._watch(held)
            epoch = before.epoch + 1 if before is not None else 1
            self._write(held, Lease(epoch, 0, this_process(), self._machine))
        except BaseException:
            self._lock.close()
            raise
        threading.Thread(target=self._keep, name="lease", daemon=True).start()

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            with suppress(LogError):  # said by ``check``, when it has lapsed
                self.renew()
            if self._lost is not None:
                return

    def renew(self) -> None:
        """Go on for another while; ``LogError`` ``log.forked`` if another has taken over."""
        with self._renewing:
            lease = self._lease
            if lease is None or self._ended.is_set():
                return
            try:
                self._write(bytes(lease), replace(lease, renewals=lease.renewals + 1))
            except LogError as error:
                if error.code == "log.forked":
                    self._lost = error
                raise

    def give_back(self) -> None:
        """End it, so that the next process, wherever it is, need not wait."""
        self._ended.set()
        with self._renewing:
            if self._lease is not None and self._lock is not None:
                with suppress(LogError):
                    self._store.swap(bytes(self._lease), bytes(replace(self._lease, holder="")))
                self._lock.close()
                self._lock = None

    def _write(self, before: bytes | None, lease: Lease) -> None:
        began = self._elapsed()
        self._store.swap(before, bytes(lease))
        self._lease, self._until = lease, began + self._seconds

    def _watch(self, held: bytes | None) -> None:
        ends = self._elapsed() + self._seconds
        while self._elapsed() < ends:
            time.sleep(min(_POLL_SECONDS, self._seconds / 4))
            now = self._store.read()
            if now != held:
                raise self._held(now)

    def _take_lock(self) -> IO[bytes]:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._lock_path.open("ab")
        except OSError as error:
            raise LogError(
                "log.trusted_store",
                f"cannot write the trusted store {self._lock_path.parent}: {error.strerror}",
                hint="give the node's user the right to it, and room on its disk",
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise self._held(self._store.read()) from None
        return lock

    def _held(self, data: bytes | None) -> LogError:
        holder = Lease.read(data, self._store.path).holder if data else ""
        return LogError(
            "log.held",
            f"{holder or 'another process'} keeps this log: {self._store.path.parent} says so",
            hint="end it first; a standby opens the node with standby=True, and waits",
        )


def this_machine() -> str:
    """What is the same for all processes that see one another's locks, until the next start."""
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return socket.gethostname()


def running_seconds() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def this_process() -> str:
    """Who this is, for people."""
    return f"process {os.getpid()} on {socket.gethostname()}"
