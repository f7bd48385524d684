"""Confidential bodies: who opens them, what is refused, and what an independent tool reads."""

from __future__ import annotations

import copy
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given, settings
from hypothesis import strategies as st

from xroad_lite import encryption
from xroad_lite.encryption import PrivateKey, PublicKey
from xroad_lite.errors import EncryptionError

SOURCE, RECIPIENT, THIRD = "CL/GOV/CIVIL/births", "CL/GOV/HEALTH/clinics", "CL/GOV/TAX/payers"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
KEYS = {name: PrivateKey.generate() for name in (SOURCE, RECIPIENT, THIRD)}
PLAINTEXT = '{"name": "María José"}'.encode()


def encrypted(plaintext: bytes = PLAINTEXT) -> encryption.Encrypted:
    """A body from the source to the recipient."""
    return encryption.encrypt_body(
        plaintext,
        message_id=ID,
        source=(SOURCE, KEYS[SOURCE].public),
        recipient=(RECIPIENT, KEYS[RECIPIENT].public),
    )


def opened(body: bytes, committed: str, me: str = RECIPIENT, **changed: Any) -> bytes:
    """The plaintext that ``me`` reads, with something of what is expected changed."""
    expected = {"message_id": ID, "source": SOURCE, "recipient": RECIPIENT, "me": me}
    keys = {KEYS[me].public.kid: KEYS[me]}
    return encryption.decrypt_body(
        body, committed=committed, **({"keys": keys} | expected | changed)
    )


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=5000))
def test_recipient_and_sender_read_what_was_said(plaintext: bytes) -> None:
    """Both parties open it, and nothing of it lies in the open."""
    one = encrypted(plaintext)
    assert opened(one.body, one.commitment) == plaintext
    assert opened(one.body, one.commitment, me=SOURCE) == plaintext
    assert len(plaintext) < 8 or plaintext not in one.body


def test_an_independent_reading_opens_it() -> None:
    """RFC 7516 and 7518 followed step by step with bare primitives give salt and plaintext."""
    one = encrypted()
    value = json.loads(one.body)
    wrap = value["recipients"][0]
    point = [int.from_bytes(decoded(wrap["header"]["epk"][name]), "big") for name in ("x", "y")]
    epk = ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()
    private = KEYS[RECIPIENT].jwk.private_key
    agreed = private.exchange(ec.ECDH(), epk)  # type: ignore[union-attr,call-arg]
    info = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (b"ECDH-ES+A256KW", SOURCE.encode(), RECIPIENT.encode())
    )
    kek = ConcatKDFHash(hashes.SHA256(), 32, info + (256).to_bytes(4, "big")).derive(agreed)
    key = aes_key_unwrap(kek, decoded(wrap["encrypted_key"]))
    sealed = decoded(value["ciphertext"]) + decoded(value["tag"])
    inside = AESGCM(key).decrypt(decoded(value["iv"]), sealed, value["protected"].encode())
    assert inside[32:] == PLAINTEXT
    assert encryption.commitment(ID, SOURCE, RECIPIENT, inside[:32], PLAINTEXT) == one.commitment


def decoded(text: str) -> bytes:
    """The bytes of unpadded base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_third_party_cannot_open_it() -> None:
    """A key that it was not encrypted to, under any name, opens nothing."""
    one = encrypted()
    with pytest.raises(EncryptionError) as refused:
        opened(one.body, one.commitment, me=THIRD)
    assert refused.value.code == "encryption.not_for_me"
    with pytest.raises(EncryptionError) as refused:
        opened(one.body, one.commitment, keys={KEYS[RECIPIENT].public.kid: KEYS[THIRD]})
    assert refused.value.code == "encryption.failed"


def test_an_earlier_key_still_opens_what_was_encrypted_to_it() -> None:
    """Roll-over: the party keeps both keys, and each message is opened by its own."""
    one = encrypted()
    keys = {key.public.kid: key for key in (PrivateKey.generate(), KEYS[RECIPIENT])}
    assert opened(one.body, one.commitment, keys=keys) == PLAINTEXT


@pytest.mark.parametrize("changed", ["message_id", "source", "recipient"])
def test_a_ciphertext_under_another_seal_is_refused(changed: str) -> None:
    """Whoever seals another's ciphertext as their own cannot know the commitment it needs."""
    one = encrypted()
    with pytest.raises(EncryptionError) as refused:
        opened(one.body, one.commitment, **{changed: THIRD})
    assert refused.value.code in ("encryption.commitment", "encryption.producer")


def test_another_plaintext_under_the_same_seal_is_refused() -> None:
    """What is encrypted again, for the same parties, is not what the seal commits to."""
    with pytest.raises(EncryptionError) as refused:
        opened(encrypted(b"{}").body, encrypted(b"{}").commitment)
    assert refused.value.code == "encryption.commitment"


def changes() -> list[tuple[str, Any]]:
    """Departures from the one form."""

    def protected(**more: str) -> Any:
        header = {"typ": encryption.BODY, "alg": "ECDH-ES+A256KW", "enc": "A256GCM"} | more
        text = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        return lambda value: value.update(protected=text)

    def swapped(value: Any) -> None:
        first, second = value["recipients"]
        first["encrypted_key"], second["encrypted_key"] = (
            second["encrypted_key"],
            first["encrypted_key"],
        )

    return [
        ("zip", protected(zip="DEF")),
        ("another algorithm", protected(alg="ECDH-ES")),
        ("another cipher", protected(enc="A128GCM")),
        ("another type", protected(typ=encryption.KEY)),
        ("crit", protected(crit="b64")),
        ("swapped wraps", swapped),
        ("an unprotected header", lambda value: value.update(unprotected={"zip": "DEF"})),
        ("aad", lambda value: value.update(aad="QQ")),
        ("no recipients", lambda value: value.update(recipients=[])),
        ("many recipients", lambda value: value.update(recipients=value["recipients"] * 5)),
        ("recipients of another kind", lambda value: value.update(recipients="ab")),
        ("another tag", lambda value: value.update(tag="A" * 22)),
        ("a short iv", lambda value: value.update(iv="AAAA")),
        ("a ciphertext cut", lambda value: value.update(ciphertext=value["ciphertext"][:-4])),
        ("a number for text", lambda value: value.update(ciphertext=7)),
        ("no point", lambda value: value["recipients"][0]["header"]["epk"].update(x="AAAA")),
        ("a named party more", lambda value: value["recipients"][0]["header"].update(jku="x")),
        ("a kid that is no text", lambda value: value["recipients"][0]["header"].update(kid=1)),
    ]


@pytest.mark.parametrize(("what", "change"), changes())
def test_whatever_is_changed_in_the_form_is_refused(what: str, change: Any) -> None:
    """Every departure from the one form ends in an error of ours, and nothing opens."""
    one = encrypted()
    value = copy.deepcopy(json.loads(one.body))
    change(value)
    with pytest.raises(EncryptionError):
        opened(json.dumps(value).encode(), one.commitment)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_hostile_bytes_raise_our_errors_only(data: st.DataObject) -> None:
    """Random bytes, and a good body with a few bytes changed, end in ``EncryptionError``."""
    body = bytearray(GOOD.body)
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=3)):
        body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EncryptionError):
        opened(bytes(body), GOOD.commitment + "x")


GOOD = encrypted()


def test_keys_survive_their_text_forms() -> None:
    """A private key from its PEM, and a public one from its JWK, are the same keys."""
    key = KEYS[SOURCE]
    again = PrivateKey.read(key.pem(b"secret"), b"secret")
    assert again.public == key.public == PublicKey.read(key.public.jwk.as_dict(private=False))
    with pytest.raises(EncryptionError, match="cannot read the key"):
        PrivateKey.read(key.pem(b"secret"), b"other")


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "*", "y": ""},
    ],
)
def test_what_is_no_key_is_refused(jwk: dict[str, str]) -> None:
    """Another kind of key, or no point on the curve, is an error when the registry is read."""
    with pytest.raises(EncryptionError) as refused:
        PublicKey.read(jwk)
    assert refused.value.code == "encryption.key"


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    """A registry that lists a private key is told so."""
    with pytest.raises(EncryptionError, match="private part"):
        PublicKey.read(KEYS[SOURCE].jwk.as_dict(private=True))


def test_pseudonyms_are_the_agreements_own() -> None:
    """The same person has one pseudonym under one key and another under another."""
    first, second = b"\x01" * 32, b"\x02" * 32
    assert encryption.pseudonym(first, "111") == encryption.pseudonym(first, "111")
    assert encryption.pseudonym(first, "111") != encryption.pseudonym(second, "111")
    assert encryption.pseudonym(first, "111") != encryption.pseudonym(first, "112")
