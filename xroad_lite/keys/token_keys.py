"""Keys that never leave a token (PKCS#11), as two of ``cryptography``'s own kinds of private key.

So they sign seals and requests, and open bodies, and nothing else needs to know where a key is.
"""

from __future__ import annotations

import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from xroad_lite.errors import KeysError
from xroad_lite.keys import tokens
from xroad_lite.keys.tokens import Address, Slot

_P256 = bytes.fromhex("06082a8648ce3d030107")
_ED25519 = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
"""EC parameters: an object identifier, for Ed25519 in some tokens a name (PKCS#11 3.0, 2.3.5)."""


def open_key(uri: str, pin: bytes | None) -> TokenECKey | TokenEd25519Key:
    """The private key at a ``pkcs11:`` address; ``KeysError`` says why it cannot be used."""
    slot = Slot(Address.parse(uri), pin)
    return slot.run(lambda session: _key(session, slot))


def new_key(
    uri: str, algorithm: str, pin: bytes | None, *, agrees: bool = False
) -> TokenECKey | TokenEd25519Key:
    """Make a pair of keys in the token, which the private one will never leave.

    One that ``agrees`` does so on secrets with others (ECDH), and does not sign.
    """
    slot = Slot(Address.parse(uri), pin)
    return slot.run(lambda session: _generated(session, slot, algorithm, agrees), rw=True)


class TokenECKey(ec.EllipticCurvePrivateKey):
    """A P-256 key in a token, in the form that ``cryptography`` signs requests with."""

    def __init__(self, slot: Slot, public: ec.EllipticCurvePublicKey) -> None:
        self._slot = slot
        self._public = public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """A DER signature, as of any key of this kind; the digest is made here."""
        algorithm = signature_algorithm.algorithm
        digest = bytes(data)
        if not isinstance(algorithm, Prehashed):
            hashing = hashes.Hash(algorithm)
            hashing.update(digest)
            digest = hashing.finalize()
        raw = _signed(self._slot, digest, tokens.library().Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its public half, which the token gives."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve of its public half."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def exchange(self, _: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """The secret that it agrees on with another key (CKM_ECDH1_DERIVE): 32 bytes."""
        point = peer_public_key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return self._slot.use(lambda key: _agreed(key, point))

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """It never leaves the token."""
        raise _never_leaves()

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        """It never leaves the token."""
        raise _never_leaves()

    def __copy__(self) -> TokenECKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> TokenECKey:
        return self


class TokenEd25519Key(ed25519.Ed25519PrivateKey):
    """An Ed25519 key in a token."""

    def __init__(self, slot: Slot, public: ed25519.Ed25519PublicKey) -> None:
        self._slot = slot
        self._public = public

    def sign(self, data: Any) -> bytes:
        """64 bytes (RFC 8032)."""
        return _signed(self._slot, bytes(data), tokens.library().Mechanism.EDDSA)

    def public_key(self) -> ed25519.Ed25519PublicKey:
        """Its public half, which the token gives."""
        return self._public

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        """It never leaves the token."""
        raise _never_leaves()

    def private_bytes_raw(self) -> bytes:
        """It never leaves the token."""
        raise _never_leaves()

    def __copy__(self) -> TokenEd25519Key:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> TokenEd25519Key:
        return self


def _signed(slot: Slot, data: bytes, mechanism: Any) -> bytes:
    return slot.use(lambda key: bytes(_able(key, "sign")(data, mechanism=mechanism)))


def _able(key: Any, verb: str) -> Any:
    """What a key does, if the token lets it: ``python-pkcs11`` gives it no such method else."""
    method = getattr(key, verb, None)
    if method is None:
        raise KeysError(
            "keys.token",
            f"the key {key.label!r} in the token may not {verb.replace('_', ' ')}",
            hint="make one for this alone: xroad-lite keys new --use seal, or --use encryption",
        )
    return method


def _agreed(key: Any, point: bytes) -> bytes:
    """X of the common point (PKCS#11 3.0, 2.3.18), by way of a secret that the session forgets."""
    library = tokens.library()
    attribute = library.Attribute
    secret = _able(key, "derive_key")(
        library.KeyType.GENERIC_SECRET,
        256,
        mechanism=library.Mechanism.ECDH1_DERIVE,
        mechanism_param=(library.KDF.NULL, None, point),
        template={attribute.SENSITIVE: False, attribute.EXTRACTABLE: True},
    )
    try:
        return bytes(secret[attribute.VALUE])
    finally:
        secret.destroy()


def _never_leaves() -> KeysError:
    return KeysError("keys.token", "a key in a token never leaves it")


def _key(session: Any, slot: Slot) -> TokenECKey | TokenEd25519Key:
    tokens.private_key(session, slot.address)
    attribute = tokens.library().Attribute
    public = tokens.public_key(session, slot.address)
    parameters, point = (
        bytes(public[attribute.EC_PARAMS]),
        _point(bytes(public[attribute.EC_POINT])),
    )
    try:
        if parameters in _ED25519:
            return TokenEd25519Key(slot, ed25519.Ed25519PublicKey.from_public_bytes(point))
        if parameters == _P256:
            curve = ec.SECP256R1()
            return TokenECKey(slot, ec.EllipticCurvePublicKey.from_encoded_point(curve, point))
    except ValueError:
        pass  # a point that is not on the curve
    raise KeysError(
        "keys.algorithm",
        f"the key {slot.address.text} has the parameters {parameters.hex()}: expected a P-256 key "
        "(ES256) or an Ed25519 key (EdDSA)",
        hint="make one with: xroad-lite keys new",
    )


def _point(value: bytes) -> bytes:
    """Without the octet string around it, which most tokens give and some do not."""
    wrapped = len(value) > 2 and value[0] == 0x04 and value[1] == len(value) - 2
    return value[2:] if wrapped else value


def _generated(
    session: Any, slot: Slot, algorithm: str, agrees: bool
) -> TokenECKey | TokenEd25519Key:
    library, address = tokens.library(), slot.address
    taken = {library.Attribute.CLASS: library.ObjectClass.PRIVATE_KEY}
    if address.label is not None:
        taken[library.Attribute.LABEL] = address.label
    if address.id is not None:
        taken[library.Attribute.ID] = address.id
    if any(True for _ in session.get_objects(taken)):
        raise KeysError(
            "keys.exists",
            f"there is a key at {address.text} already",
            hint="for a new one beside it: xroad-lite keys renew",
        )
    kind, parameters = library.KeyType.EC, _P256
    if algorithm == "EdDSA":
        kind, parameters = library.KeyType.EC_EDWARDS, _ED25519[0]
    domain = session.create_domain_parameters(
        kind, {library.Attribute.EC_PARAMS: parameters}, local=True
    )
    domain.generate_keypair(
        store=True,
        label=address.label,
        id=address.id or secrets.token_bytes(16),
        private_template={
            library.Attribute.SENSITIVE: True,
            library.Attribute.EXTRACTABLE: False,
            library.Attribute.SIGN: not agrees,
            library.Attribute.DERIVE: agrees,
        },
    )
    return _key(session, slot)
