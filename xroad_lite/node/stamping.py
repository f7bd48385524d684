"""Has the log's checkpoints stamped by the authorities that the registry names, in turn.

Does not wait for them: they are asked in a thread, tried again ever more rarely, and each token
becomes an entry when it is here. Where the instance sets a limit, a node whose entries grow older
than that without a stamp sends nothing more until one comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import times
from xroad_lite.errors import LogError, TimestampError
from xroad_lite.keys import base64url
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note
from xroad_lite.messagelog.stamps import Kept, StampTable, oldest_unstamped
from xroad_lite.messagelog.validation import ValidationTable
from xroad_lite.node.authorities import Answer, Authority, Lists, ask_in_turn, authorities
from xroad_lite.node.checkpointing import Checkpointing
from xroad_lite.node.settings import Stamps
from xroad_lite.registry import Snapshot
from xroad_lite.timestamps import Stamp

_DAY = 86_400.0
_RENEW_SECONDS = 90 * _DAY
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 600.0


@dataclass(slots=True)
class _Errand:
    """One round of the authorities."""

    note: Note
    answer: Answer | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Stamping:
    """The time stamps of one open log."""

    def __init__(
        self,
        store: Store,
        checkpoints: Checkpointing,
        settings: Stamps,
        talk: Callable[[str], object],
    ) -> None:
        self.table = StampTable(store)
        self.table.create()
        self._archive = ValidationTable(store)
        self._archive.create()
        self._lists = Lists()
        self._store = store
        self._checkpoints = checkpoints
        self._settings = settings
        self._talk = talk
        self._newest = self.table.newest()
        self._renew_at = 0.0 if self._newest is None else renew_at(self._newest)
        self._oldest: tuple[int, float] | None = None
        self._errand: _Errand | None = None
        self._snapshot: Snapshot | None = None
        self._authorities: list[Authority] = []
        self._within: float | None = None
        self._failures = 0
        self._clock_off: float | None = None
        """By how many seconds this node's clock was before the authority's, at the last stamp."""
        self._next = 0.0
        self.problem: str | None = None
        """Why the last round brought no token, for people; None when it did."""

    def pump(self, snapshot: Snapshot, now: float) -> None:
        """Take in what the authorities answered, and ask them when it is time."""
        self.follow(snapshot)
        errand = self._errand
        if errand is not None and errand.done.is_set():
            self._errand = None
            assert errand.answer is not None
            self._collect(errand.note, errand.answer, now)
        if self._oldest is None and self._store.size > self._covered():
            with suppress(LogError):  # an entry that is rolled back just now
                self._oldest = oldest_unstamped(self._store, self._covered())
        if self._errand is None and self._authorities and self._is_due(now):
            note = self._checkpoints.newest
            assert note is not None
            self._next = now + self._settings.seconds
            self._errand = _Errand(note)
            threading.Thread(
                target=self._run, args=(self._errand,), name="stamping", daemon=True
            ).start()

    def check(self, now: float) -> None:
        """Raise ``LogError`` ``log.unstamped`` when the instance's limit forbids to send."""
        within, oldest = self._within, self._oldest
        if within is not None and oldest is not None and now - oldest[1] > within:
            why = f" ({self.problem})" if self.problem else ""
            raise LogError(
                "log.unstamped",
                f"entry {oldest[0]} of {times.to_text(oldest[1])} has no time stamp yet, and the "
                f"instance allows {within:g} s: nothing is sent until one comes{why}",
                hint="see which authority answers with: xroad-lite doctor --node NODE",
            )

    def status(self) -> dict[str, Any]:
        """What people and monitoring want to know of it."""
        newest, oldest = self._newest, self._oldest
        return {
            "entries": self._covered(),
            "newest": None if newest is None else times.to_text(newest.time),
            "clock_off": self._clock_off,
            "good_until": None if newest is None else times.to_text(newest.ends),
            "oldest_unstamped": None if oldest is None else oldest[0],
            "unstamped_since": None if oldest is None else times.to_text(oldest[1]),
            "problem": self.problem,
        }

    def follow(self, snapshot: Snapshot) -> None:
        """Ask whom this snapshot names, from now on."""
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        self._authorities = authorities(snapshot)
        within = snapshot.instance.stamp_within
        self._within = None if within is None else times.duration(within)
        self._next = 0.0

    def _covered(self) -> int:
        return 0 if self._newest is None else self._newest.size

    def _is_due(self, now: float) -> bool:
        if self._next - _LONGEST_WAIT - self._settings.seconds <= now < self._next:
            return False
        kept, newest = self._checkpoints.kept, self._newest
        if kept is None:
            return False
        grown = self._oldest is not None and kept.size > self._oldest[0]
        return grown or (newest is not None and now > self._renew_at)

    def stamp_now(self, now: float, more: Mapping[str, bytes]) -> Kept:
        """Stamp the log as it is, with all lists of revocations fetched anew, and ``more`` of them.

        ``TimestampError`` when nobody stamps. The lists become part of the entry, which only the
        next stamp proves.
        """
        note = self._checkpoints.sign_now(now)
        if note is None:
            raise LogError("log.empty", "the log has no entry that could be stamped")
        self._lists.forget()
        answer = self._ask(note)
        if answer.stamp is None:
            raise TimestampError(
                "timestamp.unreachable",
                "; ".join(answer.problems) or "the instance names no authority",
                hint="name an authority below timestamping: in instance.yaml, or try again later",
            )
        answer.lists |= more
        return self._keep(note, answer, answer.stamp, now)

    def _run(self, errand: _Errand) -> None:
        try:
            errand.answer = self._ask(errand.note)
        except Exception as error:  # noqa: BLE001  said, and tried again: a thread has no caller
            errand.answer = Answer(problems=[f"{type(error).__name__}: {error}"])
        finally:
            errand.done.set()

    def _ask(self, note: Note) -> Answer:
        data, patience = str(note).encode(), self._settings.patience
        return ask_in_turn(self._authorities, data, self._lists, patience=patience)

    def _collect(self, note: Note, answer: Answer, now: float) -> None:
        if answer.stamp is None:
            wait = min(_FIRST_WAIT * 2.0**self._failures, _LONGEST_WAIT)
            self._failures += 1
            self._next = now + wait
            self._store.count("stamps.failed")
            problem = "; ".join(answer.problems)
            if problem != self.problem:
                self._talk(f"no time stamp: {problem}; trying again in {wait:g} s")
            self.problem = problem
            return
        self._keep(note, answer, answer.stamp, now)
        self._failures = 0
        if self.problem is not None:
            self._talk(f"time stamps come again, from {answer.authority}")
            self.problem = None

    def _keep(self, note: Note, answer: Answer, stamp: Stamp, now: float) -> Kept:
        """The token becomes an entry, with what was archived for it."""
        size = Checkpoint.read(note).size
        self._clock_off = round(now - stamp.time, 1)
        with self._store.transaction():
            archived = [self._archive.add(data, url, now) for url, data in answer.lists.items()]
            index = self._store.append(
                entries.token(now, str(note), base64url(answer.token), archived or None)
            )
            accuracy = stamp.accuracy or 0.0
            kept = Kept(index, size, stamp.time, accuracy, answer.ends, answer.authority)
            self.table.add(kept)
            self._store.count("stamps.kept")
        if self._newest is None or size >= self._newest.size:
            self._newest = kept
            self._renew_at = max(renew_at(kept), now + _DAY)
        if self._oldest is not None and self._oldest[0] < size:
            self._oldest = None
        return kept


def renew_at(newest: Kept) -> float:
    """From when even a log that stands still is stamped anew: 90 days before a certificate of the
    newest token ends, or when a quarter of what was left of its life is left."""
    return newest.ends - min(_RENEW_SECONDS, (newest.ends - newest.time) / 4)
