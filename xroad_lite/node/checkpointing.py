"""Signs what the log says of itself, now and then, and keeps the last of it in the trusted store.

Does not stamp, show or exchange checkpoints. At start the log must follow the one that is kept, so
that a log set back, or written anew, is noticed. The trusted store is written in a thread: it may
be far away, and no message waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, merkle, notes
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.lease import Tenancy, running_seconds
from xroad_lite.messagelog.notes import Note, Signer, Verifier
from xroad_lite.messagelog.trusted import TrustedStore

NAME = "checkpoint"
"""The file in the trusted store that holds the last one, a C2SP signed note."""
_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0
_RESTORE = (
    "put the newest log back; if it is lost for good, read docs/checkpoints.md, then: "
    "xroad-lite log trust"
)


@dataclass(slots=True)
class _Errand:
    """One visit to the trusted store, to put a checkpoint there."""

    note: Note
    at: float
    problem: LogError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Checkpointing:
    """The checkpoints of one open log, kept by this process alone until ``close``."""

    def __init__(
        self,
        store: Store,
        trusted: TrustedStore,
        tenancy: Tenancy,
        signer: Signer,
        verifiers: Sequence[Verifier],
        *,
        entries: int,
        seconds: float,
        now: float,
        talk: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Begin, under a lease that is held; ``LogError`` when the log does not follow.

        A checkpoint is signed after so many ``entries``, or so many ``seconds`` after the first
        entry that none covers.
        """
        self.signer = signer
        """Signs from now on; it changes when the registry lists a newer key of this node."""
        self.store = store
        self.table = CheckpointTable(store)
        self._entries, self._seconds = entries, seconds
        self._trusted = trusted
        self._tenancy = tenancy
        self._errand: _Errand | None = None
        self._forked: LogError | None = None
        self.problem: str | None = None
        """Why the trusted store cannot be written, for people; None when all is well."""
        self._try_at = 0.0
        self._said_at = now
        self.table.create()
        self._note = self._begin(verifiers, now, talk)
        self._covered = 0 if self._note is None else Checkpoint.read(self._note).size

    def _begin(
        self, verifiers: Sequence[Verifier], now: float, talk: Callable[[str], object]
    ) -> Note | None:
        """What is kept, which the log follows; what the log's own table lacks of it is added."""
        note = read_trusted(self._trusted)
        newest = self.table.newest()
        if note is None:
            if newest is not None:
                raise LogError(
                    "log.trusted_missing",
                    f"{self._trusted.path} is gone: expected a checkpoint of at least "
                    f"{newest.checkpoint.size} entries there",
                    hint="bring the trusted store back; if it is lost: xroad-lite log trust",
                )
            return None
        kept = Checkpoint.read(note)
        check_origin(kept, self.signer.name, self._trusted.path)
        check_signed(note, [*verifiers, self.signer.verifier()])
        check_log(self.store, kept)
        if newest is None or newest.checkpoint.size < kept.size:
            self.table.add(note, now)
        elif newest.checkpoint.size > kept.size:
            talk(
                f"{self._trusted.path} was set back to {kept.size} entries: the log has a "
                f"checkpoint of {newest.checkpoint.size}; going on, since the log follows both"
            )
        return note

    @property
    def kept(self) -> Checkpoint | None:
        """The last one that is in the trusted store."""
        return None if self._note is None else Checkpoint.read(self._note)

    @property
    def newest(self) -> Note | None:
        """Its note."""
        return self._note

    def check(self) -> None:
        """Raise ``LogError`` when another process may keep this log: then nothing is written."""
        if self._forked is not None:
            raise self._forked
        self._tenancy.check()

    def pump(self, now: float) -> None:
        """Take in what the last visit brought, and sign what is due; costs nothing in between."""
        if self._errand is not None and self._errand.done.is_set():
            self._collect()
        if self._errand is None and self._is_due(now):
            self._begin_visit(now)
        self.check()

    def sign_now(self, now: float) -> Note | None:
        """Sign and keep what the log is now; None for a log without entries."""
        self._wait()
        if self._forked is not None:
            raise self._forked
        note = self._sign(now)
        if note is not None:
            self._visit(_Errand(note, now))
        return self._note

    def close(self, now: float) -> None:
        """Sign what is not yet covered, and let the next process begin."""
        try:
            self.sign_now(now)
        except LogError as error:
            self.problem = str(error)
        if self._errand is None:  # else the trusted store hangs, and this would too
            self._tenancy.give_back()

    def status(self) -> dict[str, Any]:
        """What people and monitoring want to know of it."""
        kept = self.kept
        return {
            "size": None if kept is None else kept.size,
            "epoch": self._tenancy.epoch,
            "key": str(self.signer.verifier()),
            "problem": self.problem,
        }

    def _is_due(self, now: float) -> bool:
        grown = self.store.size - self._covered
        if not grown:
            self._said_at = now
            return False
        late = not 0 <= now - self._said_at < self._seconds
        return (late or grown >= self._entries) and running_seconds() >= self._try_at

    def _begin_visit(self, now: float) -> None:
        note = self._sign(now)
        if note is not None:
            self._errand = errand = _Errand(note, now)
            threading.Thread(
                target=self._run, args=(errand,), name="checkpoint", daemon=True
            ).start()

    def _sign(self, now: float) -> Note | None:
        """A note over all entries, if there are any that none covers yet."""
        with self.store.transaction(durable=False):  # nobody else's half-written entries
            size = self.store.size
            if size == self._covered:
                return None
            root = merkle.root(size, self.store.read_hash)
        self._said_at = now
        return Checkpoint(self.signer.name, size, root).sign(self.signer)

    def _run(self, errand: _Errand) -> None:
        try:
            self._tenancy.check()
            before = None if self._note is None else str(self._note).encode()
            self._trusted.swap(before, str(errand.note).encode())
        except LogError as error:
            errand.problem = error
        finally:
            errand.done.set()

    def _visit(self, errand: _Errand) -> None:
        """Visit the trusted store and wait for it; ``LogError`` when it cannot be written."""
        self._errand = errand
        self._run(errand)
        self._collect()
        if errand.problem is not None:
            raise errand.problem

    def _wait(self) -> None:
        if self._errand is None:
            return
        if not self._errand.done.wait(_PATIENCE_SECONDS):
            raise LogError(
                "log.trusted_store",
                f"{self._trusted.path} does not answer within {_PATIENCE_SECONDS:g} s",
                hint="bring the disk or share that it lies on within reach",
            )
        self._collect()

    def _collect(self) -> None:
        errand, self._errand = self._errand, None
        assert errand is not None
        if errand.problem is None:
            self.problem = None
            self._note, self._covered = errand.note, Checkpoint.read(errand.note).size
            self.table.add(errand.note, errand.at)
            return
        self.problem = str(errand.problem)
        self._try_at = running_seconds() + _AGAIN_SECONDS
        if errand.problem.code == "log.forked":
            self._forked = errand.problem


def read_trusted(trusted: TrustedStore) -> Note | None:
    """The checkpoint that is kept, unverified; ``LogError`` when it is none."""
    data = trusted.read()
    try:
        return None if data is None else notes.read(data)
    except LogError as error:
        raise LogError(
            "log.trusted_store",
            f"{trusted.path} holds no checkpoint: {error.message}",
            hint="bring the trusted store back; if it is lost: xroad-lite log trust",
        ) from None


def check_signed(note: Note, verifiers: Sequence[Verifier]) -> None:
    """Raise ``LogError`` unless one of these keys, under the log's own name, signed the note."""
    for one in verifiers:
        if note.by(one):
            note.verify(one)
            return
    raise LogError(
        "log.note_unsigned",
        "the trusted checkpoint is signed by none of this node's keys: it has the keys "
        + (", ".join(dict.fromkeys(map(str, verifiers))) or "none"),
        hint="bring the log's keys back; what the registry lists as log_keys counts too",
    )


def check_origin(kept: Checkpoint, origin: str, path: Path) -> None:
    """Raise ``LogError`` when the trusted store is another log's."""
    if kept.origin != origin:
        raise LogError(
            "log.other_log",
            f"{path} holds a checkpoint of {kept.origin}: this log is of {origin}",
            hint="give each node a trusted folder of its own in node.yaml",
        )


def check_log(store: Store, kept: Checkpoint) -> None:
    """Raise ``LogError`` unless the log is what was signed, or has grown from it."""
    if store.size < kept.size:
        raise LogError(
            "log.set_back",
            f"the log {store.path} has {store.size} entries, and it had {kept.size}: it was set "
            "back to an earlier state, as by a backup",
            hint=_RESTORE,
        )
    if merkle.root(kept.size, store.read_hash) != kept.root:
        raise LogError(
            "log.rewritten",
            f"the first {kept.size} entries of the log {store.path} are not those of its trusted "
            "checkpoint: it was written anew, or is another log",
            hint=_RESTORE,
        )
