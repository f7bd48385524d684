"""An agreement's life on the command line: written, checked, approved by two, explained, ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE, two_agency_instance

TAX = "DEMO/GOV/TAX/office"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentInstance:
    """Two agencies; their source is copied for each test."""
    import time

    return two_agency_instance(tmp_path_factory.mktemp("made"), now=time.time())


class Desk:
    """Where people of both parties type commands, on one source."""

    def __init__(self, instance: DevelopmentInstance, source: Path) -> None:
        self.source = source
        self._instance = instance

    def run(self, *words: str, by: str = "", language: str = "en") -> tuple[str, str, int]:
        """What a command prints on stdout and stderr, and its exit code; ``by`` is a party."""
        environment = {
            "COLUMNS": "80",
            "XROAD_LITE_SOURCE": str(self.source),
            "XROAD_LITE_LANGUAGE": language,
        }
        if by:
            node = self._instance.node_folder(by)
            environment["XROAD_LITE_KEY"] = f"file:{node / 'key.pem'}"
            environment["XROAD_LITE_CERTIFICATES"] = str(node / "certificates.pem")
        done = CliRunner().invoke(app, ["agreement", *words], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.stdout, done.stderr, done.exit_code

    def ask(self, *words: str, by: str = "") -> tuple[dict[str, Any], int]:
        """The same with --json: the object and the exit code."""
        out, said, code = self.run(*words, "--json", by=by)
        assert out, said
        return json.loads(out), code

    def edit(self, name: str, version: int = 1, **changed: Any) -> None:
        """Change fields of an agreement's file."""
        file = self.source / f"agreements/{name}-{version}.yaml"
        value = yaml.safe_load(file.read_text()) | changed
        file.write_text(yaml.safe_dump(value, sort_keys=False))

    def status(self, name: str, version: int = 1) -> str:
        """Where ``list`` says that an agreement stands."""
        rows = self.ask("list")[0]["agreements"]
        return next(
            one["status"]
            for one in rows
            if one["agreement"] == name and one.get("version", version) == version
        )


@pytest.fixture
def desk(instance: DevelopmentInstance, tmp_path: Path) -> Desk:
    """A source of its own."""
    import shutil

    shutil.copytree(instance.source, tmp_path / "source")
    return Desk(instance, tmp_path / "source")


NEW = ("--provider", HEALTH, "--consumer", TAX, "--type", "health.birth")
NEW += ("--purpose", "LegalCompliance", "--until", "2090-01-01")
WORDS = {"en": "Births for the tax office", "es": "Nacimientos para impuestos"}
WRITTEN = {"title": dict(WORDS), "legal_basis": {"text": WORDS, "iri": "https://law.example/7"}}


def test_from_a_form_to_an_agreement_in_force(desk: Desk) -> None:
    """What is still to be written is named; it counts once both parties have approved it."""
    made, code = desk.ask("new", "tax-births", *NEW)
    assert (made["path"], code) == ("agreements/tax-births-1.yaml", 0)
    found, code = desk.ask("check", "tax-births")
    assert code == 1
    assert {"registry.todo", "registry.document"} >= {one["code"] for one in found["findings"]}
    refused, code = desk.ask("sign", "tax-births", by=HEALTH)
    assert (refused["ok"], code != 0) == (False, True)
    desk.edit("tax-births", **WRITTEN)
    assert desk.ask("check", "tax-births")[1] == 0
    assert desk.status("tax-births") == "not approved"
    assert desk.ask("sign", "tax-births", by=HEALTH)[0]["approvals"] == [
        "agreements/tax-births-1.yaml.provider.jws"
    ]
    why = ("why", HEALTH, TAX, "health.birth", "LegalCompliance")
    refused, code = desk.ask(*why)
    assert (code, refused["allowed"]) == (1, False)
    assert refused["agreements"][0]["refused_by"] == "approved"
    assert "consumer, DEMO/GOV/TAX/office, has not approved" in desk.run(*why)[0].replace(
        "\n" + 17 * " ", " "
    )
    desk.ask("sign", "tax-births/1", by=TAX)
    assert desk.status("tax-births") == "in force"
    assert desk.ask(*why)[1] == 0
    shown = desk.run("show", "tax-births", language="es")[0]
    assert "Nacimientos para impuestos" in shown
    assert "Cumplimiento legal" in shown


def test_nobody_elses_key_approves(desk: Desk) -> None:
    """The tax office is no party of births."""
    refused, code = desk.ask("sign", "births", by=TAX)
    assert refused["error"]["code"] == "registry.approval"
    assert code == 3
    assert "agreement_certificates" in refused["error"]["hint"]


def test_what_leaves_no_valid_body_is_not_approved(desk: Desk) -> None:
    """A required field that is not allowed makes every body invalid: nobody can agree to that."""
    desk.edit("births", fields={"health.birth": ["/gender"]})
    refused, code = desk.ask("sign", "births", by=HEALTH)
    assert refused["error"]["code"] == "registry.projection"
    assert "requires" in refused["error"]["message"]
    assert code


def test_the_form_of_an_agreement_on_rest_services(desk: Desk) -> None:
    """It has a place for endpoints, and the key for who asks; while it lists none, it warns."""
    asks = ("--provider", HEALTH, "--consumer", TAX, "--operation", "request")
    asks += ("--type", "xroad.rest-request", *NEW[-4:])
    assert desk.ask("new", "tax-calls", *asks)[1] == 0
    text = (desk.source / "agreements/tax-calls-1.yaml").read_text()
    assert "endpoints: {}" in text
    assert "pseudonym_key: " in text
    desk.edit("tax-calls", **WRITTEN)
    found = desk.ask("check", "tax-calls")[0]["findings"]
    assert "registry.no_endpoints" in {one["code"] for one in found}


def test_a_letter_changed_needs_new_approvals(desk: Desk) -> None:
    """The approval is over the very bytes."""
    assert desk.status("births") == "in force"
    desk.edit("births", drain="PT48H")
    assert desk.status("births") == "not approved"
    for party in (HEALTH, CIVIL):
        desk.ask("sign", "births", by=party)
    assert desk.status("births") == "in force"


def test_the_next_version_is_a_copy_to_edit(desk: Desk) -> None:
    """So that a reviewer sees what changes alone."""
    before = (desk.source / "agreements/births-1.yaml").read_text()
    text = desk.ask("new", "births")[0]["text"]
    assert text == before.replace("version: 1", "version: 2")
    assert desk.status("births", 2) == "not approved"
    refused, code = desk.ask("new", "births", "--provider", HEALTH)
    assert (refused["error"]["code"], code) == ("registry.agreement", 3)
    assert desk.ask("new", "Births!")[1] == 3


def test_one_party_ends_it(desk: Desk) -> None:
    """From then on it drains; the file says who, when and why; it cannot be ended again."""
    made, _ = desk.ask("end", "births", "--reason", "es=Ley derogada", by=CIVIL)
    assert made["files"] == [
        "agreements/births-1.ended.yaml",
        "agreements/births-1.ended.yaml.consumer.jws",
    ]
    assert desk.status("births") == "drains"
    assert "Ley derogada" in desk.run("show", "births", language="es")[0]
    movement = ("why", HEALTH, CIVIL, "health.birth", PURPOSE)
    assert desk.ask(*movement)[0]["agreements"][0]["refused_by"] == "in_force"
    assert desk.ask(*movement, "--sealed", made_before())[1] == 0
    assert desk.ask("end", "births", by=CIVIL)[0]["error"]["code"] == "registry.ending"
    past = desk.ask("end", "persons", "--at", "2020-01-01", by=CIVIL)[0]["error"]
    assert "past" in past["message"]


def made_before() -> str:
    """A minute ago."""
    import time

    from xroad_lite import times

    return times.to_text(time.time() - 60)


def test_a_faulty_file_keeps_no_other_from_being_read(desk: Desk) -> None:
    """It is listed as faulty, with what is wrong."""
    (desk.source / "agreements/odd-1.yaml").write_text("agreement: odd\n")
    assert desk.status("births") == "in force"
    assert desk.status("odd-1.yaml") == "faulty"
    assert desk.ask("show", "odd")[0]["error"]["code"] == "registry.document"
    assert desk.ask("show", "nothing")[0]["error"]["code"] == "registry.no_agreement"


def test_why_names_every_near_agreement_and_the_rule(desk: Desk) -> None:
    """Of those that cover the type or the parties; without any it says so."""
    far, code = desk.ask("why", TAX, CIVIL, "health.birth", PURPOSE)
    assert code == 1
    assert [one["refused_by"] for one in far["agreements"]] == ["parties"]
    near, _ = desk.ask("why", HEALTH, CIVIL, "health.birth", "ServiceProvision")
    assert near["agreements"][0]["refused_by"] == "purpose"
    asked, code = desk.ask("why", HEALTH, CIVIL, "citizens.person-query", PURPOSE)
    assert (asked["movement"]["operation"], code) == ("request", 0)
    answer, code = desk.ask("why", CIVIL, HEALTH, "citizens.person", PURPOSE)
    assert (answer["movement"]["operation"], code) == ("reply", 0)
    nothing = desk.run("why", TAX, "DEMO/GOV/LEAD/office", "welfare.grant", PURPOSE)
    assert "nothing passes without" in nothing[0]
    assert desk.run("why", "x", CIVIL, "health.birth", PURPOSE)[2] == 2


def test_every_line_fits_a_terminal(desk: Desk) -> None:
    """Of 80 columns."""
    why = ("why", HEALTH, CIVIL, "health.birth", PURPOSE)
    for words in (("list",), ("show", "births"), why, ("check",)):
        assert max(map(len, desk.run(*words)[0].splitlines())) <= 80


def test_exported_and_imported_it_is_the_same(desk: Desk) -> None:
    """As an ODRL policy; a file that is there is not written over."""
    policy = desk.source.parent / "births.jsonld"
    policy.write_text(desk.run("export", "births")[0])
    refused, code = desk.ask("import", str(policy))
    assert (refused["error"]["code"], code) == ("config.file", 2)
    file = desk.source / "agreements/births-1.yaml"
    before = yaml.safe_load(file.read_text())
    file.unlink()
    assert desk.ask("import", str(policy))[0]["path"] == "agreements/births-1.yaml"
    assert yaml.safe_load(file.read_text()) == before
