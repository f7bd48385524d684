"""Confluent's and the community's Python clients, unmodified, against the server."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from httpx import BasicAuth
from schema_registry.client import SchemaRegistryClient as CommunityClient
from schema_registry.client import schema as community_schema
from schema_registry.client.errors import ClientError
from schema_registry.serializers import AvroMessageSerializer, JsonMessageSerializer
from served import PASSWORD, TOKEN, USER

from xroad_lite.registry import RegistryFolder

VISIT = {
    "type": "record",
    "name": "Visit",
    "namespace": "demo.health",
    "fields": [{"name": "reason", "type": "string"}, {"name": "count", "type": "int"}],
}
WIDER = VISIT | {
    "fields": [*VISIT["fields"], {"name": "room", "type": ["null", "string"], "default": None}]
}
BREAKING = VISIT | {"fields": [*VISIT["fields"], {"name": "room", "type": "string"}]}
LETTER = {
    "title": "Letter",
    "type": "object",
    "properties": {"to": {"type": "string"}, "pages": {"type": "integer"}},
    "required": ["to"],
    "additionalProperties": False,
}
LONGER = LETTER | {"properties": LETTER["properties"] | {"from": {"type": "string"}}}


@pytest.fixture(scope="module")
def client(writable):
    """Confluent's client, as a steward."""
    return SchemaRegistryClient(
        {"url": writable.url, "basic.auth.user.info": f"{USER}:{PASSWORD}", "max.retries": 0}
    )


@pytest.fixture(scope="module")
def reader(read_only):
    """Confluent's client, as anybody."""
    return SchemaRegistryClient({"url": read_only.url, "max.retries": 0})


def error_of(call, *given, **named):
    """Status and code of what a client is refused."""
    with pytest.raises(SchemaRegistryError) as caught:
        call(*given, **named)
    return caught.value.http_status_code, caught.value.error_code


def test_confluents_client_reads_what_is_published(reader, read_only):
    """Subjects, versions, schemas by id, lookups and settings of a registry nobody prepared."""
    assert "citizens/birth-registered" in reader.get_subjects()
    assert "tax/taxpayer" in (some := reader.get_subjects(subject_prefix="tax/"))
    assert all(one.startswith("tax/") for one in some)
    latest = reader.get_latest_version("citizens/person")
    assert (latest.subject, latest.version) == ("citizens/person", 1)
    assert latest.schema.schema_type == "JSON"
    assert reader.get_version("citizens/person", 1).schema_id == latest.schema_id
    assert reader.get_versions("citizens/person") == [1]
    schema = reader.get_schema(latest.schema_id)
    assert json.loads(schema.schema_str)["type"] == "object"
    assert reader.get_schema(latest.schema_id, subject_name="citizens/person") == schema
    fresh = SchemaRegistryClient({"url": read_only.url})
    found = fresh.lookup_schema("citizens/person", schema)
    assert (found.schema_id, found.version) == (latest.schema_id, 1)
    assert found.guid
    assert reader.get_schema_by_guid(found.guid).schema_str == schema.schema_str
    assert reader.get_subjects_by_schema_id(latest.schema_id) == ["citizens/person"]
    [pair] = reader.get_schema_versions(latest.schema_id)
    assert (pair.subject, pair.version) == ("citizens/person", 1)
    assert reader.get_schema_types() == ["JSON", "AVRO"]
    assert reader.get_contexts() == ["."]
    assert reader.get_compatibility("citizens/person") == "BACKWARD"
    assert reader.get_config().compatibility_level == "BACKWARD"
    assert reader.get_global_mode() == "READONLY"
    assert reader.test_compatibility("citizens/person", schema)
    assert reader.test_compatibility_all_versions("citizens/person", schema)


def test_confluents_client_gets_confluents_errors(reader):
    """Each refusal has the code that the client's users look for."""
    assert error_of(reader.get_latest_version, "citizens/nothing") == (404, 40401)
    assert error_of(reader.get_version, "citizens/person", 9) == (404, 40402)
    assert error_of(reader.get_version, "citizens/person", "x") == (422, 42202)
    assert error_of(reader.get_schema, 2_147_483_000) == (404, 40403)
    assert error_of(reader.lookup_schema, "citizens/person", Schema('"int"')) == (404, 40403)
    assert error_of(reader.register_schema, "citizens/person", Schema("{")) == (422, 42201)
    assert error_of(reader.register_schema, "citizens/x", Schema('"int"')) == (422, 42205)
    assert error_of(reader.get_mode, "citizens/person") == (404, 40409)
    assert error_of(reader.set_compatibility, "citizens/person", "NONE") == (422, 42205)
    assert error_of(reader.get_latest_with_metadata, "citizens/person", {"a": "b"}) == (404, 40403)


def test_a_registered_schema_is_registered_for_readers_too(reader):
    """Serializers register before they write: where the schema is known, nothing is written."""
    latest = reader.get_latest_version("citizens/person")
    assert reader.register_schema("citizens/person", latest.schema) == latest.schema_id


def test_confluents_client_registers_and_evolves(client, writable):
    """Versions one after the other; what breaks the subject's mode is refused with 409."""
    first = client.register_schema("health/visit", Schema(json.dumps(VISIT)))
    assert client.register_schema("health/visit", Schema(json.dumps(VISIT, indent=2))) == first
    assert error_of(client.register_schema, "health/visit", Schema(json.dumps(BREAKING))) == (
        409,
        409,
    )
    assert not client.test_compatibility("health/visit", Schema(json.dumps(BREAKING)))
    assert client.test_compatibility("health/visit", Schema(json.dumps(WIDER)))
    second = client.register_schema("health/visit", Schema(json.dumps(WIDER)))
    assert second != first
    assert client.get_versions("health/visit") == [1, 2]
    assert client.get_latest_version("health/visit").schema_id == second
    published = RegistryFolder(writable.instance.folder / "registry").newest()
    assert published.latest_schema("health.visit").id == second
    assert published.latest_schema("health.visit").document == WIDER
    assert published.subjects["health.visit"].owner == "DEMO/GOV/CIVIL"


def test_a_bearer_token_may_write(writable):
    """The other way in which the client shows who it is."""
    client = SchemaRegistryClient(
        {
            "url": writable.url,
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": TOKEN,
            "bearer.auth.logical.cluster": "any",
        }
    )
    assert client.register_schema("health/token", Schema('"long"'))


def test_a_wrong_password_may_not_write(writable):
    """It is refused as the client's users know it, and reading goes on."""
    client = SchemaRegistryClient(
        {"url": writable.url, "basic.auth.user.info": f"{USER}:wrong", "max.retries": 0}
    )
    assert error_of(client.register_schema, "health/other", Schema('"long"')) == (401, 40101)
    assert client.get_subjects()
    assert "health/other" not in client.get_subjects()


@pytest.mark.parametrize("topic", ["health.consultation", "health/consultation"])
def test_avro_serializer_and_back(topic, client):
    """The default strategy's subject is the topic with -value: the type without it is meant."""
    context = SerializationContext(topic, MessageField.VALUE)
    value = {"reason": "flu", "count": 3}
    data = AvroSerializer(client, json.dumps(VISIT))(value, context)
    number = client.get_latest_version("health/consultation").schema_id
    assert data[:5] == b"\0" + number.to_bytes(4)
    assert AvroDeserializer(client)(data, context) == value
    quiet = AvroSerializer(client, json.dumps(VISIT), conf={"auto.register.schemas": False})
    assert quiet(value, context) == data
    newest = {"auto.register.schemas": False, "use.latest.version": True}
    assert AvroSerializer(client, json.dumps(VISIT), conf=newest)(value, context) == data


def test_json_serializer_and_back(client):
    """JSON Schema goes the same way."""
    context = SerializationContext("citizens.letter", MessageField.VALUE)
    value = {"to": "Ana", "pages": 2}
    data = JSONSerializer(json.dumps(LETTER), client)(value, context)
    number = client.get_latest_version("citizens/letter").schema_id
    assert data[:5] == b"\0" + number.to_bytes(4)
    assert (
        JSONDeserializer(json.dumps(LETTER), schema_registry_client=client)(data, context) == value
    )
    assert JSONDeserializer(None, schema_registry_client=client)(data, context) == value


def test_json_references(client):
    """A document refers to another by a name of its own; both ends resolve it."""
    page = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    book = {
        "type": "object",
        "properties": {"pages": {"type": "array", "items": {"$ref": "page.json"}}},
    }
    client.register_schema("library/page", Schema(json.dumps(page), "JSON"))
    references = [SchemaReference("page.json", "library/page", 1)]
    schema = Schema(json.dumps(book), "JSON", references)
    number = client.register_schema("library/book", schema)
    got = client.get_version("library/book", 1).schema
    assert got.references == references
    assert json.loads(got.schema_str) == book
    assert client.get_referenced_by("library/page", 1) == [number]
    context = SerializationContext("library.book", MessageField.VALUE)
    serialize = JSONSerializer(schema, client)
    data = serialize({"pages": [{"text": "a"}]}, context)
    assert JSONDeserializer(None, schema_registry_client=client)(data, context) == {
        "pages": [{"text": "a"}]
    }
    with pytest.raises(Exception, match="text"):
        serialize({"pages": [{}]}, context)
    other = Schema(json.dumps(book), "JSON", [SchemaReference("page.json", "library/none", 1)])
    assert error_of(client.register_schema, "library/other", other) == (422, 42201)


def test_avro_references(client):
    """A named type of another subject; both ends resolve it, and the bus compiles it."""
    address = {
        "type": "record",
        "name": "Address",
        "namespace": "places",
        "fields": [{"name": "street", "type": "string"}],
    }
    home = {
        "type": "record",
        "name": "Home",
        "namespace": "places",
        "fields": [{"name": "at", "type": "places.Address"}],
    }
    client.register_schema("places/address", Schema(json.dumps(address)))
    schema = Schema(
        json.dumps(home), "AVRO", [SchemaReference("places.Address", "places/address", 1)]
    )
    number = client.register_schema("places/home", schema)
    assert client.get_referenced_by("places/address", 1) == [number]
    context = SerializationContext("places.home", MessageField.VALUE)
    value = {"at": {"street": "Elm"}}
    data = AvroSerializer(client, schema)(value, context)
    assert AvroDeserializer(client)(data, context) == value
    resolved = json.loads(client.get_version("places/home", 1, fmt="resolved").schema.schema_str)
    assert resolved["fields"][0]["type"]["name"] == "Address"
    assert error_of(client.delete_version, "places/address", 1) == (422, 42206)


def test_confluents_client_deletes_and_sets(client):
    """To delete is to retire, for ever; nothing published is erased; a subject has its mode."""
    number = client.register_schema("health/old", Schema('"int"'))
    client.register_schema("health/old", Schema('"long"'))
    assert error_of(client.delete_version, "health/old", 1, permanent=True) == (404, 40407)
    assert client.delete_version("health/old", 1) == 1
    assert client.get_versions("health/old") == [2]
    assert client.get_versions("health/old", deleted=True) == [1, 2]
    assert client.get_versions("health/old", deleted_only=True) == [1]
    assert error_of(client.delete_version, "health/old", 1) == (404, 40406)
    assert error_of(client.delete_version, "health/old", 1, permanent=True) == (422, 42205)
    assert client.get_schema(number).schema_str == '"int"'
    assert client.set_compatibility("health/old", "FULL")
    assert client.get_compatibility("health/old") == "FULL"
    assert client.delete_config("health/old").compatibility_level == "FULL"
    assert error_of(client.get_compatibility, "health/old") == (404, 40408)
    assert client.delete_subject("health/old") == [2]
    assert "health/old" not in client.get_subjects()
    assert "health/old" in client.get_subjects(deleted=True)
    assert error_of(client.get_latest_version, "health/old") == (404, 40401)
    assert error_of(client.delete_subject, "health/old") == (404, 40404)
    assert error_of(client.delete_subject, "health/old", permanent=True) == (422, 42205)
    again = SchemaRegistryClient(
        {"url": client._rest_client.base_urls[0], "basic.auth.user.info": f"{USER}:{PASSWORD}"}
    )
    assert again.register_schema("health/old", Schema('"int"')) == number
    assert again.get_versions("health/old") == [3]


def test_what_is_exchanged_is_not_deleted(client):
    """The last version of a type that an agreement names stays until the agreement ends."""
    assert error_of(client.delete_subject, "health/birth") == (422, 42205)


@pytest.fixture(scope="module")
def community(writable):
    """The community's client, as a steward."""
    return CommunityClient(url=writable.url, auth=BasicAuth(USER, PASSWORD))


def test_the_communitys_client(community, read_only):
    """Register, fetch, check and set, with slashes that it does not encode."""
    visit, wider = community_schema.AvroSchema(VISIT), community_schema.AvroSchema(WIDER)
    number = community.register("wards/visit", visit)
    assert community.get_by_id(number) == visit
    found = community.get_schema("wards/visit")
    assert (found.schema_id, found.version) == (number, 1)
    assert community.get_versions("wards/visit") == [1]
    assert "wards/visit" in community.get_subjects()
    assert community.check_version("wards/visit", visit).version == 1
    assert community.check_version("wards/visit", wider) is None
    assert community.test_compatibility("wards/visit", wider)
    breaking = community_schema.AvroSchema(BREAKING)
    assert not community.test_compatibility("wards/visit", breaking)
    verbose = community.test_compatibility("wards/visit", breaking, verbose=True)
    assert verbose["is_compatible"] is False
    assert "room" in verbose["messages"][0]
    with pytest.raises(ClientError, match="Incompatible schema"):
        community.register("wards/visit", breaking)
    assert community.update_compatibility("FULL", "wards/visit")
    assert community.get_compatibility("wards/visit") == "FULL"
    assert community.get_schema_subject_versions(number)
    letter = community_schema.JsonSchema(LETTER)
    assert community.get_by_id(community.register("wards/letter", letter)) == letter
    anybody = CommunityClient(url=read_only.url)
    assert anybody.get_schema("citizens/person").version == 1
    with pytest.raises(ClientError):
        anybody.register("wards/visit", visit)


def test_the_communitys_serializers(community):
    """Bodies of both kinds, with the same prefix."""
    avro = AvroMessageSerializer(community)
    value = {"reason": "flu", "count": 1}
    data = avro.encode_record_with_schema("wards/check", community_schema.AvroSchema(VISIT), value)
    assert avro.decode_message(data) == value
    json_ = JsonMessageSerializer(community)
    letter = {"to": "Ana"}
    data = json_.encode_record_with_schema(
        "wards/note", community_schema.JsonSchema(LETTER), letter
    )
    assert json_.decode_message(data) == letter
