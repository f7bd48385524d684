"""Does a chain lead to a trusted authority at a given time, and who revoked what in it.

Path validation by RFC 5280, section 6.1, without certificate policies. ``cryptography`` has a
verifier for the web's certificates; it refuses what authorities for seals do (Ed25519 issuers,
constraints on directory names, purposes of their own), hence this one. Each certificate but the
last of a path must satisfy, against the one that issued it:

 1. its issuer's name and key: it is signed by it, with a digest and a key that are not weak
 2. time: it and its issuer are valid
 3. the issuer is an authority, may sign certificates, and may have so many below it
 4. the issuer's name constraints hold for it
 5. nothing in it is critical and unknown here

Does not fetch: what a sender leaves out and the registry does not hold is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from xroad_lite.errors import KeysError
from xroad_lite.keys.certificates import MALFORMED, read_any_certificate, read_certificate
from xroad_lite.keys.names import outside
from xroad_lite.keys.revocations import RevocationList, Revoked

_REMEMBERED_CHAINS = 4096
_MAX_PATH = 8
_MAX_ATTEMPTS = 64
"""How many pairs of certificate and issuer are tried: a sender chooses what is in a chain."""
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512, hashes.SHA3_256, hashes.SHA3_384)
_MIN_RSA_BITS, _MIN_CURVE_BITS = 2048, 256
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,  # a seal is no TLS connection: the registry lists who may seal
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,  # every policy is acceptable here
    ExtensionOID.CRL_DISTRIBUTION_POINTS,  # revocations come with the registry
}


@dataclass(frozen=True, slots=True)
class Path:
    """A chain that holds: while all of it is valid (Unix seconds), and what was revoked in it."""

    not_before: float
    not_after: float
    revoked: tuple[Revoked, ...]


class Trust:
    """The certificate authorities that an instance trusts, and the chains they have vouched for."""

    def __init__(
        self,
        authorities: Sequence[bytes],
        intermediates: Sequence[bytes] = (),
        revocations: Sequence[RevocationList] = (),
    ) -> None:
        self._roots = [read_any_certificate(der) for der in authorities]
        self._intermediates = [read_any_certificate(der) for der in intermediates]
        self._revocations = list(revocations)
        self._paths: dict[tuple[bytes, ...], Path] = {}

    def check(self, chain: tuple[bytes, ...], at: float) -> Path:
        """The path from ``chain`` to a trusted authority at Unix time ``at``, else ``KeysError``.

        ``chain`` is the signing certificate and intermediates, in DER, in any order after the
        first. A path once found is remembered for the time in which all of it is valid.
        """
        found = self._paths.get(chain)
        if found and found.not_before <= at <= found.not_after:
            return found
        leaf = read_certificate(chain[0])
        if not leaf.not_before <= at <= leaf.not_after:
            raise KeysError(
                "keys.not_valid_then",
                f"the certificate is valid {day(leaf.not_before)} to {day(leaf.not_after)}, "
                f"not at {day(at)}",
            )
        if not leaf.signs:
            raise KeysError(
                "keys.usage", "the certificate's key usage does not allow signatures over data"
            )
        found = self._path(chain, at)
        if len(self._paths) >= _REMEMBERED_CHAINS:  # anybody can lengthen a chain in new ways
            self._paths.clear()
        self._paths[chain] = found
        return found

    def vouches_for(self, revocations: RevocationList) -> bool:
        """Whether an authority or intermediate known here signed this list of revocations."""
        known = (*self._roots, *self._intermediates)
        return any(revocations.is_by(one) for one in known)

    def _path(self, chain: tuple[bytes, ...], at: float) -> Path:
        if not self._roots:
            raise KeysError("keys.untrusted", "no certificate authority is trusted here")
        certificates = [read_any_certificate(der) for der in chain]
        search = _Search(self._roots, [*certificates[1:], *self._intermediates], at)
        try:
            path = search.from_leaf(certificates[0])
        except MALFORMED as error:
            raise KeysError("keys.untrusted", f"a certificate is malformed: {error}") from None
        if path is None:
            raise KeysError(
                "keys.untrusted",
                f"the certificate does not lead to a trusted authority at {day(at)}: "
                f"{search.reason}",
                hint="bring the missing intermediate, or ask the registry's steward to trust its "
                "authority",
            )
        return Path(
            max(one.not_valid_before_utc.timestamp() for one in path),
            min(one.not_valid_after_utc.timestamp() for one in path),
            tuple(self._revoked(path)),
        )

    def _revoked(self, path: list[x509.Certificate]) -> Iterator[Revoked]:
        for one, issuer in pairwise(path):
            for revocations in self._revocations:
                entry = revocations.entry(one)
                if entry is not None and revocations.is_by(issuer):
                    yield entry


class _Search:
    """Looks for one path, depth first, through what a sender brought and the registry knows."""

    def __init__(
        self, roots: list[x509.Certificate], others: list[x509.Certificate], at: float
    ) -> None:
        self._roots = roots
        self._issuers = [*roots, *others]
        self._at = datetime.fromtimestamp(at, UTC)
        self._attempts = 0
        self.reason = "nobody known here has the name of its issuer"

    def from_leaf(self, leaf: x509.Certificate) -> list[x509.Certificate] | None:
        """The path from a leaf to a root, or None; then ``reason`` says why the last try failed."""
        fault = _critical(leaf)
        if fault:
            self.reason = fault
            return None
        return self._extend([leaf])

    def _extend(self, path: list[x509.Certificate]) -> list[x509.Certificate] | None:
        for issuer in self._issuers:
            if issuer.subject != path[-1].issuer or issuer in path or len(path) >= _MAX_PATH:
                continue
            self._attempts += 1
            if self._attempts > _MAX_ATTEMPTS:
                self.reason = "there are too many ways to try"
                return None
            fault = self._fault(path, issuer)
            if fault:
                self.reason = f"{_name(issuer)}: {fault}"
                continue
            longer = [*path, issuer]
            whole = longer if issuer in self._roots else self._extend(longer)
            if whole is not None:
                return whole
        return None

    def _fault(self, path: list[x509.Certificate], issuer: x509.Certificate) -> str | None:
        """Why ``issuer`` cannot have issued the last of ``path``, cheapest questions first."""
        if not issuer.not_valid_before_utc <= self._at <= issuer.not_valid_after_utc:
            until = issuer.not_valid_before_utc, issuer.not_valid_after_utc
            return f"is valid {until[0]:%Y-%m-%d} to {until[1]:%Y-%m-%d} only"
        return (
            _no_authority(path, issuer)
            or _critical(issuer)
            or _weak(path[-1], issuer)
            or _forged(path[-1], issuer)
            or _misnamed(path, issuer)
        )


def _no_authority(path: list[x509.Certificate], issuer: x509.Certificate) -> str | None:
    extensions = issuer.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "is no authority: it has no basic constraints"
    if not constraints.ca:
        return "is no authority"
    below = sum(1 for one in path[1:] if one.subject != one.issuer)
    if constraints.path_length is not None and below > constraints.path_length:
        return f"may have {constraints.path_length} authorities below it, not {below}"
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return None if usage.key_cert_sign else "its key usage does not allow to sign certificates"


def _critical(certificate: x509.Certificate) -> str | None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"has the critical extension {extension.oid.dotted_string}, unknown here"
    return None


def _weak(certificate: x509.Certificate, issuer: x509.Certificate) -> str | None:
    key, digest = issuer.public_key(), certificate.signature_hash_algorithm
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= _MIN_RSA_BITS
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _MIN_CURVE_BITS
    if not strong:
        return f"its key, {type(key).__name__.strip('_')}, is too weak"
    if not isinstance(digest, _DIGESTS):
        return f"it signs with the digest {digest.name if digest else 'none'}, which is too weak"
    return None


def _forged(certificate: x509.Certificate, issuer: x509.Certificate) -> str | None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *MALFORMED):
        return f"has not signed the certificate of {_name(certificate)}"
    return None


def _misnamed(path: list[x509.Certificate], issuer: x509.Certificate) -> str | None:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    for place, one in enumerate(path):
        if place == 0 or one.subject != one.issuer:
            name = outside(one, constraints)
            if name is not None:
                return f"may not vouch for the name {name}"
    return None


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200] or "a nameless certificate"


def day(at: float) -> str:
    """Unix seconds as a text for people, whatever they are."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"second {at}"
