"""Private keys by address: made, written, opened, and what they sign; not who may sign for whom.

An address is ``file:PATH`` or ``pkcs11:…`` (RFC 7512). Key files are PKCS#8 in PEM, mode 0600.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from xroad_lite.errors import KeysError
from xroad_lite.keys import token_keys
from xroad_lite.keys.certificates import (
    ES256,
    SHA256,
    algorithm_of,
    read_certificate,
    read_certificates,
)
from xroad_lite.keys.tokens import shown

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_T = TypeVar("_T")

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Secret = bytes | Callable[[], bytes | None] | None
"""A passphrase or PIN, or what asks for it when it is needed."""


class Signer(Protocol):
    """Whatever can sign: a key in a file, or one behind PKCS#11."""

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
    """A signer with its private key, in this process's memory or in a token."""

    key: PrivateKey = field(repr=False)
    chain: tuple[bytes, ...]
    algorithm: str

    def sign(self, data: bytes) -> bytes:
        """Sign, 64 bytes (RFC 7518, section 3.4; RFC 8037, section 3.1)."""
        if self.algorithm != ES256:
            return cast(ed25519.Ed25519PrivateKey, self.key).sign(data)
        key = cast(ec.EllipticCurvePrivateKey, self.key)
        r, s = decode_dss_signature(key.sign(data, SHA256))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def open_signer(uri: str, certificates: Path, *, passphrase: Secret = None) -> KeySigner:
    """Open the private key at ``uri`` with the PEM chain that speaks for it.

    ``passphrase`` is the PIN where the key is in a token. ``KeysError`` when the key cannot be
    read, the algorithm is not ours, or the first certificate is of another key.
    """
    key = open_key(uri, passphrase=passphrase)
    chain = read_file(certificates, "keys.certificate", read_certificates)
    if not chain or read_certificate(chain[0]).key != key.public_key():
        raise KeysError(
            "keys.mismatch",
            f"the first certificate in {certificates} is not of the key {shown(uri)}",
            hint="install the authority's answer with: xroad-lite keys install",
        )
    return KeySigner(key, chain, algorithm_of(key))


def open_key(uri: str, *, passphrase: Secret = None) -> PrivateKey:
    """The private key at ``uri``, ``file:PATH`` or ``pkcs11:…``; ``KeysError`` if there is none."""
    if _scheme(uri) == "pkcs11":
        return token_keys.open_key(uri, secret(passphrase))
    path = _path(uri)
    key = read_file(path, "keys.private_key", lambda pem: _private_key(path, pem, passphrase))
    algorithm_of(key)
    assert isinstance(key, PrivateKey)
    return key


def new_key(
    uri: str, algorithm: str = ES256, *, passphrase: Secret = None, agrees: bool = False
) -> PrivateKey:
    """Make a key of ``algorithm`` (ES256 or EdDSA) at ``uri``, where there must be none.

    A file is encrypted under ``passphrase`` unless that gives None; a token keeps the key inside,
    and must be told that it ``agrees`` on secrets and does not sign.
    """
    if algorithm not in ("ES256", "EdDSA"):
        raise KeysError("keys.algorithm", f"got {algorithm}: expected ES256 or EdDSA")
    if _scheme(uri) == "pkcs11":
        return token_keys.new_key(uri, algorithm, secret(passphrase), agrees=agrees)
    path = _path(uri)
    if path.exists():
        raise KeysError(
            "keys.exists",
            f"there is a key at {path} already",
            hint="for a new one beside it: xroad-lite keys renew",
        )
    key = generate(algorithm)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, key_pem(key, secret(passphrase)))
    return key


def generate(algorithm: str) -> PrivateKey:
    """A fresh key in memory."""
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def key_pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    """PKCS#8 in PEM, encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def secret(given: Secret) -> bytes | None:
    """The passphrase itself, asked for now if need be."""
    return given() if callable(given) else given


def read_file(path: Path, code: str, read: Callable[[bytes], _T]) -> _T:
    """What ``read`` makes of a file; ``KeysError`` with ``code`` when it cannot be read."""
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise KeysError(code, f"cannot read {path}: {error.strerror}") from None


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def _path(uri: str) -> Path:
    if _scheme(uri) != "file":
        raise KeysError(
            "keys.uri",
            f"got the key address {shown(uri)!r}: expected file:PATH or pkcs11:…",
            hint="as file:key.pem, or pkcs11:token=NAME;object=NAME?module-path=/usr/lib/….so",
        )
    return Path(uri.partition(":")[2])


def _private_key(path: Path, pem: bytes, passphrase: Secret) -> object:
    encrypted = b"ENCRYPTED" in pem
    given = secret(passphrase) if encrypted else None
    if encrypted and not given:
        raise KeysError(
            "keys.private_key",
            f"{path} is encrypted, and no passphrase was given",
            hint="set XROAD_LITE_PASSPHRASE, or passphrase_from in node.yaml, as file:PATH",
        )
    try:
        return serialization.load_pem_private_key(pem, given)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        wrong = "is it the right passphrase?" if encrypted else str(error)
        raise KeysError("keys.private_key", f"{path} is no usable private key: {wrong}") from None
