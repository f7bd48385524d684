"""The lists of revocations by which time stamps stay provable; does not fetch them.

A token's entry names what was archived with it by SHA-256, so each later stamp proves that it
existed then: when the authority's certificate has ended, nobody need believe a list of today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from xroad_lite.errors import KeysError
from xroad_lite.keys import RevocationList, read_any_certificate, read_revocation_list
from xroad_lite.messagelog.store import Store

MAX_LIST_BYTES = 8 * 1_048_576
_MAX_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Archived:
    """A list of revocations (CRL, RFC 5280) as it was fetched, at Unix time ``at``."""

    sha256: str
    at: float
    source: str
    data: bytes

    @property
    def name(self) -> str:
        """A file name for it."""
        return f"{self.sha256}.crl"


class ValidationTable:
    """What is archived in an open store; in one that is read only and has none, nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self) -> None:
        """Make the table, if it is not there."""
        self._store.execute(
            "CREATE TABLE IF NOT EXISTS xl_validation (sha256 TEXT PRIMARY KEY, at REAL NOT NULL,"
            " source TEXT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID"
        )

    def add(self, data: bytes, source: str, at: float) -> str:
        """Keep a list, in the open transaction; gives its SHA-256 (hex)."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.execute(
            "INSERT OR IGNORE INTO xl_validation VALUES (?, ?, ?, ?)", (sha256, at, source, data)
        )
        return sha256

    def all(self) -> list[Archived]:
        """All of them, the oldest first."""
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'xl_validation'"
        if not self._store.query(there)[0][0]:
            return []
        rows = self._store.query(
            "SELECT sha256, at, source, data FROM xl_validation ORDER BY at, sha256"
        )
        return [Archived(sha256, at, source, bytes(data)) for sha256, at, source, data in rows]


def addresses(certificates: Sequence[bytes]) -> list[str]:
    """Where the authorities of these certificates (DER) publish lists over HTTP."""
    found: dict[str, None] = {}
    for der in certificates:
        for point in _points(read_any_certificate(der)):
            for name in point.full_name or ():
                if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith(
                    ("http://", "https://")
                ):
                    found[name.value] = None
    return list(found)[:_MAX_ADDRESSES]


def _points(certificate: x509.Certificate) -> Sequence[x509.DistributionPoint]:
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    assert isinstance(found.value, x509.CRLDistributionPoints)
    return list(found.value)


def check_list(data: bytes, certificates: Sequence[bytes], roots: Sequence[bytes]) -> str | None:
    """Whom of ``certificates`` a list revokes, in words; None for nobody.

    ``KeysError`` when it is no list, or by no authority of these certificates.
    """
    found = read_revocation_list(data)
    parsed = [read_any_certificate(der) for der in (*certificates, *roots)]
    if not any(found.is_by(one) for one in parsed):
        raise KeysError("keys.revocation_list", f"the list of {found.name} is by nobody known here")
    return _revoked(found, parsed[: len(certificates)])


def _revoked(found: RevocationList, certificates: Sequence[x509.Certificate]) -> str | None:
    for one in certificates:
        entry = found.entry(one)
        if entry is not None:
            return f"{one.subject.rfc4514_string()[:120]} was revoked by {entry.by}"
    return None
