"""Keys in a token, SoftHSM 2: a node that seals with one is in ``test_identities_guide``."""

import gc
import os
import shutil
import subprocess
import threading

import pytest
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from xroad_lite import times
from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    P256_ORDER,
    KeySigner,
    Trust,
    make_request,
    new_key,
    open_key,
    open_signer,
    read_certificate,
    read_certificates,
    read_request,
    to_pem,
    tokens,
)
from xroad_lite.node import Node, Settings
from xroad_lite.node.encryption_keys import EncryptionKeys
from xroad_lite.stewardship import Authority
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, two_agency_instance

NOW = 1_790_000_000
ME = SubsystemId.parse(HEALTH)
PIN = b"4321"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
MODULE = next((one for one in MODULES if os.path.exists(one)), None)  # noqa: PTH110
pytestmark = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None,
    reason="needs SoftHSM 2: apt-get install softhsm2",
)


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    """The address of a key in a fresh token, without its label."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    begin_anew()  # the library of this process may know another token of this name
    make = "softhsm2-util --init-token --free --label births --so-pin 1234 --pin"
    subprocess.run([*make.split(), PIN.decode()], check=True, capture_output=True)
    yield f"pkcs11:token=births;object={{}}?module-path={MODULE}"
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def begin_anew():
    """The library forgets its tokens and who is logged in; it reads its configuration again."""
    import pkcs11

    gc.collect()  # sessions of earlier tests are closed now, not when their numbers are others'
    pkcs11.lib(MODULE).finalize()


def refused(call, *given, **named):
    """Code and whole text of a refusal."""
    with pytest.raises(KeysError) as caught:
        call(*given, **named)
    return caught.value.code, f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_key_is_made_in_the_token_and_signs_there(algorithm, token, authority, tmp_path):
    """Its request names us, its certificate verifies what it signs, and it cannot be taken out."""
    uri = token.format(algorithm)
    made = new_key(uri, algorithm, passphrase=PIN)
    request = read_request(make_request(made, ME))
    assert (request.subsystem, request.key) == (ME, made.public_key())
    der = authority.certify(request.key, ME, now=NOW)
    (tmp_path / "certificates.pem").write_bytes(to_pem(der))
    signer = open_signer(uri, tmp_path / "certificates.pem", passphrase=lambda: PIN)
    assert (signer.algorithm, signer.chain) == (algorithm, (der,))
    for number in range(20):
        signature = signer.sign(b"data %d" % number)
        assert len(signature) == 64
        assert read_certificate(der).verifies(signature, b"data %d" % number)
        if algorithm == "ES256":
            assert int.from_bytes(signature[32:], "big") <= P256_ORDER // 2
    for taking in (signer.key.private_bytes, getattr(signer.key, "private_numbers", None)):
        if taking is not None:
            assert refused(taking)[0] == "keys.token"
    assert refused(new_key, uri, algorithm, passphrase=PIN)[0] == "keys.exists"


def test_what_cannot_be_opened_is_said(token, authority, tmp_path):
    """No PIN, a wrong one, no token, no key, no library; and never the PIN itself."""
    uri = token.format("known")
    new_key(uri, passphrase=PIN)
    for given, code in (
        ({"uri": uri}, "keys.token"),
        ({"uri": uri, "passphrase": b"not the pin"}, "keys.token"),
        ({"uri": token.format("other"), "passphrase": PIN}, "keys.token"),
        ({"uri": uri.replace("births", "deaths"), "passphrase": PIN}, "keys.token"),
        ({"uri": uri.replace(MODULE, "/none.so"), "passphrase": PIN}, "keys.token"),
        ({"uri": uri.replace(MODULE, "/bin/true"), "passphrase": PIN}, "keys.token"),
    ):
        begin_anew()  # else this process is still logged in
        found, text = refused(open_key, **given)
        assert found == code, text
        assert "4321" not in text
        assert "not the pin" not in text
    other = authority.issue(ME, now=NOW).signer.chain[0]
    (tmp_path / "other.pem").write_bytes(to_pem(other))
    found, text = refused(open_signer, uri, tmp_path / "other.pem", passphrase=PIN)
    assert found == "keys.mismatch", text
    assert open_key(uri, passphrase=PIN).curve.name == "secp256r1"


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:",
        "pkcs11:token=births?module-path=/x.so",
        "pkcs11:object=a;object=b?module-path=/x.so",
        "pkcs11:object=a;colour=red?module-path=/x.so",
        "pkcs11:object=a;type=cert?module-path=/x.so",
        "pkcs11:object=?module-path=/x.so",
        "pkcs11:object=a?module-path=/x.so&pin-value=4321",
        "pkcs11:object=a;pin-value=4321?module-path=/x.so",
    ],
)
def test_addresses_that_are_refused(uri, monkeypatch):
    """What names no key, names it twice or oddly, or holds a PIN, which is not repeated."""
    monkeypatch.delenv("XROAD_LITE_PKCS11_MODULE", raising=False)
    code, text = refused(open_key, uri, passphrase=b"x")
    assert code == "keys.uri"
    assert "4321" not in text
    code, text = refused(open_key, "pkcs11:object=a", passphrase=b"x")
    assert "XROAD_LITE_PKCS11_MODULE" in text


def test_a_key_by_its_id_and_the_library_by_a_variable(token, monkeypatch):
    """As RFC 7512 writes bytes, percent-encoded."""
    monkeypatch.setenv("XROAD_LITE_PKCS11_MODULE", MODULE)
    made = new_key("pkcs11:token=births;object=by%20id;id=%01%FF", passphrase=PIN)
    for uri in ("pkcs11:token=births;id=%01%FF", "PKCS11:object=by%20id;type=private"):
        assert open_key(uri, passphrase=PIN).public_key() == made.public_key()


def test_a_lost_session_is_made_again(token):
    """The token was away between two signatures: the second one just takes longer."""
    import pkcs11

    uri = token.format("lost")
    new_key(uri, passphrase=PIN)
    signer = KeySigner(open_key(uri, passphrase=PIN), (), "ES256")
    assert len(signer.sign(b"before")) == 64
    pkcs11.lib(MODULE).finalize()
    assert len(signer.sign(b"after")) == 64
    pkcs11.lib(MODULE).reinitialize()
    assert len(signer.sign(b"after that")) == 64


def test_no_key_is_taken_for_another_after_the_library_began_anew(token):
    """Its numbers for sessions and keys begin again: each key looks for its own first."""
    import pkcs11

    keys = [new_key(token.format(f"one of {number}"), passphrase=PIN) for number in range(4)]
    for key in keys:
        key.sign(b"before", ec.ECDSA(hashes.SHA256()))
    for first in range(4):
        pkcs11.lib(MODULE).finalize()
        for key in (*keys[first:], *keys[:first]):
            signature = key.sign(b"after", ec.ECDSA(hashes.SHA256()))
            key.public_key().verify(signature, b"after", ec.ECDSA(hashes.SHA256()))


def test_a_token_that_stays_away_is_said_and_may_come_back(token, monkeypatch):
    """Signing fails with our error while it is away, and works again afterwards."""
    uri = token.format("away")
    new_key(uri, passphrase=PIN)
    key = open_key(uri, passphrase=PIN)
    signer = KeySigner(key, (), "ES256")
    import pkcs11

    pkcs11.lib(MODULE).finalize()
    found = tokens._fits
    monkeypatch.setattr(tokens, "_fits", lambda *_: False)
    assert refused(signer.sign, b"now")[0] == "keys.token"
    monkeypatch.setattr(tokens, "_fits", found)
    assert len(signer.sign(b"then")) == 64


def test_threads_may_sign_at_once(token):
    """Eight threads and two keys of one library: every signature verifies."""
    keys = [new_key(token.format(f"thread-{number}"), passphrase=PIN) for number in range(2)]
    bad = []

    def work(number):
        key = keys[number % 2]
        signer = KeySigner(key, (), "ES256")
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        from xroad_lite.keys.certificates import SHA256

        for turn in range(15):
            data = b"%d %d" % (number, turn)
            signature = signer.sign(data)
            halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            try:
                key.public_key().verify(encode_dss_signature(*halves), data, SHA256)
            except Exception as error:  # noqa: BLE001  a thread must not hide it
                bad.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad


def test_a_key_that_agrees_gives_the_secret_of_both(token):
    """ECDH in the token is what the other side finds in memory; such a key does not sign."""
    key = new_key(token.format("agrees"), passphrase=PIN, agrees=True)
    for _ in range(5):
        other = ec.generate_private_key(ec.SECP256R1())
        assert key.exchange(ec.ECDH(), other.public_key()) == other.exchange(
            ec.ECDH(), key.public_key()
        )
    assert refused(KeySigner(key, (), "ES256").sign, b"data")[0] == "keys.token"
    signs = new_key(token.format("signs only"), passphrase=PIN)
    assert refused(signs.exchange, ec.ECDH(), other.public_key())[0] == "keys.token"


def test_a_node_reads_what_is_confidential_with_keys_in_a_token(token, tmp_path, monkeypatch):
    """The first and the next, in no file; while the token is away, what comes is undecided."""
    import pkcs11

    two = two_agency_instance(tmp_path, now=NOW - 100)
    folder = two.node_folder(CIVIL)
    for number in folder.glob("encryption*.pem"):
        number.unlink()
    monkeypatch.setenv("XROAD_LITE_PASSPHRASE", PIN.decode())
    edited(folder / "node.yaml", lambda one: one.update(encryption_key=token.format("opens")))
    for name in ("births", "persons"):
        agreement = two.source / f"agreements/{name}-1.yaml"
        edited(agreement, lambda one: one.update(confidential=True, pseudonym_key=None))
    heard = []
    clock = Clock(NOW)
    listed = []
    for number in (1, 2):
        made, _, key = EncryptionKeys(Settings.read(folder)).make(PIN)
        assert made == number
        listed.append({**key.public.members(), "from": times.to_text(NOW - 100 + number)})
        member = two.source / "members/civil.yaml"
        edited(member, lambda one: one["subsystems"][0].update(encryption_keys=listed))
        two.publish(clock())
        with Node.open(folder, clock=clock) as civil:
            civil.subscribe("health.birth")(lambda message: heard.append(message.body))
            with Node.open(two.node_folder(HEALTH), clock=clock) as health:
                for _ in range(2):
                    health.publish("health.birth", BIRTH)
                    while health.step() | civil.step():
                        pass
                    pkcs11.lib(MODULE).finalize()  # as if it were pulled out, and put back
        clock.turn(60)
    assert heard == [BIRTH] * 4
    with Node.open(folder, clock=clock) as civil:
        assert len(civil._keys.holder.kids) == 2
        entries = [number for number, _ in civil.store.entries() if civil.store.body(number)]
        bodies = [civil._receiver.read(number, NOW).value for number in entries]
        assert bodies == [BIRTH] * 4
        civil.subscribe("health.birth")(lambda message: heard.append(message.body))
        with monkeypatch.context() as away, Node.open(two.node_folder(HEALTH), clock=clock) as node:
            pkcs11.lib(MODULE).finalize()
            away.setattr(tokens, "_fits", lambda *_: False)
            node.publish("health.birth", BIRTH)
            while node.step() | civil.step():
                pass
            assert civil.status()["undecided"] == 1
        clock.turn(60)
        civil.step()
        assert heard == [BIRTH] * 5
    names = sorted(one.name for one in folder.glob("encryption*"))
    assert names == ["encryption-2.jwk", "encryption.jwk"]


def edited(path, change):
    """Change a YAML file in place."""
    value = yaml.safe_load(path.read_text())
    change(value)
    path.write_text(yaml.safe_dump(value))


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch):
    """A clear error with the command, not an ImportError."""
    import builtins

    real = builtins.__import__

    def no_pkcs11(name, *more, **named):
        if name == "pkcs11":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", no_pkcs11)
    code, text = refused(open_key, "pkcs11:object=a?module-path=/x.so", passphrase=PIN)
    assert code == "keys.pkcs11"
    assert "pip install 'xroad-lite[pkcs11]'" in text


def test_an_authoritys_key_may_lie_in_a_token(token, tmp_path):
    """It issues and lists revocations from there; in its folder is an address, and no key."""
    address = token.format("authority")
    made = Authority.create("Token CA", now=NOW, key=new_key(address, passphrase=PIN))
    made.write(tmp_path / "ca", address=address)
    assert sorted(one.name for one in (tmp_path / "ca").iterdir()) == [
        "authority.key",
        "authority.pem",
    ]
    authority = Authority.read(tmp_path / "ca", passphrase=lambda: PIN)
    identity = authority.issue(ME, now=NOW)
    trust = Trust(read_certificates(authority.pem))
    assert trust.check(identity.signer.chain, NOW + 60).not_after > NOW
    assert PIN not in (tmp_path / "ca/authority.key").read_bytes()
    code, _ = refused(made.write, tmp_path / "ca")
    assert code == "keys.authority"
