"""What an authority issued and revoked: one line of JSON per event, only ever added to.

Does not hold keys. Publishing a revocation is the registry's: ``members/*.yaml`` says ``revoked``.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509

from xroad_lite import strict_json, times
from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import Revoked, read_certificate

FILE_NAME = "register.jsonl"
REASONS = tuple(
    one.value
    for one in x509.ReasonFlags
    if one not in (x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl)
)
"""RFC 5280, section 5.3.1, as people type them: keyCompromise, superseded, …"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate of this authority: for whom, until when (Unix seconds), and whether revoked."""

    serial: int
    sha256: str
    subsystem: str
    not_after: float
    revoked: Revoked | None = None


class Register:
    """The events in an authority's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def issued(self) -> list[Issued]:
        """All certificates, in the order of issue."""
        found: dict[int, Issued] = {}
        for event in self._events():
            serial = int(event.get("serial", "0"), 16)
            if event["event"] == "issued":
                until = times.to_unix(event["until"])
                found[serial] = Issued(serial, event["sha256"], event["subsystem"], until)
            elif event["event"] == "revoked":
                at, since = times.to_unix(event["at"]), times.to_unix(event["doubtful_since"])
                found[serial] = replace(found[serial], revoked=Revoked(at, since, event["reason"]))
        return list(found.values())

    def add(self, der: bytes, subsystem: SubsystemId, now: float) -> None:
        """Note a certificate that was issued."""
        certificate = read_certificate(der)
        with self._open():
            self._write(
                {
                    "event": "issued",
                    "time": times.to_text(now),
                    "serial": f"{certificate.x509.serial_number:x}",
                    "sha256": certificate.sha256,
                    "subsystem": str(subsystem),
                    "until": times.to_text(certificate.not_after),
                }
            )

    def revoke(self, sha256: str, *, now: float, since: float | None, reason: str) -> Issued:
        """Revoke the certificate whose digest begins with ``sha256`` (hex); gives its record.

        ``since`` (Unix seconds) is when it came into doubt, as by theft. ``KeysError`` when there
        is none, or several, or it was revoked before.
        """
        if reason not in ("", *REASONS):
            raise KeysError(
                "keys.reason", f"got the reason {reason}: expected one of {', '.join(REASONS)}"
            )
        since = now if since is None else since
        if since > now:
            raise KeysError(
                "keys.reason", f"in doubt since {times.to_text(since)}: that is in the future"
            )
        with self._open():
            one = self._only(sha256)
            self._write(
                {
                    "event": "revoked",
                    "time": times.to_text(now),
                    "serial": f"{one.serial:x}",
                    "at": times.to_text(now),
                    "doubtful_since": times.to_text(since),
                    "reason": reason,
                }
            )
        return replace(one, revoked=Revoked(now, since, reason))

    def next_list(self, now: float) -> int:
        """The number of the next list of revocations; each is given once."""
        with self._open():
            number = 1 + sum(1 for event in self._events() if event["event"] == "list")
            self._write({"event": "list", "time": times.to_text(now), "number": number})
        return number

    def _only(self, sha256: str) -> Issued:
        digest = sha256.lower().replace(":", "")
        found = [one for one in self.issued() if digest and one.sha256.startswith(digest)]
        if len(found) != 1:
            raise KeysError(
                "keys.unknown",
                f"{len(found) or 'no'} certificates of this authority begin with {sha256!r:.70}",
                hint="see them with: xroad-lite ca list",
            )
        if found[0].revoked is not None:
            raise KeysError(
                "keys.revoked",
                f"it was revoked at {times.to_text(found[0].revoked.at)} already",
            )
        return found[0]

    def _events(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        try:
            return [strict_json.loads(line) for line in self._path.read_bytes().splitlines()]
        except (strict_json.StrictJSONError, OSError) as error:
            raise KeysError("keys.register", f"cannot read {self._path}: {error}") from None

    @contextmanager
    def _open(self) -> Iterator[None]:
        """One writer at a time: serial numbers and list numbers are given once."""
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, event: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(strict_json.dumps(event) + b"\n")
            file.flush()
            os.fsync(file.fileno())
