"""The log's leaves: what is written reads back, and nothing else reads at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite import times
from xroad_lite.envelope import Attributes, seal
from xroad_lite.errors import LogError
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import base64url, thumbprint
from xroad_lite.messagelog import Store, entries
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE

NOW = 1_790_000_000.25
DIGEST = base64url(bytes(32))
VERDICT = {"outcome": "refused", "checks": ["passed", "refused"], "check": 2, "code": "x.y"}
ATTRIBUTES = Attributes(
    id=new_message_id(NOW),
    source=HEALTH,
    type="health.birth",
    time=times.to_text(NOW),
    datacontenttype="application/json",
    dataschema="https://demo.example/schemas/health/birth/1",
    sequence=f"{1:016d}",
    agreement="https://demo.example/agreements/births/1",
    purpose=PURPOSE,
    registry=f"1:{DIGEST}",
    recipient=CIVIL,
    subject="ñandú",
)


@pytest.fixture(scope="module")
def sealed(es256):
    """A message of Health's."""
    return seal(ATTRIBUTES, b"{}", es256, issued_at=int(NOW))


@pytest.fixture(scope="module")
def leaves(sealed):
    """One leaf of each kind, with everything that it can hold."""
    return {
        "message": entries.message(
            entries.IN,
            NOW,
            sealed.opened,
            registry="1:a",
            verdict=VERDICT,
            mapping="m",
            reads="r",
            received="d",
        ),
        "unproven": entries.unproven(NOW, "digest", 7, registry="1:a", verdict=VERDICT),
        "outcome": entries.outcome(NOW, 3, entries.DEAD, 5, {"code": "a.b", "message": "c"}),
        "snapshot": entries.snapshot(NOW, "1:a"),
        "token": entries.token(NOW, "checkpoint", "stamp"),
        "erasure": entries.erasure(NOW, [1, 2], "quarantine"),
    }


WANTED = {
    "message": {
        "direction": str,
        "registry": str,
        "header": str,
        "payload": str,
        "signature": str,
    },
    "unproven": {"direction": str, "registry": str, "digest": str, "size": int},
    "outcome": {"entry": int, "outcome": str, "attempts": int},
    "snapshot": {"registry": str},
    "token": {"checkpoint": str, "token": str},
    "erasure": {"entries": list, "rule": str},
}
ALWAYS = {"v": int, "kind": str, "time": str}
FIELDS = [(kind, name) for kind, fields in WANTED.items() for name in (*ALWAYS, *fields)]


def test_each_kind_reads_back(leaves):
    """Kind, time and fields are what was written."""
    for name, leaf in leaves.items():
        entry = entries.read(leaf)
        assert entry.kind == {"unproven": "message"}.get(name, name)
        assert entry.at == NOW
        assert json.loads(leaf) == entry.fields
        assert entry.proven is (name == "message")
    assert entries.read(leaves["outcome"]).fields["error"] == {"code": "a.b", "message": "c"}
    assert entries.read(leaves["message"]).attributes()["subject"] == "ñandú"
    assert entries.read(leaves["unproven"]).attributes() == {}


def test_a_message_gives_its_seal_back(leaves, sealed):
    """Byte for byte, given its certificates, none of which stands in the leaf."""
    entry = entries.read(leaves["message"])
    certificates = {thumbprint(der): der for der in sealed.opened.chain}
    assert entry.seal(certificates) == sealed.seal
    assert len(leaves["message"]) < 3000


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_each_field_is_needed(kind, name, leaves):
    """A leaf without one of its fields is no leaf."""
    fields = json.loads(leaves[kind])
    del fields[name]
    if (kind, name) == ("message", "payload"):
        fields.pop("digest", None)
    assert _refused(fields)


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_each_field_has_its_type(kind, name, leaves):
    """A number is no text, true is no number, and nothing is no value."""
    fields = json.loads(leaves[kind])
    right = (ALWAYS | WANTED[kind])[name]
    for wrong in (None, True, 1.5, "x", 7, [], {}, ["x"]):
        if type(wrong) is not right:
            assert _refused(fields | {name: wrong}), wrong


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 0},
        {"v": 2},
        {"v": 1.0},
        {"v": True},
        {"kind": "Message"},
        {"kind": ""},
        {"time": "yesterday"},
        {"time": "2026-02-30T00:00:00.000Z"},
        {"time": "2026-09-21T12:00:00"},
    ],
)
def test_version_kind_and_time_are_known_ones(changed, leaves):
    """Another version, an unknown kind or a time that never was is refused."""
    assert _refused(json.loads(leaves["snapshot"]) | changed)


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"v":1,"v":1,"kind":"snapshot","time":"2026-09-21T12:00:00.000Z","registry":"1:a"}',
        b'{"v":1,"kind":["snapshot"],"time":"2026-09-21T12:00:00.000Z","registry":"1:a"}',
        b'{"v":1,"kind":{},"time":"2026-09-21T12:00:00.000Z","registry":"1:a"}',
        b"[" * 60_000,
        b" " * 65_536,
    ],
)
def test_what_is_no_leaf_is_refused(leaf):
    """Other bytes raise our error and no other."""
    with pytest.raises(LogError) as caught:
        entries.read(leaf)
    assert caught.value.code == "log.entry"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_leaf_or_refused(data):
    """Nothing but our error comes out."""
    with pytest.raises(LogError):
        entries.read(data)


def test_a_leaf_is_bounded(sealed):
    """What would be larger than 65,535 bytes is not written."""
    with pytest.raises(LogError) as caught:
        entries.outcome(NOW, 1, entries.DEAD, 1, {"code": "x", "message": "x" * 70_000})
    assert caught.value.code == "log.entry"


def test_a_seal_survives_the_store(sealed, tmp_path):
    """The store gives back the very bytes, body and salt, and finds no seal where there is none."""
    store = Store(tmp_path / "log.sqlite3")
    leaf = entries.message(entries.OUT, NOW, sealed.opened, registry="1:a")
    index = store.append_message(
        leaf, sealed.opened, direction=entries.OUT, salt=sealed.salt, body=sealed.body
    )
    assert store.seal(index) == sealed.seal
    assert store.body(index) == (sealed.salt, sealed.body)
    assert list(store.certificates()) == [thumbprint(sealed.opened.chain[0])]
    store.append(entries.unproven(NOW, "d", 1, registry="1:a", verdict=VERDICT))
    assert store.body(index + 1) is None
    store.close()


def _refused(fields):
    try:
        entries.read(json.dumps(fields).encode())
    except LogError as error:
        return error.code == "log.entry"
    return False
