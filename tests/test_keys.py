"""Keys, certificates and chains: which are of use, at which time, and what is said when not."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    P256_ORDER,
    KeySigner,
    Trust,
    algorithm_of,
    base64url,
    open_signer,
    read_certificate,
    read_certificates,
    thumbprint,
    to_pem,
)
from xroad_lite.stewardship import Authority
from xroad_lite.testing import HEALTH

NOW = 1_790_000_000
ME = SubsystemId.parse(HEALTH)


def code_of(call, *given_, **named):
    """With which code a call is refused."""
    with pytest.raises(KeysError) as caught:
        call(*given_, **named)
    assert caught.value.message
    return caught.value.code


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_an_identity_written_can_be_opened(algorithm, authority, tmp_path):
    """What the key signs the certificate verifies, and only its owner may read the key."""
    authority.issue(ME, now=NOW, algorithm=algorithm).write(tmp_path)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    signer = open_signer(f"file:{tmp_path}/key.pem", tmp_path / "certificates.pem")
    certificate = read_certificate(signer.chain[0])
    signature = signer.sign(b"data")
    assert (signer.algorithm, certificate.algorithm, len(signature)) == (algorithm, algorithm, 64)
    assert certificate.verifies(signature, b"data")
    assert not certificate.verifies(signature, b"Data")
    assert not certificate.verifies(signature[::-1], b"data")


def test_a_key_under_a_passphrase_needs_it(authority, tmp_path):
    """Without it, or with another, the key cannot be read; with it, it can."""
    authority.issue(ME, now=NOW).write(tmp_path, passphrase=b"open sesame")
    uri, chain = f"file:{tmp_path}/key.pem", tmp_path / "certificates.pem"
    assert b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()
    assert code_of(open_signer, uri, chain) == "keys.private_key"
    assert code_of(open_signer, uri, chain, passphrase=b"open") == "keys.private_key"
    assert open_signer(uri, chain, passphrase=b"open sesame").algorithm == "ES256"


def test_what_is_no_signer_is_refused(authority, tmp_path):
    """Another scheme, no file, garbage, a key of another kind, a certificate of another key."""
    authority.issue(ME, now=NOW).write(tmp_path)
    key, chain = tmp_path / "key.pem", tmp_path / "certificates.pem"
    assert code_of(open_signer, "pkcs11:token=x", chain) == "keys.uri"
    assert code_of(open_signer, str(key), chain) == "keys.uri"
    assert code_of(open_signer, f"file:{tmp_path}/none", chain) == "keys.private_key"
    assert code_of(open_signer, f"file:{key}", tmp_path / "none") == "keys.certificate"
    assert code_of(open_signer, f"file:{chain}", chain) == "keys.private_key"
    assert code_of(open_signer, f"file:{key}", key) == "keys.certificate"
    assert code_of(open_signer, f"file:{key}", tmp_path) == "keys.certificate"
    (tmp_path / "empty").write_bytes(b"")
    assert code_of(open_signer, f"file:{key}", tmp_path / "empty") == "keys.certificate"
    other = authority.issue(ME, now=NOW).signer.chain[0]
    (tmp_path / "other.pem").write_bytes(to_pem(other))
    assert code_of(open_signer, f"file:{key}", tmp_path / "other.pem") == "keys.mismatch"
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "rsa.pem").write_bytes(pem)
    assert code_of(open_signer, f"file:{tmp_path}/rsa.pem", chain) == "keys.algorithm"


@given(st.binary(max_size=200))
def test_every_es256_signature_has_the_lower_s(data):
    """Whatever is signed, by the half of the order."""
    signature = SIGNER.sign(data)
    assert 0 < int.from_bytes(signature[32:], "big") <= P256_ORDER // 2
    assert read_certificate(SIGNER.chain[0]).verifies(signature, data)


SIGNER = Authority.create("Test CA", now=NOW).issue(ME, now=NOW).signer


@given(st.binary(max_size=64), st.binary(max_size=20))
def test_nothing_but_a_signature_verifies(signature, data):
    """Any other bytes are False, and raise nothing."""
    assert read_certificate(SIGNER.chain[0]).verifies(signature, data) is False


def test_each_key_has_one_algorithm():
    """P-256 is ES256, Ed25519 is EdDSA, and there is no third."""
    assert algorithm_of(ec.generate_private_key(ec.SECP256R1())) == "ES256"
    assert algorithm_of(ed25519.Ed25519PrivateKey.generate()) == "EdDSA"
    for other in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        1,
    ):
        assert code_of(algorithm_of, other) == "keys.algorithm"


def test_digests_are_what_openssl_prints(es256, tmp_path):
    """Hexadecimal for the registry, base64url for the seal."""
    (tmp_path / "one.pem").write_bytes(to_pem(es256.chain[0]))
    printed = subprocess.run(
        ["openssl", "x509", "-in", "one.pem", "-noout", "-fingerprint", "-sha256"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    sha256 = printed.rpartition("=")[2].replace(":", "").lower()
    assert read_certificate(es256.chain[0]).sha256 == sha256
    assert thumbprint(es256.chain[0]) == base64url(bytes.fromhex(sha256))


def test_openssl_accepts_what_the_authority_issues(authority, es256, tmp_path):
    """The chain, its purposes and times are good to an independent verifier."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "one.pem").write_bytes(to_pem(es256.chain[0]))
    command = ["openssl", "verify", "-x509_strict", "-attime", str(NOW), "-CAfile", "ca.pem"]
    ran = subprocess.run([*command, "one.pem"], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


# chains


def ders(authority):
    """The authority's own certificate."""
    return read_certificates(authority.pem)


def test_a_chain_is_good_while_all_of_it_is(authority, es256):
    """At any second of its certificate's time, and at none before or after."""
    trust = Trust(ders(authority))
    leaf = read_certificate(es256.chain[0])
    for at in (leaf.not_before, NOW, leaf.not_after):
        trust.check(es256.chain, at)
    for at in (leaf.not_before - 1, leaf.not_after + 1, 0, 2**37):
        assert code_of(trust.check, es256.chain, at) == "keys.not_valid_then"
        assert code_of(Trust(ders(authority)).check, es256.chain, at) == "keys.not_valid_then"


def test_a_chain_must_lead_to_a_trusted_authority(authority, es256):
    """Another of the same name is another."""
    for others in ((), (Authority.create("Test CA", now=NOW),), (Authority.create("B", now=NOW),)):
        trust = Trust([der for one in others for der in ders(one)])
        assert code_of(trust.check, es256.chain, NOW) == "keys.untrusted"
    Trust([*ders(Authority.create("B", now=NOW)), *ders(authority)]).check(es256.chain, NOW)


def certificate(subject, issuer, public, key, *, ca, days=100.0, starts=NOW - 300):
    """A certificate as other authorities make them."""
    begins = datetime.fromtimestamp(starts, UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    builder = builder.public_key(public).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    usage = dict.fromkeys(("key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= dict.fromkeys(("encipher_only", "decipher_only", "content_commitment"), False)
    builder = builder.add_extension(
        x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage),
        critical=True,
    )
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@pytest.fixture(scope="module")
def three():
    """Keys and DER certificates of a root, an intermediate and a leaf."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = certificate("root", "root", keys[0].public_key(), keys[0], ca=True)
    middle = certificate("middle", "root", keys[1].public_key(), keys[0], ca=True, days=50.0)
    leaf = certificate("leaf", "middle", keys[2].public_key(), keys[1], ca=False, days=80.0)
    return keys, root, middle, leaf


def test_an_intermediate_stands_between(three):
    """With it the chain leads to the root, without it, or with another, it does not."""
    _, root, middle, leaf = three
    trust = Trust([root])
    trust.check((leaf, middle), NOW)
    assert code_of(trust.check, (leaf,), NOW) == "keys.untrusted"
    assert code_of(trust.check, (leaf, root), NOW) == "keys.untrusted"
    assert code_of(trust.check, (leaf, b"junk"), NOW) == "keys.certificate"
    trust.check((leaf, middle, root, middle), NOW)


def test_a_remembered_chain_ends_with_its_first_certificate(three):
    """The intermediate ends before the leaf, and with it the chain, remembered or not."""
    _, root, middle, leaf = three
    trust = Trust([root])
    trust.check((leaf, middle), NOW)
    end = read_certificate(middle).not_after
    trust.check((leaf, middle), end)
    assert code_of(trust.check, (leaf, middle), end + 1) == "keys.untrusted"


def test_a_leaf_cannot_certify(three):
    """A sender's own key does not make other senders."""
    keys, root, middle, leaf = three
    mine = ec.generate_private_key(ec.SECP256R1())
    forged = certificate("forged", "leaf", mine.public_key(), keys[2], ca=False)
    assert code_of(Trust([root]).check, (forged, leaf, middle), NOW) == "keys.untrusted"


def test_a_forged_signature_in_a_chain_is_seen(three):
    """Names fit, keys do not."""
    _, root, middle, _ = three
    thief = ec.generate_private_key(ec.SECP256R1())
    forged = certificate("leaf", "middle", thief.public_key(), thief, ca=False)
    assert code_of(Trust([root]).check, (forged, middle), NOW) == "keys.untrusted"


def test_an_authority_is_no_sender(three):
    """Key usage that does not allow signatures is refused, by its own code."""
    _, root, middle, _ = three
    assert code_of(Trust([root]).check, (middle,), NOW) == "keys.usage"


def test_chains_that_anybody_can_lengthen_do_not_pile_up(es256, authority, monkeypatch):
    """A chain with more behind it is another chain: only so many are remembered."""
    from xroad_lite.keys import chains

    monkeypatch.setattr(chains, "_REMEMBERED_CHAINS", 10)
    trust = Trust(ders(authority))
    others = [authority.issue(ME, now=NOW).signer.chain[0] for _ in range(25)]
    for one in others:
        trust.check((*es256.chain, one), NOW)
    assert len(trust._paths) <= 10
    trust.check(es256.chain, NOW)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_certificate_or_refused(data):
    """Nothing but our error comes out."""
    assert code_of(read_certificate, data) == "keys.certificate"
    assert code_of(read_certificates, data) == "keys.certificate"


def test_a_signer_shows_no_key(es256):
    """Neither in its text nor in an error's."""
    assert "key=" not in repr(es256)
    assert isinstance(es256, KeySigner)


def test_an_authority_is_written_once(authority, tmp_path):
    """And read again; a second one does not overwrite it."""
    authority.write(tmp_path)
    assert Authority.read(tmp_path).pem == authority.pem
    assert (tmp_path / "authority.key.pem").stat().st_mode & 0o777 == 0o600
    assert code_of(authority.write, tmp_path) == "keys.authority"
    assert code_of(Authority.read, tmp_path / "none") == "keys.authority"
