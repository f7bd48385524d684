"""The catalogue: each form holds to its standard, says what the registry says, and is inert."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.errors import RegistryError
from xroad_lite.stewardship.catalogue import FORMS, export, read_catalogue
from xroad_lite.stewardship.catalogue.page_parts import SCRIPT, STYLE
from xroad_lite.testing import two_agency_instance

NOW = 1_790_000_000.0
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> & \u202e' --> ]]>"
AVRO = {
    "type": "record",
    "name": "Place",
    "fields": [
        {"name": "code", "type": "string"},
        {"name": "inside", "type": ["null", "Place"], "default": None},
    ],
}
PLACES = ("/usr/lib/node_modules", "/usr/local/lib/node_modules")
PARSER = next((one for place in PLACES if (one := Path(place, "@asyncapi/parser")).is_dir()), None)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """An instance with an Avro type, references, REST endpoints, open data, and hostile titles."""
    made = two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW)
    source = made.source
    below = source / "schemas/places/place"
    below.mkdir(parents=True)
    (below / "1.avsc").write_text(json.dumps(AVRO))
    (below / "subject.yaml").write_text(
        "type: places.place\nkind: avro\nowner: DEMO/GOV/HEALTH\nthemes: [HEAL, REGI]\n"
        f"title: {{en: {json.dumps(HOSTILE)}, es: Lugares}}\n"
        'versions: {"1": {status: active}}\n'
    )
    below = source / "schemas/places/visit"
    below.mkdir(parents=True)
    (below / "1.json").write_text(
        json.dumps(
            {
                "$id": "places/visit/1",
                "type": "object",
                "properties": {
                    "who": {"$ref": "../../citizens/person/1"},
                    "again": {"$ref": "#"},
                    "where": {"$ref": "#/$defs/where", "description": HOSTILE},
                },
                "$defs": {"where": {"type": "string", "title": HOSTILE}},
            }
        )
    )
    (below / "subject.yaml").write_text(
        "type: places.visit\nkind: json\nowner: DEMO/GOV/HEALTH\ntitle: {en: Visits}\n"
        'versions: {"1": {status: active}}\n'
    )
    (source / "members/hostile.yaml").write_text(
        f"member: DEMO/GOV/Ñ x\nname: {{en: {json.dumps(HOSTILE)}}}\n"
        "contact: 'javascript:alert(1)//@x.example'\nsubsystems:\n"
        "  - code: maps\n    services:\n      - code: tiles\n        version: v1\n"
        "        openapi: https://maps.example/openapi.json\n"
        "        endpoints: [{method: GET, path: /tiles/*/x/**}, {method: '*', path: /}]\n"
    )
    (source / "agreements/open-1.yaml").write_text(
        "agreement: open\nversion: 1\ntitle: {en: Places}\nprovider: DEMO/GOV/HEALTH/births\n"
        "operation: publish\nopen: true\ntypes: [places.place]\n"
        "purposes: [https://w3id.org/dpv#PublicBenefit]\n"
        "legal_basis: {text: {en: Law}, iri: 'javascript:alert(1)'}\n"
        "period: {from: '2026-01-01T00:00:00Z', until: '2036-01-01T00:00:00Z'}\n"
    )
    return source


@pytest.fixture(scope="module")
def catalogue(source):
    """Its catalogue."""
    return read_catalogue(source)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_registry_gives_the_same_bytes(form, catalogue, source, tmp_path):
    """Wherever it lies, and in whatever order its files were written."""
    copy = tmp_path / "copy"
    for path in sorted((one for one in source.rglob("*") if one.is_file()), reverse=True):
        target = copy / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    assert export(read_catalogue(copy), form) == export(catalogue, form)


def test_dcat_conforms_to_the_tables_of_dcat_ap(catalogue):
    """Mandatory properties, cardinalities and classes; both writings say the same."""
    from pyshacl import validate
    from rdflib import Graph
    from rdflib.compare import isomorphic

    graph = Graph().parse(data=export(catalogue, "dcat"), format="turtle")
    shapes = Path(__file__).with_name("dcat_ap_shapes.ttl")
    conforms, _, text = validate(graph, shacl_graph=str(shapes), shacl_graph_format="turtle")
    assert conforms, text
    again = Graph().parse(data=export(catalogue, "dcat-jsonld"), format="json-ld")
    assert isomorphic(graph, again)
    broken = Graph().parse(
        data=export(catalogue, "dcat").replace(b"dcat:endpointURL", b"dcat:endpointUrl"),
        format="turtle",
    )
    assert not validate(broken, shacl_graph=str(shapes), shacl_graph_format="turtle")[0]


def test_dcat_says_who_what_and_by_which_law(catalogue):
    """Open data is public, themes are those of the subject, every language is there."""
    text = export(catalogue, "dcat").decode()
    place = text.partition("catalogue/types/places/place> a dcat:Dataset")[2].partition("\n\n")[0]
    assert "access-right/PUBLIC" in place
    assert "data-theme/HEAL" in place
    assert '"Lugares"@es' in place
    assert "mailto:interoperability@civil.example" in text
    assert "Ley" in text or "Civil Registration Act" in text


def test_asyncapi_names_each_sender_and_receiver(catalogue):
    """A send and a receive for each movement, over the names that the broker's plan has."""
    value = json.loads(export(catalogue, "asyncapi"))
    sends = [one for one in value["operations"].values() if one["action"] == "send"]
    receives = [one for one in value["operations"].values() if one["action"] == "receive"]
    assert len(sends) == len(receives) >= 3
    exchange = "DEMO.GOV.HEALTH.births"
    [birth] = [one for one in sends if one["messages"][0]["$ref"].endswith("health.birth")]
    channel = value["channels"][birth["channel"]["$ref"].rpartition("/")[2]]
    assert channel["bindings"]["amqp"]["exchange"]["name"] == exchange
    assert channel["address"] == "DEMO.GOV.CIVIL.registry.health.birth"
    assert birth["x-agreements"] == [f"{catalogue.base}agreements/births/1"]
    payload = value["components"]["messages"]["places.place"]["payload"]
    assert payload["schema"] == AVRO
    _references_lead_somewhere(value)


@pytest.mark.long  # what the parser checks is checked above; it is installed where builds run
def test_asyncapi_passes_its_own_parser(catalogue, tmp_path):
    """AsyncAPI's parser, where it is installed (``npm install --global @asyncapi/parser``)."""
    if PARSER is None or shutil.which("node") is None:
        pytest.skip("@asyncapi/parser is not installed: see tests/install-tools")
    (tmp_path / "a.json").write_bytes(export(catalogue, "asyncapi"))
    (tmp_path / "check.js").write_text(
        f"const {{Parser}} = require({json.dumps(str(PARSER))});"
        "const text = require('fs').readFileSync(process.argv[2], 'utf8');"
        "new Parser().parse(text).then(({document, diagnostics}) => {"
        "const bad = diagnostics.filter((one) => one.severity < 2);"
        "console.log(JSON.stringify(bad)); process.exit(document && !bad.length ? 0 : 1)})"
    )
    command = ["node", str(tmp_path / "check.js"), str(tmp_path / "a.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    faults = [
        one for one in json.loads(done.stdout or "[]") if "schema format" not in one["message"]
    ]
    assert faults == [], done.stdout + done.stderr


def test_openapi_is_valid_and_has_every_service(catalogue):
    """Messages as POST below X-Road's path; endpoints with their wildcards as parameters."""
    validate = pytest.importorskip("openapi_spec_validator").validate
    value = json.loads(export(catalogue, "openapi"))
    validate(value)
    asked = value["paths"]["/r1/DEMO/GOV/CIVIL/registry/person-by-code"]["post"]
    body = asked["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/citizens.person-query.1"}
    [tiles] = [path for path in value["paths"] if path.endswith("/tiles/{segment1}/x/{rest2}")]
    assert tiles.startswith("/r1/DEMO/GOV/%C3%91%20x/maps/tiles/v1/")
    assert [one.get("name") for one in value["paths"][tiles]["get"]["parameters"]][1:] == [
        "segment1",
        "rest2",
    ]
    _references_lead_somewhere(value)


def _references_lead_somewhere(value):
    """Every reference is inside the document, and something stands there."""
    pending = [value]
    while pending:
        one = pending.pop()
        pending += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
        reference = one.get("$ref") if isinstance(one, dict) else None
        if isinstance(reference, str):
            target = value
            for step in reference.removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]


def test_references_between_schemas_stay_references(catalogue):
    """To another schema, to itself, and to a part of itself."""
    visit = json.loads(export(catalogue, "openapi"))["components"]["schemas"]["places.visit.1"]
    found = {name: one["$ref"] for name, one in visit["properties"].items()}
    assert found == {
        "who": "#/components/schemas/citizens.person.1",
        "again": "#/components/schemas/places.visit.1",
        "where": "#/components/schemas/places.visit.1/$defs/where",
    }


class _Seen(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.ids, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_runs_nothing_but_its_own_script(catalogue):
    """Hostile titles stay text; no address is loaded; links are of the web, mail or telephone."""
    page = export(catalogue, "html").decode()
    seen = _Seen()
    seen.feed(page)
    assert seen.tags.count("script") == seen.tags.count("style") == 1
    assert not {"img", "iframe", "object", "form", "base"} & set(seen.tags)
    assert HOSTILE in "".join(seen.text)
    assert "".join(seen.text).count(SCRIPT) == 1
    assert STYLE in page
    for _, name, value in seen.attributes:
        assert not name.startswith("on"), name
        assert name not in ("src", "srcset", "style", "action"), name
        if name == "href":
            assert re.match(r"#|https?://|mailto:|tel:", value), value
    links = {value[1:] for _, name, value in seen.attributes if name == "href" and value[:1] == "#"}
    from urllib.parse import unquote

    assert {unquote(one) for one in links} <= {unquote(one) for one in seen.ids}
    assert len(seen.ids) == len(set(seen.ids))


def test_the_page_speaks_each_language(catalogue):
    """Every text once for each language that a reader may choose."""
    page = export(catalogue, "html").decode()
    assert '<span class="l" data-l="es pt" lang="es">Registro Civil</span>' in page
    assert '<span class="l" data-l="pt" lang="pt">Finalidade</span>' in page
    assert "Código personal" in page
    assert "interoperability@civil.example" in page
    assert "Cumplimiento de una obligación" in page


def test_a_published_registry_is_exported_too(source, tmp_path):
    """From its folder, with the snapshot's version."""
    published = source.parent / "registry"
    value = json.loads(export(read_catalogue(published), "asyncapi"))
    assert value["info"]["version"] == "1"
    with pytest.raises(RegistryError):
        read_catalogue(tmp_path / "none")


def test_the_command_writes_a_file_or_stdout(source, tmp_path):
    """And says in JSON what it wrote."""
    run = CliRunner().invoke
    to = tmp_path / "deep/page.html"
    done = run(
        app, ["registry", "export", str(source), "--format", "html", "-o", str(to), "--json"]
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["ok"], said["bytes"]) == (True, to.stat().st_size)
    done = run(app, ["registry", "export", str(source), "--format", "openapi"])
    assert json.loads(done.stdout)["openapi"] == "3.1.0"
    assert run(app, ["registry", "export", str(source), "--format", "word"]).exit_code == 2
    assert run(app, ["registry", "export", str(tmp_path / "none"), "-f", "html"]).exit_code == 3
