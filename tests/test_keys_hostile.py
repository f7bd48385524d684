"""Certificates and lists made to do harm: only our errors come out, in bounded time."""

import random
import time
from contextlib import suppress

import pytest
from certificates_made import NOW, made, p256, revocation_list
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    Trust,
    check_answer,
    make_request,
    read_any_certificate,
    read_certificate,
    read_certificates,
    read_request,
    read_revocation_list,
)
from xroad_lite.testing import HEALTH

ROOT, LEAF = p256(), p256()
ROOT_DER = made("root", "root", ROOT.public_key(), ROOT, ca=True)
LEAF_DER = made("leaf", "root", LEAF.public_key(), ROOT)
REQUEST = make_request(LEAF, SubsystemId.parse(HEALTH))
LIST = revocation_list("root", ROOT, 1, 2)
ME = SubsystemId.parse(HEALTH)
ROOT_CERTIFICATE = read_any_certificate(ROOT_DER)
BOUND_SECONDS = 5.0


def checked(der, *others):
    """The code with which a certificate is refused, or None; in bounded time."""
    began = time.process_time()
    try:
        read_certificate(der)
        Trust([ROOT_DER]).check((der, *others), NOW)
    except KeysError as error:
        return error.code
    finally:
        assert time.process_time() - began < BOUND_SECONDS
    return None


def test_names_that_cannot_be_read_are_our_error():
    """What the parser leaves for later, as an issuer that is no text, is found when it is read."""
    rnd = random.Random(1)
    for _ in range(1500):
        at = LIST.index(b"root")
        changed = bytearray(LIST)
        changed[rnd.randrange(at - 12, at + 2)] = rnd.randrange(256)
        with suppress(KeysError):
            read_revocation_list(bytes(changed))


def test_ten_thousand_names():
    """Beyond 64 KiB a certificate is not read; below it, constraints on names are bounded."""
    names = [x509.DNSName(f"h{number}.gov.cl") for number in range(10_000)]
    many = (x509.SubjectAlternativeName(names), False)
    assert (
        checked(made("leaf", "root", LEAF.public_key(), ROOT, more=(many,))) == "keys.certificate"
    )
    some = (x509.SubjectAlternativeName(names[:2000]), False)
    trees = [x509.DNSName(f"x{number}.cl") for number in range(2000)]
    bound = (x509.NameConstraints(None, trees), True)
    key = p256()
    middle = made("middle", "root", key.public_key(), ROOT, ca=True, more=(bound,))
    leaf = made("leaf", "middle", LEAF.public_key(), key, more=(some,))
    assert checked(leaf, middle) == "keys.untrusted"


@pytest.mark.parametrize("text", ["a\x00b", "\u202egro.vog", "x" * 60, "‮", "\n\r\t"])
def test_names_that_deceive_are_only_names(text):
    """NUL, right-to-left marks and line ends: a name proves nothing, and stops nothing."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://x/%00")])
    der = made(name, "root", LEAF.public_key(), ROOT, more=((uri, False),))
    assert checked(der) is None


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("first", [0x80, 0xFF, 0x00])
def test_serial_numbers_below_one(first):
    """Negative, or padded: refused, or its signature does not hold any more; never accepted."""
    serial = read_any_certificate(LEAF_DER).serial_number
    data = serial.to_bytes(20, "big").lstrip(b"\x00")
    at = LEAF_DER.index(data)
    broken = LEAF_DER[:at] + bytes([first]) + LEAF_DER[at + 1 :]
    assert checked(broken) in ("keys.certificate", "keys.untrusted")


def test_a_repeated_extension_is_refused():
    """Two readers could each take another one."""
    more = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x05\x00")
    der = made("leaf", "root", LEAF.public_key(), ROOT, more=((more, False),))
    twice = der.replace(b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x0f")
    assert checked(twice) == "keys.certificate"


@settings(max_examples=examples(150))
@given(st.data())
def test_any_changed_byte_is_refused_or_harmless(data):
    """A certificate, a list or a request with bytes changed raises nothing but our errors."""
    for whole, read in (
        (LEAF_DER, lambda der: checked(der)),
        (LIST, lambda data: read_revocation_list(data).is_by(ROOT_CERTIFICATE)),
        (REQUEST, read_request),
        (LEAF_DER, lambda der: check_answer([LEAF_DER, der], LEAF.public_key(), ME, now=NOW)),
    ):
        changed = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(whole) - 1))
            changed[at] = data.draw(st.integers(0, 255))
        with suppress(KeysError):
            read(bytes(changed))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    """Whatever they are taken for."""
    for read in (read_certificates, read_request, read_revocation_list):
        for whole in (data, b"-----BEGIN X-----\n" + data, b"-----BEGIN PKCS7-----\n" + data):
            with pytest.raises(KeysError):
                read(whole)


def test_what_is_cut_short_is_refused():
    """At every length."""
    for length in range(0, len(LEAF_DER), 7):
        assert checked(LEAF_DER[:length]) == "keys.certificate"
        with pytest.raises(KeysError):
            read_revocation_list(LIST[: min(length, len(LIST) - 1)])


def test_a_huge_request_is_not_read():
    """64 KiB is plenty."""
    with pytest.raises(KeysError) as caught:
        read_request(REQUEST + b" " * 70_000)
    assert caught.value.code == "keys.request"


def test_an_answer_with_many_certificates_is_bounded():
    """Only those that lead upwards from ours are kept."""
    heap = [made("other", "root", p256().public_key(), ROOT) for _ in range(100)]
    chain = check_answer([*heap, LEAF_DER, ROOT_DER], LEAF.public_key(), ME, now=NOW)
    assert chain == (LEAF_DER,)
