"""Lists of revoked certificates (CRLs, RFC 5280, section 5) as outside authorities publish them.

A list counts whole and by itself: partial (delta) and indirect lists are refused when read. Does
not judge age: a list that should have been renewed still revokes what it names.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from xroad_lite.errors import KeysError
from xroad_lite.keys.certificates import MALFORMED

_WEAK = (hashes.MD5, hashes.SHA1)


class Revoked(NamedTuple):
    """A certificate is no good from ``at`` on, and in doubt since ``doubtful_since``.

    Both are Unix seconds; ``by`` says for people who revoked it and why.
    """

    at: float
    doubtful_since: float
    by: str


class RevocationList:
    """One list of one authority, read; ask ``is_by`` before an entry is believed."""

    def __init__(self, parsed: x509.CertificateRevocationList) -> None:
        self._parsed = parsed
        self.issuer = parsed.issuer
        self.next_update: float | None = None
        """When the authority promised the next one, Unix seconds."""
        if parsed.next_update_utc is not None:
            self.next_update = parsed.next_update_utc.timestamp()
        self._signers: dict[x509.Certificate, bool] = {}

    @property
    def name(self) -> str:
        """Whose list it is, for people."""
        return self.issuer.rfc4514_string()

    def entry(self, certificate: x509.Certificate) -> Revoked | None:
        """What it says of a certificate of its issuer; None when it is not named."""
        if certificate.issuer != self.issuer:
            return None
        entry = self._parsed.get_revoked_certificate_by_serial_number(certificate.serial_number)
        return None if entry is None else _revoked(entry, self.name)

    def is_by(self, authority: x509.Certificate) -> bool:
        """Whether this authority, which may sign such lists, has signed it."""
        if authority not in self._signers:
            self._signers[authority] = self._is_by(authority)
        return self._signers[authority]

    def _is_by(self, authority: x509.Certificate) -> bool:
        try:
            if authority.subject != self.issuer or not _may_sign_lists(authority):
                return False
            return self._parsed.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
        except (InvalidSignature, *MALFORMED):
            return False


def _may_sign_lists(authority: x509.Certificate) -> bool:
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


@lru_cache(maxsize=64)
def read_revocation_list(data: bytes) -> RevocationList:
    """Read a list, PEM or DER; ``KeysError`` says what is wrong with it."""
    load = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
    try:
        parsed = load(data)
        faults = _faults(parsed)
        found = RevocationList(parsed)
        name = found.name
        for entry in parsed:  # a bad entry is found now, not when it matters
            _revoked(entry, "")
    except MALFORMED as error:
        raise KeysError("keys.revocation_list", f"not a usable list: {error}") from None
    if faults:
        raise KeysError(
            "keys.revocation_list",
            f"the list of {name} {faults}: expected a whole list of its authority's own "
            "certificates",
        )
    return found


def _faults(parsed: x509.CertificateRevocationList) -> str:
    if isinstance(parsed.signature_hash_algorithm, _WEAK):
        return "is signed with a weak digest"
    for extension in parsed.extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            return "is a partial one (delta)"
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl:
                return "is indirect"
        elif extension.critical:
            return f"has the critical extension {extension.oid.dotted_string}, unknown here"
    return ""


def _revoked(entry: x509.RevokedCertificate, issuer: str) -> Revoked:
    at = entry.revocation_date_utc.timestamp()
    doubtful, reason = at, ""
    for extension in entry.extensions:
        value = extension.value
        if isinstance(value, x509.InvalidityDate):
            doubtful = min(at, value.invalidity_date_utc.timestamp())
        elif isinstance(value, x509.CRLReason):
            reason = value.reason.value
        elif extension.critical or extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
            raise ValueError(f"an entry has the extension {extension.oid.dotted_string}")
    return Revoked(at, doubtful, f"{issuer}{f', {reason}' if reason else ''}")
