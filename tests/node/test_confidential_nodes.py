"""Confidential messages between two nodes: what lies on disk, keys that are not there, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from xroad_lite import Node, RejectedError
from xroad_lite.cli import app
from xroad_lite.encryption import is_pseudonym
from xroad_lite.errors import KeysError, RequestError
from xroad_lite.messagelog import Inbox
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node.encryption_keys import holder_of
from xroad_lite.registry import RegistryFolder
from xroad_lite.replay import replay_log
from xroad_lite.schema import compile_schema
from xroad_lite.stewardship.development import DevelopmentInstance
from xroad_lite.stewardship.past import check_past, travelled
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Tamperer, TwoAgencies
from xroad_lite.transports import Parcel

SECRET = "Quetzalcoatl"
TAX = "DEMO/GOV/TAX/office"
QUERY = "citizens.person-query"
SPOKEN = BIRTH | {"name": [{"use": "official", "family": SECRET, "given": ["Elena"]}]}


@pytest.fixture
def instance(instance: DevelopmentInstance) -> DevelopmentInstance:
    """The two agencies, both of whose agreements are confidential."""
    for name in ("births-1", "persons-1"):
        file = instance.source / f"agreements/{name}.yaml"
        said = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(said | {"confidential": True}))
    instance.publish(1_790_000_000.0 - 900)
    return instance


def files_with(folder: Path, text: str) -> list[str]:
    """The files below a folder that hold a text, in whatever they are."""
    found = (one for one in folder.rglob("*") if one.is_file())
    return [one.name for one in found if text.encode() in one.read_bytes()]


def settled(two: TwoAgencies, seconds: float = 0) -> None:
    """Both nodes have nothing to do any more, some time later."""
    two.clock.turn(seconds)
    two.settle()


def test_nothing_of_it_lies_in_any_file(two: TwoAgencies) -> None:
    """Not at sender or receiver, in database or WAL, nor on the bus, before and after handling."""
    heard = []
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    two.health.step()
    assert files_with(two.instance.folder, SECRET) == []

    @two.civil.subscribe("health.birth", reads="citizens.person")
    def register(message):
        heard.append((message.body["apellidos"], message.original["name"][0]["family"]))
        if message.attempt == 1:
            raise ValueError(f"cannot read {message.body}")

    for _ in range(3):
        settled(two, 60)
    assert heard == [(SECRET, SECRET)] * 2
    assert files_with(two.instance.folder, SECRET) == []
    assert files_with(two.instance.folder, "health.birth")  # what is looked for would be found
    for node in (two.health, two.civil):
        assert verify_log(node.store).ok


def test_a_failure_is_logged_without_its_words(two: TwoAgencies) -> None:
    """Neither the adapter's own words nor a schema's; who asked gets them, encrypted."""
    told: list[str] = []
    two.civil._talk = told.append

    @two.civil.subscribe("health.birth")
    def register(message):
        if message.subject == "s-1":
            raise RejectedError("birth.unknown", f"nobody called {SECRET}")
        raise KeyError(SECRET)

    two.health.publish("health.birth", SPOKEN, subject="s-1")
    two.health.publish("health.birth", SPOKEN, subject="s-2")
    for _ in range(8):
        settled(two, 60)
    letters = Inbox(two.civil.store).dead_letters()
    assert [one.code for one in letters] == ["birth.unknown", "handler.failed"]
    assert all("confidential" in one.message for one in letters)
    assert "KeyError at register" in letters[1].message
    assert SECRET not in "".join(told)
    assert files_with(two.instance.folder, SECRET) == []


def test_questions_and_their_errors_are_encrypted(two: TwoAgencies) -> None:
    """The asker reads why; the logs and the bus do not."""
    code = f"EX-{SECRET}"
    seen = []

    @two.civil.serve(QUERY)
    def answer(message):
        seen.append((message.subject, message.attributes.subject))
        raise RejectedError("person.unknown", f"nobody has the code {code}")

    import threading

    thread = threading.Thread(target=two.civil.run, daemon=True)
    thread.start()
    try:
        with pytest.raises(RequestError, match=f"nobody has the code {code}"):
            two.health.request(CIVIL, QUERY, {"codigoPersonal": code}, subject=code, timeout=60)
    finally:
        two.civil.close()
        thread.join()
    ((name, sealed),) = seen
    assert name == code
    assert is_pseudonym(sealed)
    assert files_with(two.instance.folder, SECRET) == []


def test_who_takes_it_from_the_bus_reads_nothing(two: TwoAgencies) -> None:
    """A third party's node refuses it, and what that keeps is the ciphertext."""
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    taken = Tamperer(two.instance.node_folder(HEALTH), two.clock).last_sent()
    with Node.open(two.instance.node_folder(TAX), clock=two.clock) as tax:
        tax.subscribe("health.birth")(lambda message: None)
        parcel = Parcel(0, TAX, "health.birth", taken.seal, taken.salt, taken.body)
        two.health._transport.send([parcel])
        while tax.step():
            pass
        verdict = tax.store.entry(tax.store.size - 1).fields["verdict"]
        assert (verdict["outcome"], verdict["check"]) == ("refused", 5)
        assert tax.store.body(tax.store.size - 1)[1] == taken.body
        assert files_with(two.instance.node_folder(TAX), SECRET) == []


def test_a_missing_key_holds_messages_until_it_is_there(two: TwoAgencies, reopen) -> None:
    """Undecided, nothing lost, in order; the operator puts the key back, and no restart is due."""
    heard, told = [], []
    key = two.instance.node_folder(CIVIL) / "encryption.pem"
    kept = key.rename(key.with_name("elsewhere"))
    civil = reopen(talk=told.append)
    civil.subscribe("health.birth")(lambda message: heard.append(message.subject))
    for number in range(3):
        two.health.publish("health.birth", SPOKEN, subject=f"s-{number}")
    for _ in range(20):
        two.health.step()
        civil.step()
    assert (heard, civil.status()["undecided"]) == ([], 3)
    two.clock.turn(6)
    civil.step()
    assert ["which is not here" in one for one in told] == [True]
    kept.rename(key)
    for _ in range(5):
        two.clock.turn(6)
        while two.health.step() | civil.step():
            pass
    assert heard == ["s-0", "s-1", "s-2"]
    assert civil.status()["undecided"] == 0
    assert len(told) == 2
    assert "well again" in told[1]


def test_a_key_taken_away_from_what_was_accepted_stops_its_handling_alone(
    two: TwoAgencies, reopen
) -> None:
    """It is the operator's to put back: no attempt is counted, and it is said."""
    heard, told = [], []
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    two.civil.subscribe("health.birth")
    two.civil._listen("health.birth")
    settled(two)
    assert two.civil.status()["inbox"] == 1
    key = two.instance.node_folder(CIVIL) / "encryption.pem"
    kept = key.rename(key.with_name("elsewhere"))
    civil = reopen(talk=told.append)
    civil._closing.wait = lambda _: None  # trouble waits a second before it tries again
    civil.subscribe("health.birth")(lambda message: heard.append(message.attempt))
    civil.step()
    assert "keys.encryption" in told[0]
    kept.rename(key)
    two.clock.turn(6)
    for _ in range(3):
        civil.step()
    assert heard == [1]


def test_a_key_that_is_named_and_not_there_stops_the_start(two: TwoAgencies) -> None:
    """Said in node.yaml, it is needed: the node does not begin without."""
    folder = two.instance.node_folder(CIVIL)
    two.civil.close()
    text = (folder / "node.yaml").read_text()
    (folder / "node.yaml").write_text(text + "encryption_key: file:other.pem\n")
    with pytest.raises(KeysError, match=r"other\.pem") as refused:
        Node.open(folder)
    assert "keys new --use encryption" in refused.value.hint
    (folder / "node.yaml").write_text(text + 'encryption_key: "pkcs11:object=x"\n')
    with pytest.raises(KeysError, match=r"encryption\.jwk, its public side, is not there"):
        Node.open(folder)
    (folder / "node.yaml").write_text(text + 'encryption_key: "vault:x"\n')
    with pytest.raises(KeysError, match="expected file:PATH or pkcs11:"):
        Node.open(folder)


def test_it_is_replayed_with_the_key_and_without(two: TwoAgencies) -> None:
    """An auditor without it sees that the first six checks said what they say now."""
    two.civil.subscribe("health.birth")(lambda message: None)
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    settled(two)
    registry = RegistryFolder(two.instance.folder / "registry")
    holder = holder_of(two.civil.settings)
    found = replay_log(two.civil.store, registry, CIVIL, holder=holder)
    assert (found.judged, found.closed, found.equal) == (1, 0, True)
    found = replay_log(two.civil.store, registry, CIVIL)
    assert (found.judged, found.closed, found.equal) == (0, 1, True)
    past = check_past(travelled(two.civil.store), "health.birth", compile_schema(True, "json"))
    assert (past.messages, past.checked, past.encrypted) == (1, 0, 1)


def test_log_show_opens_it_where_the_key_is_at_hand(two: TwoAgencies) -> None:
    """At the sender and at the receiver; elsewhere it says why not."""
    two.civil.subscribe("health.birth")(lambda message: None)
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    settled(two)

    def shown(subsystem: str, *more: str) -> dict:
        node = str(two.instance.node_folder(subsystem))
        log = str(two.instance.node_folder(CIVIL) / "log.sqlite3")
        words = ["log", "show", str(entry), "--node", node, *more]
        if subsystem == TAX:
            words += ["--log", log]
        done = CliRunner().invoke(app, [*words, "--json"])
        return json.loads(done.stdout)

    for subsystem, node in ((HEALTH, two.health), (CIVIL, two.civil), (TAX, two.civil)):
        ((entry,),) = node.store.query("SELECT max(idx) FROM xl_messages")
        found = shown(subsystem)
        if subsystem == TAX:
            assert found["body"] is None
            assert "encryption.not_for_me" in found["closed"]
            assert SECRET not in json.dumps(found)
        else:
            assert SECRET in found["body"]
    turtle = shown(CIVIL, "--as", "turtle")
    assert SECRET in turtle["document"]


def test_a_receipt_is_encrypted_too(two: TwoAgencies) -> None:
    """Where the agreement asks for receipts, they go back under it like everything else."""
    file = two.instance.source / "agreements/births-1.yaml"
    said = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(said | {"receipt": True}))
    two.instance.publish(two.clock() - 60)
    two.clock.turn(6)
    two.settle()
    two.civil.subscribe("health.birth")(lambda message: None)
    two.health.publish("health.birth", SPOKEN, subject="s-1")
    for _ in range(4):
        settled(two, 6)
    rows = two.health.store.query(
        "SELECT idx FROM xl_messages WHERE direction = 'in' AND type = 'xroad.receipt'"
    )
    assert rows
    for (index,) in rows:
        entry = two.health.store.entry(index)
        assert entry.fields["verdict"]["outcome"] == "accepted"
        assert "datacommit" in entry.attributes()
        assert b"handled" not in two.health.store.body(index)[1]


def test_a_parked_person_holds_up_its_own_messages_alone(two: TwoAgencies) -> None:
    """Order goes by the pseudonym, which is the same in each message of one agreement."""
    heard = []
    registered = {
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
        "fechaInscripcion": "2026-03-20",
        "apellidos": SECRET,
    }

    @two.health.subscribe("citizens.birth-registered")
    def hear(message):
        if message.subject == "EX-1" and message.attempt == 1 and not heard:
            raise ValueError("not now")
        heard.append((message.subject, message.body["identificadorNacimiento"]))

    for number, code in enumerate(("EX-1", "EX-2", "EX-1", "EX-2")):
        body = registered | {"codigoPersonal": code, "identificadorNacimiento": f"B-{number}"}
        two.civil.publish("citizens.birth-registered", body, subject=code)
    for _ in range(3):
        settled(two, 6)
    ours = [[birth for code, birth in heard if code == one] for one in ("EX-1", "EX-2")]
    assert ours == [["B-0", "B-2"], ["B-1", "B-3"]]
    assert heard[0][0] == "EX-2"
    ((subjects,),) = two.civil.store.query(
        "SELECT count(DISTINCT subject) FROM xl_messages WHERE direction = 'out'"
    )
    assert subjects == 2
    assert files_with(two.instance.node_folder(CIVIL), '"subject":"EX-1"') == []
