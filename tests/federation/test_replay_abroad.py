"""``log replay`` of a log with messages of another instance: its registry's words, its mirror."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from two_instances import LEFT_HEALTH, RIGHT_CIVIL, TwoInstances, copied
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.replay.queue import replays
from xroad_lite.testing import BIRTH

MAPPING = "vocabularies/mappings/health--citizens.ttl"
PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
}


class Evening:
    """A Chilean birth in Peru's log, and a Chilean question that Peru has answered."""

    def __init__(self, two: TwoInstances) -> None:
        self.two = two
        civil, health = two.node(RIGHT_CIVIL), two.node(LEFT_HEALTH)
        civil.subscribe("health.birth", reads="citizens.person")(lambda message: None)
        civil.serve("citizens.person-query")(lambda _: PERSON)
        health.publish("health.birth", BIRTH)
        two.settle()
        asking = threading.Thread(
            target=lambda: health.request(
                RIGHT_CIVIL, "citizens.person-query", {"codigoPersonal": "EX-1"}
            )
        )
        asking.start()
        while asking.is_alive():
            civil.step()
        for node in (civil, health):
            node._evidence.checkpoints.sign_now(two.clock())
            assert CheckpointTable(node.store).newest() is not None
        self.folders = {one: two.node(one).settings.folder for one in (RIGHT_CIVIL, LEFT_HEALTH)}
        two.close()

    def bundle(self, whose: str) -> Path:
        """A bundle of a whole log, with both registries in it."""
        made = self.two.folder / f"{whose[:2]}.zip"
        if not made.exists():
            words = ["log", "export", "--all", str(made), "--node", str(self.folders[whose])]
            done = CliRunner().invoke(app, [*words, "--json"])
            assert done.exit_code == 0, done.stdout
        return made

    def source(self, name: str) -> Path:
        """A copy of an instance's source, to be changed."""
        made = self.two.folder / "proposed"
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(self.two.instances[name].source, made)
        return made

    def replayed(self, whose: str, *words: object) -> list[tuple[dict[str, Any], int]]:
        """What is said of the log, and of its bundle, each with the exit code."""
        found = []
        for place in (("--node", self.folders[whose]), (self.bundle(whose),)):
            done = CliRunner().invoke(app, ["log", "replay", *map(str, (*place, *words)), "--json"])
            found.append((json.loads(done.stdout), done.exit_code))
        return found


@pytest.fixture(scope="module")
def evening(built: TwoInstances, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Once; the copies of the sources alone are changed."""
    with copied(built, tmp_path_factory.mktemp("evening")) as made:
        yield Evening(made)


def changed(file: Path, **fields: Any) -> None:
    """Change a document in YAML."""
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | fields))


def stricter(source: Path) -> None:
    """A second version of health/birth, which asks for another gender."""
    folder = source / "schemas/health/birth"
    document = json.loads((folder / "1.json").read_text())
    document["$id"] = "health/birth/2"
    document["properties"]["gender"] = {"enum": ["male"]}
    (folder / "2.json").write_text(json.dumps(document))
    subject = yaml.safe_load((folder / "subject.yaml").read_text())
    key = next(iter(subject["versions"]))
    subject["versions"][type(key)(2)] = {**subject["versions"][key], "status": "active"}
    (folder / "subject.yaml").write_text(yaml.safe_dump(subject))


@pytest.mark.parametrize("whose", [RIGHT_CIVIL, LEFT_HEALTH])
def test_the_verdicts_are_the_same(evening: Evening, whose: str) -> None:
    """Judged again with both registries, of a log and of its bundle."""
    judged = {RIGHT_CIVIL: 2, LEFT_HEALTH: 1}[whose]
    for found, code in evening.replayed(whose):
        assert (found["judged"], found["differences"], code) == (judged, [], 0)


@pytest.mark.parametrize("whose", [RIGHT_CIVIL, LEFT_HEALTH])
@pytest.mark.parametrize("name", ["CL", "PE"])
@pytest.mark.parametrize("kind", ["schema", "mapping", "agreement"])
def test_registries_as_they_are_change_nothing(
    evening: Evening, whose: str, name: str, kind: str
) -> None:
    """Every message is told of: the same, or of the other instance; none cannot be read."""
    for found, code in evening.replayed(whose, "--to", kind, "--proposed", evening.source(name)):
        assert (found["changed"], found["changes"], code) == (0, [], 0)
        counts = found["types"]
        assert all(one["unread"] == one["closed"] == one["erased"] == 0 for one in counts.values())
        if kind == "schema":
            ours = {"CL": ["health.birth"], "PE": ["citizens.person", "citizens.person-query"]}
            same = sorted(type_ for type_, one in counts.items() if one["same"])
            assert same == ours[name]
            assert all(bool(one["same"]) != bool(one["foreign"]) for one in counts.values())
        if kind == "agreement":
            assert {type_: one["same"] for type_, one in counts.items()} == {
                "health.birth": 2 if (whose, name) == (LEFT_HEALTH, "CL") else 1,  # one at home
                "citizens.person-query": 1,
                "citizens.person": 1,
            }


def test_a_schema_is_its_instances(evening: Evening) -> None:
    """Chile's proposal changes what Chile sent; Peru's, of the same name, does not."""
    for name, changes in (("CL", 1), ("PE", 0)):
        source = evening.source(name)
        stricter(source)
        for found, code in evening.replayed(RIGHT_CIVIL, "--to", "schema", "--proposed", source):
            assert (found["changed"], code) == (changes, changes)
            assert found["types"]["health.birth"]["foreign"] == 1 - changes


def test_a_mapping_is_the_readers(evening: Evening) -> None:
    """Without it, Peru could not read a Chilean birth any more."""
    source = evening.source("PE")
    (source / MAPPING).unlink()
    for found, code in evening.replayed(RIGHT_CIVIL, "--to", "mapping", "--proposed", source):
        (change,) = found["changes"]
        assert (change["type"], change["count"], code) == ("health.birth", 1, 1)
    source = evening.source("CL")
    (source / MAPPING).unlink()
    for found, _ in evening.replayed(RIGHT_CIVIL, "--to", "mapping", "--proposed", source):
        assert (found["changed"], found["types"]["health.birth"]["foreign"]) == (0, 1)


@pytest.mark.parametrize("name", ["CL", "PE"])
def test_an_agreement_is_both_instances(evening: Evening, name: str) -> None:
    """Whichever of the two would change it: another purpose, fewer fields, no trust."""
    source = evening.source(name)
    file = source / "agreements/abroad-1.yaml"
    changed(file, purposes=["https://w3id.org/dpv#Marketing"])
    words = ("--to", "agreement", "--proposed", source)
    for found, code in evening.replayed(RIGHT_CIVIL, *words):
        (change,) = found["changes"]
        assert change["said"].startswith("would be refused (policy.purpose)")
        assert (change["count"], code) == (1, 1)
    source = evening.source(name)
    file = source / "agreements/abroad-1.yaml"
    kept = ["/resourceType", "/identifier", "/birthDate"]
    changed(file, fields={"health.birth": kept})
    for found, _ in evening.replayed(RIGHT_CIVIL, *words):
        assert "the field /gender would be left out" in {one["said"] for one in found["changes"]}


def test_trust_that_would_end(evening: Evening) -> None:
    """Nothing from there would pass, whatever agreements say."""
    source = evening.source("PE")
    for one in [*source.glob("trusted/*"), *source.glob("agreements/*abroad-1*")]:
        one.unlink()
    for found, code in evening.replayed(RIGHT_CIVIL, "--to", "agreement", "--proposed", source):
        said = {one["said"] for one in found["changes"]}
        assert said == {"would be refused (registry.untrusted_instance): PE would not trust CL"}
        assert (found["changed"], code) == (3, 1)


def test_they_are_shown_again(evening: Evening, tmp_path: Path) -> None:
    """A queue has what came from the other instance, as it was sealed there."""
    bus = f"embedded:{tmp_path}/bus.sqlite3"
    words = ("--to", "queue", "--queue", "replay.civil", "--transport", bus)
    for found, code in evening.replayed(RIGHT_CIVIL, *words):
        assert (found["handled"], code) == (2, 0)
    with replays(bus, "replay.civil") as queue:
        seen = [(one.attributes.source, one.attributes.type) for one in queue]
    both = [(LEFT_HEALTH, "health.birth"), (LEFT_HEALTH, "citizens.person-query")]
    assert seen == both * 2
