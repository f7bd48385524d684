"""Names of members, subsystems and message types: one spelling each, and no hidden character."""

import os
import unicodedata
from urllib.parse import unquote
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import (
    MAX_BYTES,
    MemberId,
    MessageType,
    SubsystemId,
    new_message_id,
    new_uuid,
    percent_encoded,
)

INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
SEGMENTS = (
    st.text(st.characters(exclude_categories=INVISIBLE), min_size=1, max_size=12)
    .map(lambda text: unicodedata.normalize("NFC", text))
    .filter(lambda text: text == text.strip() and text not in (".", "..") and text)
)


@given(st.tuples(SEGMENTS, SEGMENTS, SEGMENTS, SEGMENTS))
def test_any_name_reads_back_from_its_text(segments):
    """Slashes, per cent signs and all scripts survive; the text is canonical."""
    subsystem = SubsystemId(*segments)
    assert SubsystemId.parse(str(subsystem)) == subsystem
    assert str(SubsystemId.parse(str(subsystem))) == str(subsystem)
    assert subsystem.member == MemberId(*segments[:3])
    assert str(subsystem).startswith(f"{subsystem.member}/")


@given(st.tuples(SEGMENTS, SEGMENTS, SEGMENTS, SEGMENTS))
def test_no_two_names_share_a_brokers_name(segments):
    """Segments are encoded so that no dot is left in them: the dots between them divide."""
    encoded = percent_encoded(SubsystemId(*segments))
    assert encoded.isascii()
    assert tuple(unquote(part) for part in encoded.split(".")) == segments
    assert not set(encoded) & set("*#/ ")


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(text):
    """Nothing but our error comes out, and what is read has one spelling."""
    for kind in (MemberId, SubsystemId, MessageType):
        try:
            found = kind.parse(text)
        except IdentifierError:
            continue
        assert kind.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "identifier.segments"),
        ("CL", "identifier.segments"),
        ("CL/GOV/CIVIL", "identifier.segments"),
        ("CL/GOV/CIVIL/births/more", "identifier.segments"),
        ("CL/GOV/CIVIL/", "identifier.segment"),
        ("CL//CIVIL/births", "identifier.segment"),
        ("CL/GOV/CIVIL/.", "identifier.segment"),
        ("CL/GOV/CIVIL/..", "identifier.segment"),
        ("CL/GOV/CIVIL/%2E%2E", "identifier.segment"),
        ("CL/GOV/CIVIL/ births", "identifier.segment"),
        ("CL/GOV/CIVIL/births ", "identifier.segment"),
        ("CL/GOV/CIVIL/births\u00a0", "identifier.segment"),
        ("CL/GOV/CIVIL/%20", "identifier.segment"),
        ("CL/GOV/CIVIL/a\x00b", "identifier.character"),
        ("CL/GOV/CIVIL/a%00b", "identifier.character"),
        ("CL/GOV/CIVIL/a\nb", "identifier.character"),
        ("CL/GOV/CIVIL/a\u200bb", "identifier.character"),
        ("CL/GOV/CIVIL/a\u202eb", "identifier.character"),
        ("CL/GOV/CIVIL/a\ufeffb", "identifier.character"),
        ("CL/GOV/CIVIL/a\u2028b", "identifier.character"),
        ("CL/GOV/CIVIL/\ue000", "identifier.character"),
        ("CL/GOV/CIVIL/\ud800", "identifier.encoding"),
        ("CL/GOV/CIVIL/%ff", "identifier.encoding"),
        ("CL/GOV/CIVIL/%ed%a0%80", "identifier.encoding"),
        ("CL/GOV/CIVIL/" + "x" * 243, "identifier.too_long"),
        ("CL/GOV/CIVIL/" + "ñ" * 122, "identifier.too_long"),
    ],
)
def test_what_is_no_subsystem_is_refused(text, code):
    """Too few or many segments, empty ones, steps upward, hidden characters, too long."""
    with pytest.raises(IdentifierError) as caught:
        SubsystemId.parse(text)
    assert caught.value.code == code


def test_the_longest_name_is_255_bytes():
    """Of its text form, in UTF-8."""
    text = "CL/GOV/CIVIL/" + "x" * (MAX_BYTES - 13)
    assert str(SubsystemId.parse(text)) == text


def test_other_spellings_become_the_canonical_one():
    """Composed characters, and only slash and per cent sign encoded."""
    assert str(SubsystemId.parse("CL/GOV/CIVIL/nin\u0303os")) == "CL/GOV/CIVIL/niños"
    assert str(SubsystemId.parse("CL/GOV/CIVIL/a%2Fb%25c%20d")) == "CL/GOV/CIVIL/a%2Fb%25c d"
    assert SubsystemId.parse("CL/GOV/CIVIL/a%2fb").subsystem_code == "a/b"


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a", "a.", ".a", "a.b.c", "A.b", "a.B", "a b.c", "1a.b", "a.-b", "a_b.c"),
        *("ñ.a", "a.b\n", "a." + "b" * 64, "a/b.c"),
    ],
)
def test_what_is_no_message_type_is_refused(text):
    """Two names of lower-case letters, digits and hyphens, with one dot between them."""
    with pytest.raises(IdentifierError) as caught:
        MessageType.parse(text)
    assert caught.value.code == "identifier.message_type"


def test_a_message_type_names_its_schemas():
    """``domain.name`` has its schemas in ``domain/name``."""
    found = MessageType.parse("citizens.birth-registered")
    assert (found.domain, found.name) == ("citizens", "birth-registered")
    assert (found.subject, str(found)) == ("citizens/birth-registered", "citizens.birth-registered")


@given(st.floats(0, 253_402_300_799))
def test_message_ids_are_uuids_of_version_7(now):
    """Of their time, in milliseconds, and never twice the same (RFC 9562, section 5.7)."""
    first, second = new_message_id(now), new_message_id(now)
    assert first != second
    number = UUID(first)
    assert (number.version, number.variant) == (7, "specified in RFC 4122")
    assert number.int >> 80 == int(now * 1000)
    assert first == str(number)


@given(st.floats(0, 2**32), st.floats(0.001, 2**20))
def test_message_ids_sort_by_time(now, later):
    """An id that is made a millisecond later is greater."""
    assert new_message_id(now) < new_message_id(now + later + 0.001)


@given(st.floats(0, 253_402_300_799), st.integers(2, 2000))
def test_message_ids_of_one_moment_sort_as_they_were_made(now, count):
    """Within a millisecond too, for longer than a node can seal in one."""
    new_message_id(now + 1)
    made = [new_message_id(now) for _ in range(count)]
    assert made == sorted(made)
    assert len(set(made)) == count


def test_random_uuids_are_of_version_4_and_none_comes_twice():
    """Of a few thousand, more than are drawn at once, each is another."""
    made = [new_uuid() for _ in range(2000)] + [new_message_id(0) for _ in range(2000)]
    assert len(set(made)) == 4000
    assert {(UUID(one).version, UUID(one).variant) for one in made[:2000]} == {(4, RFC_4122)}


def test_a_forked_process_draws_its_own():
    """What a process has drawn and not given out, its children do not give out either."""
    new_uuid()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_uuid().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read()
    assert theirs not in {new_uuid() for _ in range(300)}
