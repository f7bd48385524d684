"""From a key to an installed certificate: requests, answers, passphrases, and later keys."""

import os
import subprocess

import pytest
from certificates_made import NOW, made, p256
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    Keyring,
    Trust,
    check_answer,
    make_request,
    named_subsystems,
    new_key,
    open_key,
    passphrase_from,
    read_certificate,
    read_certificates,
    read_request,
    to_pem,
)
from xroad_lite.testing import HEALTH

ME = SubsystemId.parse(HEALTH)
LONG = SubsystemId.parse(f"CL/GOV/{'Ñ' * 70}/sistema %25 de %2F nacimientos")
DAY = 86_400


def code_of(call, *given, **named):
    """With which code a call is refused."""
    with pytest.raises(KeysError) as caught:
        call(*given, **named)
    assert caught.value.message
    return caught.value.code


# requests


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
@pytest.mark.parametrize("subsystem", [ME, LONG], ids=str)
def test_a_request_names_its_subsystem_and_proves_its_key(algorithm, subsystem, tmp_path):
    """Whole, however long and in whatever script; openssl verifies its signature too."""
    key = new_key(f"file:{tmp_path}/key.pem", algorithm)
    pem = make_request(key, subsystem)
    found = read_request(pem)
    assert (found.subsystem, found.key) == (subsystem, key.public_key())
    done = subprocess.run(
        ["openssl", "req", "-verify", "-noout"], input=pem, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    der = x509.load_pem_x509_csr(pem).public_bytes(serialization.Encoding.DER)
    assert read_request(der) == found


def test_requests_that_are_refused():
    """Without our name, with two, of a key that is not ours, or not signed by it."""
    plain = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    key = p256()
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa

    def pem(builder, signing=key):
        return builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    assert code_of(read_request, pem(plain)) == "keys.request"
    uris = [x509.UniformResourceIdentifier(f"xroad:CL/GOV/A/{one}") for one in "ab"]
    two = plain.add_extension(x509.SubjectAlternativeName(uris), False)
    assert code_of(read_request, pem(two)) == "keys.request"
    bad = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("xroad:CL/GOV")])
    assert code_of(read_request, pem(plain.add_extension(bad, False))) == "keys.request"
    one = plain.add_extension(x509.SubjectAlternativeName(uris[:1]), False)
    assert read_request(pem(one)).subsystem == SubsystemId.parse("CL/GOV/A/a")
    weak = rsa.generate_private_key(65537, 2048)
    assert code_of(read_request, pem(one, weak)) == "keys.algorithm"
    signed = x509.load_pem_x509_csr(pem(one)).public_bytes(serialization.Encoding.DER)
    forged = signed[:-1] + bytes([signed[-1] ^ 1])
    assert code_of(read_request, forged) == "keys.request"


# answers


@pytest.fixture(scope="module")
def answered(authority):
    """A key, and the certificate that an authority gave for it."""
    key = p256()
    return key, authority.certify(key.public_key(), ME, now=NOW)


def test_an_answer_is_checked(answered, authority):
    """Of this key, in time, for signing, for this subsystem, and by a trusted authority."""
    key, der = answered
    public = key.public_key()
    trust = Trust(read_certificates(authority.pem))
    assert named_subsystems(read_certificate(der).x509) == [ME]
    assert check_answer([der], public, ME, now=NOW, trust=trust) == (der,)
    assert code_of(check_answer, [der], p256().public_key(), ME, now=NOW) == "keys.mismatch"
    assert code_of(check_answer, [], public, ME, now=NOW) == "keys.mismatch"
    late = NOW + 800 * DAY
    assert code_of(check_answer, [der], public, ME, now=late) == "keys.not_valid_then"
    assert code_of(check_answer, [der], public, LONG, now=NOW) == "keys.identifier"
    nobody = Trust([made("x", "x", public, key, ca=True)])
    assert code_of(check_answer, [der], public, ME, now=NOW, trust=nobody) == "keys.untrusted"
    tls = made("x", "x", public, key, bits=("key_encipherment",))
    assert code_of(check_answer, [tls], public, ME, now=NOW) == "keys.usage"
    above = made("x", "x", public, key, ca=True)
    assert code_of(check_answer, [above], public, ME, now=NOW) == "keys.usage"


def test_an_answer_of_another_authority_names_nobody():
    """National authorities have forms of their own: the registry says whose it is."""
    key, issuer = p256(), p256()
    der = made("Ministry of Health", "National CA", key.public_key(), issuer)
    assert check_answer([der], key.public_key(), ME, now=NOW) == (der,)


def test_a_chain_is_put_in_order(tmp_path):
    """From PEM, DER and PKCS#7 in any order: ours first, then upwards, without root and others."""
    keys = [p256() for _ in range(4)]
    root = made("root", "root", keys[0].public_key(), keys[0], ca=True)
    high = made("high", "root", keys[1].public_key(), keys[0], ca=True)
    low = made("low", "high", keys[2].public_key(), keys[1], ca=True)
    leaf = made("leaf", "low", keys[3].public_key(), keys[2])
    other = made("other", "root", p256().public_key(), keys[0])
    mixed = [root, low, other, leaf, high]
    certificates = [x509.load_der_x509_certificate(der) for der in mixed]
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        bundle = pkcs7.serialize_certificates(certificates, encoding)
        assert set(read_certificates(bundle)) == set(mixed)
    answer = read_certificates(b"".join(map(to_pem, mixed)))
    assert answer == tuple(mixed)
    assert read_certificates(leaf) == (leaf,)
    found = check_answer(answer, keys[3].public_key(), ME, now=NOW, trust=Trust([root]))
    assert found == (leaf, low, high)


# passphrases


def test_passphrases_come_from_where_it_is_said(tmp_path, monkeypatch):
    """A variable, the first line of a file, an open descriptor: each asked once, when needed."""
    monkeypatch.setenv("SECRET", "from a variable")
    (tmp_path / "secret").write_bytes(b"from a file\r\nnot this\n")
    reading, writing = os.pipe()
    os.write(writing, "from an ñ".encode())
    os.close(writing)
    assert passphrase_from("env:SECRET")() == b"from a variable"
    assert passphrase_from("env:NOT_SET")() is None
    assert passphrase_from(f"file:{tmp_path}/secret")() == b"from a file"
    descriptor = passphrase_from(f"fd:{reading}")
    assert descriptor() == descriptor() == "from an ñ".encode()


def test_passphrases_that_are_none(tmp_path):
    """Another source, no file, an empty line, no descriptor; the secret is never in the message."""
    (tmp_path / "empty").write_bytes(b"\n")
    assert code_of(passphrase_from, "hunter2") == "keys.passphrase"
    with pytest.raises(KeysError) as caught:
        passphrase_from("pass:hunter2")
    assert "hunter2" not in str(caught.value)
    for source in (f"file:{tmp_path}/none", f"file:{tmp_path}/empty", "fd:999", "fd:x"):
        assert code_of(passphrase_from(source)) == "keys.passphrase"


def test_a_new_key_is_encrypted_and_for_its_owner(tmp_path):
    """Under the passphrase, mode 0600, never over another; without one only if none is given."""
    uri = f"file:{tmp_path}/deep/key.pem"
    key = new_key(uri, passphrase=lambda: b"secret")
    pem = (tmp_path / "deep/key.pem").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    assert (tmp_path / "deep/key.pem").stat().st_mode & 0o777 == 0o600
    assert open_key(uri, passphrase=b"secret").public_key() == key.public_key()
    assert code_of(new_key, uri, passphrase=b"secret") == "keys.exists"
    assert code_of(new_key, f"file:{tmp_path}/x", "RS256") == "keys.algorithm"
    assert code_of(new_key, "https://x/key.pem") == "keys.uri"
    plain = new_key(f"file:{tmp_path}/plain.pem", "EdDSA")
    found = open_key(f"file:{tmp_path}/plain.pem", passphrase=b"not needed")
    assert found.public_key() == plain.public_key()


# keys one after another


class Node:
    """A folder of keys, and a registry that lists some certificates."""

    def __init__(self, folder, authority):
        self.authority = authority
        self.ring = Keyring(f"file:{folder}/key.pem", folder / "certificates.pem")
        self.listed = set()

    def add(self, pair, *, listed=True, now=NOW, days=100.0):
        """Make a key, have it certified, and listed or not."""
        key = new_key(pair.uri)
        der = self.authority.certify(key.public_key(), ME, now=now, days=days)
        pair.certificates.write_bytes(to_pem(der))
        if listed:
            self.listed.add(read_certificate(der).sha256)
        return der

    def seals_with(self, now=NOW):
        """The certificate with which it seals."""
        return self.ring.signer(self.listed.__contains__, now).chain[0]


def test_the_newest_listed_key_seals(tmp_path, authority):
    """A renewed key waits until the registry lists it; the old goes on until then, and ends."""
    node = Node(tmp_path, authority)
    assert code_of(node.seals_with) == "keys.private_key"
    first = node.add(node.ring.pair(1))
    assert [pair.number for pair in node.ring.pairs()] == [1]
    assert node.seals_with() == first
    pair = node.ring.next()
    second = node.add(pair, listed=False)
    assert pair.uri == f"file:{tmp_path}/key-2.pem"
    assert node.ring.next().number == 3
    assert node.seals_with() == first
    node.listed.add(read_certificate(second).sha256)
    assert node.seals_with() == second
    node.listed.remove(read_certificate(second).sha256)
    assert node.seals_with() == first


def test_a_key_that_ended_gives_way(tmp_path, authority):
    """To an older one that is still good; where none is, the newest says why it is refused."""
    node = Node(tmp_path, authority)
    long = node.add(node.ring.pair(1), days=500.0)
    short = node.add(node.ring.next(), days=100.0)
    assert node.seals_with() == short
    assert node.seals_with(NOW + 200 * DAY) == long
    assert node.seals_with(NOW + 600 * DAY) == short
    node.listed.clear()
    assert node.seals_with() == short


def test_a_key_that_cannot_be_opened_gives_way(tmp_path, authority):
    """A damaged file, or a key without its certificate, does not stop a node that has another."""
    node = Node(tmp_path, authority)
    first = node.add(node.ring.pair(1))
    node.add(node.ring.next())
    new_key(node.ring.next().uri)
    (tmp_path / "key-2.pem").write_bytes(b"damaged")
    assert node.seals_with() == first
    (tmp_path / "certificates-2.pem").write_bytes(b"damaged")
    assert node.seals_with() == first
    assert [pair.number for pair in node.ring.pairs()] == [1, 2, 3]


def test_later_keys_have_names_of_their_own(tmp_path):
    """Numbers in file names, and in the labels of a token; without a label there is no name."""
    token = "pkcs11:token=t;object=births?module-path=/x.so"
    ring = Keyring(token, tmp_path / "certificates.pem")
    assert ring.pair(1).uri == token
    assert ring.pair(3).uri == "pkcs11:token=t;object=births-3?module-path=/x.so"
    with_id = Keyring("pkcs11:id=%01;object=a", tmp_path / "c.pem").pair(2)
    assert with_id.uri == "pkcs11:object=a-2"
    assert code_of(Keyring("pkcs11:id=%01", tmp_path / "c.pem").pair, 2) == "keys.uri"
    for name in ("key-1.pem", "key-x.pem", "other-7.pem", "certificates-0.pem"):
        (tmp_path / name).touch()
    ring = Keyring(f"file:{tmp_path}/key.pem", tmp_path / "certificates.pem")
    assert [pair.number for pair in ring.pairs()] == [1]
