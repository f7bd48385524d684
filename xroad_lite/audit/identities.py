"""Might the certificates seal for their senders, and were they still good when the seals existed?

Asks the snapshot that each seal names who was listed then, and the newest one who was revoked
since; a time stamp says when the seal existed at the latest, since whoever stole a key can
backdate. Does not verify signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xroad_lite.audit.registries import Registries
from xroad_lite.errors import KeysError, RegistryError, XRoadError
from xroad_lite.exchange.identity import Standing, standing
from xroad_lite.messagelog.evidence.parts import IDENTITY, Finding, Said, Sealed
from xroad_lite.messagelog.evidence.tally import Tally

_DOUBTFUL = ("identity.revoked", "identity.not_proved_in_time")


@dataclass(frozen=True, slots=True)
class Identities:
    """What judging needs; times are Unix seconds."""

    registries: Registries
    certificates: Mapping[str, bytes]
    proved: Sequence[float | None]
    """By stamped size: when what it covers was there at the latest."""
    now: float

    def judge(self, tally: Tally) -> Iterator[Finding]:
        """What does not hold, one finding for all seals that are alike."""
        for said, sealed in tally.said.items():
            try:
                self._judge(said, sealed)
            except (KeysError, RegistryError) as error:
                doubtful = error.code in _DOUBTFUL or error.code == "identity.no_snapshot"
                yield _finding(said, sealed, error, wrong=not doubtful)
            except XRoadError as error:
                yield _finding(said, sealed, error, wrong=True)

    def _judge(self, said: Said, sealed: Sealed) -> None:
        snapshot = self.registries.of(said.source).snapshots.get(said.registry)
        if snapshot is None:
            raise RegistryError(
                "identity.no_snapshot",
                f"the snapshot {said.registry}, which says who may seal, could not be established",
            )
        chain = tuple(self.certificates[digest] for digest in said.chain.split(","))
        stamped = self.proved[said.stamp] if said.stamp < len(self.proved) else None
        proved = self.now if stamped is None else stamped
        for at in {sealed.earliest, sealed.latest}:
            found = standing(snapshot, said.source, chain, at)
            _check(found, self.now, proved)
            newest = self._newest(said, chain, at)
            if newest is not None:
                _check(newest, self.now, proved)

    def _newest(self, said: Said, chain: tuple[bytes, ...], at: int) -> Standing | None:
        """How it stands today; None where it is listed no more, as after a roll-over."""
        newest = self.registries.of(said.source).newest
        if newest is None:
            return None
        try:
            return standing(newest, said.source, chain, at)
        except XRoadError:
            return None


def _check(found: Standing, now: float, proved: float) -> None:
    found.check_revoked(max(now, proved), proved)


def _finding(said: Said, sealed: Sealed, error: XRoadError, *, wrong: bool) -> Finding:
    more = f" and {sealed.count - 1} more alike" if sealed.count > 1 else ""
    place = f"entry {sealed.entry}{more}, sealed for {said.source}"
    return Finding(IDENTITY, place, error.code, error.message, wrong)
