"""Confluent's REST API as HTTP: forms of answers and errors, and what other clients usually ask."""

from __future__ import annotations

import json
import time

import pytest
from served import NOW, V1

from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship.schemas import register_version

PERSON = "/subjects/citizens%2Fperson"


def number_of(served, subject="citizens%2Fperson"):
    """The id of a subject's latest version."""
    return served.get(f"/subjects/{subject}/versions/latest")["id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/subjects/citizens%2Fnobody/versions", 404, 40401),
        ("GET", "/subjects/nobody/versions", 404, 40401),
        ("GET", "/subjects/nobody/versions/1", 404, 40401),
        ("GET", f"{PERSON}/versions/99", 404, 40402),
        ("GET", f"{PERSON}/versions/99/schema", 404, 40402),
        ("GET", f"{PERSON}/versions/0", 422, 42202),
        ("GET", f"{PERSON}/versions/2147483648", 422, 42202),
        ("GET", f"{PERSON}/versions/one", 422, 42202),
        ("GET", f"{PERSON}/versions/-2", 422, 42202),
        ("GET", "/schemas/ids/1", 404, 40403),
        ("GET", "/schemas/ids/0/versions", 404, 40403),
        ("GET", "/schemas/ids/one", 404, 404),
        ("GET", "/schemas/guids/0", 404, 40403),
        ("GET", f"/config/{PERSON[10:]}x", 404, 40408),
        ("GET", f"/mode/{PERSON[10:]}", 404, 40409),
        ("DELETE", f"/mode/{PERSON[10:]}", 404, 40409),
        ("GET", f"{PERSON}/metadata?key=a&value=b", 404, 40403),
        ("DELETE", PERSON, 422, 42205),
        ("DELETE", f"{PERSON}/versions/1", 422, 42205),
        ("DELETE", f"{PERSON}?permanent=true", 404, 40405),
        ("DELETE", f"{PERSON}/versions/1?permanent=true", 404, 40407),
        ("DELETE", "/subjects/nobody", 404, 40401),
        ("DELETE", "/config", 422, 42205),
        ("GET", "/", 200, None),
        ("GET", "/nothing/here", 404, 404),
        ("GET", "/subjects/a/b/c/d/e", 404, 404),
        ("POST", "/subjects", 405, 405),
        ("PATCH", "/config", 405, 405),
        ("GET", "/schemas/ids", 404, 404),
    ],
)
def test_refusals_are_json_with_confluents_codes(method, path, status, code, read_only):
    """The status is the code's first digits, and there is a message for people."""
    got, value = read_only.ask(method, path)
    assert got == status
    assert value.get("error_code") == code
    assert code is None or value["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/subjects/x%2Fy", {"schema": '"int"'}, 404, 40401),
        (PERSON, {"schema": '"int"'}, 404, 40403),
        (PERSON, {"schema": "{}", "schemaType": "PROTOBUF"}, 422, 42201),
        (PERSON, {"schema": '{"type": "objekt"}', "schemaType": "JSON"}, 422, 42201),
        (PERSON, {"schema": {"type": "object"}, "schemaType": "JSON"}, 422, 42201),
        (PERSON, {"schemaType": "JSON"}, 422, 42201),
        (PERSON, {"schema": ""}, 422, 42201),
        (PERSON, {"schema": "true", "schemaType": "JSON", "references": [1]}, 422, 42201),
        (PERSON, {"schema": '"int"', "metadata": {"properties": {"a": "b"}}}, 422, 42201),
        (PERSON, [1], 422, 422),
        (f"{PERSON}/versions", {"schema": '"int"'}, 422, 42205),
        (f"/compatibility{PERSON}/versions/7", {"schema": '"int"'}, 404, 40402),
        (f"/compatibility{PERSON}/versions/x", {"schema": '"int"'}, 422, 42202),
        (f"/compatibility{PERSON}/versions", {"schema": "{"}, 422, 42201),
        ("/compatibility/subjects/Not-A-Name/versions", {"schema": '"int"'}, 422, 42208),
    ],
)
def test_what_is_posted_is_judged(path, body, status, code, read_only):
    """Bad schemas, bad bodies, and what a reader may not do."""
    got, value = read_only.ask("POST", path, body)
    assert (got, value["error_code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/config", {"compatibility": "SIDEWAYS"}, 42203),
        ("/config", {"compatibility": "FULL"}, 42205),
        ("/config", {"compatibility": "BACKWARD", "alias": "x"}, 42205),
        ("/mode", {"mode": "SIDEWAYS"}, 42204),
        ("/mode", {"mode": "IMPORT"}, 42205),
    ],
)
def test_global_settings_stay(path, body, code, writable):
    """A whole instance is not made laxer by one call; wrong words have Confluent's codes."""
    status, value = writable.ask("PUT", path, body, writing=True)
    assert (status, value["error_code"]) == (422, code)


def test_what_is_so_already_may_be_set(writable):
    """Tools that set the default before they begin go on."""
    confirmed = {"compatibility": "BACKWARD"}
    assert writable.ask("PUT", "/config", confirmed, writing=True) == (200, confirmed)
    assert writable.ask("PUT", "/mode", {"mode": "READWRITE"}, writing=True)[0] == 200
    assert writable.get("/mode") == {"mode": "READWRITE"}
    assert writable.get("/mode/health%2Fbirth?defaultToGlobal=true") == {"mode": "READWRITE"}


def test_a_mode_may_be_set_before_the_first_version(writable):
    """Clients for JavaScript do so; the subject is made with it."""
    path = "/config/rooms%2Froom"
    assert writable.ask("PUT", path, {"compatibility": "full"}, writing=True) == (
        200,
        {"compatibility": "FULL"},
    )
    assert writable.get(path) == {"compatibilityLevel": "FULL"}
    assert "rooms/room" not in writable.get("/subjects")
    writable.register("rooms/room", {"type": "object", "title": "Room"})
    assert writable.get(path) == {"compatibilityLevel": "FULL"}
    subject = writable.instance.source / "schemas/rooms/room/subject.yaml"
    assert "compatibility: FULL" in subject.read_text()
    other = "/config/rooms%2Fother"
    assert writable.ask("PUT", other, {"compatibility": "NONE"}, writing=True)[0] == 200
    assert writable.ask("DELETE", other, writing=True)[1] == {"compatibilityLevel": "NONE"}
    assert writable.ask("DELETE", other, writing=True)[1]["error_code"] == 40408


def test_javas_usual_questions(read_only):
    """Paths and parameters as Confluent's Java client writes them."""
    number = number_of(read_only)
    assert "citizens/person" in read_only.get("/subjects?subjectPrefix=:*:&deleted=false")
    assert read_only.get("/subjects?deletedOnly=true") == []
    found = read_only.get(f"/schemas/ids/{number}?fetchMaxId=true&subject=citizens%2Fperson")
    assert found.keys() == {"schema", "schemaType", "maxId"}
    assert found["maxId"] >= number
    assert json.loads(found["schema"]) == read_only.get(f"/schemas/ids/{number}/schema")
    document = read_only.get(f"{PERSON}/versions/latest/schema")
    body = {"schema": json.dumps(document), "schemaType": "JSON", "references": []}
    status, looked_up = read_only.ask("POST", f"{PERSON}?normalize=false&deleted=true", body)
    assert (status, looked_up["id"], looked_up["version"]) == (200, number, 1)
    assert looked_up.keys() == {"subject", "version", "id", "schemaType", "schema"}
    body |= {"version": -1, "id": -1, "metadata": None, "ruleSet": None}
    path = f"{PERSON}/versions?normalize=true"
    assert read_only.ask("POST", path, body) == (200, {"id": number})
    assert read_only.get(f"/schemas/ids/{number}/subjects") == ["citizens/person"]
    assert read_only.get(f"/schemas/ids/{number}/versions?subject=citizens.person-value") == [
        {"subject": "citizens/person", "version": 1}
    ]
    listed = read_only.get("/schemas?subjectPrefix=citizens/&latestOnly=true&offset=0&limit=2")
    assert len(listed) == 2
    assert listed[0].keys() >= {"subject", "version", "id", "schemaType", "schema"}
    assert len(read_only.get("/schemas")) == len(read_only.get("/subjects"))
    assert read_only.get("/v1/metadata/id")["id"] == "DEMO"
    assert read_only.get("/v1/metadata/version")["version"]
    assert read_only.get(f"{PERSON}/versions/-1") == read_only.get(f"{PERSON}/versions/1")
    assert read_only.get(f"{PERSON}/versions?offset=1") == []


@pytest.mark.parametrize(
    "subject",
    ["citizens%2Fperson", "citizens/person", "citizens.person", "citizens.person-value",
     "citizens%2Fperson-value", ":.:citizens%2Fperson", "%63itizens%2fperson"],
)  # fmt: skip
def test_one_subject_has_several_names(subject, read_only):
    """As it is listed, as a topic can be called, with a slash that nobody encoded."""
    found = read_only.get(f"/subjects/{subject}/versions/latest")
    assert found["id"] == number_of(read_only)
    assert found["subject"] == subject.replace("%2F", "/").replace("%63", "c").replace("%2f", "/")
    assert read_only.get(f"/config/{subject}") == {"compatibilityLevel": "BACKWARD"}


def test_keys_have_a_schema_of_their_own(writable):
    """``-value`` falls off unless a type has that very name; ``-key`` stays."""
    number = writable.register("orders.order-key", {"type": "string"})
    other = writable.register("orders.order-value", {"type": "object", "title": "Order"})
    assert writable.get(f"/schemas/ids/{number}/subjects") == ["orders/order-key"]
    assert writable.get(f"/schemas/ids/{other}/subjects") == ["orders/order"]
    register_version(
        writable.instance.source, "orders.line", {"type": "array"}, "json", owner="DEMO/GOV/CIVIL"
    )
    register_version(
        writable.instance.source,
        "orders.line-value",
        {"type": "null"},
        "json",
        owner="DEMO/GOV/CIVIL",
    )
    writable.register("orders.other", {"type": "number"})
    found = writable.get("/subjects/orders.line-value/versions/1")
    assert json.loads(found["schema"]) == {"type": "null"}


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (f"{V1}, application/vnd.schemaregistry+json, application/json", V1),
        ("application/json", "application/json"),
        ("application/vnd.schemaregistry+json; qs=0.9, */*", "application/vnd.schemaregistry+json"),
        ("*/*", V1),
        ("text/html", V1),
        ("", V1),
    ],
)
def test_answers_come_in_the_media_type_that_is_accepted(accept, given, read_only):
    """The same JSON under the first of the three names."""
    answer = read_only.http.get("/subjects", headers={"Accept": accept})
    assert answer.headers["content-type"] == given
    assert "citizens/person" in answer.json()


def test_compatibility_says_why(read_only):
    """With ``verbose`` the reasons come along, by path; without it only the verdict."""
    document = read_only.get(f"{PERSON}/versions/latest/schema")
    body = {"schema": json.dumps(document | {"required": ["nothing"]}), "schemaType": "JSON"}
    path = f"/compatibility{PERSON}/versions/latest"
    assert read_only.ask("POST", path, body) == (200, {"is_compatible": False})
    status, value = read_only.ask("POST", f"{path}?verbose=true", body)
    assert status == 200
    assert any("nothing" in one for one in value["messages"])
    status, value = read_only.ask("POST", f"/compatibility{PERSON}/versions?verbose=True", body)
    assert value["is_compatible"] is False
    unknown = "/compatibility/subjects/citizens%2Fnew/versions/latest"
    assert read_only.ask("POST", unknown, body) == (200, {"is_compatible": True})
    avro = {"schema": '"int"'}
    status, value = read_only.ask("POST", f"{path}?verbose=true", avro)
    assert value == {
        "is_compatible": False,
        "messages": ["version 1 is JSON: a subject has one type"],
    }


def test_normalize_finds_what_is_only_written_otherwise(writable):
    """Full names and types in objects are the same Avro, where a client says so."""
    field = {"name": "x", "type": "int"}
    plain = {"type": "record", "name": "One", "namespace": "a.b", "fields": [field]}
    other = {
        "type": "record",
        "name": "a.b.One",
        "fields": [{"name": "x", "type": {"type": "int"}, "order": "ascending"}],
    }
    number = writable.register("forms/one", plain, schemaType="AVRO")
    body = {"schema": json.dumps(other)}
    status, value = writable.ask("POST", "/subjects/forms%2Fone?normalize=true", body)
    assert (status, value["id"]) == (200, number)
    assert writable.ask("POST", "/subjects/forms%2Fone?normalize=false", body)[0] == 404


def test_numbers_are_the_same_everywhere(read_only, writable):
    """The same content has the same number in another registry, under another subject."""
    document = read_only.get(f"{PERSON}/versions/latest/schema")
    assert writable.register("elsewhere/person", document) == number_of(read_only)


def test_the_registrys_own_addresses_are_references(writable):
    """A schema that names another by its IRI refers to it, without a list."""
    page = writable.register("volumes/page", {"type": "object"})
    iri = "https://demo.xroad-lite.example/schemas/volumes/page/1"
    number = writable.register("volumes/book", {"$ref": f"{iri}#"})
    assert writable.get("/subjects/volumes%2Fpage/versions/1/referencedby") == [number]
    assert writable.get(f"/schemas/ids/{number}")["references"] == [
        {"name": iri, "subject": "volumes/page", "version": 1}
    ]
    assert page != number


def test_a_place_may_be_expected_but_not_chosen(writable):
    """Version and id follow from the registry: another one is refused."""
    schema = {"schema": '"bytes"', "version": 5}
    path = "/subjects/places%2Fone/versions"
    assert writable.ask("POST", path, schema, writing=True)[1]["error_code"] == 42201
    assert writable.ask("POST", path, schema | {"version": 1, "id": 7}, writing=True)[0] == 422
    assert writable.ask("POST", path, schema | {"version": 1}, writing=True)[0] == 200


def test_what_cannot_be_published_leaves_no_trace(writable):
    """The source directory is as it was, and the next registration is not in its way."""
    source = writable.instance.source
    before = {one: one.read_bytes() for one in source.rglob("*") if one.is_file()}
    broken = source / "members" / "broken.yaml"
    broken.write_text("member: [")
    body = {"schema": '"string"'}
    status, value = writable.ask("POST", "/subjects/traces%2Fone/versions", body, writing=True)
    assert (status, value["error_code"]) == (500, 50001)
    assert "broken.yaml" in value["message"]
    broken.unlink()
    assert {one: one.read_bytes() for one in source.rglob("*") if one.is_file()} == before
    assert writable.ask("POST", "/subjects/traces%2Fone/versions", body, writing=True)[0] == 200


def test_nobody_writes_without_credentials(writable):
    """None, another's, and malformed ones are refused, and told how."""
    body = json.dumps({"schema": '"string"'})
    shown = ["", "Basic", "Basic !", "Basic eDp5", "Bearer x", "Bearer steward:correct horse"]
    for authorization in shown:
        answer = writable.http.post(
            "/subjects/traces%2Ftwo/versions",
            content=body,
            headers={"Content-Type": V1, "Authorization": authorization},
        )
        assert (answer.status_code, answer.json()["error_code"]) == (401, 40101)
        assert "Basic" in answer.headers["www-authenticate"]
    assert writable.ask("DELETE", "/subjects/health%2Fbirth")[0] == 401
    assert writable.ask("PUT", "/config/health%2Fbirth", {"compatibility": "NONE"})[0] == 401


def test_what_is_published_elsewhere_is_seen(read_only):
    """A steward publishes by the command line: the server answers from the new snapshot."""
    instance = read_only.instance
    register_version(
        instance.source, "citizens.fresh", {"type": "object"}, "json", owner="DEMO/GOV/CIVIL"
    )
    instance.publish(NOW + 60)
    newest = RegistryFolder(instance.folder / "registry").newest()
    assert newest.latest_schema("citizens.fresh") is not None
    patience = time.monotonic() + 30
    while "citizens/fresh" not in read_only.get("/subjects") and time.monotonic() < patience:
        pass
    assert "citizens/fresh" in read_only.get("/subjects?subjectPrefix=citizens")
