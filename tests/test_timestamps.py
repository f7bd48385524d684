"""Time stamps: what openssl's authority answers is verified, and what does not hold is refused."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from tests.timestamping import TestAuthority
from xroad_lite import timestamps
from xroad_lite.errors import TimestampError
from xroad_lite.keys import read_certificates
from xroad_lite.timestamps import Authorities

DATA = b"a checkpoint"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """An authority that stamps."""
    return TestAuthority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def trusted(authority: TestAuthority) -> Authorities:
    """Trust in that authority."""
    return Authorities(read_certificates(authority.root.read_bytes()))


@pytest.fixture(scope="module")
def token(authority: TestAuthority, trusted: Authorities) -> bytes:
    """A token over the data."""
    asked = timestamps.request(DATA)
    return trusted.read_answer(authority.answer(asked.der), asked)[0]


def test_a_token_proves_when_its_data_existed(trusted: Authorities, token: bytes) -> None:
    """Time, accuracy, policy and serial number are as the authority stated them."""
    stamp = trusted.verify(token, DATA)
    assert abs(stamp.time - time.time()) < 120
    assert stamp.accuracy == 1.5
    assert stamp.policy == "1.3.6.1.4.1.99999.1"
    assert stamp.serial >= 1


def test_openssl_verifies_the_token_that_is_kept(
    authority: TestAuthority, token: bytes, tmp_path: Path
) -> None:
    """``openssl ts -verify -token_in`` agrees, with the data and the root alone."""
    (tmp_path / "token.der").write_bytes(token)
    (tmp_path / "data").write_bytes(DATA)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "data",
         "-CAfile", str(authority.root)],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout, done.stderr


def test_other_data_is_refused(trusted: Authorities, token: bytes) -> None:
    """A token says nothing of data that it is not over."""
    with pytest.raises(TimestampError) as refused:
        trusted.verify(token, DATA + b"!")
    assert refused.value.code == "timestamp.other_data"


def test_an_answer_to_another_request_is_refused(
    authority: TestAuthority, trusted: Authorities
) -> None:
    """The nonce must come back: an old answer cannot be played again."""
    first, second = timestamps.request(DATA), timestamps.request(DATA)
    with pytest.raises(TimestampError, match="Nonce"):
        trusted.read_answer(authority.answer(first.der), second)


def test_a_refusal_is_named(authority: TestAuthority, trusted: Authorities) -> None:
    """An authority that rejects says why, and so do we."""
    asked = timestamps.request(DATA)
    answer = authority.answer(asked.der[:-4] + b"\x00\x00\x00\x00")
    with pytest.raises(TimestampError) as refused:
        trusted.read_answer(answer, asked)
    assert refused.value.code == "timestamp.refused"


def test_an_authority_that_is_not_trusted_is_refused(token: bytes, tmp_path: Path) -> None:
    """Another root under the same name does not do."""
    other = TestAuthority(tmp_path / "other")
    with pytest.raises(TimestampError) as refused:
        Authorities(read_certificates(other.root.read_bytes())).verify(token, DATA)
    assert refused.value.code == "timestamp.invalid"
    with pytest.raises(TimestampError) as refused:
        Authorities([]).verify(token, DATA)
    assert refused.value.code == "timestamp.no_authority"


def test_no_changed_byte_alters_what_a_token_proves(trusted: Authorities, token: bytes) -> None:
    """It is refused, or (versions and names that CMS leaves unsigned) says the very same."""
    proved = trusted.verify(token, DATA)
    survived = 0
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] ^= 0x41
        try:
            assert trusted.verify(bytes(changed), DATA) == proved
            survived += 1
        except TimestampError:
            continue
    assert survived < 6


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=200))
def test_hostile_bytes_raise_our_errors_only(data: bytes) -> None:
    """Whatever comes instead of a token or an answer is refused as such."""
    with pytest.raises(TimestampError):
        Authorities([]).verify(data, DATA)
    with pytest.raises(TimestampError):
        Authorities([]).read_answer(data, timestamps.request(DATA))


def test_too_long_a_token_is_refused_before_it_is_read(trusted: Authorities) -> None:
    """Beyond what a log entry holds, nothing is parsed."""
    with pytest.raises(TimestampError) as refused:
        trusted.verify(b"\x30" * (timestamps.MAX_TOKEN_BYTES + 1), DATA)
    assert refused.value.code == "timestamp.too_large"
