"""Lists of revocations: whose they are, what they say of a certificate, and which are refused."""

import pytest
from certificates_made import NOW, made, p256, revocation_list
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from xroad_lite.errors import KeysError
from xroad_lite.keys import Trust, read_any_certificate, read_revocation_list

ROOT, MIDDLE, LEAF = p256(), p256(), p256()
ROOT_DER = made("root", "root", ROOT.public_key(), ROOT, ca=True)
MIDDLE_DER = made("middle", "root", MIDDLE.public_key(), ROOT, ca=True)
LEAF_DER = made("leaf", "middle", LEAF.public_key(), MIDDLE)
SERIAL = read_any_certificate(LEAF_DER).serial_number
MIDDLE_SERIAL = read_any_certificate(MIDDLE_DER).serial_number


def revoked(*lists, chain=(LEAF_DER, MIDDLE_DER)):
    """What lists say of the chain."""
    trust = Trust([ROOT_DER], (), [read_revocation_list(one) for one in lists])
    return trust.check(chain, NOW).revoked


def test_a_list_revokes_what_it_names():
    """By its own authority, with its time, its doubt and its reason; in PEM too."""
    assert revoked() == ()
    assert revoked(revocation_list("middle", MIDDLE, SERIAL + 1)) == ()
    (one,) = revoked(revocation_list("middle", MIDDLE, SERIAL, at=NOW - 60, since=NOW - 600))
    assert (one.at, one.doubtful_since) == (NOW - 60, NOW - 600)
    assert one.by == "CN=middle, keyCompromise"
    (one,) = revoked(revocation_list("middle", MIDDLE, SERIAL, reason=None))
    assert (one.at, one.by) == (one.doubtful_since, "CN=middle")
    der = revocation_list("middle", MIDDLE, SERIAL)
    pem = x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM)
    assert len(revoked(pem)) == 1


def test_a_revoked_intermediate_takes_all_with_it():
    """Whatever is below it."""
    (one,) = revoked(revocation_list("root", ROOT, MIDDLE_SERIAL))
    assert one.by.startswith("CN=root")


def test_a_list_counts_for_its_own_authority_alone():
    """The same serial number of another authority, or a list that somebody else signed."""
    assert revoked(revocation_list("root", ROOT, SERIAL)) == ()
    assert revoked(revocation_list("middle", p256(), SERIAL)) == ()
    assert revoked(revocation_list("root", MIDDLE, SERIAL)) == ()
    silent = made("middle", "root", MIDDLE.public_key(), ROOT, ca=True, bits=("key_cert_sign",))
    found = revocation_list("middle", MIDDLE, SERIAL)
    assert revoked(found, chain=(LEAF_DER, silent)) == ()


def test_an_old_list_still_revokes():
    """It should have been renewed: what it names is no better for that."""
    old = revocation_list("middle", MIDDLE, SERIAL, next_update=NOW - 30)
    assert read_revocation_list(old).next_update == NOW - 30
    assert len(revoked(old)) == 1


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)]
)
def test_lists_by_other_keys(key):
    """Ed25519 and RSA authorities sign lists too."""
    root = made("own", "own", key.public_key(), key, ca=True)
    leaf = made("leaf", "own", LEAF.public_key(), key)
    serial = read_any_certificate(leaf).serial_number
    found = read_revocation_list(revocation_list("own", key, serial))
    assert len(Trust([root], (), [found]).check((leaf,), NOW).revoked) == 1


def test_who_is_known_to_have_signed_a_list():
    """An authority or an intermediate that the registry holds."""
    found = read_revocation_list(revocation_list("middle", MIDDLE, SERIAL))
    assert not Trust([ROOT_DER]).vouches_for(found)
    assert Trust([ROOT_DER], [MIDDLE_DER]).vouches_for(found)
    assert not Trust([ROOT_DER], [ROOT_DER]).vouches_for(found)


def point(**given):
    """An issuing distribution point, critical as it must be."""
    fields = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    fields |= dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "only_contains_attribute_certs"),
        False,
    )
    return (x509.IssuingDistributionPoint(**(fields | {"indirect_crl": False} | given)), True)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ISSUER = x509.CertificateIssuer([x509.DirectoryName(x509.Name([]))])


@pytest.mark.parametrize(
    "changed",
    [
        {"more": ((x509.DeltaCRLIndicator(1), True),)},
        {"more": (point(indirect_crl=True),)},
        {"more": ((UNKNOWN, True),)},
        {"entry": (UNKNOWN, True)},
        {"entry": (ISSUER, True)},
    ],
    ids=["partial", "indirect", "unknown", "unknown entry", "entry of another"],
)
def test_lists_that_cannot_be_honoured_are_refused(changed):
    """Read wrongly they would revoke too little: so they are not read at all."""
    with pytest.raises(KeysError) as caught:
        read_revocation_list(revocation_list("middle", MIDDLE, SERIAL, **changed))
    assert caught.value.code == "keys.revocation_list"


def test_lists_of_a_part_of_the_certificates_are_honoured():
    """What such a list names is revoked; what it leaves out another one may name."""
    part = revocation_list("middle", MIDDLE, SERIAL, more=(point(only_contains_user_certs=True),))
    assert len(revoked(part)) == 1
    other = revocation_list("middle", MIDDLE, SERIAL + 1, digest=hashes.SHA512())
    assert len(revoked(other, part)) == 1
