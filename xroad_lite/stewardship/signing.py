"""Keys that sign the registry's roles: made, opened, and laid on metadata; does not publish.

A key lies in a PEM file, or in a hardware module (``pkcs11:…``), as everywhere in this project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from xroad_lite.errors import KeysError
from xroad_lite.keys import new_key, open_key

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer, SSlibKey
    from tuf.api.metadata import Metadata

    from xroad_lite.keys import Secret

PUBLIC = ".pub"
"""What the name of a key's public part ends with."""


class RoleKeys:
    """The keys at hand, by TUF's key id; each signs the roles that list it."""

    def __init__(self, signers: Iterable[Signer] = ()) -> None:
        self._signers = {one.public_key.keyid: one for one in signers}

    def copied(self) -> RoleKeys:
        """The same keys, to which others may be added apart."""
        return RoleKeys(self._signers.values())

    @classmethod
    def open(cls, names: Sequence[str], passphrase: Secret = None) -> RoleKeys:
        """Open keys: PEM files, folders of them, ``pkcs11:`` addresses; ``KeysError`` if one fails.

        ``passphrase`` is the PIN of a module.
        """
        from securesystemslib.signer import CryptoSigner

        found = []
        for name in names:
            path = Path(name.removeprefix("file:"))
            addresses = [f"file:{one}" for one in sorted(path.glob("*.pem"))]
            if not path.is_dir():
                addresses = [name if ":" in name else f"file:{name}"]
            found += [CryptoSigner(open_key(one, passphrase=passphrase)) for one in addresses]
        return cls(found)

    def add(self, signer: Signer) -> Key:
        """Take one more key in; gives its public part."""
        self._signers[signer.public_key.keyid] = signer
        return signer.public_key

    def holds(self, key_ids: Iterable[str], threshold: int = 1) -> bool:
        """Whether at least so many of these keys are here."""
        return len(self._signers.keys() & set(key_ids)) >= threshold

    def sign(self, metadata: Metadata[Any], key_ids: Iterable[str]) -> None:
        """Lay the signature of every key that is here and listed on the metadata."""
        for key_id in key_ids:
            if key_id in self._signers:
                metadata.sign(self._signers[key_id], append=True)


def make_role_key(
    name: str,
    algorithm: str = "EdDSA",
    *,
    passphrase: Secret = None,
    public: Path | None = None,
) -> Signer:
    """Make a key in a file (0600) or module; its public part goes to ``public``, or beside it."""
    from securesystemslib.signer import CryptoSigner

    address = name if ":" in name else f"file:{name}"
    key = new_key(address, algorithm, passphrase=passphrase)
    if public is None and address.startswith("file:"):
        public = Path(f"{address.removeprefix('file:')}{PUBLIC}")
    if public is not None:
        public.write_bytes(public_pem(key.public_key()))
    return CryptoSigner(key)


def public_pem(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> bytes:
    """A public key for others to read."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_public(file: Path) -> SSlibKey:
    """The public key in a PEM file; of a private key's file, the one beside it."""
    from securesystemslib.signer import SSlibKey

    beside = Path(f"{file}{PUBLIC}")
    path = beside if beside.exists() else file
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeysError("keys.missing", f"cannot read {path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeysError(
            "keys.public",
            f"{path} is no public key in PEM",
            hint=f"give the {PUBLIC} file of the key",
        ) from None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise KeysError("keys.algorithm", f"{path}: expected a key of Ed25519 or P-256")
    return SSlibKey.from_crypto(key)
