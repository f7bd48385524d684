"""Signing keys by URI, certificates, chains checked at a given time; not who may sign for whom.

A name in a certificate proves nothing here: which certificate speaks for which subsystem is the
registry's to say (check 3), by the SHA-256 of the certificate.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from xroad_lite.errors import KeysError

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256 = ec.ECDSA(hashes.SHA256())
_CA_POLICY = ExtensionPolicy.webpki_defaults_ca()
_T = TypeVar("_T")
_ANY_LEAF = ExtensionPolicy.permit_all()
_MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_REMEMBERED_CHAINS = 4096


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=4096)
def thumbprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER bytes, base64url (RFC 7515, section 4.1.8)."""
    return base64url(hashlib.sha256(der).digest())


class Signer(Protocol):
    """Whatever can sign: a key in a file, later one behind PKCS#11."""

    @property
    def algorithm(self) -> str:
        """JOSE's name: ES256 or EdDSA."""
        ...

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates: the signing one first, then intermediates, without the root."""
        ...

    def sign(self, data: bytes) -> bytes:
        """A raw JOSE signature of 64 bytes; for ES256 ``r || s`` with the lower of the two s."""
        ...


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer whose private key is in this process's memory."""

    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = field(repr=False)
    chain: tuple[bytes, ...]
    algorithm: str

    def sign(self, data: bytes) -> bytes:
        """Sign, 64 bytes (RFC 7518, section 3.4; RFC 8037, section 3.1)."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        r, s = decode_dss_signature(self.key.sign(data, _SHA256))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One parsed certificate: its bytes, digest, JOSE algorithm, and window in Unix seconds."""

    der: bytes = field(repr=False)
    thumbprint: str
    algorithm: str
    not_before: int
    not_after: int
    signs: bool
    """Whether its key usage, if it states one, allows digital signatures."""
    x509: x509.Certificate = field(repr=False, compare=False)
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal, as ``openssl x509 -fingerprint`` prints it without colons."""
        return hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature``, 64 raw bytes, is this certificate's key's over ``data``."""
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, data)
            else:
                r = int.from_bytes(signature[:32], "big")
                s = int.from_bytes(signature[32:], "big")
                self.key.verify(encode_dss_signature(r, s), data, _SHA256)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=4096)
def read_certificate(der: bytes) -> Certificate:
    """Parse one DER certificate with a P-256 or Ed25519 key; ``KeysError`` says what is wrong."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        key = parsed.public_key()
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        signs = _may_sign(parsed)
    except _MALFORMED as error:
        raise KeysError("keys.certificate", f"not a usable X.509 certificate: {error}") from None
    algorithm = algorithm_of(key)
    assert isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)
    window = int(not_before.timestamp()), int(not_after.timestamp())
    return Certificate(der, thumbprint(der), algorithm, *window, signs, parsed, key)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except x509.DuplicateExtension as error:
        raise ValueError(str(error)) from None
    return usage.digital_signature


def algorithm_of(key: object) -> str:
    """The one JOSE algorithm that fits a key: ES256 for P-256, EdDSA for Ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return "ES256"
        got = f"an elliptic-curve key on {key.curve.name}"
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "EdDSA"
    else:
        got = type(key).__name__.strip("_")
    raise KeysError(
        "keys.algorithm",
        f"got {got}: expected a P-256 key (ES256) or an Ed25519 key (EdDSA)",
        hint="make one with: xroad-lite ca issue",
    )


def read_certificates(pem: bytes) -> tuple[bytes, ...]:
    """DER certificates from PEM text, in the order of the text."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise KeysError("keys.certificate", f"no PEM certificates: {error}") from None
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in found)


def to_pem(der: bytes) -> bytes:
    """PEM text of one DER certificate."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def open_signer(uri: str, certificates: Path, *, passphrase: bytes | None = None) -> KeySigner:
    """Open the private key at ``uri`` (``file:PATH``) with the PEM chain that speaks for it.

    ``KeysError`` when the key cannot be read, the algorithm is not ours, or the first certificate
    is of another key.
    """
    scheme, _, rest = uri.partition(":")
    if scheme != "file":
        raise KeysError(
            "keys.uri",
            f"got the key address {uri!r}: expected file:PATH",
            hint="keys behind PKCS#11 come with the registry's identities",
        )
    chain = _read_file(certificates, "keys.certificate", read_certificates)
    key = _read_file(Path(rest), "keys.private_key", lambda pem: _private_key(pem, passphrase))
    algorithm = algorithm_of(key)
    assert isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    if read_certificate(chain[0]).key != key.public_key():
        raise KeysError(
            "keys.mismatch",
            f"the first certificate in {certificates} is not of the key {uri}",
            hint="put the signing certificate first, then the intermediates",
        )
    return KeySigner(key, chain, algorithm)


def _read_file(path: Path, code: str, read: Callable[[bytes], _T]) -> _T:
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise KeysError(code, f"cannot read {path}: {error.strerror}") from None


def _private_key(pem: bytes, passphrase: bytes | None) -> object:
    try:
        return serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeysError("keys.private_key", f"not a usable private key: {error}") from None


class Trust:
    """The certificate authorities that an instance trusts, and the chains they have vouched for."""

    def __init__(self, authorities: Sequence[bytes]) -> None:
        self._roots = [read_any_certificate(der) for der in authorities]
        self._windows: dict[tuple[bytes, ...], tuple[float, float]] = {}

    def check(self, chain: tuple[bytes, ...], at: int) -> None:
        """Raise ``KeysError`` unless ``chain`` leads to a trusted authority at Unix time ``at``.

        RFC 5280's path validation by ``cryptography``; any leaf extensions are allowed, since
        institutions bring certificates of many profiles. A chain once verified is remembered with
        the time for which all its certificates are valid.
        """
        window = self._windows.get(chain)
        if window and window[0] <= at <= window[1]:
            return
        leaf = read_certificate(chain[0])
        if not leaf.not_before <= at <= leaf.not_after:
            raise KeysError(
                "keys.not_valid_then",
                f"the certificate is valid {_day(leaf.not_before)} to {_day(leaf.not_after)}, "
                f"not at {_day(at)}",
            )
        if not leaf.signs:
            raise KeysError("keys.usage", "the certificate's key usage does not allow signatures")
        window = self._verify(chain, at)
        if len(self._windows) >= _REMEMBERED_CHAINS:  # anybody can lengthen a chain in new ways
            self._windows.clear()
        self._windows[chain] = window

    def _verify(self, chain: tuple[bytes, ...], at: int) -> tuple[float, float]:
        if not self._roots:
            raise KeysError("keys.untrusted", "no certificate authority is trusted here")
        builder = PolicyBuilder().store(Store(self._roots)).time(datetime.fromtimestamp(at, UTC))
        verifier = builder.extension_policies(
            ca_policy=_CA_POLICY, ee_policy=_ANY_LEAF
        ).build_client_verifier()
        certificates = [read_any_certificate(der) for der in chain]
        try:
            path = verifier.verify(certificates[0], certificates[1:]).chain
        except VerificationError as error:
            raise KeysError(
                "keys.untrusted",
                f"the certificate does not lead to a trusted authority at {_day(at)}: {error}",
            ) from None
        return (
            max(one.not_valid_before_utc.timestamp() for one in path),
            min(one.not_valid_after_utc.timestamp() for one in path),
        )


@lru_cache(maxsize=4096)
def read_any_certificate(der: bytes) -> x509.Certificate:
    """Parse a DER certificate whatever its key: authorities may use others than ours."""
    try:
        return x509.load_der_x509_certificate(der)
    except _MALFORMED as error:
        raise KeysError("keys.certificate", f"not a usable X.509 certificate: {error}") from None


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"second {at}"
