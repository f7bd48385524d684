"""registry check: all of a source, never stopping at the first fault, each with file and line."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from xroad_lite import times
from xroad_lite.errors import RegistryError
from xroad_lite.stewardship import Authority, check_registry, check_source
from xroad_lite.stewardship.checking import findings as found_in
from xroad_lite.testing import two_agency_instance

sys.path.insert(0, str(Path(__file__).parent))
from large_source import write_source

NOW = 1_790_000_000.0
DAY = 86_400.0
APPROVALS = ("registry.approval", "registry.not_approved")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A good source."""
    return two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW).source


@pytest.fixture
def source(made, tmp_path):
    """A copy to spoil."""
    return Path(shutil.copytree(made, tmp_path / "source"))


def edit(source, path, old, new):
    """Change a text in a file that has it."""
    text = (source / path).read_text(encoding="utf-8")
    assert old in text, text
    (source / path).write_text(text.replace(old, new, 1), encoding="utf-8")


def checked(source, now=NOW):
    """What is found, but for approvals: they do not fit what these tests change."""
    findings, _ = check_source(source, now=now)
    return [one for one in findings if one.code not in APPROVALS]


def codes(source, now=NOW):
    """Each finding as severity, code, path and line."""
    return {(one.severity, one.code, one.path, one.line) for one in checked(source, now)}


def only(source, now=NOW):
    """The one finding that there is."""
    findings = checked(source, now)
    assert len(findings) == 1, [str(one) for one in findings]
    return findings[0]


def line_of(source, path, text):
    """On which line a text stands first."""
    lines = (source / path).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_good_source_has_nothing_to_say_against_it(source):
    """Neither a warning nor a note; what is no document is left alone."""
    (source / "README.md").write_text("x")
    (source / "members/README.md").write_text("x")
    (source / ".git").mkdir()
    (source / ".git/config.yaml").write_text("a: [")
    assert codes(source) == set()


def test_many_faults_are_told_at_once(source):
    """Whatever is wrong with one document hides nothing of another."""
    edit(source, "members/health.yaml", "contact: ", "contact: nobody # ")
    (source / "members/bomb.yaml").write_text("a: &a [1]\nb: *a\n")
    edit(source, "agreements/births-1.yaml", "health.birth", "health.brith")
    (source / "schemas/citizens/person/1.json").write_text('{"a": 1,\n "a": 2}')
    edit(source, "vocabularies/health.ttl", " a owl:", " a a owl:")
    (source / "agreements/persons-1.yaml").write_text("agreement: [\n")
    got = {(code, path): line for _, code, path, line in codes(source)}
    assert got["registry.contact", "members/health.yaml"] == line_of(
        source, "members/health.yaml", "contact:"
    )
    assert got["registry.yaml", "members/bomb.yaml"] == 2
    assert got["registry.unknown_type", "agreements/births-1.yaml"] == line_of(
        source, "agreements/births-1.yaml", "health.brith"
    )
    assert got["registry.json", "schemas/citizens/person/1.json"] == 2
    assert got["semantics.turtle", "vocabularies/health.ttl"] > 1
    assert ("registry.yaml", "agreements/persons-1.yaml") in got


@pytest.mark.parametrize(
    ("path", "old", "new", "code", "severity", "near"),
    [
        ("members/health.yaml", "contact:", "contcat:", "registry.document", "wrong", "member:"),
        ("members/health.yaml", "code: births", "code: births\n  titel: {en: x}",
         "registry.misspelt", "note", "titel"),
        ("members/health.yaml", "code: births", "code: births\n  x-own: 1", None, None, None),
        ("members/health.yaml", "code: births", "code: births\n  remarks: 1", None, None, None),
        ("members/health.yaml", "en: Births", "english: Births", "registry.language", "wrong",
         "english"),
        ("members/health.yaml", "en: Births", "en: ''", "registry.empty_text", "wrong", "en: ''"),
        ("members/civil.yaml", "person-query", "person-querry", "registry.unknown_type", "wrong",
         "person-querry"),
        ("agreements/births-1.yaml", "DEMO/GOV/HEALTH/births", "DEMO/GOV/HEALTH/brths",
         "registry.unknown_subsystem", "wrong", "brths"),
        ("agreements/births-1.yaml", "FulfilmentOfObligation", "FulfillmentOfObligation",
         "registry.unknown_purpose", "wrong", "FulfillmentOfObligation"),
        ("agreements/births-1.yaml", "operation:", "fields: {health.birth: [/identifier, "
         "/birthDate, /resourceType, /gendr]}\noperation:", "registry.unknown_field", "wrong",
         "fields:"),
        ("agreements/births-1.yaml", "operation:", "fields: {health.birth: [/identifier, "
         "/birthDate, /resourceType, gender]}\noperation:", "schema.pointer", "wrong", "fields:"),
        ("agreements/births-1.yaml", "operation:", "fields: {health.birth: [/identifier/*/value, "
         "/birthDate, /resourceType, /name/0/family]}\noperation:", None, None, None),
        ("agreements/births-1.yaml", "operation:", "fields: {citizens.person: ['']}\noperation:",
         "registry.unused_fields", "warning", "fields:"),
        ("schemas/health/birth/subject.yaml", "DEMO/GOV/HEALTH", "DEMO/GOV/HEALHT",
         "registry.unknown_member", "wrong", "owner:"),
        ("schemas/health/birth/subject.yaml", '"1"', '"2"', "registry.missing_file", "wrong",
         '"2"'),
        ("schemas/citizens/person/1.json", '"c:codigoPersonal"', '"c:codigoPersonel"',
         "semantics.unknown_term", "wrong", '"codigoPersonal"'),
        ("schemas/citizens/person/1.json", '"maxLength": 32', '"maxLength": "32"',
         "schema.invalid", "wrong", '"maxLength": "32"'),
        ("instance.yaml", "authorities/development.pem", "authorities/other.pem",
         "registry.missing_file", "wrong", "authorities/other.pem"),
    ],
)  # fmt: skip
def test_a_fault_has_its_code_and_its_line(source, path, old, new, code, severity, near):
    """What is unknown survives; what is misspelt is named; what is referred to must be there."""
    edit(source, path, old, new)
    got = {(s, c, p, line) for s, c, p, line in codes(source) if c != "registry.unread"}
    if code is None:
        assert got == set()
    else:
        assert (severity, code, path, line_of(source, path, near)) in got, got


def test_what_was_meant_is_suggested(source):
    """For a party, a field, a purpose, a missing field."""
    edit(source, "agreements/births-1.yaml", "CIVIL/registry", "CIVIL/regisrty")
    edit(source, "members/civil.yaml", "contact:", "contat:")
    said = [one.message for one in checked(source)]
    assert "contact: is missing (is it meant by contat?)" in said
    assert len(said) == 1  # the agreement's party stands in the file that cannot be read


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ("DEMO/GOV/CIVIL", "registry.duplicate"),
        ("DEMO/GOV/Civil", "registry.confusable"),
        ("DEMO/GOV/СIVIL", "registry.confusable"),
        ("DEMO/GOV/ＣIVIL", "registry.confusable"),
    ],
)
def test_no_identifier_is_there_twice(source, second, code):
    """Nor one that looks the same: in another case, width or script."""
    text = f"member: {second}\nname: {{en: Another}}\ncontact: a@b.example\n"
    (source / "members/other.yaml").write_text(text, encoding="utf-8")
    assert ("wrong", code, "members/other.yaml", 1) in codes(source)


def test_an_accent_is_one_letter_however_it_is_composed(source):
    """Normal form C is applied before names are compared."""
    for name, code in (("one", "PEN\u0303A"), ("two", "PE\u00d1A")):
        text = f"member: DEMO/GOV/{code}\nname: {{es: Peña}}\ncontact: a@b.example\n"
        (source / f"members/{name}.yaml").write_text(text, encoding="utf-8")
    assert only(source).code == "registry.duplicate"


def test_certificates_expire(source):
    """Expired is wrong, soon is a warning, not yet is one; what is none is no authority."""
    path = source / "authorities/development.pem"
    began = Authority.create("Old", now=NOW - 3650 * DAY + 10 * DAY)
    path.write_bytes(path.read_bytes() + began.pem)
    soon = only(source)
    assert (soon.severity, soon.code) == ("warning", "registry.expires_soon")
    assert soon.line == path.read_text().splitlines().index("-----BEGIN CERTIFICATE-----", 1) + 1
    gone = only(source, now=NOW + 11 * DAY)
    assert (gone.severity, gone.code) == ("wrong", "registry.expired")
    path.write_bytes(Authority.create("New", now=NOW + 5 * DAY).pem)
    assert only(source).code == "registry.not_yet_valid"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    assert only(source).code == "keys.certificate"


def test_a_private_key_in_the_source_is_told(source):
    """Wherever it lies: whoever may read the source may then sign."""
    (source / "authorities/key.pem").write_text("x\n-----BEGIN PRIVATE KEY-----\nabc\n")
    finding = only(source)
    assert (finding.code, finding.line) == ("registry.private_key", 2)


def test_agreements_end(source):
    """Before it begins is wrong, soon is a warning, long ago a note."""
    now = times.to_unix("2036-09-15T00:00:00Z")
    (source / "authorities/development.pem").write_bytes(Authority.create("x", now=now).pem)
    assert {(s, c) for s, c, _, _ in codes(source, now)} == {("warning", "registry.ends_soon")}
    assert {c for _, c, _, _ in codes(source, now + 40 * DAY)} == {"registry.ended"}
    text = (source / "agreements/births-1.yaml").read_text()
    until = next(line for line in text.splitlines() if line.startswith("  until:"))
    edit(source, "agreements/births-1.yaml", until, "  until: '2001-01-01T00:00:00Z'")
    assert "registry.period" in {c for _, c, _, _ in codes(source, now)}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("member/x.yaml", "did you mean members/?"),
        ("agreement/x.yaml", "did you mean agreements/?"),
        ("members/x.yml", "did you mean .yaml?"),
        ("members/x.YAML", "small letters"),
        ("vocabularies/x.turtle", "did you mean .ttl?"),
        ("schemas/health/birth/one.json", "expected schemas/<domain>/<name>/subject.yaml"),
        ("schemas/health/birth/3.json", "does not list it"),
        ("instnce.yaml", "did you mean instance.yaml?"),
        ("vocabularies/x.rdf", "expected <domain>.ttl"),
    ],
)
def test_files_that_nothing_reads_are_told(source, path, says):
    """A misspelt folder or ending would lose a document in silence."""
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    (source / path).write_text("{}")
    finding = only(source)
    assert (finding.severity, finding.code, finding.path) == ("warning", "registry.unread", path)
    assert says in finding.message


def test_without_instance_yaml_the_rest_is_checked_all_the_same(source):
    """One fault, told once: nothing follows from it."""
    (source / "instance.yaml").unlink()
    (source / "authorities/development.pem").unlink()
    assert {(c, p) for _, c, p, _ in codes(source)} == {("registry.missing_file", "instance.yaml")}


def test_nothing_but_plain_files_is_opened(source, tmp_path):
    """Links, pipes and odd names are refused; the check neither hangs nor reads elsewhere."""
    secret = tmp_path / "secret.yaml"
    secret.write_text("a: [")
    (source / "members/link.yaml").symlink_to(secret)
    (source / "more").symlink_to(tmp_path)
    (source / "round").symlink_to(source)
    os.mkfifo(source / "members/pipe.yaml")
    (source / "members/a\nb.yaml").write_text("x")
    os.close(os.open(os.fsencode(source / "members") + b"/\xff.yaml", os.O_CREAT | os.O_WRONLY))
    got = {code for _, code, _, _ in codes(source)}
    assert got == {"registry.symbolic_link", "registry.no_file", "registry.file_name"}


@pytest.mark.sampled(8)
@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        ("members/x.yaml", b"a: 1\nb: \xff", "registry.yaml"),
        ("members/x.yaml", b"a:\tb", "registry.yaml"),
        ("members/x.yaml", b"member: NO", "registry.yaml"),
        ("members/x.yaml", b"a: 1\na: 2", "registry.yaml"),
        ("members/x.yaml", b"<<: {a: 1}", "registry.yaml"),
        ("members/x.yaml", b"!!python/name:os.system x", "registry.yaml"),
        ("members/x.yaml", b"[" * 900_000, "registry.yaml"),
        ("members/x.yaml", b"[" + b"1," * 400_000, "registry.yaml"),
        ("members/x.yaml", b"\0" * 1000, "registry.yaml"),
        ("members/x.yaml", b"", "registry.document"),
        ("members/x.yaml", b"- 1", "registry.document"),
        ("members/x.yaml", b"member: 2026-01-01\nname: {en: x}\ncontact: a@b.cl",
         "registry.document"),
        ("members/x.yaml", b" " * 3_000_000, "registry.too_large"),
        ("vocabularies/x.ttl", b"<a> <b> [ " * 50_000, "semantics.turtle"),
        ("vocabularies/x.ttl", b"\xff\xfe", "semantics.turtle"),
        ("schemas/health/birth/1.json", b"\xef\xbb\xbf{}", "registry.json"),
        ("schemas/health/birth/1.json", b"{" * 500_000, "registry.json"),
        ("schemas/health/birth/1.json", b"[1, 2", "registry.json"),
        ("schemas/health/birth/1.json", b'{"a": 1e999}', "registry.json"),
        ("schemas/health/birth/1.json", b'"text"', "schema.invalid"),
    ],
)  # fmt: skip
def test_hostile_documents_are_refused_in_bounded_time(source, path, data, code):
    """Each with its own code, at once, and the rest is checked too."""
    (source / path).write_bytes(data)
    edit(source, "members/tax.yaml", "contact: ", "contact: nobody # ")
    began = time.process_time()
    findings, _ = check_source(source, now=NOW)
    assert time.process_time() - began < 10
    assert code in {one.code for one in findings if one.path == path}, findings
    assert "registry.contact" in {one.code for one in findings if one.path == "members/tax.yaml"}


def test_bytes_and_a_folder_are_checked_alike(source):
    """Publication asks with bytes what a steward asks with a folder."""
    edit(source, "agreements/births-1.yaml", "health.birth", "health.brith")
    documents = {
        one.relative_to(source).as_posix(): one.read_bytes()
        for one in source.rglob("*")
        if one.is_file()
    }
    assert check_registry(documents, now=NOW) == check_source(source, now=NOW)[0]


def test_there_is_an_end_to_findings_of_one_file(source):
    """A file of a thousand faults is told in a hundred lines and a count."""
    services = "".join(
        f"  - {{code: s{n}, request: no.t{n}, response: no.t}}\n" for n in range(900)
    )
    edit(source, "members/tax.yaml", "subsystems:", "remarks: 1\nsubsystems:")
    text = (source / "members/tax.yaml").read_text()
    text = text.replace("  services: []\n", "  services:\n" + services)
    (source / "members/tax.yaml").write_text(text)
    findings, _ = check_source(source, now=NOW)
    assert len(findings) == found_in.MAX_PER_FILE + 1
    assert findings[-1].code == "registry.more"
    assert findings[-1].is_wrong


def test_no_directory_is_an_error(tmp_path):
    """There is nothing to find in nothing."""
    with pytest.raises(RegistryError) as caught:
        check_source(tmp_path / "none", now=NOW)
    assert caught.value.code == "registry.out_of_reach"


def test_a_large_source_is_good_and_its_faults_are_found(tmp_path):
    """The generator's own; its full size is measured by hand, see its docstring."""
    write_source(tmp_path, members=20, schemas=60, now=NOW)
    assert checked(tmp_path) == []
    schema = next(tmp_path.glob("schemas/*/t20/1.json"))
    value = json.loads(schema.read_text())
    value["properties"]["earlier"]["$ref"] += "0"
    schema.write_text(json.dumps(value, indent=1))
    finding = only(tmp_path)
    assert finding.code == "schema.unresolved_reference"
    assert finding.line == next(
        n
        for n, line in enumerate(schema.read_text().splitlines(), 1)
        if "$ref" in line and "t1" in line
    )
