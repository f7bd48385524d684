"""Confidential messages and pseudonyms between two instances: each registry lists its own keys."""

import threading

import pytest
import yaml
from two_instances import LEFT_HEALTH, RIGHT_CIVIL
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.encryption import KEY, is_pseudonym, producers_of
from xroad_lite.registry import read_source
from xroad_lite.stewardship import check_registry
from xroad_lite.testing import BIRTH

pytestmark = pytest.mark.long

ABROAD, PERSONS = "agreements/abroad-1.yaml", "agreements/persons-abroad-1.yaml"
SECRET = "Quetzalcoatl"
QUERY = "citizens.person-query"
PERSON = {"codigoPersonal": "EX-1", "identificadorNacimiento": "B-1"}
PERSON |= {"fechaNacimiento": "2026-03-14"}


@pytest.fixture
def agreed(two):
    """Both agreements are confidential, and have a key for pseudonyms that both parties open."""
    for path in (ABROAD, PERSONS):
        two.edit(two.left, path, confidential=True)
        for approval in two.left.source.glob(f"{path}.*.jws"):
            approval.unlink()
        name = path.removeprefix("agreements/").removesuffix("-1.yaml")
        words = ["agreement", "key", name, "--source", str(two.left.source)]
        alone = CliRunner().invoke(app, words)
        assert "is no registered party" in alone.output
        both = CliRunner().invoke(app, [*words, "--with", str(two.right.folder / "registry")])
        assert both.exit_code == 0, both.output
        two.share(path)
    for one in (two.left, two.right):
        findings = check_registry(read_source(one.source), now=two.clock())
        assert not [one for one in findings if one.is_wrong], findings
    two.edit(two.left, "agreements/births-1.yaml", confidential=True)
    two.publish()
    return two


def test_a_birth_crosses_encrypted(agreed):
    """To the key that the receiver's registry lists; it is read there and nowhere else."""
    heard = []
    agreed.node(RIGHT_CIVIL).subscribe("health.birth", reads="citizens.person")(
        lambda message: heard.append(message.body["apellidos"])
    )
    agreed.node(LEFT_HEALTH).publish("health.birth", BIRTH | {"name": [{"family": SECRET}]})
    agreed.settle()
    assert heard == [SECRET]
    files = [one for one in agreed.folder.rglob("*") if one.is_file()]
    assert not [one for one in files if SECRET.encode() in one.read_bytes()]


def test_a_person_is_asked_about_under_a_pseudonym(agreed):
    """Named by the agreement of the provider's instance; both parties know who is meant."""
    asked = []
    civil = agreed.node(RIGHT_CIVIL)

    @civil.serve(QUERY)
    def answer(message):
        asked.append((message.subject, message.attributes.subject))
        return PERSON

    thread = threading.Thread(target=civil.run, daemon=True)
    thread.start()
    try:
        found = agreed.node(LEFT_HEALTH).request(
            RIGHT_CIVIL, QUERY, {"codigoPersonal": "EX-1"}, subject="EX-1", timeout=60
        )
    finally:
        civil.close()
        thread.join()
    assert found.body == PERSON
    assert found.subject == "EX-1"
    ((name, sealed),) = asked
    assert name == "EX-1"
    assert is_pseudonym(sealed)
    said = yaml.safe_load((agreed.right.source / PERSONS).read_text())
    iri = f"{agreed.right.base}agreements/persons-abroad/1"
    assert producers_of(said["pseudonym_key"].encode(), KEY) == {iri}
