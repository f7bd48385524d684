"""The operational record has the fields of X-Road's schema, and says how each message went."""

from __future__ import annotations

import threading
from pathlib import Path

import jsonschema
import pytest
import yaml
from scribe import REFUSED, Scribe

from xroad_lite.errors import RejectedError, RequestError
from xroad_lite.messagelog import Outbox, Store, entries
from xroad_lite.messagelog.operations import records
from xroad_lite.testing import CIVIL, HEALTH, two_agencies

NOW = 1_790_000_000.0
SCHEMA = Path(__file__).parents[3] / "shared/data/opmon/operational-data.schema.yaml"
"""X-Road's own, where it is at hand."""

PERSON = {
    "codigoPersonal": "EX-1",
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "apellidos": "Rojas",
}


def valid(found):
    """The records, held against X-Road's schema."""
    made = [record for _, record in found]
    if SCHEMA.is_file():
        schema = yaml.safe_load(SCHEMA.read_text())
        jsonschema.validate({"records": made}, schema, jsonschema.Draft202012Validator)
        known = schema["properties"]["records"]["items"]["properties"]
        assert all(record.keys() <= known.keys() for record in made)
    return made


@pytest.fixture
def scribe(tmp_path, es256):
    """Who writes in an empty store."""
    written = Scribe(Store(tmp_path / "log.sqlite3"), es256)
    yield written
    written.store.close()


def everything(store, **given):
    """All records of a log."""
    return valid(records(store, 0.0, NOW * 2, **given))


def test_a_message_sent_and_received_is_described(scribe):
    """By its seal and body; times are milliseconds of when it was logged."""
    given = {
        "userid": "u-7",
        "issue": "2026/117",
        "representedparty": "DEMO/COM/700123",
        "type": "health.birth",
    }
    scribe.send(NOW + 0.25, b"12345", **given)
    Outbox(scribe.store).confirmed([0], NOW + 0.5)
    scribe.receive(NOW + 1, b"123", source=CIVIL, recipient=HEALTH)
    sent, came = everything(scribe.store, software="xroad_lite 1")
    assert sent == {
        "monitoringDataTs": int(NOW),
        "securityServerType": "Client",
        "requestInTs": 1_790_000_000_250,
        "requestOutTs": 1_790_000_000_500,
        "xRoadVersion": "xroad_lite 1",
        "messageId": scribe.store.entry(0).attributes()["id"],
        "messageUserId": "u-7",
        "messageIssue": "2026/117",
        "messageProtocolVersion": "1",
        "serviceCode": "health.birth",
        "serviceVersion": "1",
        "clientXRoadInstance": "DEMO",
        "clientMemberClass": "GOV",
        "clientMemberCode": "HEALTH",
        "clientSubsystemCode": "births",
        "serviceXRoadInstance": "DEMO",
        "serviceMemberClass": "GOV",
        "serviceMemberCode": "CIVIL",
        "serviceSubsystemCode": "registry",
        "representedPartyClass": "COM",
        "representedPartyCode": "700123",
        "requestSize": 5,
        "succeeded": True,
    }
    assert came["securityServerType"] == "Producer"
    assert came["requestSize"] == 3
    assert "succeeded" not in came  # its handler has not said so yet


def test_it_says_how_each_went(scribe):
    """Handled, refused, given up, expired, still waiting, unproven: each in its own words."""
    store = scribe.store
    handled = scribe.receive(NOW, source=CIVIL)
    scribe.handled(NOW + 2, handled)
    scribe.receive(NOW, verdict=REFUSED, source=CIVIL)
    dead = scribe.receive(NOW, source=CIVIL)
    reason = {"code": "handler.failed", "message": "x" * 3000}
    store.append(entries.outcome(NOW + 3, dead, entries.DEAD, 5, reason))
    expired = scribe.send(NOW, expirytime="2026-09-21T14:14:20.000Z")
    store.append(entries.outcome(NOW + 90, expired, entries.EXPIRED, 2))
    Outbox(store).add(scribe.send(NOW), CIVIL, "x")
    store.append(entries.unproven(NOW, "d" * 43, 9, registry="1:x", verdict=REFUSED))
    found = everything(store)
    assert [one.get("succeeded") for one in found] == [True, False, False, False, None, False]
    assert [one.get("faultCode") for one in found] == [
        None,
        "policy.no_agreement",
        "handler.failed",
        "expired",
        None,
        "policy.no_agreement",
    ]
    assert len(found[2]["faultString"]) == 2048
    assert found[0]["responseInTs"] - found[0]["requestInTs"] == 2000


def test_a_part_of_the_time_in_parts(scribe):
    """Records are of messages logged within the time; a limit is gone on from."""
    for number in range(10):
        scribe.send(NOW + number)
    within = records(scribe.store, NOW + 2, NOW + 8)
    assert [index for index, _ in within] == [2, 3, 4, 5, 6, 7]
    first = records(scribe.store, NOW + 2, NOW + 8, limit=4)
    rest = records(scribe.store, NOW + 2, NOW + 8, first=first[-1][0] + 1)
    assert first + rest == within


def test_a_question_and_its_answer_are_one_record_at_each_end():
    """With both sizes and times; a sealed error is the record's fault."""
    with two_agencies() as two:

        @two.civil.serve("citizens.person-query")
        def answer(message):
            if message.body["codigoPersonal"] == "EX-1":
                return PERSON
            raise RejectedError("persons.unknown", "nobody has this code")

        done = threading.Event()
        thread = threading.Thread(target=two.civil.run, args=(done.is_set,))
        thread.start()
        try:
            ask = two.health.request
            ask(CIVIL, "citizens.person-query", {"codigoPersonal": "EX-1"}, user_id="clerk-7")
            with pytest.raises(RequestError):
                ask(CIVIL, "citizens.person-query", {"codigoPersonal": "EX-2"})
        finally:
            done.set()
            two.civil._transport.wake()
            thread.join()
        while two.civil.status()["outbox"]["waiting"]:  # the transport has yet to confirm it
            two.civil.step()
        asked, served = (
            [one for _, one in records(node.store, 0.0, 1e11)] for node in (two.health, two.civil)
        )
    valid(list(enumerate(asked + served)))
    for ends, side in ((asked, "Client"), (served, "Producer")):
        assert [one["securityServerType"] for one in ends] == [side, side]
        assert [one["succeeded"] for one in ends] == [True, False]
        assert ends[0]["responseSize"] > 50
        assert ends[0]["serviceCode"] == "citizens.person-query"
        assert ends[1]["faultCode"] == "persons.unknown"
        assert ends[1]["faultString"] == "nobody has this code"
    assert [one["messageId"] for one in asked] == [one["messageId"] for one in served]
    for one in asked:
        assert one["requestInTs"] <= one["requestOutTs"] <= one["responseInTs"]
    for one in served:
        assert one["requestInTs"] <= one["responseInTs"] <= one["responseOutTs"]
