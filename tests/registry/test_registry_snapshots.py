"""Snapshots: every byte bound by the name, nothing overwritten, nothing rolled back."""

import json
import shutil

import pytest
import yaml

from xroad_lite import times
from xroad_lite.errors import RegistryError
from xroad_lite.registry import KnownSnapshots, Manifest, RegistryFolder, Snapshot, read_source
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


@pytest.fixture
def folder(tmp_path):
    """A registry folder with nothing in it."""
    return RegistryFolder(tmp_path / "registry")


def code_of(call, *given, **named):
    """With which code a call is refused."""
    with pytest.raises(RegistryError) as caught:
        call(*given, **named)
    return caught.value.code


def snapshot(documents, version=1):
    """A snapshot of documents, unpublished."""
    return Snapshot(Manifest.read(Manifest.write(version, NOW, NOW + YEAR, documents)), documents)


def edited(documents, path, **changed):
    """The documents with fields of one of them changed."""
    value = yaml.safe_load(documents[path]) | changed
    return documents | {path: yaml.safe_dump(value).encode()}


# publishing and reading


def test_what_is_published_reads_back(folder, documents):
    """Version after version, each for ever."""
    first = folder.publish(documents, published=NOW, expires=NOW + YEAR)
    more = documents | {"members/new.yaml": b"x"}
    second = folder.publish(more, published=NOW + 1, expires=NOW + YEAR)
    assert folder.versions() == [1, 2]
    assert folder.newest().name == second.name
    again = folder.load(1)
    assert (again.name, again.manifest) == (first.name, first.manifest)
    assert all(again.file(path) == data for path, data in documents.items())
    assert code_of(again.file, "members/new.yaml") == "registry.missing_file"


def test_the_name_binds_every_byte(documents):
    """A changed file, path, time or version is another name."""
    names = {snapshot(documents).name, snapshot(documents, 2).name}
    names.add(snapshot(documents | {"instance.yaml": documents["instance.yaml"] + b"\n"}).name)
    names.add(snapshot(documents | {"members/zz.yaml": b""}).name)
    names.add(Manifest.read(Manifest.write(1, NOW + 1, NOW + YEAR, documents)).name)
    names.add(Manifest.read(Manifest.write(1, NOW, NOW + YEAR + 1, documents)).name)
    assert len(names) == 6
    assert all(name.partition(":")[0] in ("1", "2") for name in names)


def test_a_changed_file_is_seen(folder, documents, tmp_path):
    """Changed, cut, emptied or missing: the snapshot is not read."""
    folder.publish(documents, published=NOW, expires=NOW + YEAR)
    for one in sorted((tmp_path / "registry/objects").iterdir())[:4]:
        good = one.read_bytes()
        for bad in (b"", good[:-1], good + b" ", bytes([good[0] ^ 1]) + good[1:]):
            one.write_bytes(bad)
            assert code_of(folder.load, 1) == "registry.file_changed"
        one.unlink()
        assert code_of(folder.load, 1) == "registry.out_of_reach"
        one.write_bytes(good)
    assert folder.load(1).name


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"published": "today"},
        {"expires": 7},
        {"files": []},
        {"files": {"a": {}}},
        {"files": {"a": {"length": "x", "sha256": "y"}}},
        {"files": {"a": "b"}},
        {"files": None},
    ],
)
def test_what_is_no_manifest_is_refused(changed, documents):
    """Each field has its form."""
    good = json.loads(Manifest.write(1, NOW, NOW + YEAR, documents))
    data = json.dumps(good | changed).encode()
    assert code_of(Manifest.read, data) == "registry.manifest"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"version":1,"version":2}'])
def test_other_bytes_are_no_manifest(data):
    """Neither garbage nor JSON of another kind."""
    assert code_of(Manifest.read, data) in ("registry.manifest", "registry.json")


def test_a_digest_that_is_a_path_is_refused(folder, documents, tmp_path):
    """A manifest cannot make a node read files outside its folder."""
    folder.publish(documents, published=NOW, expires=NOW + YEAR)
    value = json.loads((tmp_path / "registry/snapshots/1.json").read_bytes())
    for digest in ("../../secret", "a" * 63, "/" + "a" * 63, ""):
        value["files"]["instance.yaml"]["sha256"] = digest
        (tmp_path / "registry/snapshots/1.json").write_text(json.dumps(value))
        assert code_of(folder.load, 1) == "registry.manifest"


def test_a_large_registry_can_be_published(folder, documents):
    """Twenty thousand files are a country, and no reason to fail."""
    many = {f"notes/{number}.yaml": b"" for number in range(20_000)}
    published = folder.publish(documents | many, published=NOW, expires=NOW + YEAR)
    assert folder.manifest(1).name == published.name


def test_an_empty_or_missing_folder_is_said(folder, tmp_path):
    """With what to do about it."""
    assert code_of(folder.newest) == "registry.out_of_reach"
    (tmp_path / "registry/snapshots").mkdir(parents=True)
    assert code_of(folder.newest) == "registry.empty"
    (tmp_path / "registry/snapshots/notes.json").write_text("{}")
    (tmp_path / "registry/snapshots/.1.json.77").write_text("{}")
    assert folder.versions() == []


# what may follow what


def test_a_version_never_falls(documents):
    """Nor stays: each snapshot is later than the one before."""
    first, second = snapshot(documents), snapshot(documents, 2)
    second.check_succeeds(first)
    assert code_of(first.check_succeeds, second) == "registry.rollback"
    assert code_of(first.check_succeeds, snapshot(documents)) == "registry.rollback"
    known = KnownSnapshots(second)
    assert code_of(known.adopt, first) == "registry.rollback"
    assert known.current is second


def test_a_published_schema_never_changes(folder, documents):
    """Another content under a published version is refused; its life and newer versions are not."""
    path = "schemas/health/birth/1.json"
    folder.publish(documents, published=NOW, expires=NOW + YEAR)
    changed = documents | {path: documents[path] + b"\n"}
    refusal = code_of(folder.publish, changed, published=NOW, expires=NOW + YEAR)
    assert refusal == "registry.schema_changed"
    assert folder.versions() == [1]
    deprecated = {"versions": {"1": {"status": "deprecated"}}}
    more = edited(documents, "schemas/health/birth/subject.yaml", **deprecated)
    more["schemas/health/birth/2.json"] = documents[path]
    folder.publish(more, published=NOW, expires=NOW + YEAR)
    known = KnownSnapshots(folder.load(1))
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
        assert known.current.manifest.version == 1


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
        ("agreements/births-1.yaml", {"confidential": True}, "registry.confidential"),
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
    code = code_of(publish, tmp_path / "source", tmp_path / "registry", now=NOW)
    assert code == "registry.faulty"
    assert not (tmp_path / "registry").exists()


def test_the_manifest_says_until_when_it_holds(made):
    """A year, unless said otherwise."""
    published = made.publish(NOW + 5, expires_in=3600)
    assert published.manifest.expires - published.manifest.published == 3600
    text = json.loads((made.folder / "registry/snapshots/2.json").read_bytes())["expires"]
    assert text == times.to_text(NOW + 3605)
