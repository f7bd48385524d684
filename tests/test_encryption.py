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
from sharing import examples

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
    wanted = {"message_id": "commitment", "source": "producer", "recipient": "parties"}
    assert refused.value.code == f"encryption.{wanted[changed]}"


def test_another_plaintext_under_the_same_seal_is_refused() -> None:
    """What is encrypted again, for the same parties, is not what the seal commits to."""
    with pytest.raises(EncryptionError) as refused:
        opened(encrypted(b"{}").body, encrypted(b"{}").commitment)
    assert refused.value.code == "encryption.commitment"


def changes() -> list[tuple[str, str, Any]]:
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

    def party(index: int, **more: Any) -> Any:
        return lambda value: value["recipients"][index]["header"].update(more)

    def point(curve: str) -> dict[str, str]:
        return {"kty": "EC", "crv": curve, "x": "A" * 43, "y": "A" * 43}

    return [
        ("zip", "algorithm", protected(zip="DEF")),
        ("another algorithm", "algorithm", protected(alg="ECDH-ES")),
        ("another cipher", "algorithm", protected(enc="A128GCM")),
        ("another type", "algorithm", protected(typ=encryption.KEY)),
        ("crit", "algorithm", protected(crit="b64")),
        ("swapped wraps", "failed", swapped),
        ("swapped parties", "parties", lambda value: value["recipients"].reverse()),
        ("another recipient", "not_for_me", party(0, apv="QUJD")),
        ("another producer", "producer", party(0, apu="QUJD")),
        ("another sender", "parties", party(1, apv="QUJD")),
        ("no sender", "parties", lambda value: value["recipients"].pop()),
        (
            "an unprotected header",
            "malformed",
            lambda value: value.update(unprotected={"zip": "DEF"}),
        ),
        ("aad", "malformed", lambda value: value.update(aad="QQ")),
        ("no recipients", "malformed", lambda value: value.update(recipients=[])),
        (
            "many recipients",
            "malformed",
            lambda value: value.update(recipients=value["recipients"] * 5),
        ),
        (
            "recipients of another kind",
            "malformed",
            lambda value: value.update(recipients="ab"),
        ),
        ("another tag", "failed", lambda value: value.update(tag="A" * 22)),
        ("a short iv", "failed", lambda value: value.update(iv="AAAA")),
        (
            "a ciphertext cut",
            "failed",
            lambda value: value.update(ciphertext=value["ciphertext"][:-4]),
        ),
        ("a number for text", "failed", lambda value: value.update(ciphertext=7)),
        ("no point", "failed", party(0, epk=point("P-256"))),
        ("half a point", "malformed", party(0, epk={"kty": "EC"})),
        ("another curve", "malformed", party(1, epk=point("P-384"))),
        ("a header more", "malformed", party(0, jku="x")),
        ("an algorithm of a party's own", "malformed", party(0, alg="ECDH-ES")),
        ("a kid that is no text", "malformed", party(0, kid=1)),
        ("a kid of no key here", "no_key", party(0, kid="A" * 43)),
        ("a party that is no text", "malformed", party(1, apv="_")),
    ]  # fmt: skip


@pytest.mark.parametrize(("what", "code", "change"), changes())
def test_whatever_is_changed_in_the_form_is_refused(what: str, code: str, change: Any) -> None:
    """Every departure from the one form ends in an error of its own, and nothing opens."""
    one = encrypted()
    value = copy.deepcopy(json.loads(one.body))
    change(value)
    with pytest.raises(EncryptionError) as refused:
        opened(json.dumps(value).encode(), one.commitment)
    assert refused.value.code == f"encryption.{code}"


@settings(max_examples=examples(200), deadline=None)
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
        PublicKey.read({**KEYS[SOURCE].public.members(), "d": "AA"})
    assert "d" not in KEYS[SOURCE].jwk.as_dict(private=True)


def test_pseudonyms_are_the_agreements_own() -> None:
    """The same person has one pseudonym under one key and another under another."""
    first, second = b"\x01" * 32, b"\x02" * 32
    assert encryption.pseudonym(first, "111") == encryption.pseudonym(first, "111")
    assert encryption.pseudonym(first, "111") != encryption.pseudonym(second, "111")
    assert encryption.pseudonym(first, "111") != encryption.pseudonym(first, "112")


AGREEMENT = "https://demo.example/agreements/births/1"


def test_a_pseudonym_key_opens_for_the_parties_of_its_agreement_alone() -> None:
    """Each party unwraps the same key; a third one, or under another agreement, nobody."""
    parties = [(name, KEYS[name].public) for name in (SOURCE, RECIPIENT)]
    wrapped = encryption.new_pseudonym_key(AGREEMENT, parties)
    source, recipient, third = (
        encryption.Holder(name, [KEYS[name]]) for name in (SOURCE, RECIPIENT, THIRD)
    )
    key = source.pseudonym_key(AGREEMENT, wrapped)
    assert key == recipient.pseudonym_key(AGREEMENT, wrapped)
    assert len(key) == encryption.KEY_BYTES
    assert encryption.is_pseudonym(encryption.pseudonym(key, "111"))
    for holder, iri, code in (
        (third, AGREEMENT, "not_for_me"),
        (recipient, AGREEMENT[:-1] + "2", "producer"),
        (encryption.Holder(RECIPIENT), AGREEMENT, "no_key"),
    ):
        for _ in range(2):  # the second time from memory
            with pytest.raises(EncryptionError) as refused:
                holder.pseudonym_key(iri, wrapped)
            assert refused.value.code == f"encryption.{code}"


def test_who_stands_in_it_can_be_read_without_a_key() -> None:
    """Names, in their order, keys and producer: for whoever checks its form."""
    parties = encryption.parties_of(GOOD.body, encryption.BODY)
    assert parties == [(name, KEYS[name].public.kid) for name in (RECIPIENT, SOURCE)]
    assert encryption.producers_of(GOOD.body, encryption.BODY) == {SOURCE}
