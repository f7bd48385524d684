"""Snapshots: what they answer, and which may follow which; and which sources are published."""

import shutil

import pytest
import yaml

from xroad_lite.errors import RegistryError
from xroad_lite.registry import KnownSnapshots, Snapshot, read_source
from xroad_lite.registry.succession import check_succeeds
from xroad_lite.stewardship import check_registry, publish
from xroad_lite.testing import CIVIL, HEALTH, two_agency_instance

NOW = 1_790_000_000.0
YEAR = 365 * 86_400.0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A published instance."""
    return two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW)


@pytest.fixture(scope="module")
def documents(made):
    """Its documents."""
    return read_source(made.source)


def code_of(call, *given, **named):
    """With which code a call is refused."""
    with pytest.raises(RegistryError) as caught:
        call(*given, **named)
    return caught.value.code


def snapshot(documents, version=1):
    """A snapshot of documents, unpublished."""
    return Snapshot.draft(documents, version=version, published=NOW, expires=NOW + YEAR)


def edited(documents, path, **changed):
    """The documents with fields of one of them changed."""
    value = yaml.safe_load(documents[path]) | changed
    return documents | {path: yaml.safe_dump(value).encode()}


# what may follow what


def test_a_version_never_falls(documents):
    """Nor stays: each snapshot is later than the one before."""
    first, second = snapshot(documents), snapshot(documents, 2)
    check_succeeds(second, first)
    assert code_of(check_succeeds, first, second) == "registry.rollback"
    assert code_of(check_succeeds, first, snapshot(documents)) == "registry.rollback"
    known = KnownSnapshots(second)
    assert code_of(known.adopt, first) == "registry.rollback"
    assert known.current is second


def test_a_published_schema_never_changes(documents):
    """Another content under a published version is refused; its life and newer versions are not."""
    path = "schemas/health/birth/1.json"
    first = snapshot(documents)
    changed = documents | {path: documents[path] + b"\n"}
    refusal = code_of(check_succeeds, snapshot(changed, 2), first)
    assert refusal == "registry.schema_changed"
    deprecated = {"versions": {"1": {"status": "deprecated"}}}
    more = edited(documents, "schemas/health/birth/subject.yaml", **deprecated)
    more["schemas/health/birth/2.json"] = documents[path]
    known = KnownSnapshots(first)
    known.adopt(snapshot(more, 2))
    assert code_of(known.adopt, snapshot(changed, 3)) == "registry.schema_changed"


def test_two_snapshots_of_one_version_are_refused(documents):
    """Somebody has published twice: neither is believed over the other."""
    known = KnownSnapshots(snapshot(documents, 2))
    known.add(snapshot(documents, 1))
    other = snapshot(documents | {"members/zz.json": b"x"}, 1)
    assert code_of(known.add, other) == "registry.two_snapshots"
    assert known.get(other.name) is None


def test_a_faulty_snapshot_is_not_adopted(documents):
    """All that the checks rely on is read before it is used."""
    known = KnownSnapshots(snapshot(documents))
    for path, data in (
        ("instance.yaml", b"{}"),
        ("members/health.yaml", b"{"),
        ("agreements/births-1.yaml", b"[]"),
        ("schemas/health/birth/subject.yaml", b"type: other.type\n"),
    ):
        faulty = snapshot(documents | {path: data}, 2)
        with pytest.raises(RegistryError):
            known.adopt(faulty)
        assert known.current.edition.version == 1


# questions


def test_questions_are_answered_by_the_documents(made, documents):
    """Parties, services, agreements and schemas by their names."""
    found = snapshot(documents)
    assert set(found.subsystems) >= {HEALTH, CIVIL}
    party = found.party(CIVIL)
    assert party.active
    assert party.service("citizens.person-query") == ("person-by-code", "citizens.person")
    assert party.service("citizens.person") is None
    assert found.party("DEMO/GOV/NOBODY/x") is None
    assert found.agreement(f"{made.base}agreements/births/1").provider == HEALTH
    assert found.agreement("births") is None
    schema = found.latest_schema("health.birth")
    assert (schema.iri, schema.version) == (f"{made.base}schemas/health/birth/1", 1)
    assert found.schema(schema.iri) is found.schema(schema.iri)
    assert found.latest_schema("health.nothing") is None
    assert found.schema(f"{made.base}schemas/health/birth/2") is None


# the source directory


def test_a_symbolic_link_is_refused(made, tmp_path):
    """To a file or a directory, wherever it points: what is published lies in the directory."""
    shutil.copytree(made.source, tmp_path / "source")
    (tmp_path / "secret.yaml").write_text("x: 1")
    for name, target in (("members/x.yaml", "secret.yaml"), ("more", ".")):
        link = tmp_path / "source" / name
        link.symlink_to(tmp_path / target)
        assert code_of(read_source, tmp_path / "source") == "registry.symbolic_link"
        link.unlink()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert len(read_source(tmp_path / "source")) > 10


def test_only_documents_of_their_size_are_taken(made, tmp_path):
    """Other files are left where they are; one beyond 1 MiB is refused."""
    shutil.copytree(made.source, tmp_path / "source")
    before = read_source(tmp_path / "source")
    (tmp_path / "source/.git").mkdir()
    (tmp_path / "source/.git/config.yaml").write_text("x")
    (tmp_path / "source/README.md").write_text("x")
    (tmp_path / "source/run.sh").write_text("x")
    assert read_source(tmp_path / "source") == before
    (tmp_path / "source/large.json").write_bytes(b"1" * 1_048_577)
    assert code_of(read_source, tmp_path / "source") == "registry.too_large"
    assert code_of(read_source, tmp_path / "nowhere") == "registry.out_of_reach"


# publication


@pytest.mark.parametrize(
    ("path", "changed", "code"),
    [
        ("instance.yaml", {"authorities": ["authorities/none.pem"]}, "registry.missing_file"),
        ("instance.yaml", {"authorities": ["instance.yaml"]}, "keys.certificate"),
        ("instance.yaml", {"instance": "OTHER"}, "registry.instance"),
        ("instance.yaml", {"max_age": "x"}, "registry.document"),
        ("members/health.yaml", {"member": "DEMO/GOV/CIVIL"}, "registry.duplicate"),
        ("members/health.yaml", {"subsystems": []}, "registry.unknown_subsystem"),
        ("members/health.yaml", {"subsystems": [{"code": ".."}]}, "identifier.segment"),
        ("members/civil.yaml", {"subsystems": [{"code": "registry"}]}, "registry.unknown_service"),
        ("agreements/births-1.yaml", {"types": ["health.death"]}, "registry.unknown_type"),
        ("agreements/births-1.yaml", {"provider": "DEMO/GOV/X/y"}, "registry.unknown_subsystem"),
        ("agreements/births-1.yaml", {"open": True}, "registry.parties"),
        ("agreements/births-1.yaml", {"open": True, "receipt": True}, "registry.receipt"),
        ("agreements/births-1.yaml", {"open": True, "confidential": True}, "registry.confidential"),
        ("agreements/births-1.yaml", {"agreement": "persons"}, "registry.duplicate"),
        (
            "agreements/births-1.yaml",
            {"fields": {"health.birth": ["/gender"]}},
            "registry.projection",
        ),
        ("schemas/health/birth/subject.yaml", {"owner": "DEMO/GOV/X"}, "registry.unknown_member"),
        ("schemas/health/birth/subject.yaml", {"type": "health.death"}, "registry.document"),
        (
            "schemas/health/birth/subject.yaml",
            {"versions": {"1": {"status": "active"}, "2": {"status": "active"}}},
            "registry.missing_file",
        ),
        (
            "schemas/health/birth/subject.yaml",
            {"versions": {"v1": {"status": "active"}}},
            "registry.document",
        ),
    ],
)
def test_a_faulty_source_is_not_published(path, changed, code, documents):
    """Each fault has its code and its place; together they are all told at once."""
    findings = check_registry(edited(documents, path, **changed), now=NOW)
    assert code in {one.code for one in findings}, findings
    assert all(str(one) for one in findings)


def test_a_good_source_has_no_findings(documents):
    """What the other tests change was right before."""
    assert check_registry(documents, now=NOW) == []


def test_a_certificate_speaks_for_one_subsystem(documents):
    """Listed for two, it would let one speak for the other."""
    mine = yaml.safe_load(documents["members/health.yaml"])["subsystems"][0]["certificates"]
    others = yaml.safe_load(documents["members/civil.yaml"])["subsystems"]
    others[0]["certificates"] = mine
    findings = check_registry(edited(documents, "members/civil.yaml", subsystems=others), now=NOW)
    assert [one.code for one in findings] == ["registry.shared_certificate"]


def test_publishing_names_the_first_fault_and_writes_nothing(made, tmp_path):
    """A registry is published whole or not at all."""
    shutil.copytree(made.source, tmp_path / "source")
    (tmp_path / "source/instance.yaml").write_text("a: [")
    code = code_of(publish, tmp_path / "source", tmp_path / "registry", made.keys, now=NOW)
    assert code == "registry.faulty"
    assert not (tmp_path / "registry").exists()
