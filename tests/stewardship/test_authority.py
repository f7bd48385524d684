"""The authority of an instance: what it certifies, what it notes, and whom it revokes."""

import json
import subprocess
import threading

import pytest
from cryptography import x509

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import (
    Trust,
    make_request,
    named_subsystems,
    new_key,
    read_certificate,
    read_certificates,
    read_request,
    read_revocation_list,
    to_pem,
)
from xroad_lite.stewardship import Authority
from xroad_lite.stewardship.register import REASONS, Register

NOW, DAY = 1_790_000_000.0, 86_400.0
ME = SubsystemId.parse("CL/GOV/CIVIL/births_2 ñ")


def code_of(call, *given, **named):
    """With which code a call is refused."""
    with pytest.raises(KeysError) as caught:
        call(*given, **named)
    assert caught.value.message
    return caught.value.code


@pytest.fixture
def authority():
    """A fresh one."""
    return Authority.create("Instance CA", now=NOW)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_request_becomes_a_certificate(algorithm, authority, tmp_path):
    """For the key and the name in the request, in any script; openssl accepts it strictly."""
    key = new_key(f"file:{tmp_path}/key.pem", algorithm, passphrase=b"secret")
    request = read_request(make_request(key, ME))
    der = authority.certify(request.key, request.subsystem, now=NOW, days=10)
    found = read_certificate(der)
    assert (found.key, found.algorithm, found.signs) == (key.public_key(), algorithm, True)
    assert named_subsystems(found.x509) == [ME]
    assert found.not_after - NOW == pytest.approx(10 * DAY, abs=600)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "one.pem").write_bytes(to_pem(der))
    command = f"openssl verify -x509_strict -attime {NOW:.0f} -CAfile ca.pem one.pem"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_certificate_does_not_outlive_its_authority(authority):
    """It ends with it at the latest; an authority that ended certifies nothing."""
    key = authority.issue(ME, now=NOW).signer.key.public_key()
    late = NOW + 3600 * DAY
    root = read_certificates(authority.pem)[0]
    der = authority.certify(key, ME, now=late)
    assert read_certificate(der).not_after <= read_certificate(root).not_after
    Trust([root]).check((der,), late)
    assert code_of(authority.certify, key, ME, now=NOW + 3700 * DAY) == "keys.authority"


def test_an_authority_under_a_passphrase(authority, tmp_path):
    """Needs it; another, or none, is refused with what to do."""
    authority.write(tmp_path, passphrase=b"secret")
    assert Authority.read(tmp_path, passphrase=lambda: b"secret").pem == authority.pem
    for wrong in (None, b"Secret"):
        assert code_of(Authority.read, tmp_path, passphrase=wrong) == "keys.authority"


def issued(authority, register, count=1):
    """Certificates that were issued and noted."""
    found = []
    for _ in range(count):
        der = authority.issue(ME, now=NOW).signer.chain[0]
        register.add(der, ME, NOW)
        found.append(read_certificate(der))
    return found


def test_what_was_issued_and_revoked_is_noted(authority, tmp_path):
    """In order, with its reason and doubt; by digest or its beginning, colons or not."""
    register = Register(tmp_path)
    assert register.issued() == []
    one, two, three = issued(authority, register, 3)
    since = NOW - 10 * DAY
    revoked = register.revoke(one.sha256, now=NOW, since=since, reason="keyCompromise")
    assert (revoked.subsystem, revoked.revoked.doubtful_since) == (str(ME), since)
    colons = ":".join(two.sha256[i : i + 2] for i in range(0, 64, 2)).upper()
    register.revoke(colons, now=NOW + 1, since=None, reason="")
    again = Register(tmp_path).issued()
    assert [entry.sha256 for entry in again] == [one.sha256, two.sha256, three.sha256]
    assert [entry.revoked.by if entry.revoked else None for entry in again] == [
        "keyCompromise",
        "",
        None,
    ]
    assert code_of(register.revoke, one.sha256, now=NOW, since=None, reason="") == "keys.revoked"
    for unknown in ("", "00", "zz", "0" * 64):
        code = code_of(register.revoke, unknown, now=NOW, since=None, reason="")
        assert code == "keys.unknown"
    for more in ({"reason": "stolen", "since": None}, {"reason": "", "since": NOW + 1}):
        assert code_of(register.revoke, three.sha256, now=NOW, **more) == "keys.reason"


@pytest.mark.parametrize("reason", ["", *REASONS])
def test_a_list_says_what_was_revoked(reason, authority, tmp_path):
    """Read back by us and by openssl, for every reason, and honoured in a chain."""
    register = Register(tmp_path)
    one, two = issued(authority, register, 2)
    revoked = register.revoke(one.sha256, now=NOW, since=NOW - DAY, reason=reason).revoked
    pem = authority.revocation_list(
        [(one.x509.serial_number, revoked)], number=register.next_list(NOW), now=NOW, days=1
    )
    trust = Trust(read_certificates(authority.pem), (), [read_revocation_list(pem)])
    (found,) = trust.check((one.der,), NOW).revoked
    assert (found.at, found.doubtful_since) == (NOW, NOW - DAY)
    assert found.by == f"CN=Instance CA{f', {reason}' if reason else ''}"
    assert trust.check((two.der,), NOW).revoked == ()
    if reason != "":
        return
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "ca.crl").write_bytes(pem)
    (tmp_path / "one.pem").write_bytes(to_pem(one.der))
    command = f"openssl verify -attime {NOW + 60:.0f} -crl_check -CRLfile ca.crl -CAfile ca.pem"
    done = subprocess.run(
        [*command.split(), "one.pem"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "certificate revoked" in done.stderr


def test_lists_are_numbered_once(authority, tmp_path):
    """Also when several ask at once, and each number goes into its list."""
    register, numbers = Register(tmp_path), []
    threads = [
        threading.Thread(target=lambda: numbers.append(register.next_list(NOW))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9))
    pem = authority.revocation_list([], number=9, now=NOW, days=1)
    found = x509.load_pem_x509_crl(pem).extensions.get_extension_for_class(x509.CRLNumber)
    assert found.value.crl_number == 9


def test_a_damaged_register_is_said(tmp_path):
    """It is not taken for an empty one."""
    (tmp_path / "register.jsonl").write_text(json.dumps({"event": "list"}) + "\n{not json\n")
    assert code_of(Register(tmp_path).issued) == "keys.register"
