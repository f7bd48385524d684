"""The time stamps of a piece of evidence: over which checkpoint, by whom, when; asks nobody.

A stamp over a checkpoint proves that everything before its size was there by then. Entries that
follow a stamp's own entry were written later than it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from xroad_lite import times, timestamps
from xroad_lite.audit.opening import Bundle, Log
from xroad_lite.audit.registries import Registries
from xroad_lite.errors import XRoadError
from xroad_lite.keys import read_any_certificate, read_revocation_list
from xroad_lite.messagelog import notes
from xroad_lite.messagelog.evidence import layout
from xroad_lite.messagelog.evidence.material import Stamp
from xroad_lite.messagelog.evidence.parts import TIME, Finding
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import Note
from xroad_lite.messagelog.stamps import Proved, Stamped
from xroad_lite.messagelog.validation import ValidationTable
from xroad_lite.timestamps import Authorities
from xroad_lite.timestamps import Stamp as Proof

_NOWHERE = 1 << 60
"""The place of a token that no entry here holds: after all of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stamp, where it lies, and how many entries it is over."""

    place: str
    stamp: Stamp
    size: int

    @property
    def sha256(self) -> str:
        """Of the token, by which its entry is found."""
        return hashlib.sha256(self.stamp.token).hexdigest()


@dataclass(slots=True)
class TimeStamps:
    """All of them, judged or not."""

    found: list[Found] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    revocations: tuple[bytes, ...] = ()
    """Lists of revocations that lie beside them."""
    good: dict[str, Proof] = field(default_factory=dict)
    """Those that hold, by digest of the token."""

    @classmethod
    def of(cls, evidence: Log | Bundle) -> TimeStamps:
        """Those that lie in a bundle, or in a log's entries."""
        made = cls()
        places = evidence.below(layout.TOKENS) if isinstance(evidence, Bundle) else evidence.tokens
        for place in places:
            if isinstance(place, str) and not place.endswith(".tst"):
                continue
            try:
                stamp = _read(evidence, place)
                made.found.append(Found(_named(place), stamp, stamp.size))
            except XRoadError as error:
                made._find(_named(place), error.code, error.message)
        made.revocations = tuple(_revocations(evidence))
        return made

    @property
    def notes(self) -> list[Note]:
        """The checkpoints that they are over."""
        return [one.stamp.note for one in self.found]

    @property
    def sizes(self) -> list[int]:
        """The sizes that any of them is over, ascending."""
        return sorted({one.size for one in self.found})

    def judge(self, registries: Registries | None, more: Sequence[bytes]) -> list[float | None]:
        """Verify each; gives for each of ``sizes`` when its entries were there at the latest."""
        roots = [*more, *(registries.time_authorities() if registries is not None else ())]
        authorities = Authorities(roots)
        for one in self.found:
            if not roots:
                why = "no time-stamping authority is trusted here"
                self._find(one.place, "timestamp.no_authority", why, wrong=False)
                continue
            try:
                good = authorities.verify(one.stamp.token, one.stamp.data)
                doubt = self._revoked(one.stamp.token, roots, good.time)
            except XRoadError as error:
                self._find(one.place, error.code, error.message)
                continue
            if doubt is None:
                self.good[one.sha256] = good
            else:
                self._find(one.place, "timestamp.revoked", doubt, wrong=False)
        proved = self.proved({})
        return [proved.proved_at(size - 1) for size in self.sizes]

    def _revoked(self, token: bytes, roots: Sequence[bytes], at: float) -> str | None:
        """Why a certificate of a token was in doubt at ``at``; None when no list says so."""
        chain = [read_any_certificate(der) for der in timestamps.certificates(token)]
        issuers = [*chain, *map(read_any_certificate, roots)]
        for data in self.revocations:
            try:
                found = read_revocation_list(data)
            except XRoadError:
                continue
            for one in chain if any(found.is_by(issuer) for issuer in issuers) else ():
                entry = found.entry(one)
                if entry is not None and entry.doubtful_since <= at:
                    since = times.to_text(entry.doubtful_since)
                    return f"its authority's certificate is in doubt since {since}, by {entry.by}"
        return None

    def proved(self, entries: Mapping[str, int]) -> Proved:
        """What those that hold prove together; ``entries`` hold them, by digest of the token."""
        return Proved(
            Stamped(entries.get(one.sha256, _NOWHERE), one.size, good.time, good.accuracy or 0.0)
            for one in self.found
            if (good := self.good.get(one.sha256)) is not None
        )

    def check_entry_times(self, tally: Tally) -> Iterator[Finding]:
        """Entries are not later than the stamp over them, nor earlier than one before them."""
        proved = self.proved({sha256: entry for entry, _, sha256 in tally.tokens})
        said = [*tally.latest.values(), *((at, index) for _, at, index in tally.earliest)]
        for at, index in said:
            why = proved.misfit(index, at) if at < _NOWHERE else None
            if why is not None:
                yield Finding(TIME, f"entry {index}", "log.time", why)

    def _find(self, place: str, code: str, message: str, *, wrong: bool = True) -> None:
        self.findings.append(Finding(TIME, place, code, message, wrong))


def _revocations(evidence: Log | Bundle) -> Iterator[bytes]:
    if isinstance(evidence, Log):
        yield from (one.data for one in ValidationTable(evidence.store).all())
        return
    for path in evidence.below(layout.REVOCATION):
        with suppress(XRoadError):  # the check of the files says which is missing
            yield evidence.container.read(path)


def _named(place: str | int) -> str:
    return f"entry {place}" if isinstance(place, int) else place


def _read(evidence: Log | Bundle, place: str | int) -> Stamp:
    if isinstance(evidence, Log):
        return Stamp.of(evidence.store.entry(int(place)))
    path = str(place)
    note = notes.read(evidence.container.read(layout.stamped(path)))
    return Stamp(note, evidence.container.read(path))
