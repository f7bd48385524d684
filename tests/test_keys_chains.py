"""Chains to authorities of every kind, with ``openssl verify`` as the second opinion."""

import random
import subprocess

import pytest
from certificates_made import NOW, made, named, p256
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import Trust, make_request, read_certificate, read_certificates, to_pem
from xroad_lite.keys.signers import key_pem
from xroad_lite.testing import HEALTH

RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
KEYS = {
    "P-256": p256(),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "RSA": RSA,
}
LEAF, MIDDLE, ROOT = p256(), p256(), p256()
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


def refusal(chain, *roots, at=NOW, others=()):
    """What the chain is refused with, or None."""
    try:
        Trust(roots, others).check(tuple(chain), at)
    except KeysError as error:
        return error.code
    return None


def openssl(folder, chain, *roots, at=NOW):
    """Whether openssl accepts it at that time."""
    (folder / "roots.pem").write_bytes(b"".join(map(to_pem, roots)))
    (folder / "leaf.pem").write_bytes(to_pem(chain[0]))
    (folder / "others.pem").write_bytes(b"".join(map(to_pem, chain[1:])))
    others = ["-untrusted", "others.pem"] if chain[1:] else []
    done = subprocess.run(
        ["openssl", "verify", "-attime", str(at), "-CAfile", "roots.pem", *others, "leaf.pem"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def root(**changed):
    """The root, some of it changed."""
    return made("root", "root", ROOT.public_key(), ROOT, **{"ca": True, **changed})


def middle(**changed):
    """An intermediate below it."""
    return made("middle", "root", MIDDLE.public_key(), ROOT, **{"ca": True, **changed})


def leaf(subject="leaf", issuer="middle", key=MIDDLE, **changed):
    """A signing certificate below that."""
    return made(subject, issuer, LEAF.public_key(), key, **changed)


@pytest.mark.parametrize("kind", KEYS)
def test_authorities_of_every_kind(kind, tmp_path):
    """P-curves, Brainpool, Ed25519, Ed448 and RSA, as root and in the middle."""
    key = KEYS[kind]
    one = made("own", "own", key.public_key(), key, ca=True)
    chain = (leaf(issuer="own", key=key),)
    assert refusal(chain, one) is None
    assert openssl(tmp_path, chain, one)
    below = made("below", "root", key.public_key(), ROOT, ca=True)
    chain = (leaf(issuer="below", key=key), below)
    assert refusal(chain, root()) is None
    assert openssl(tmp_path, chain, root())


GOV = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gov")])
INSIDE = x509.Name([*GOV, x509.NameAttribute(NameOID.COMMON_NAME, "births")])
LOOSE = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, " GOV ")])


def constrained(permitted=None, excluded=None):
    """Name constraints, critical as they should be."""
    return (x509.NameConstraints(permitted, excluded), True)


def alternative(*names):
    """Alternative names."""
    return (x509.SubjectAlternativeName(names), False)


DNS, URI, MAIL = x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name
CASES = {
    "plain": ({}, {}, {}, True),
    "the intermediate ended": ({}, {"days": 0.001}, {}, False),
    "the intermediate begins tomorrow": ({}, {"starts": NOW + 86_400}, {}, False),
    "the root ended": ({"days": 0.001}, {}, {}, False),
    "the intermediate is none": ({}, {"ca": False}, {}, False),
    "the intermediate does not say what it is": ({}, {"ca": None}, {}, False),
    "the intermediate may not certify": ({}, {"bits": ("crl_sign",)}, {}, False),
    "no usage at all": ({"bits": ()}, {"bits": ()}, {"bits": ()}, True),
    "path length 0 at the root": ({"length": 0}, {}, {}, False),
    "path length 1 at the root": ({"length": 1}, {}, {}, True),
    "path length 0 in the middle": ({}, {"length": 0}, {}, True),
    "critical and unknown in the leaf": ({}, {}, {"more": ((UNKNOWN, True),)}, False),
    "critical and unknown in the middle": ({}, {"more": ((UNKNOWN, True),)}, {}, False),
    "unknown, not critical": ({}, {"more": ((UNKNOWN, False),)}, {}, True),
    "purposes of its own": (
        {},
        {"more": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),)},
        {},
        True,
    ),
    "a directory name inside": (
        {},
        {"more": (constrained([x509.DirectoryName(GOV)]),)},
        {"subject": INSIDE},
        True,
    ),
    "a directory name, but for case and spaces": (
        {},
        {"more": (constrained([x509.DirectoryName(LOOSE)]),)},
        {"subject": INSIDE},
        True,
    ),
    "a directory name outside": (
        {},
        {"more": (constrained([x509.DirectoryName(GOV)]),)},
        {},
        False,
    ),
    "a directory name excluded": (
        {},
        {"more": (constrained(None, [x509.DirectoryName(GOV)]),)},
        {"subject": INSIDE},
        False,
    ),
    "a host inside": (
        {},
        {"more": (constrained([DNS("gov.cl")]),)},
        {"more": (alternative(DNS("births.gov.cl")),)},
        True,
    ),
    "a host that only ends alike": (
        {},
        {"more": (constrained([DNS("gov.cl")]),)},
        {"more": (alternative(DNS("evilgov.cl")),)},
        False,
    ),
    "one of two hosts outside": (
        {},
        {"more": (constrained([DNS("gov.cl")]),)},
        {"more": (alternative(DNS("a.gov.cl"), DNS("a.com")),)},
        False,
    ),
    "constraints of the root bind the leaf": (
        {"more": (constrained([DNS("gov.cl")]),)},
        {},
        {"more": (alternative(DNS("a.com")),)},
        False,
    ),
    "a URI inside": (
        {},
        {"more": (constrained([URI(".gov.cl")]),)},
        {"more": (alternative(URI("https://a.gov.cl/x")),)},
        True,
    ),
    "a URI outside": (
        {},
        {"more": (constrained([URI(".gov.cl")]),)},
        {"more": (alternative(URI("https://gov.cl.evil.com/")),)},
        False,
    ),
    "a mail address excluded": (
        {},
        {"more": (constrained(None, [MAIL("gov.cl")]),)},
        {"more": (alternative(MAIL("a@gov.cl")),)},
        False,
    ),
    "a mail address of another host": (
        {},
        {"more": (constrained(None, [MAIL("gov.cl")]),)},
        {"more": (alternative(MAIL("a@x.gov.cl")),)},
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_chains_as_openssl_judges_them(case, tmp_path):
    """Each thing that RFC 5280 asks of a path, kept and broken; openssl says the same."""
    of_root, of_middle, of_leaf, good = CASES[case]
    chain = leaf(**of_leaf), middle(**of_middle)
    assert (refusal(chain, root(**of_root)) is None) is good
    assert openssl(tmp_path, chain, root(**of_root)) is good


def test_random_chains_as_openssl_judges_them(tmp_path):
    """Up to three intermediates with lengths, times, rights and order at random: no difference."""
    rnd = random.Random(6)
    keys = [p256() for _ in range(5)]
    verdicts = []
    for _ in range(40):
        depth = rnd.randint(1, 4)
        ders = []
        for level in range(depth + 1):
            last = level == depth
            options = {
                "ca": not last and rnd.random() > 0.05,
                "length": rnd.choice([None, None, None, 0, 1, 2]),
                "days": rnd.choice([100.0, 100.0, 100.0, 100.0, 100.0, 0.001]),
                "bits": rnd.choice([None, None, (), None if last else ("key_cert_sign",)]),
            }
            issuer = max(level - 1, 0)
            ders.append(
                made(f"n{level}", f"n{issuer}", keys[level].public_key(), keys[issuer], **options)
            )
        others = ders[1:-1]
        rnd.shuffle(others)
        chain = (ders[-1], *others)
        ours, theirs = refusal(chain, ders[0]) is None, openssl(tmp_path, chain, ders[0])
        assert ours is theirs
        verdicts.append(ours)
    assert 5 < sum(verdicts) < 35


def test_a_weak_digest_is_refused(tmp_path):
    """SHA-1, as authorities of long ago signed with it."""
    one = made("own", "own", RSA.public_key(), RSA, ca=True)
    (tmp_path / "ca.pem").write_bytes(to_pem(one))
    (tmp_path / "ca.key").write_bytes(key_pem(RSA, None))
    (tmp_path / "csr.pem").write_bytes(make_request(LEAF, SubsystemId.parse(HEALTH)))
    command = "openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 30000 -out one.pem"
    for digest, code in (("-sha1", "keys.untrusted"), ("-sha256", None)):
        subprocess.run(
            [*command.split(), "-CAcreateserial", digest],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
        (weak,) = read_certificates((tmp_path / "one.pem").read_bytes())
        at = read_certificate(weak).not_before
        later = made("own", "own", RSA.public_key(), RSA, ca=True, starts=at - 60)
        assert refusal((weak,), later, at=at) == code


def test_stricter_than_openssl():
    """Weak keys, authorities that do not say so, an authority that seals."""
    above = made("own", "own", WEAK_RSA.public_key(), WEAK_RSA, ca=True)
    assert refusal((leaf(issuer="own", key=WEAK_RSA),), above) == "keys.untrusted"
    assert refusal((leaf(issuer="root", key=ROOT),), root(ca=None)) == "keys.untrusted"
    assert refusal((leaf(ca=True), middle()), root()) == "keys.usage"


def test_usages_that_may_sign():
    """Digital signature or content commitment, as certificates for seals state; nothing less."""
    for bits, code in (
        (("digital_signature",), None),
        (("content_commitment",), None),
        ((), None),
        (("key_encipherment",), "keys.usage"),
        (("key_agreement", "crl_sign"), "keys.usage"),
    ):
        assert refusal((leaf(bits=bits), middle()), root()) == code


def test_a_certificate_does_not_vouch_for_itself():
    """Self-signed leaves lead nowhere, also where somebody trusts them by mistake."""
    alone = made("leaf", "leaf", LEAF.public_key(), LEAF)
    assert refusal((alone,), root()) == "keys.untrusted"
    assert refusal((alone,), alone) == "keys.untrusted"


def test_circles_end():
    """Two authorities that certified each other, and lead to nobody."""
    a, b = p256(), p256()
    circle = (
        made("a", "b", a.public_key(), b, ca=True),
        made("b", "a", b.public_key(), a, ca=True),
    )
    assert refusal((leaf(issuer="a", key=a), *circle), root()) == "keys.untrusted"


def test_a_crossed_path_is_found():
    """Two certificates of one intermediate, one of which leads to a root that is trusted."""
    other = p256()
    wrong = made("middle", "elsewhere", MIDDLE.public_key(), other, ca=True)
    ended = middle(days=0.001)
    assert refusal((leaf(), wrong, ended, middle()), root()) is None
    assert refusal((leaf(), wrong, ended), root()) == "keys.untrusted"


def test_the_registry_may_bring_the_intermediate():
    """A sender that leaves it out is understood where the registry holds it."""
    assert refusal((leaf(),), root()) == "keys.untrusted"
    assert refusal((leaf(),), root(), others=(middle(),)) is None
    assert refusal((leaf(),), middle()) is None


def test_many_ways_to_try_are_bounded():
    """A hundred intermediates of one name cost a bounded number of signatures."""
    others = [made("middle", "root", p256().public_key(), ROOT, ca=True) for _ in range(100)]
    assert refusal((leaf(), *others, middle()), root()) == "keys.untrusted"


def test_the_reason_names_what_is_wrong():
    """For people: whose certificate, and what of it."""
    with pytest.raises(KeysError, match=r"CN=middle: is valid 2026-\d\d-\d\d to") as caught:
        Trust([root()]).check((leaf(), middle(days=0.001)), NOW)
    assert caught.value.hint
    assert named("x") == named(named("x"))
