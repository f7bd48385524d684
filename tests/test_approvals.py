"""Detached signatures over a file's exact bytes: an agreement's approval by one party."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from xroad_lite.envelope import jws
from xroad_lite.errors import SealError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import KeySigner
from xroad_lite.stewardship import Authority

NOW = 1_790_000_000
FILE = b"agreement: nacimientos\nversion: 1\ntitle: {es: Nacimientos}\n"


def signers() -> list[KeySigner]:
    """One of each algorithm."""
    authority = Authority.create("Test CA", now=NOW)
    party = SubsystemId.parse("CL/GOV/CIVIL/births")
    return [authority.issue(party, now=NOW, algorithm=one).signer for one in ("ES256", "EdDSA")]


SIGNERS = signers()


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda one: one.algorithm)
def test_an_approval_holds_over_the_very_bytes(signer: KeySigner) -> None:
    """It is small, carries no payload, and opens only beside what it was made over."""
    token = jws.sign_detached(FILE, signer, jws.APPROVAL, issued_at=NOW)
    assert b".." in token
    found = jws.read_detached(token, FILE, jws.APPROVAL)
    jws.verify(found)
    assert (found.issued_at, found.chain) == (NOW, signer.chain)
    other = jws.read_detached(token, FILE + b" ", jws.APPROVAL)
    with pytest.raises(SealError) as refused:
        jws.verify(other)
    assert refused.value.code == "envelope.signature_invalid"


def test_a_seal_is_no_approval_and_an_approval_no_seal() -> None:
    """Each has its own typ, so that nothing signed for one purpose serves another."""
    for made, read in ((jws.SEAL, jws.APPROVAL), (jws.APPROVAL, jws.SEAL)):
        token = jws.sign_detached(FILE, SIGNERS[0], made, issued_at=NOW)
        with pytest.raises(SealError) as refused:
            jws.read_detached(token, FILE, read)
        assert refused.value.code == "envelope.type"


def test_a_file_of_any_size_is_approved_by_a_small_signature() -> None:
    """The limit is of the signature, not of what it is over."""
    large = FILE * 10_000
    token = jws.sign_detached(large, SIGNERS[0], jws.APPROVAL, issued_at=NOW)
    assert len(token) < 2_000
    jws.verify(jws.read_detached(token, large, jws.APPROVAL))


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_hostile_approvals_raise_our_errors_only(data: st.DataObject) -> None:
    """Random bytes and changed approvals are refused, never believed."""
    good = jws.sign_detached(FILE, SIGNERS[1], jws.APPROVAL, issued_at=NOW)
    changed = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=2)):
        changed[place] ^= data.draw(st.integers(1, 255))
    if bytes(changed) == good:
        return
    with pytest.raises(SealError):
        jws.verify(jws.read_detached(bytes(changed), FILE, jws.APPROVAL))
    with pytest.raises(SealError):
        jws.read_detached(data.draw(st.binary(max_size=60)), FILE, jws.APPROVAL)
