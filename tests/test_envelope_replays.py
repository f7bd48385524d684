"""A replay's form: nobody can read the seal in it without the mark before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite import strict_json, times
from xroad_lite.envelope import (
    MAX_SEAL_BYTES,
    Attributes,
    Replayed,
    is_replay,
    parse_seal,
    read_replay,
    seal,
)
from xroad_lite.envelope.replaying import MARK
from xroad_lite.errors import SealError
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import KeySigner
from xroad_lite.testing import CIVIL, HEALTH

NOW = 1_790_000_000
BODY = b'{"gender":"female"}'
VERDICT = {"outcome": "accepted", "checks": ["passed"] * 9}


@pytest.fixture(scope="module")
def recorded(es256: KeySigner) -> Replayed:
    """A birth, as a log has it."""
    attributes = Attributes(
        id=new_message_id(NOW),
        source=HEALTH,
        recipient=CIVIL,
        type="health.birth",
        time=times.to_text(NOW),
        datacontenttype="application/json",
        dataschema="https://demo.example/schemas/health/birth/1",
        sequence=f"{1:016d}",
        agreement="https://demo.example/agreements/births/1",
        purpose="https://w3id.org/dpv#Purpose",
        registry=f"1:{'A' * 43}",
    )
    sealed = seal(attributes, BODY, es256, issued_at=NOW)
    opened = parse_seal(sealed.seal)
    at = times.to_text(NOW)
    return Replayed(CIVIL, 7, at, VERDICT, at, opened, sealed.salt, sealed.body)


def test_it_is_read_as_it_was(recorded: Replayed) -> None:
    """Seal, salt and body byte for byte, and what the log said of them; the seal still holds."""
    found = read_replay(recorded.marked(), recorded.salt, recorded.body)
    assert found == recorded
    found.check()
    with pytest.raises(SealError):
        replace(found, body=BODY + b" ").check()


def test_a_mark_is_no_seal_for_anybody(recorded: Replayed) -> None:
    """Strict or careless: no reader of a compact JWS finds one, marked or cut in parts."""
    marked = recorded.marked()
    assert is_replay(marked)
    assert not is_replay(recorded.seal)
    for token in (marked, *marked.split(b" ")):
        with pytest.raises(SealError):
            parse_seal(token)


def changed(**fields: object) -> bytes:
    """Another mark, with these fields."""
    return MARK + strict_json.dumps(fields)


def test_what_a_mark_must_say(recorded: Replayed) -> None:
    """Each field, in its form; and the id of the seal that is in it."""
    said = strict_json.loads(recorded.marked().removeprefix(MARK))
    for name in said:
        for wrong in (None, [], 1.5, True):
            with pytest.raises(SealError) as caught:
                read_replay(changed(**said | {name: wrong}), recorded.salt, recorded.body)
            assert caught.value.code == "envelope.malformed"
    with pytest.raises(SealError, match="another's seal"):
        read_replay(changed(**said | {"of": new_message_id(NOW)}), recorded.salt, recorded.body)
    with pytest.raises(SealError) as caught:
        read_replay(changed(**said, more="x" * 2 * MAX_SEAL_BYTES), recorded.salt, recorded.body)
    assert caught.value.code == "envelope.too_large"


@given(st.binary(max_size=200))
def test_hostile_bytes_are_our_errors(data: bytes) -> None:
    """Whatever stands behind the mark, or instead of it."""
    for token in (data, MARK + data):
        with pytest.raises(SealError):
            read_replay(token, b"", b"")
