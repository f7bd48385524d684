"""Registry documents: read one way or refused, with the file, the line and the field."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import RegistryError
from xroad_lite.registry import yaml_values
from xroad_lite.registry.documents import (
    MAX_DOCUMENT_BYTES,
    DocumentError,
    read_document,
    read_json,
    read_yaml,
)
from xroad_lite.registry.models import Agreement, Instance, Member, Subject
from xroad_lite.registry.places import places

DIGEST = "0" * 64
DOCUMENTS = {
    Instance: {
        "instance": "CL",
        "base": "https://cl.example/",
        "title": {"en": "x"},
        "authorities": ["authorities/one.pem"],
    },
    Member: {
        "member": "CL/GOV/CIVIL",
        "name": {"en": "Civil Registry"},
        "contact": "a@b.example",
        "subsystems": [
            {
                "code": "births",
                "certificates": [
                    {"sha256": DIGEST, "revoked": {"at": "2026-01-01T00:00:00Z"}},
                ],
                "services": [{"code": "a", "request": "a.b", "response": "a.c"}],
            }
        ],
    },
    Agreement: {
        "agreement": "births",
        "version": 1,
        "title": {"en": "x"},
        "provider": "CL/GOV/HEALTH/births",
        "consumer": "CL/GOV/CIVIL/births",
        "operation": "publish",
        "types": ["health.birth"],
        "purposes": ["https://w3id.org/dpv#X"],
        "legal_basis": {"text": {"en": "law"}, "iri": "https://law.example/1"},
        "fields": {"health.birth": ["/name"]},
        "period": {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"},
        "max_age": "P1D",
    },
    Subject: {
        "type": "health.birth",
        "kind": "json",
        "owner": "CL/GOV/HEALTH",
        "title": {"en": "x"},
        "versions": {"1": {"status": "active"}},
    },
}


def refused(call, *given_):
    """Code and message with which a call is refused."""
    with pytest.raises(RegistryError) as caught:
        call(*given_)
    assert caught.value.message.startswith("one.yaml")
    assert len(caught.value.message) < 600
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("model", DOCUMENTS)
def test_a_good_document_is_read_and_written_back(model):
    """What is not known to this version survives the round trip too."""
    given_ = DOCUMENTS[model] | {"x-later": {"some": ["thing"]}}
    document = read_document(model, "one.yaml", yaml.safe_dump(given_).encode())
    written = document.model_dump(by_alias=True, exclude_unset=True)
    assert written == given_


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, document in DOCUMENTS.items() for name in document]
)
def test_each_field_has_its_type(model, name):
    """A field of another type is refused by its name; one that is required is missed."""
    document = DOCUMENTS[model]
    for wrong in (None, 7.5, {"x": 1} if not isinstance(document[name], dict) else [1]):
        if (name, wrong) in (("consumer", None), ("max_age", None)):
            continue
        text = yaml.safe_dump(document | {name: wrong}).encode()
        code, message = refused(read_document, model, "one.yaml", text)
        assert code == "registry.document"
        assert name in message
    less = {key: value for key, value in document.items() if key != name}
    text = yaml.safe_dump(less).encode()
    if name in ("subsystems", "consumer", "fields", "max_age"):
        read_document(model, "one.yaml", text)
    else:
        assert refused(read_document, model, "one.yaml", text)[0] == "registry.document"


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        (Instance, {"base": "https://cl.example"}),
        (Instance, {"base": "ftp://cl.example/"}),
        (Instance, {"authorities": []}),
        (Instance, {"max_age": "one month"}),
        (Instance, {"lag": "24h"}),
        (Instance, {"instance": ""}),
        (Member, {"member": "CL/GOV"}),
        (Member, {"member": "CL/GOV/CIVIL/births"}),
        (Member, {"status": "asleep"}),
        (Agreement, {"version": 0}),
        (Agreement, {"version": True}),
        (Agreement, {"version": "1"}),
        (Agreement, {"agreement": "Births"}),
        (Agreement, {"agreement": "a/b"}),
        (Agreement, {"operation": "steal"}),
        (Agreement, {"types": []}),
        (Agreement, {"types": ["birth"]}),
        (Agreement, {"purposes": []}),
        (Agreement, {"purposes": ["because"]}),
        (Agreement, {"provider": "CL/GOV"}),
        (Agreement, {"open": "yes"}),
        (Agreement, {"period": {"from": "2026-01-01", "until": "2027-01-01"}}),
        (Agreement, {"period": {"from": "2026-01-01T00:00:00Z"}}),
        (Agreement, {"max_age": "P1M"}),
        (Subject, {"kind": "xml"}),
        (Subject, {"type": "health"}),
        (Subject, {"versions": {"v1": {"status": "active"}}}),
        (Subject, {"versions": {"0": {"status": "active"}}}),
        (Subject, {"versions": {"01": {"status": "active"}}}),
        (Subject, {"versions": {"1": {"status": "new"}}}),
        (Subject, {"versions": {"1": "active"}}),
    ],
)
def test_a_value_beyond_its_rule_is_refused(model, changed):
    """Names, times, durations, addresses and words from a list."""
    text = yaml.safe_dump(DOCUMENTS[model] | changed).encode()
    assert refused(read_document, model, "one.yaml", text)[0] == "registry.document"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a: &x [1]\nb: *x", "one.yaml:2: aliases"),
        (b"a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]", "one.yaml:2: aliases"),
        (b"a: &x\n  - *x", "one.yaml:2: aliases"),
        (b"x: 1\ny: 2\nx: 3", "one.yaml:3: the key 'x' stands twice"),
        (b"a:\n  x: 1\n  x: 1", "one.yaml:3: the key 'x' stands twice"),
        (b'a: 1\n"a": 2', "stands twice"),
        (b"{a: 1, a: 2}", "stands twice"),
        (b'1: a\n"1": b', 'one.yaml:1: the key 1 is no text: write "1"'),
        (b"null: a", "the key null is no text"),
        (b"<<: {a: 1}\nb: 2", "one.yaml:1: merge keys"),
        (b"a:\n  <<: {a: 1}", "one.yaml:2: merge keys"),
        (b"? [a]\n: 1", "one.yaml:1: a key is a mapping or a sequence"),
        (b"a: NO", "one.yaml:1: NO is true or false for some readers"),
        (b"a: [1, off]", 'write true or false, or "off" in quotes'),
        (b"title:\n  no: Norsk", "one.yaml:2: no is true or false"),
        (b"%YAML 1.1\n---\na: 1", "directives"),
        (b"%TAG ! tag:x,2000:\n---\na: 1", "directives"),
        (b"a: !!python/object/apply:os.system ['true']", "the tag"),
        (b"a: !!str 1", "the tag"),
        (b"a: !!binary aGk=", "the tag"),
        (b"a: !!timestamp 2026-01-01", "the tag"),
        (b"a: !!set {x}", "the tag"),
        (b"a: !own 1", "the tag"),
        (b"!!map {a: 1}", "the tag"),
        (b"a: [", "one.yaml:"),
        (b"a: 1\n b: 2", "one.yaml:"),
        (b"a: 'x", "one.yaml:"),
        (b"\ta: 1", "one.yaml:"),
        (b"a: 1\n---\nb: 2", "one.yaml:2: a second document"),
        (b"a: 1\nb: \xff", "one.yaml:2: not YAML: not UTF-8"),
        (b"a: \x00", "one.yaml:1: not YAML: it holds the character U+0000"),
        (b"\xff\xfea\x00", "one.yaml:1: not YAML: not UTF-8"),
        (b"[" * 5000, "one.yaml"),
        (b"{a: " * 5000, "one.yaml"),
        (b"- " * 5000, "one.yaml"),
    ],
)
def test_yaml_that_could_be_read_two_ways_is_refused(text, says):
    """Aliases, repeated keys, tags, several documents, and what is no YAML at all."""
    code, message = refused(read_yaml, "one.yaml", text)
    assert code == "registry.yaml"
    assert says in message


def test_plain_values_are_what_they_look_like():
    """Dates stay texts, since no document holds a date that is none."""
    assert read_yaml("one.yaml", b"a: 2026-01-31\nb: 1\nc: true\nd: '1'\ne:\nf: 'no'\n") == {
        "a": "2026-01-31",
        "b": 1,
        "c": True,
        "d": "1",
        "e": None,
        "f": "no",
    }
    assert read_yaml("one.yaml", b"") is None
    assert refused(read_document, Instance, "one.yaml", b"")[0] == "registry.document"


@given(st.binary(max_size=80))
def test_any_bytes_are_a_document_or_refused(data):
    """Nothing but our error comes out of either reader."""
    for read in (read_yaml, read_json):
        try:
            read("one.yaml", data)
        except RegistryError:
            continue


@given(st.text(alphabet="ab:-[]{}&*!<>|'\"#? \n,1", max_size=60))
def test_any_yaml_is_a_document_or_refused(text):
    """Nor from texts made of YAML's own signs."""
    try:
        read_yaml("one.yaml", text.encode())
    except RegistryError:
        return


@given(st.text(alphabet="ab:-[]{}&*!'\"# \n,1~", max_size=60))
def test_libyaml_and_the_slow_reader_read_alike(text):
    """Whether libyaml is there decides on speed alone."""
    found = []
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_values, "_EVENTS", loader)
            try:
                found.append(yaml_values.read(text.encode()))
            except yaml_values.YAMLRefusedError:
                found.append("refused")
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "text",
    [b"- " + b"1," * 400_000, b"[" + b"1," * 400_000, b"a: |\n" + b" x\n" * 300_000, b"#" * 10**6],
)
def test_a_document_of_many_values_is_bounded(text):
    """Refused at the 100,000th, wherever it is."""
    began = time.process_time()
    try:
        yaml_values.read(text)
    except yaml_values.YAMLRefusedError as error:
        assert "more than 100,000" in error.problem or error.line  # noqa: PT017
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "text", "at", "place"),
    [
        ("a.yaml", b"x: 1\ny:\n  - p\n  - {q: 2}\n", ("y", 1, "q"), (4, 6)),
        ("a.yaml", b"x: 1\ny:\n  - p\n", ("y", 0, "q"), (3, 5)),
        ("a.yaml", b"x: 1\ny: [", ("x",), (1, 1)),
        ("a.yaml", b"", ("x",), (1, 1)),
        ("a.json", b'{"a":\n {"b": [1,\n 2, {"c\\u0041": 3}]}}', ("a", "b", 2, "cA"), (3, 6)),
        ("a.json", b'{"a":\n {"b": [1,\n 2]}}', ("a", "b", 1), (3, 2)),
        ("a.json", b'{"a": "}{",\n "b": 1}', ("b",), (2, 2)),
        ("a.avsc", b"[[[[", (0, 0), (1, 3)),
        ("a.json", b"]]}},,::", (0, 0), (1, 1)),
    ],
)
def test_a_value_has_its_line_and_column(name, text, at, place):
    """A key's place in an object; of what is missing, its nearest container's."""
    assert places(name, text, [at]) == {at: place}


@given(st.binary(max_size=80))
def test_any_bytes_have_places(data):
    """Finding a place never fails."""
    for name in ("a.yaml", "a.json"):
        assert places(name, data, [("a", 0)])[("a", 0)] >= (1, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b'{\n"a":1,\n"a":2}', 3),
        (b"{\n\n", 3),
        (b'\n{"a":\xff}', 2),
        (b"\xef\xbb\xbf{}", 1),
        (b'{\n"a": 01}', 2),
    ],
)
def test_json_faults_have_their_line(text, line):
    """Syntax, a repeated key, bytes that are no text."""
    with pytest.raises(DocumentError) as caught:
        read_json("one.json", text)
    assert caught.value.line == line
    assert caught.value.message.startswith(f"one.json:{line}: ")


def test_documents_end_at_one_mebibyte():
    """Before anything of them is parsed."""
    began = time.monotonic()
    for read in (read_yaml, read_json):
        code, _ = refused(read, "one.yaml", b"[" * (MAX_DOCUMENT_BYTES + 1))
        assert code == "registry.too_large"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b"{", b"NaN", b'"\\ud800"', b"[" * 5000])
def test_json_documents_are_strict(text):
    """As everywhere."""
    assert refused(read_json, "one.yaml", text)[0] == "registry.json"


def test_numbers_are_decimal_and_short():
    """What YAML 1.1 would count in sixties or eights, or for a minute, is a text here."""
    read = read_yaml("one.yaml", b"a: 1:2:3\nb: 010\nc: 12\nd: 1.5\ne: " + b"9" * 5000)
    assert (read["a"], read["b"], read["c"], read["d"]) == ("1:2:3", "010", 12, 1.5)
    assert isinstance(read["e"], str)
