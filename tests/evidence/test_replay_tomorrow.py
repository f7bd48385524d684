"""``log replay`` of logs and bundles: judged again, and under a registry that is only proposed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from evening import Told, changed, typed

from tests.evidence.world import copied

MAPPING = "vocabularies/mappings/health--citizens.ttl"


@pytest.mark.parametrize("which", ["bundle", "chosen", "log"])
def test_a_bundle_is_judged_again_by_itself(told: Told, which: str) -> None:
    """With the registry that is in it, and no node; as the log is, with its node."""
    words = ("--node", told.node) if which == "log" else ()
    found, code = typed(getattr(told, which), *words)
    judged = 1 if which == "chosen" else 3
    assert (found["judged"], found["differences"], code) == (judged, [], 0)


def test_a_verdict_that_was_not_deserved_differs(told: Told, tmp_path: Path) -> None:
    """An entry that says refused of what passes."""
    log = copied(told.log, tmp_path / "log")
    log.execute(
        "UPDATE xl_entries SET leaf = CAST(replace(CAST(leaf AS TEXT),"
        ' \'"outcome":"accepted"\', \'"outcome":"refused"\') AS BLOB)'
        " WHERE idx = (SELECT min(idx) FROM xl_messages WHERE direction = 'in')"
    )
    log.close()
    found, code = typed(tmp_path / "log", "--node", told.node)
    (one,) = found["differences"]
    assert "logged refused (9 checks passed" in one
    assert "replayed accepted (9 checks passed" in one
    assert code == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_difference_is_explained(told: Told, tmp_path: Path, whole: bool) -> None:
    """Read by another mapping than its entry says; refused by a check, with the reason."""
    log = copied(told.log, tmp_path / "log")
    (index,) = log.query("SELECT min(idx) FROM xl_messages WHERE direction = 'in'")[0]
    entry = json.loads(log.leaf(index))
    digest, entry["mapping"] = entry["mapping"], "another"
    if not whole:
        log.execute("UPDATE xl_bodies SET body = x'7b7d' WHERE idx = ?", (index,))
    leaf = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()
    log.execute("UPDATE xl_entries SET leaf = ? WHERE idx = ?", (leaf, index))
    log.close()
    (one,) = typed(tmp_path / "log", "--node", told.node)[0]["differences"]
    assert f"entry {index}: logged accepted (9 checks passed, read by the mapping another)" in one
    if whole:
        assert f"replayed accepted (9 checks passed, read by the mapping {digest})" in one
    else:
        assert "replayed refused by check 7 (envelope.digest: " in one


def test_the_same_registry_changes_nothing(told: Told) -> None:
    """Of a log and of a bundle, and for each of the three."""
    for kind in ("schema", "mapping", "agreement"):
        for words in ((told.bundle,), (told.log, "--node", told.node)):
            found, code = typed(*words, "--to", kind, "--proposed", told.instance.source)
            assert (found["changed"], found["changes"], code) == (0, [], 0)
            assert found["types"]["health.birth"]["same"] == 3


def test_a_stricter_schema(told: Told, tmp_path: Path) -> None:
    """Its second version asks for what the bodies have not: each is named, with the reason."""
    source = told.proposed(tmp_path / "source")
    folder = source / "schemas/health/birth"
    document = json.loads((folder / "1.json").read_text())
    document["$id"] = "health/birth/2"
    document["properties"]["gender"] = {"enum": ["female"]}
    (folder / "2.json").write_text(json.dumps(document))
    subject = yaml.safe_load((folder / "subject.yaml").read_text())
    versions = subject["versions"]
    key = next(iter(versions))
    versions[type(key)(2)] = {**versions[key], "status": "active"}
    (folder / "subject.yaml").write_text(yaml.safe_dump(subject))
    found, code = typed(told.bundle, "--to", "schema", "--proposed", source)
    assert (found["types"]["health.birth"]["same"], found["changed"], code) == (2, 1, 1)
    (change,) = found["changes"]
    assert change["said"].startswith("would be refused by version 2: /gender")
    assert change["id"] == told.ids[1]


def test_a_mapping_that_reads_otherwise(told: Told, tmp_path: Path) -> None:
    """A cell less: the field it gave is read otherwise, or not at all."""
    source = told.proposed(tmp_path / "source")
    (source / MAPPING).unlink()
    found, code = typed(told.log, "--node", told.node, "--to", "mapping", "--proposed", source)
    assert (found["changed"], code) == (3, 1)
    assert all("read" in change["said"] for change in found["changes"])


def test_a_mapping_without_one_cell(told: Told, tmp_path: Path) -> None:
    """The one field is named, and no other."""
    source = told.proposed(tmp_path / "source")
    text = (source / MAPPING).read_text()
    begin = text.index("m:sexo a align:Cell")
    end = text.index("\n\n", begin)
    (source / MAPPING).write_text(text[:begin] + text[end:])
    found, code = typed(told.bundle, "--to", "mapping", "--proposed", source)
    (change,) = found["changes"]
    assert (change["said"], change["count"], code) == ("/sexo would be read otherwise", 3, 1)


def test_an_agreement_that_lets_less_through(told: Told, tmp_path: Path) -> None:
    """Fewer fields: those that would be left out; another purpose: refused. Nobody signed it."""
    source = told.proposed(tmp_path / "source")
    file = source / "agreements/births-1.yaml"
    kept = ["resourceType", "identifier", "birthDate"]
    changed(file, fields={"health.birth": [f"/{name}" for name in kept]})
    found, code = typed(told.bundle, "--to", "agreement", "--proposed", source)
    said = {change["said"] for change in found["changes"]}
    assert (found["changed"], code) == (3, 1)
    assert "the field /gender would be left out" in said
    changed(file, purposes=["https://w3id.org/dpv#Marketing"])
    found, _ = typed(told.bundle, "--to", "agreement", "--proposed", source)
    (change,) = found["changes"]
    assert change["said"].startswith("would be refused (policy.purpose)")
    assert change["count"] == 3


def test_an_erased_body_could_not_be_told(told: Told, tmp_path: Path) -> None:
    """It is counted as such, and is no change."""
    log = copied(told.log, tmp_path / "log")
    log.execute("DELETE FROM xl_bodies")
    log.close()
    source = told.proposed(tmp_path / "source")
    (source / MAPPING).unlink()
    words = (tmp_path / "log", "--node", told.node, "--to", "mapping", "--proposed", source)
    found, code = typed(*words)
    assert (found["types"]["health.birth"]["erased"], found["changed"], code) == (3, 0, 0)


def test_a_confidential_body_needs_its_key(tmp_path: Path) -> None:
    """Without it nothing is said of it, and nothing is wrong; with the node's keys it is read."""
    told = Told(tmp_path / "told", confidential=True)
    source = told.proposed(tmp_path / "source")
    (source / MAPPING).unlink()
    found, code = typed(told.bundle)
    assert (found["judged"], found["closed"], found["differences"], code) == (0, 3, [], 0)
    words = (told.bundle, "--to", "mapping", "--proposed", source)
    found, code = typed(*words)
    assert (found["types"]["health.birth"]["closed"], found["changed"], code) == (3, 0, 0)
    found, code = typed(*words, "--node", told.node)
    assert (found["types"]["health.birth"]["closed"], found["changed"], code) == (0, 3, 1)


HANDLER = """
seen = []
def take(message):
    seen.append((message.entry, message.replay, message.body["sexo"]))
def publishes(message):
    message.publish("health.birth", {})
def asks_sql(message):
    message.sql("DELETE FROM births")
"""


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of an adapter's, in the folder where the command is typed."""
    import importlib
    import sys

    (tmp_path / "adapter_of_test.py").write_text(HANDLER)
    monkeypatch.chdir(tmp_path)
    importlib.invalidate_caches()
    sys.modules.pop("adapter_of_test", None)
    yield lambda: sys.modules["adapter_of_test"].seen
    sys.modules.pop("adapter_of_test", None)


def test_a_handler_sees_all_of_it_again(told: Told, handlers: Any) -> None:
    """In order, in its own terms, marked as a replay; the log has no more entries than before."""
    size = copied(told.log, Path("copy")).size
    words = ("--to", "handler", "--handler", "adapter_of_test:take")
    found, code = typed(told.log, "--node", told.node, *words)
    assert (found["handled"], found["failed"], code) == (3, [], 0)
    entries, marked, _ = zip(*handlers(), strict=True)
    assert marked == (True, True, True)
    assert list(entries) == sorted(entries)
    assert copied(told.log, Path("after")).size == size
    found, _ = typed(told.bundle, *words, "--after", entries[1])
    assert (found["handled"], found["last"]) == (1, entries[2])
    assert typed(told.bundle, *words, "--type", "health.death")[0]["handled"] == 0


@pytest.mark.parametrize("name", ["publishes", "asks_sql"])
def test_a_replayed_message_has_no_effects(told: Told, handlers: Any, name: str) -> None:
    """What a handler would publish or write is refused; it is said, and the rest goes on."""
    words = ("--to", "handler", "--handler", f"adapter_of_test:{name}")
    found, code = typed(told.bundle, *words)
    assert (found["ok"], len(found["failed"]), code) == (False, 3, 1)
    assert "replayed from a log" in found["failed"][0]["message"]


@pytest.mark.parametrize("name", ["nowhere:take", "adapter_of_test:nothing", "adapter_of_test"])
def test_a_handler_that_is_not_there(told: Told, handlers: Any, name: str) -> None:
    """It is said before anything is read."""
    found, code = typed(told.bundle, "--to", "handler", "--handler", name)
    assert (found["error"]["code"], code) == ("config.handler", 2)


def test_to_and_proposed_go_together(told: Told) -> None:
    """One without the other is a wrong use."""
    found, code = typed(told.bundle, "--to", "schema")
    assert (found["error"]["code"], code) == ("config.proposed", 2)
