"""The seal: what it is made of, that other tools agree, and that no change to one survives."""

import json
import random
import statistics
import subprocess
import time
from base64 import b64encode, urlsafe_b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from xroad_lite import times
from xroad_lite.envelope import (
    MAX_SEAL_BYTES,
    SEAL_TYPE,
    Attributes,
    Seal,
    certificate_digests,
    data_hash,
    open_seal,
    parse_seal,
    read_seals,
    seal,
    verify_body,
    with_certificates,
    without_certificates,
)
from xroad_lite.envelope.attributes import check_attribute, check_values
from xroad_lite.envelope.encoding import decode, encode
from xroad_lite.envelope.logged import LoggedSeals
from xroad_lite.errors import SealError
from xroad_lite.identifiers import SubsystemId, new_message_id
from xroad_lite.keys import P256_ORDER, base64url, read_certificate, thumbprint, to_pem
from xroad_lite.stewardship import Authority
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE, Tamperer

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
NOW = 1_790_000_000
BASE = "https://demo.xroad-lite.example/"
DIGEST = base64url(bytes(32))
BODY = b'{"resourceType":"Patient"}'
ATTRIBUTES = Attributes(
    id=new_message_id(NOW),
    source=HEALTH,
    type="health.birth",
    time=times.to_text(NOW),
    datacontenttype="application/fhir+json",
    dataschema=f"{BASE}schemas/health/birth/1",
    sequence=f"{1:016d}",
    agreement=f"{BASE}agreements/births/1",
    purpose=PURPOSE,
    registry=f"1:{DIGEST}",
    subject="a1b2",
    recipient=CIVIL,
    datacommit=DIGEST,
    eventid=new_message_id(NOW),
    projection=DIGEST,
    expirytime=times.to_text(NOW + 60),
    inreplyto=new_message_id(NOW),
    requesthash=DIGEST,
    userid="u-7",
    issue="2026/117",
    representedparty="DEMO/GOV/OTHER",
    traceparent=f"00-{'4b' * 16}-{'00' * 7}f1-01",
    extensions=(("ourown", "kept"),),
)
COMPLETE = replace(ATTRIBUTES, datahash=DIGEST).to_json()
OTHER_DIGEST = base64url(b"\x01" * 32)
CHANGED = {
    "id": new_message_id(NOW + 1),
    "source": CIVIL,
    "type": "health.death",
    "time": times.to_text(NOW + 1),
    "datacontenttype": "application/json",
    "dataschema": f"{BASE}schemas/health/birth/2",
    "sequence": f"{2:016d}",
    "agreement": f"{BASE}agreements/births/2",
    "purpose": f"{PURPOSE}2",
    "registry": f"2:{DIGEST}",
    "datahash": OTHER_DIGEST,
    "subject": "a1b3",
    "recipient": HEALTH,
    "datacommit": OTHER_DIGEST,
    "eventid": new_message_id(NOW + 1),
    "projection": OTHER_DIGEST,
    "expirytime": times.to_text(NOW + 61),
    "inreplyto": new_message_id(NOW + 1),
    "requesthash": OTHER_DIGEST,
    "userid": "u-8",
    "issue": "2026/118",
    "representedparty": "DEMO/GOV/ANOTHER",
    "traceparent": f"00-{'4b' * 16}-{'00' * 7}f1-00",
    "ourown": "changed",
}
"""Every attribute with another value that has its form."""
FIXED = ("specversion", "profile")
"""Attributes that this version allows one value of."""
REQUIRED = ("id", "source", "type", "time", "datacontenttype", "dataschema", "sequence")
REQUIRED += ("agreement", "purpose", "registry", "datahash", *FIXED)
MALFORMED = {
    "specversion": ["0.3", "1.0 "],
    "profile": ["2", ""],
    "id": ["", ATTRIBUTES.id.upper(), "018f0000-0000-4000-8000-000000000000", ATTRIBUTES.id + "\n"],
    "source": ["", "DEMO/GOV/HEALTH", "DEMO/GOV//births", "a/b/c/d/e", "DEMO/GOV/HEALTH/%62irths"],
    "type": ["birth", "health.", "Health.birth", "health.birth.x"],
    "time": ["2026-09-21", "2026-09-21T12:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"],
    "datacontenttype": ["", "json", "application/json; charset=utf-8", "Application/json"],
    "dataschema": ["", "schemas/health/birth/1", "https:// a", "javascript"],
    "sequence": ["1", f"{1:017d}", "-000000000000001", "٠" * 16],
    "agreement": ["", "births/1", "https://x/\u007f"],
    "purpose": ["", "because", "https://x/ y"],
    "registry": [
        "",
        "1",
        f"0:{DIGEST}",
        f"1:{DIGEST}=",
        f"1:{DIGEST[:-1]}",
        f"12345678901:{DIGEST}",
    ],
    "datahash": ["", DIGEST[:-1], DIGEST + "=", "+" + DIGEST[1:]],
    "subject": ["", "a\nb", "a\x00b", "x" * 256, "ñ" * 128],
    "recipient": ["", "*", "DEMO/GOV/CIVIL"],
    "datacommit": ["", DIGEST + "A"],
    "eventid": ["", "1"],
    "projection": ["", "fields"],
    "expirytime": ["", "never", "2026-09-21T25:00:00Z"],
    "inreplyto": ["", "1"],
    "requesthash": ["", "1"],
    "userid": ["", "\x1b[2J", "x" * 256],
    "issue": ["", "x" * 256],
    "representedparty": ["", "\t"],
    "traceparent": ["", "00-1-2-3"],
    "ourown": ["", "x" * 256],
}
"""Every attribute with values that have not its form."""


class JAdESRegistry(jws.JWSRegistry):
    """joserfc's, with room for certificates and for the header fields that JAdES adds."""

    max_header_length = MAX_SEAL_BYTES

    def __init__(self):
        super().__init__(algorithms=["ES256", "EdDSA", "Ed25519"], strict_check_header=False)


def verified_by_joserfc(opened):
    """The payload, if a library that shares no code with ours finds the signature good."""
    pem = opened.certificate.x509.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kind = ECKey if opened.algorithm == "ES256" else OKPKey
    found = jws.deserialize_compact(opened.token, kind.import_key(pem), registry=JAdESRegistry())
    return found.payload


def sealed_by(signer, attributes=ATTRIBUTES, body=BODY, issued_at=NOW):
    """Seal, and have joserfc verify what came out."""
    made = seal(attributes, body, signer, issued_at=issued_at)
    assert verified_by_joserfc(made.opened) == made.opened.attributes.to_json()
    return made


@pytest.fixture(params=["ES256", "EdDSA"], scope="module")
def signer(request, es256, eddsa):
    """Each algorithm in turn."""
    return es256 if request.param == "ES256" else eddsa


@pytest.fixture(scope="module")
def opened(signer):
    """A good seal with every attribute there is."""
    return sealed_by(signer).opened


@pytest.fixture(scope="module")
def stranger(authority):
    """Another P-256 signer under the same authority."""
    return authority.issue(SubsystemId.parse(CIVIL), now=NOW).signer


def parts(token):
    """Header and payload bytes of a compact JWS."""
    return [urlsafe_b64decode(one + b"=" * (-len(one) % 4)) for one in bytes(token).split(b".")[:2]]


def signed(header, payload, signer):
    """Any header and payload bytes, honestly signed: only their form can be at fault."""
    signing_input = base64url(header).encode() + b"." + base64url(payload).encode()
    return signing_input + b"." + base64url(signer.sign(signing_input)).encode()


def dumped(value):
    """JSON as Python writes it: what strict writers refuse comes out too."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def code_of(token):
    """With which code a token is refused."""
    with pytest.raises(SealError) as caught:
        open_seal(token)
    assert caught.value.message
    if isinstance(token, bytes):
        among = read_seals([token, AMONG.seal])
        assert among.pop(AMONG.seal) == (AMONG.opened, True)
        assert not any(holds for _, holds in among.values())
    return caught.value.code


# what a seal is


def test_a_seal_opens_to_what_was_sealed(opened, signer):
    """Every attribute, the time, the chain and the algorithm come back as they were put in."""
    again = open_seal(opened.token)
    assert again == opened
    assert again.attributes == replace(ATTRIBUTES, datahash=again.attributes.datahash)
    assert (again.algorithm, again.chain, again.issued_at) == (signer.algorithm, signer.chain, NOW)
    assert open_seal(opened.token.decode()) == again


def test_seals_read_together_are_what_each_is_alone(opened, signer):
    """Of many each is what it says, or nothing; ``code_of`` tries all that are refused so."""
    good = [opened.token, *(sealed_by(signer, ATTRIBUTES).seal for _ in range(3)), AMONG.seal]
    forged = opened.token[:-8] + b"AAAAAAAA"
    mixed = [b"", good[0], b"a.b.c", *good[1:], good[1] + b"=", forged, b"."]
    expected = {token: (open_seal(token), True) for token in good}
    assert read_seals(mixed) == expected | {forged: (parse_seal(forged), False)}
    assert read_seals([]) == {}


def test_a_seal_with_only_what_is_required_opens(signer):
    """What is optional may be left out, all of it at once."""
    names = ("id", "source", "type", "time", "datacontenttype", "dataschema", "sequence")
    names += ("agreement", "purpose", "registry")
    least = Attributes(**{name: getattr(ATTRIBUTES, name) for name in names})
    found = open_seal(sealed_by(signer, least).seal).attributes
    assert sorted(found.to_dict()) == sorted(REQUIRED)


def test_the_body_is_bound_by_its_salted_digest(signer):
    """Another body, another salt or a moved border between them is not what was sealed."""
    made = sealed_by(signer)
    verify_body(made.opened, made.salt, made.body)
    other = bytes([made.salt[0] ^ 1]) + made.salt[1:]
    for salt, body in ((made.salt, BODY + b" "), (other, BODY), (made.salt, b"")):
        with pytest.raises(SealError) as caught:
            verify_body(made.opened, salt, body)
        assert caught.value.code == "envelope.digest"
    for salt in (b"", made.salt[:-1], made.salt + BODY[:1]):
        with pytest.raises(SealError) as caught:
            verify_body(made.opened, salt, BODY)
        assert caught.value.code == "envelope.salt"


def test_equal_bodies_have_unlike_digests(signer):
    """The salt is drawn anew, so that a guessed body cannot be found by its digest."""
    first, second = sealed_by(signer), sealed_by(signer)
    assert first.opened.attributes.datahash != second.opened.attributes.datahash
    assert data_hash(first.salt, BODY) == first.opened.attributes.datahash


def test_an_ed25519_seal_is_the_same_every_time(eddsa):
    """Same key, attributes, salt and time give the same bytes: nothing else goes in."""
    made = [seal(ATTRIBUTES, BODY, eddsa, issued_at=NOW, salt=bytes(32)) for _ in range(2)]
    assert made[0].seal == made[1].seal
    assert made[0].opened.identity == made[1].opened.identity


def test_two_signatures_over_one_content_are_one_seal(es256):
    """A seal's identity is of what was signed, so ECDSA's chance makes no second message of it."""
    made = [seal(ATTRIBUTES, BODY, es256, issued_at=NOW, salt=bytes(32)) for _ in range(2)]
    assert made[0].seal != made[1].seal
    assert made[0].opened.identity == made[1].opened.identity


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60),
    st.dictionaries(
        st.from_regex(r"x[a-z0-9]{1,18}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60),
        max_size=5,
    ),
)
def test_any_text_survives_sealing(subject, extensions):
    """Subject and unknown attributes come back character for character, in their order."""
    signer = SIGNER
    wanted = replace(ATTRIBUTES, subject=subject, extensions=tuple(extensions.items()))
    made = sealed_by(signer, wanted)
    found = open_seal(made.seal).attributes
    assert (found.subject, found.extensions) == (subject, wanted.extensions)


SIGNER = Authority.create("Test CA", now=NOW).issue(SubsystemId.parse(HEALTH), now=NOW).signer
AMONG = seal(ATTRIBUTES, BODY, SIGNER, issued_at=NOW)


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_sealing_refuses_what_opening_would(name, es256):
    """Nobody can seal an attribute that every receiver would refuse."""
    for value in MALFORMED[name]:
        if name == "datahash":
            continue
        given_ = {"extensions": ((name, value),)} if name == "ourown" else {name: value}
        with pytest.raises(SealError) as caught:
            seal(replace(ATTRIBUTES, **given_), BODY, es256, issued_at=NOW)
        assert caught.value.code == "envelope.attribute"


def test_a_seal_ends_at_16_kibibytes(es256):
    """Long intermediates make a seal too large to be sent, and too large to be read."""
    intermediate = b"\x30" * 3000
    long = replace(es256, chain=(*es256.chain, intermediate, intermediate, intermediate))
    with pytest.raises(SealError) as caught:
        seal(ATTRIBUTES, BODY, long, issued_at=NOW)
    assert caught.value.code == "envelope.too_large"


def test_the_limit_is_exact(es256):
    """A seal of 16,384 bytes opens; one more byte is refused before it is looked at."""
    for size in range(6500, 9000):
        chain = (*es256.chain, b"\x30" * size)
        try:
            made = seal(ATTRIBUTES, BODY, replace(es256, chain=chain), issued_at=NOW)
        except SealError:
            break
        largest = made
    assert MAX_SEAL_BYTES - 8 < len(largest.seal) <= MAX_SEAL_BYTES
    assert open_seal(largest.seal) == largest.opened
    filled = largest.seal + b"A" * (MAX_SEAL_BYTES + 1 - len(largest.seal))
    assert code_of(filled) == "envelope.too_large"
    assert code_of(filled[:-1]) == "envelope.malformed"


# other tools


def test_openssl_verifies_a_seal(opened, tmp_path):
    """The command line of OpenSSL finds the signature good, and a changed one not."""
    (tmp_path / "certificate.pem").write_bytes(to_pem(opened.chain[0]))
    (tmp_path / "input").write_bytes(opened.signing_input)
    raw = opened.signature
    if opened.algorithm == "ES256":
        raw = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    (tmp_path / "signature").write_bytes(raw)
    public = subprocess.run(
        ["openssl", "x509", "-in", "certificate.pem", "-pubkey", "-noout"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    ).stdout
    (tmp_path / "public.pem").write_bytes(public)
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"]
    if opened.algorithm == "EdDSA":
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin"]
        command += ["-sigfile", "signature", "-in"]
    ran = subprocess.run([*command, "input"], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (tmp_path / "input").write_bytes(opened.signing_input + b"A")
    ran = subprocess.run([*command, "input"], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode != 0


def test_openssl_prints_the_digest_that_names_a_certificate(opened, tmp_path):
    """``x5t#S256`` and the registry's digest are OpenSSL's fingerprint."""
    (tmp_path / "certificate.pem").write_bytes(to_pem(opened.chain[0]))
    printed = subprocess.run(
        ["openssl", "x509", "-in", "certificate.pem", "-noout", "-fingerprint", "-sha256"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    digest = printed.strip().rpartition("=")[2].replace(":", "").lower()
    assert digest == opened.certificate.sha256
    assert json.loads(parts(opened.token)[0])["x5t#S256"] == base64url(bytes.fromhex(digest))


def test_the_header_is_valid_against_etsi_schemas(opened):
    """The protected header is one of JAdES (ETSI TS 119 182-1, annex A), by ETSI's own schemas."""
    folder = Path(__file__).parents[2] / "shared/data/etsi-19182"
    if not folder.is_dir():
        pytest.skip("ETSI's JSON schemas are not beside this checkout (shared/data/etsi-19182)")
    from jsonschema import Draft7Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    def retrieve(uri):
        name = uri.rpartition("/")[2]
        found = [one for one in (folder / name, folder / "rfcs" / name) if one.is_file()]
        return DRAFT7.create_resource(json.loads(found[0].read_bytes()))

    registry = Registry(retrieve=retrieve)
    schema = {"$ref": "etsi:/19182-protected-jsonSchema.json"}
    validator = Draft7Validator(schema, registry=registry)
    header = json.loads(parts(opened.token)[0])
    assert [error.message for error in validator.iter_errors(header)] == []
    without_time = {name: value for name, value in header.items() if name != "iat"}
    assert not validator.is_valid(without_time)
    assert not validator.is_valid(header | {"x5c": "text"})


# changes by somebody without the key


@pytest.mark.sampled(24)
@pytest.mark.parametrize("name", sorted(CHANGED))
def test_no_changed_attribute_survives(name, opened):
    """Each attribute, set to another good value, breaks the signature."""
    token = Tamperer.with_attributes(opened, **{name: CHANGED[name]})
    assert code_of(token) == "envelope.signature_invalid"


def test_every_attribute_is_in_the_matrix(opened):
    """No attribute is forgotten when one is added to the format."""
    assert set(opened.attributes.to_dict()) == {*CHANGED, *FIXED}
    assert set(MALFORMED) == {*CHANGED, *FIXED}


@pytest.mark.sampled(24)
@pytest.mark.parametrize("name", sorted({*CHANGED, *FIXED}))
def test_no_removed_attribute_survives(name, opened):
    """What is required is missed by name; what is not is missed by the signature."""
    expected = "envelope.attribute" if name in REQUIRED else "envelope.signature_invalid"
    assert code_of(Tamperer.with_attributes(opened, **{name: None})) == expected


def test_no_added_attribute_survives(opened):
    """An attribute that nobody sealed breaks the signature, whether we know its name or not."""
    assert code_of(Tamperer.with_attributes(opened, added="x")) == "envelope.signature_invalid"


# attributes in a bad form, honestly signed


@pytest.mark.sampled(24)
@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_an_attribute_in_a_bad_form_is_refused(name, opened, signer):
    """Also the holder of the key cannot say what has not the attribute's form."""
    header, payload = parts(opened.token)
    for value in [*MALFORMED[name], 1, 1.5, True, None, [], {}, ["x"], {"x": "y"}]:
        changed = json.loads(payload) | {name: value}
        assert code_of(signed(header, dumped(changed), signer)) == "envelope.attribute", value


GOOD = ATTRIBUTES.to_dict() | {"datahash": DIGEST}


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_what_is_seen_at_once_is_seen_at_leisure_too(name, data):
    """Attributes are checked together as each is alone: nothing passes for being looked at fast."""
    value = GOOD[name]
    at = data.draw(st.integers(0, len(value)))
    cut = data.draw(st.integers(at, min(len(value), at + 2)))
    added = data.draw(st.text("0123456789abzTZ:.-/ \n\u0663\u00f1", max_size=2))
    changed = value[:at] + added + value[cut:]
    together = refused(lambda: check_values(GOOD | {name: changed}))
    assert together == refused(lambda: check_attribute(name, changed))


def refused(check):
    """Whether a check refuses, by the one error that it may raise."""
    try:
        check()
    except SealError:
        return True
    return False


@pytest.mark.sampled(24)
@pytest.mark.parametrize("name", sorted({*CHANGED, *FIXED}))
def test_a_repeated_attribute_is_refused(name, opened, signer):
    """Two values under one name are read differently by different readers."""
    header, payload = parts(opened.token)
    value = json.loads(payload)[name]
    for again in (value, CHANGED.get(name, "2")):
        twice = payload[:-1] + b"," + dumped({name: again})[1:]
        assert code_of(signed(header, twice, signer)) == "envelope.malformed"


@pytest.mark.parametrize(
    "name", ["", "ID", "my-own", "my_own", "extensions", "data ", "x" * 21, "ñ", "a.b", "__class__"]
)
def test_an_attribute_name_beyond_cloudevents_is_refused(name, opened, signer):
    """Names are lower-case letters and digits, at most 20 (CloudEvents 1.0, section 3.1)."""
    header, payload = parts(opened.token)
    changed = dumped(json.loads(payload) | {name: "x"})
    assert code_of(signed(header, changed, signer)) == "envelope.attribute"


def test_unknown_attributes_are_bounded(opened, signer):
    """Sixteen attributes of one's own are carried, seventeen refused."""
    header, payload = parts(opened.token)
    known = json.loads(payload)
    del known["ourown"]
    for count, good in ((16, True), (17, False)):
        token = signed(header, dumped(known | {f"x{n}": "y" for n in range(count)}), signer)
        if good:
            assert len(open_seal(token).attributes.extensions) == count
        else:
            assert code_of(token) == "envelope.attribute"


# the header, honestly signed


def test_the_header_as_it_is_signed_anew_opens(opened, signer):
    """The tools of the tests below make seals that open: what they refuse is what they changed."""
    header, payload = parts(opened.token)
    again = open_seal(signed(header, payload, signer))
    assert again.attributes == opened.attributes
    assert again.identity == opened.identity


@pytest.mark.sampled(48)
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("typ", "JWT", "envelope.type"),
        ("typ", "xroad-lite-receipt+jws", "envelope.type"),
        ("typ", SEAL_TYPE.upper(), "envelope.type"),
        ("typ", f"application/{SEAL_TYPE}", "envelope.type"),
        ("typ", "", "envelope.type"),
        ("typ", 1, "envelope.type"),
        ("typ", None, "envelope.type"),
        ("typ", [SEAL_TYPE], "envelope.type"),
        ("alg", "none", "envelope.algorithm"),
        ("alg", "None", "envelope.algorithm"),
        ("alg", "HS256", "envelope.algorithm"),
        ("alg", "RS256", "envelope.algorithm"),
        ("alg", "PS256", "envelope.algorithm"),
        ("alg", "ES384", "envelope.algorithm"),
        ("alg", "ES256K", "envelope.algorithm"),
        ("alg", "es256", "envelope.algorithm"),
        ("alg", "Ed25519", "envelope.algorithm"),
        ("alg", "", "envelope.algorithm"),
        ("alg", 1, "envelope.algorithm"),
        ("alg", None, "envelope.algorithm"),
        ("alg", ["ES256"], "envelope.algorithm"),
        ("alg", {"ES256": 1}, "envelope.algorithm"),
        ("x5t#S256", OTHER_DIGEST, "envelope.thumbprint"),
        ("x5t#S256", "", "envelope.thumbprint"),
        ("x5t#S256", 1, "envelope.thumbprint"),
        ("x5t#S256", None, "envelope.thumbprint"),
        ("x5t#S256", [], "envelope.thumbprint"),
        ("x5c", [], "envelope.header"),
        ("x5c", "AAAA", "envelope.header"),
        ("x5c", {}, "envelope.header"),
        ("x5c", None, "envelope.header"),
        ("x5c", ["AAAA"] * 6, "envelope.header"),
        ("x5c", [1], "envelope.certificate"),
        ("x5c", [None], "envelope.certificate"),
        ("x5c", [[]], "envelope.certificate"),
        ("x5c", [""], "envelope.certificate"),
        ("x5c", ["AAAA"], "envelope.certificate"),
        ("x5c", ["-_-_"], "envelope.certificate"),
        ("x5c", ["AAAB "], "envelope.certificate"),
        ("x5c", ["AAB"], "envelope.certificate"),
        ("x5c", ["AAB="], "envelope.certificate"),
        ("x5c", ["ñ"], "envelope.certificate"),
        ("iat", -1, "envelope.header"),
        ("iat", 1.0, "envelope.header"),
        ("iat", 1e300, "envelope.header"),
        ("iat", "1790000000", "envelope.header"),
        ("iat", True, "envelope.header"),
        ("iat", None, "envelope.header"),
        ("iat", [], "envelope.header"),
        ("iat", 253_402_300_800, "envelope.header"),
        ("iat", 2**63, "envelope.header"),
        ("iat", 10**4000, "envelope.header"),
        ("crit", [], "envelope.critical"),
        ("crit", ["iat"], "envelope.critical"),
        ("crit", ["b64"], "envelope.critical"),
        ("crit", None, "envelope.critical"),
        ("b64", False, "envelope.header"),
        ("kid", "1", "envelope.header"),
        ("jku", "https://evil.example/", "envelope.header"),
        ("jwk", {}, "envelope.header"),
        ("x5u", "https://evil.example/", "envelope.header"),
        ("x5t", "AAAA", "envelope.header"),
        ("cty", "json", "envelope.header"),
        ("sigT", "2026-01-01T00:00:00Z", "envelope.header"),
        ("", "", "envelope.header"),
    ],
)
def test_a_header_field_in_a_bad_form_is_refused(field, value, code, opened, signer):
    """Each field has one form, and no field is allowed that is not on the list."""
    header, payload = parts(opened.token)
    changed = dumped(json.loads(header) | {field: value})
    assert code_of(signed(changed, payload, signer)) == code


@pytest.mark.parametrize("field", ["typ", "alg", "x5t#S256", "x5c", "iat"])
def test_a_removed_or_repeated_header_field_is_refused(field, opened, signer):
    """Every field is required, once."""
    header, payload = parts(opened.token)
    less = json.loads(header)
    value = less.pop(field)
    assert code_of(signed(dumped(less), payload, signer)) == "envelope.header"
    twice = header[:-1] + b"," + dumped({field: value})[1:]
    assert code_of(signed(twice, payload, signer)) == "envelope.malformed"


def test_the_time_of_sealing_is_signed(opened):
    """Another ``iat`` breaks the signature."""
    token = Tamperer.with_header(opened, iat=NOW + 1)
    assert code_of(token) == "envelope.signature_invalid"


def test_the_algorithm_must_fit_the_key(opened, es256, eddsa):
    """The name of the other allowed algorithm is refused, whoever signs."""
    header, payload = parts(opened.token)
    other = {"ES256": "EdDSA", "EdDSA": "ES256"}[opened.algorithm]
    changed = dumped(json.loads(header) | {"alg": other})
    for signer in (es256, eddsa):
        assert code_of(signed(changed, payload, signer)) == "envelope.algorithm"


def test_a_swapped_certificate_is_refused(opened, es256, eddsa, stranger):
    """Without its digest by the digest, with it by the signature, of another kind by the kind."""
    der = stranger.chain[0]
    text, digest = b64encode(der).decode(), read_certificate(der).thumbprint
    assert code_of(Tamperer.with_header(opened, x5c=[text])) == "envelope.thumbprint"
    swapped = Tamperer.with_header(opened, x5c=[text], x5t_S256=digest)
    expected = "envelope.signature_invalid" if opened.algorithm == "ES256" else "envelope.algorithm"
    assert code_of(swapped) == expected
    both = Tamperer.with_header(opened, x5c=[text, b64encode(opened.chain[0]).decode()])
    assert code_of(both) == "envelope.thumbprint"


def test_an_added_intermediate_breaks_the_signature(opened, stranger):
    """The chain is signed too."""
    chain = [b64encode(one).decode() for one in (*opened.chain, *stranger.chain)]
    assert code_of(Tamperer.with_header(opened, x5c=chain)) == "envelope.signature_invalid"


def test_a_certificate_may_not_be_written_with_escapes(opened, signer):
    """A certificate is found again in the header by its plain text, so only that is allowed."""
    header, payload = parts(opened.token)
    text = b64encode(opened.chain[0])
    for plain, escaped in ((text[:1], b"\\u%04x" % text[0]), (b"/", b"\\/")):
        assert plain in text
        changed = header.replace(text, text.replace(plain, escaped, 1))
        assert json.loads(changed) == json.loads(header)
        assert code_of(signed(changed, payload, signer)) == "envelope.certificate"


def test_a_certificate_of_no_known_version_is_refused(es256):
    """A version that X.509 does not have is our error and not a library's."""
    der = es256.chain[0]
    at = der.index(bytes.fromhex("a003020102"))
    broken = der[: at + 4] + b"\x05" + der[at + 5 :]
    header = {
        "typ": SEAL_TYPE,
        "alg": "ES256",
        "x5t#S256": thumbprint(broken),
        "x5c": [b64encode(broken).decode()],
        "iat": NOW,
    }
    assert code_of(signed(dumped(header), COMPLETE, es256)) == "envelope.certificate"


def test_a_key_of_another_kind_is_refused(authority):
    """P-384 and RSA keys speak for nobody here."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        der = _certificate_of(key)
        header = {"typ": SEAL_TYPE, "alg": "ES256", "x5t#S256": thumbprint(der)}
        header |= {"x5c": [b64encode(der).decode()], "iat": NOW}
        token = b".".join(base64url(one).encode() for one in (dumped(header), COMPLETE, bytes(64)))
        assert code_of(token) == "envelope.certificate"


def _certificate_of(key):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")])
    starts = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(starts).not_valid_after(starts + timedelta(days=1))
    certificate = builder.public_key(key.public_key()).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


# the signature


def test_the_higher_s_is_refused(es256):
    """(r, n-s) verifies too: only the lower s is a seal, so that each has one form."""
    opened = sealed_by(es256).opened
    r, s = opened.signature[:32], int.from_bytes(opened.signature[32:], "big")
    high = r + (P256_ORDER - s).to_bytes(32, "big")
    assert opened.certificate.verifies(high, opened.signing_input)
    assert code_of(Tamperer.with_signature(opened, high)) == "envelope.high_s"
    for number in (P256_ORDER, P256_ORDER // 2 + 1, 2**256 - 1):
        token = Tamperer.with_signature(opened, r + number.to_bytes(32, "big"))
        assert code_of(token) == "envelope.high_s"


def test_the_higher_s_of_ed25519_is_refused(eddsa):
    """S plus the group's order is the same scalar, and no signature (RFC 8032, section 5.1.7)."""
    opened = sealed_by(eddsa).opened
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(opened.signature[32:], "little") + order
    token = Tamperer.with_signature(opened, opened.signature[:32] + s.to_bytes(32, "little"))
    assert code_of(token) == "envelope.signature_invalid"


def test_a_signature_has_64_bytes(opened):
    """Shortened, extended, empty and DER-encoded ones are refused by form."""
    raw = opened.signature
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    for signature in (b"", raw[:1], raw[:-1], raw + b"\x00", b"\x00" + raw, raw * 2, der):
        assert code_of(Tamperer.with_signature(opened, signature)) == "envelope.malformed"


def test_no_changed_signature_survives(opened):
    """Every bit counts; zeros, and the signature over something else, are no signatures."""
    other = sealed_by(SIGNER).opened.signature
    for signature in (bytes(64), b"\x00" * 63 + b"\x01", other):
        assert code_of(Tamperer.with_signature(opened, signature)) == "envelope.signature_invalid"
    codes = set()
    for bit in range(512):
        changed = bytearray(opened.signature)
        changed[bit // 8] ^= 1 << bit % 8
        codes.add(code_of(Tamperer.with_signature(opened, bytes(changed))))
    assert codes <= {"envelope.signature_invalid", "envelope.high_s"}


# the token as text


def test_stray_bits_and_other_alphabets_are_refused(opened):
    """Each part has one spelling: no padding, no unused bits, no characters from outside."""
    good = opened.token.split(b".")
    for number, part in enumerate(good):
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        padded = part + b"=" * (-len(part) % 4)
        spellings = [part + b"==", part + b"=", b"=" + part, part + b" ", b" " + part, part + b"\n"]
        spellings += [part[:7] + b"\r\n" + part[7:], part + b"\x00", b"", b"A", part + b"A" * 5]
        spellings += [part[:-1] + b"+", part[:-1] + b"/", part[:-1] + b"\xff"]
        if len(part) % 4:
            spellings += [
                part[:-1] + bytes([last])
                for last in alphabet
                if last != part[-1]
                and urlsafe_b64decode(part[:-1] + bytes([last]) + b"==")
                == urlsafe_b64decode(padded)
            ]
        for spelling in spellings:
            token = b".".join([*good[:number], spelling, *good[number + 1 :]])
            assert code_of(token) == "envelope.malformed", spelling[:20]


_LETTERS = st.sampled_from([bytes([one]) for one in b"ABQYgwz019-_+/= \n\r.\0\xff"])


@given(st.binary(max_size=5), st.lists(_LETTERS, max_size=6).map(b"".join))
def test_only_what_encode_writes_is_decoded(data, end):
    """One text per content: whatever else is like one is refused."""
    text = encode(data) + end
    spelling = urlsafe_b64decode(text + b"=" * (-len(text) % 4)) if _is_base64url(text) else b""
    if spelling and encode(spelling) == text:
        assert decode(text, "part") == spelling
    else:
        with pytest.raises(SealError):
            decode(text, "part")


def _is_base64url(text):
    return (
        len(text) % 4 != 1
        and all(chr(one).isalnum() or one in b"-_" for one in text)
        and text.isascii()
    )


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"\xff" * 100,
        b"\x00" * 100,
        "ñ.ñ.ñ",
        "\ud800.\udfff.a",
        "e30.e30.e30.e30.e30",
        b"a" * MAX_SEAL_BYTES,
        b"." * MAX_SEAL_BYTES,
    ],
)
def test_what_is_no_compact_jws_is_refused(token):
    """Garbage is refused as garbage."""
    assert code_of(token) == "envelope.malformed"


def test_other_serialisations_are_refused(opened):
    """JSON serialisation, detached and with something around it: none of it is a compact JWS."""
    header, payload, signature = opened.token.decode().split(".")
    general = json.dumps({"protected": header, "payload": payload, "signature": signature})
    for token in (
        general,
        f"{header}..{signature}",
        f" {opened.token.decode()}",
        f"{opened.token.decode()}\n",
        f"{opened.token.decode()}.",
        f"Bearer {opened.token.decode()}",
    ):
        assert code_of(token) == "envelope.malformed"


def test_only_bytes_and_text_can_be_opened(opened):
    """Anything else is a mistake of the caller's, and no matter of trust."""
    for misuse in (None, 1, [opened.token], bytearray(opened.token), opened):
        with pytest.raises(TypeError):
            open_seal(misuse)


# header and payload as JSON


@pytest.mark.sampled(24)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b"[{}]",
        b"{",
        b"{}{}",
        b"{} x",
        b"{,}",
        b"{'alg':'ES256'}",
        b'{"alg":"ES256",}',
        b'{"alg":NaN}',
        b'{"alg":Infinity}',
        b'{"alg":-Infinity}',
        b'{"alg":1e999}',
        b'{"alg":01}',
        b'{"alg":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"alg":"\\ud800\\ud800"}',
        b'{"alg":"\xff"}',
        b'{"alg":"\xed\xa0\x80"}',
        b'{"alg":"\xc0\xaf"}',
        b'{"alg":"a\nb"}',
        b'{"alg":"\\x41"}',
        b'\xef\xbb\xbf{"alg":1}',
        '{"alg":1}'.encode("utf-16"),
        '{"alg":1}'.encode("utf-32"),
        b'{"alg":1}\x00',
        b'{"alg":/**/1}',
        b'{"alg":%s}' % (b"9" * 5000),
        b"[" * 8000,
        b'{"a":' * 1500,
        b"[" * 2000 + b"]" * 2000,
        b'{"alg":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"alg":' + b'{"a":' * 300 + b"1" + b"}" * 301,
    ],
)
def test_what_is_no_strict_json_object_is_refused(text, opened, signer):
    """Neither header nor payload can be anything that two readers might read differently."""
    header, payload = parts(opened.token)
    assert code_of(signed(text, payload, signer)) == "envelope.malformed"
    assert code_of(signed(header, text, signer)) == "envelope.malformed"


def test_whitespace_order_and_escapes_of_the_signer_stand(opened, signer):
    """Nothing is canonicalised: what the signer wrote, in any valid spelling, is what is signed."""
    header, payload = (json.loads(one) for one in parts(opened.token))
    loose = json.dumps(dict(reversed(header.items())), indent=2).encode()
    escaped = json.dumps(dict(reversed(payload.items())) | {"subject": "ñandú"}).encode()
    found = open_seal(signed(loose, escaped, signer))
    assert found.attributes.subject == "ñandú"
    assert found.identity != opened.identity
    assert with_certificates(*without_certificates(found), _by_digest(found)) == found.token


# the form in the log


def _by_digest(opened):
    return {thumbprint(der): der for der in opened.chain}


def test_a_seal_comes_back_from_the_log_byte_for_byte(signer, stranger):
    """Certificates are taken out by digest and put back, one or several, even twice the same."""
    other = stranger.chain[0]
    chains = [(), (other,), (other, other), (signer.chain[0],), (b"any bytes", other)]
    for more in chains:
        long = replace(signer, chain=(*signer.chain, *more))
        found = sealed_by(long).opened
        header, payload, signature = without_certificates(found)
        assert b64encode(found.chain[0]).decode() not in header
        assert certificate_digests(header) == [thumbprint(der) for der in found.chain]
        assert with_certificates(header, payload, signature, _by_digest(found)) == found.token


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.booleans())
def test_any_chain_comes_back_from_the_log(more, loose):
    """Whatever stands behind the first certificate, and however the header is spaced."""
    found = sealed_by(replace(SIGNER, chain=(*SIGNER.chain, *more))).opened
    if loose:
        header, payload = parts(found.token)
        spaced = json.dumps(json.loads(header), indent=1).encode()
        found = open_seal(signed(spaced, payload, SIGNER))
    assert with_certificates(*without_certificates(found), _by_digest(found)) == found.token


def test_a_missing_certificate_is_said(opened):
    """Without its certificates a seal cannot be had back from the log."""
    with pytest.raises(SealError) as caught:
        with_certificates(*without_certificates(opened), {})
    assert caught.value.code == "envelope.certificate"


@pytest.mark.parametrize("loose", [False, True])
def test_seals_read_from_the_log_are_those_that_travelled(signer, loose):
    """Many that differ in when they were sealed, read together, are what each is when parsed."""
    found = [sealed_by(signer, issued_at=NOW + number).opened for number in range(4)]
    if loose:
        every = [parts(one.token) for one in found]
        spaced = [(json.dumps(json.loads(header), indent=1).encode(), it) for header, it in every]
        found = [open_seal(signed(*one, signer)) for one in spaced]
    read = LoggedSeals(_by_digest(found[0])).read
    assert [read(*without_certificates(one)) for one in found] == found


@given(
    st.sampled_from(["iat", "alg", "typ", "x5t#S256", "more"]),
    st.sampled_from([NOW, 10**11, -1, 1.5, "1", True, None, [], {"iat": 1}]),
    st.permutations(["typ", "alg", "x5t#S256", "x5c", "iat", "more"]),
)
def test_a_header_is_read_alike_whatever_was_read_before(name, value, order):
    """That one began as another one that was read does not let its end pass."""
    opened = sealed_by(SIGNER).opened
    short, payload, signature = without_certificates(opened)
    fields = json.loads(short)
    changed = {one: (fields | {name: value})[one] for one in order if one in fields | {name: value}}
    fresh, used = (LoggedSeals(_by_digest(opened)).read for _ in range(2))
    for text in (short, dumped({one: fields[one] for one in order if one in fields}).decode()):
        used(text, payload, signature)
    for text in (dumped(changed).decode(), short[:-1] + f',"{name}":{json.dumps(value)}}}'):
        assert outcome(fresh, text, payload, signature) == outcome(used, text, payload, signature)


def outcome(read, *texts):
    """What reading gives: a seal, or the code of the error."""
    try:
        return read(*texts)
    except SealError as error:
        return error.code


# hostile bytes


def random_bytes(rnd):
    """Ten thousand byte strings: plain noise, noise with dots, and noise in the right alphabet."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    for number in range(10_000):
        size = rnd.choice((3, 30, 300, 3000))
        if number % 3 == 0:
            yield rnd.randbytes(size)
        elif number % 3 == 1:
            yield b".".join(rnd.randbytes(size // 3) for _ in range(3))
        else:
            yield bytes(rnd.choices(alphabet, k=size))


def mutated(rnd, token):
    """One to three changes to a good seal: in its bytes, or inside its decoded parts."""
    if rnd.random() < 0.4:
        place = rnd.randrange(3)
        pieces = token.split(b".")
        inside = urlsafe_b64decode(pieces[place] + b"=" * (-len(pieces[place]) % 4))
        pieces[place] = base64url(_changed(rnd, inside)).encode()
        return b".".join(pieces)
    return _changed(rnd, token)


def _changed(rnd, data):
    changed = bytearray(data)
    for _ in range(rnd.randint(1, 3)):
        at = rnd.randrange(len(changed) + 1)
        kind = rnd.randrange(5)
        if kind == 0:
            changed[at : at + 1] = rnd.randbytes(1)
        elif kind == 1:
            changed[at:at] = rnd.randbytes(rnd.randint(1, 8))
        elif kind == 2:
            del changed[at : at + rnd.randint(1, 40)]
        elif kind == 3:
            changed[at:at] = changed[max(0, at - 20) : at]
        elif at < len(changed):
            changed[at] ^= 1 << rnd.randrange(8)
    return bytes(changed)


def opened_or_refused(token):
    """The seal, or None, and how long that took, in seconds; anything but SealError comes out."""
    began = time.perf_counter()
    try:
        found = open_seal(token)
    except SealError:
        found = None
    return found, time.perf_counter() - began


def test_ten_thousand_random_strings_are_refused():
    """Nothing but our own error comes out, and none of them opens, in no time."""
    taken = []
    for token in random_bytes(random.Random(20260921)):
        found, seconds = opened_or_refused(token)
        assert found is None
        taken.append(seconds)
    assert statistics.median(taken) < 0.010


def test_ten_thousand_mutated_seals_are_refused(es256, eddsa):
    """No change opens, unless it changed nothing at all."""
    rnd = random.Random(20260922)
    good = [sealed_by(es256).seal, sealed_by(eddsa).seal]
    taken, survived = [], 0
    for number in range(10_000):
        token = good[number % 2]
        changed = mutated(rnd, token)
        found, seconds = opened_or_refused(changed)
        assert (found is not None) == (changed == token)
        survived += found is not None
        taken.append(seconds)
    assert survived < 500
    assert statistics.median(taken) < 0.010


def test_mutated_certificates_raise_only_our_errors(es256):
    """A certificate that is nearly one: five thousand broken ones, all refused as seals are."""
    rnd = random.Random(20260923)
    der = es256.chain[0]
    codes = set()
    for _ in range(5000):
        broken = _changed(rnd, der)
        if broken == der:
            continue
        header = {"typ": SEAL_TYPE, "alg": "ES256", "x5t#S256": thumbprint(broken)}
        header |= {"x5c": [b64encode(broken).decode()], "iat": NOW}
        token = b".".join(base64url(one).encode() for one in (dumped(header), COMPLETE, bytes(64)))
        codes.add(code_of(token))
    assert codes <= {"envelope.certificate", "envelope.signature_invalid", "envelope.algorithm"}


def test_a_seal_is_a_value(opened):
    """Nobody can change a seal that was opened."""
    with pytest.raises(AttributeError):
        opened.issued_at = 0
    assert isinstance(opened, Seal)
