"""May this certificate speak for this source, as one snapshot says; check 3 asks it of two.

Does not look at the signature. What a snapshot says never changes, so it is remembered per
certificate and source, with the times on which it depends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from xroad_lite import times
from xroad_lite.errors import KeysError, RefusedError, RegistryError
from xroad_lite.keys import Revoked, read_certificate
from xroad_lite.registry import Party, Snapshot
from xroad_lite.registry.models import CertificateEntry

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A certificate that is listed and trusted, while its chain holds; and who revoked it since."""

    not_before: float
    not_after: float
    revoked: tuple[Revoked, ...]

    def check_revoked(self, now: float, proved_at: float | None) -> None:
        """Refuse what is revoked at ``now``, whatever time its seal claims: a thief can backdate.

        In an audit, ``proved_at`` is a time at which a time stamp proves that the seal existed: if
        that is before the certificate was in doubt, and before its chain ended, the seal stands.
        """
        if proved_at is not None and proved_at > self.not_after:
            raise KeysError(
                "identity.not_proved_in_time",
                f"the seal is proved to exist at {times.to_text(proved_at)} only, after its "
                f"certificate's chain ended at {times.to_text(self.not_after)}",
            )
        for one in self.revoked:
            proved = proved_at is not None and proved_at < one.doubtful_since
            if now >= one.at and not proved:
                since = f", in doubt since {times.to_text(one.doubtful_since)}"
                raise KeysError(
                    "identity.revoked",
                    f"the certificate was revoked at {times.to_text(one.at)}"
                    f"{since if one.doubtful_since < one.at else ''} by {one.by}",
                    hint="seal it again with a certificate that is listed: xroad-lite keys list",
                )


_STANDINGS: WeakKeyDictionary[Snapshot, dict[tuple[str, tuple[bytes, ...]], Standing]] = (
    WeakKeyDictionary()
)


def standing(snapshot: Snapshot, source: str, chain: tuple[bytes, ...], at: float) -> Standing:
    """How the first certificate of ``chain`` stands for ``source``, sealing at Unix time ``at``.

    ``RegistryError`` when the source is unknown; ``KeysError`` when the certificate is not listed
    for it, or its chain leads to no authority that is trusted in this snapshot.
    """
    known = _STANDINGS.setdefault(snapshot, {})
    found = known.get((source, chain))
    if found is not None and found.not_before <= at <= found.not_after:
        return found
    party = snapshot.party(source)
    if party is None:
        raise RegistryError(
            "identity.unknown_source",
            f"{source} is not registered in snapshot {snapshot.edition.version}",
        )
    entry = _entry(snapshot, party, source, chain[0])
    try:
        path = snapshot.trust.check(chain, at)
    except KeysError as error:
        code = error.code.replace("keys.", "identity.", 1)
        raise KeysError(code, error.message, hint=error.hint) from None
    found = Standing(path.not_before, path.not_after, (*_revoked(entry), *path.revoked))
    if len(known) >= _REMEMBERED:  # anybody can lengthen a chain in new ways
        known.clear()
    known[(source, chain)] = found
    return found


def check_own(snapshot: Snapshot, me: str, chain: tuple[bytes, ...], now: float) -> None:
    """Refuse, by check 3, to seal what every receiver would refuse for its certificate."""
    try:
        standing(snapshot, me, chain, now).check_revoked(now, None)
    except (KeysError, RegistryError) as error:
        raise RefusedError(
            3, error.code, error.message, hint="see this node's keys: xroad-lite keys list"
        ) from None


def _entry(snapshot: Snapshot, party: Party, source: str, der: bytes) -> CertificateEntry:
    sha256 = read_certificate(der).sha256
    entry = party.certificate(sha256)
    if entry is None:
        raise KeysError(
            "identity.unlisted_certificate",
            f"the registry (snapshot {snapshot.edition.version}) lists no certificate "
            f"{sha256} for {source}",
        )
    return entry


def _revoked(entry: CertificateEntry) -> Iterator[Revoked]:
    if entry.revoked is not None:
        at = times.to_unix(entry.revoked.at)
        since = entry.revoked.doubtful_since
        reason = f", {entry.revoked.reason}" if entry.revoked.reason else ""
        yield Revoked(at, at if since is None else times.to_unix(since), f"the registry{reason}")
