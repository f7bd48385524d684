"""What arrives: judged, kept with its verdict, waited for or refused; how little a flood does."""

import json
import shutil
from dataclasses import replace

import pytest
from careless import publish_unchecked
from cryptography.hazmat.primitives.asymmetric import ec

from xroad_lite.envelope import Sealed, parse_seal, seal
from xroad_lite.errors import RegistryError
from xroad_lite.keys import base64url
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.node import Node, receiving
from xroad_lite.registry import RegistryFolder, read_source
from xroad_lite.replay import replay_log
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Tamperer
from xroad_lite.transports import Parcel

NOW = 1_790_000_000.0
DAY = 86_400.0
DIGEST = base64url(bytes(32))
OTHER = "https://w3id.org/dpv#ServiceProvision"


def birth(number):
    """A birth with an identifier of its own."""
    return BIRTH | {"identifier": [{"system": "urn:example:births", "value": f"B-{number}"}]}


def received(node):
    """Entries of messages that came in, read, with their indexes."""
    found = [(index, entries.read(leaf)) for index, leaf in node.store.entries()]
    return [
        (index, one)
        for index, one in found
        if one.kind == "message" and one.fields["direction"] == "in"
    ]


def verdicts(node):
    """Outcome, check and code of everything that came in and was logged."""
    said = [one.fields["verdict"] for _, one in received(node)]
    return [(one["outcome"], one.get("check"), one.get("code")) for one in said]


@pytest.fixture
def seen(two):
    """The identifiers of the births that the Civil Registry has handled."""
    handled = []
    two.civil.subscribe("health.birth")(
        lambda message: handled.append(message.original["identifier"][0]["value"])
    )
    return handled


@pytest.fixture
def honest(two, seen, health_key):
    """A first birth that went through, to make others like it."""
    two.health.publish("health.birth", birth(0), subject="s")
    two.settle()
    assert seen == ["B-0"]
    return health_key.last_sent()


# what is kept


def test_an_accepted_message_is_logged_as_it_came(two, honest):
    """Seal, body, verdict, and the snapshot that it was judged by."""
    ((index, entry),) = received(two.civil)
    assert two.civil.store.seal(index) == honest.seal
    assert two.civil.store.body(index) == (honest.salt, honest.body)
    assert entry.fields["registry"] == two.civil.status()["registry"]
    assert entry.fields["verdict"] == {"outcome": "accepted", "checks": ["passed"] * 9}


def test_an_exact_duplicate_is_counted_and_not_handled(two, honest, put, seen):
    """The same seal three times more: no entry, no effect."""
    size = two.civil.store.size
    for _ in range(3):
        put(honest)
    two.settle()
    assert seen == ["B-0"]
    assert two.civil.store.size == size
    assert two.civil.status()["counters"]["received.duplicate"] == 3


def test_another_message_under_a_used_id_is_refused_and_kept(two, honest, put, health_key, seen):
    """Both seals are in the log, for whoever has to find out."""
    other = health_key.seal(
        honest, json.dumps(birth(1)).encode(), id=honest.opened.attributes.id, subject="s"
    )
    put(other)
    two.settle()
    assert seen == ["B-0"]
    assert verdicts(two.civil)[1:] == [("refused", 5, "freshness.id_reused")]
    index, _ = received(two.civil)[1]
    assert two.civil.store.seal(index) == other.seal


def test_what_nobody_signed_leaves_only_a_digest(two, honest, put):
    """Its verdict, digest and size; neither seal nor body nor search columns."""
    token = Tamperer.with_attributes(honest.opened, subject="other")
    put(honest, seal=token, body=b"secret")
    put(honest, seal=b"garbage")
    two.settle()
    assert verdicts(two.civil)[1:] == [
        ("refused", 4, "envelope.signature_invalid"),
        ("refused", 1, "envelope.malformed"),
    ]
    for index, entry in received(two.civil)[1:]:
        assert not entry.proven
        assert two.civil.store.body(index) is None
        assert b"secret" not in two.civil.store.leaf(index)
    assert two.civil.store.query("SELECT count(*) FROM xl_messages") == [(1,)]
    assert verify_log(two.civil.store).ok


def test_a_refused_body_stays_as_long_as_its_check_says(two, honest, put, health_key):
    """Checks 2 to 7 put it in quarantine for a week; what its sender sealed is kept beyond."""
    put(health_key.seal(honest, purpose=OTHER))
    put(health_key.seal(honest, b"{}"))
    put(health_key.seal(honest), body=b"changed on the way")
    two.settle()
    assert [check for _, check, _ in verdicts(two.civil)[1:]] == [6, 8, 7]
    indexes = [index for index, _ in received(two.civil)[1:]]
    kept = [two.civil.store.body(index) is not None for index in indexes]
    assert kept == [True, True, True]
    two.clock.turn(7 * DAY + 60)
    two.settle()
    kept = [two.civil.store.body(index) is not None for index in indexes]
    assert kept == [False, True, False]
    said = [one for _, leaf in two.civil.store.entries() if (one := entries.read(leaf))]
    assert [one.fields["entries"] for one in said if one.kind == "erasure"] == [
        [indexes[0], indexes[2]]
    ]
    assert verify_log(two.civil.store).ok


def test_a_body_changed_on_the_way_is_named_in_the_log(two, honest, put, health_key, seen):
    """The digest of what came stands beside the sealed one, and the true message still passes."""
    true = health_key.seal(honest, json.dumps(birth(1)).encode())
    put(true, body=true.body + b" ")
    put(true)
    two.settle()
    assert seen == ["B-0", "B-1"]
    assert verdicts(two.civil)[1:] == [("refused", 7, "envelope.digest"), ("accepted", None, None)]
    _, entry = received(two.civil)[1]
    assert entry.fields["received"] != true.opened.attributes.datahash


def test_empty_and_odd_deliveries_are_refused(two, honest, put):
    """Nothing at all, a seal without body, a body without seal, each too long."""
    good = {"seal": honest.seal, "salt": honest.salt, "body": honest.body}
    for name in good:
        put(honest, **{name: b""})
    put(honest, seal=b"", salt=b"", body=b"")
    put(honest, seal=b"a" * 100_000)
    put(honest, salt=b"a" * 100_000)
    two.settle()
    found = verdicts(two.civil)[1:]
    assert {check for _, check, _ in found} <= {1}
    assert len(found) + two.civil.status()["counters"]["received.duplicate"] == 6


# floods


def test_a_flood_that_nobody_signed_is_bounded(two, honest):
    """A thousand entries an hour, whatever comes; the rest is counted, and true messages pass."""
    parcels = [
        Parcel(0, CIVIL, "health.birth", b"garbage %d" % n, b"s" * 32, b"b" * 1000)
        for n in range(1500)
    ]
    two.health._transport.send(parcels)
    two.health._transport.outcomes()
    size = two.civil.store.size
    two.settle()
    assert two.civil.store.size == size + 1000
    assert two.civil.status()["counters"]["unproven.not_logged"] == 500
    two.health.publish("health.birth", birth(1))
    two.settle()
    assert verdicts(two.civil)[-1][0] == "accepted"
    two.clock.turn(3601)
    two.health._transport.send(parcels[:10])
    two.health._transport.outcomes()
    size = two.civil.store.size
    two.settle()
    assert two.civil.store.size == size + 10


def test_a_flood_by_a_key_of_ones_own_is_bounded(two, honest, put, stranger, monkeypatch):
    """Anybody can make a key and sign: what no registry lists fills the quarantine and no more."""
    monkeypatch.setattr(receiving, "_QUARANTINE_BYTES", 10 * 17_000)
    monkeypatch.setattr(receiving, "_UNPROVEN_ENTRIES", 5)
    thief = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    thief.signer = stranger
    size = two.civil.store.size
    for _ in range(40):
        put(thief.seal(honest, b"{}"))
    two.settle()
    assert two.civil.store.size <= size + 15
    counters = two.civil.status()["counters"]
    assert counters["quarantine.full"] >= 30
    assert counters["unproven.not_logged"] >= 25
    assert {check for _, check, _ in verdicts(two.civil)[1:]} == {3}
    two.health.publish("health.birth", birth(1))
    two.settle()
    assert verdicts(two.civil)[-1][0] == "accepted"


def test_copies_of_one_refused_message_are_kept_three_times(two, honest, put, health_key, seen):
    """Who has no key can still copy a seal, with any body: the log does not grow with it."""
    true = health_key.seal(honest, json.dumps(birth(1)).encode())
    size = two.civil.store.size
    for number in range(10):
        put(true, body=b"junk %d" % number)
    two.settle()
    assert two.civil.store.size == size + 3
    assert two.civil.status()["counters"]["refused.not_logged"] == 7
    put(true)
    two.settle()
    assert seen == ["B-0", "B-1"]


def test_a_forged_seal_makes_nobody_ask_the_registry(two, honest, put):
    """Only what is signed is worth a look for the snapshot that it names."""
    for number in range(2, 30):
        token = Tamperer.with_attributes(honest.opened, registry=f"{number}:{DIGEST}")
        put(honest, seal=token)
    two.settle()
    assert two.civil._registry._own._asked == {}
    assert {check for _, check, _ in verdicts(two.civil)[1:]} == {4}
    assert two.civil.status()["undecided"] == 0


# undecided


@pytest.fixture
def behind(two, seen):
    """The Civil Registry's node again, with a registry of its own that lags behind."""
    folder = two.instance.node_folder(CIVIL)
    two.civil.close()
    shutil.copytree(two.instance.folder / "registry", folder / "mirror")
    settings = folder / "node.yaml"
    settings.write_text(settings.read_text().replace("../../registry", "mirror"))
    node = Node.open(folder, clock=two.clock)
    node.subscribe("health.birth")(
        lambda message: seen.append(message.original["identifier"][0]["value"])
    )
    yield node
    node.close()


def catch_up(two):
    """Bring the lagging registry up to date."""
    mirror = two.instance.node_folder(CIVIL) / "mirror"
    shutil.copytree(two.instance.folder / "registry", mirror, dirs_exist_ok=True)


def settle(*nodes):
    """Let these nodes work until none has anything to do."""
    busy = True
    while busy:
        busy = sum(node.step() for node in nodes) > 0


def test_an_unknown_snapshot_is_waited_for(two, behind, seen, health_key):
    """Held until it is known, what follows of the same source waits too, then all in order."""
    two.health.publish("health.birth", birth(0), subject="s")
    settle(two.health, behind)
    two.instance.publish(NOW + 1)
    two.clock.turn(6)
    two.health.step()
    for number in (1, 2):
        two.health.publish("health.birth", birth(number), subject="s")
    settle(two.health, behind)
    earlier = health_key.seal(
        health_key.last_sent(),
        json.dumps(birth(3)).encode(),
        registry=behind.status()["registry"],
        subject="s",
    )
    two.health._transport.send(
        [Parcel(0, CIVIL, "health.birth", earlier.seal, earlier.salt, earlier.body)]
    )
    settle(two.health, behind)
    assert seen == ["B-0"]
    assert behind.status()["undecided"] == 3
    assert [outcome for outcome, _, _ in verdicts(behind)] == ["accepted"]
    catch_up(two)
    two.clock.turn(120)
    settle(two.health, behind)
    assert seen == ["B-0", "B-1", "B-2", "B-3"]
    assert behind.status()["undecided"] == 0
    assert verify_log(behind.store).ok


def test_the_undecided_survive_a_restart(two, behind, seen):
    """They are in the inbox, and judged by the node that comes after."""
    two.instance.publish(NOW + 1)
    two.clock.turn(6)
    two.health.step()
    two.health.publish("health.birth", birth(1))
    settle(two.health, behind)
    assert behind.status()["undecided"] == 1
    behind.close()
    catch_up(two)
    two.clock.turn(120)
    with Node.open(two.instance.node_folder(CIVIL), clock=two.clock) as again:
        again.subscribe("health.birth")(
            lambda message: seen.append(message.original["identifier"][0]["value"])
        )
        settle(again)
        assert seen == ["B-1"]


def test_a_strangers_seal_holds_nobody_up(two, behind, seen, stranger, health_key):
    """Whoever names Health as source and a snapshot of the future waits alone."""
    two.health.publish("health.birth", birth(0))
    settle(two.health, behind)
    like = health_key.last_sent()
    health_key.signer = stranger
    forged = health_key.seal(like, registry=f"999:{DIGEST}")
    two.health._transport.send(
        [Parcel(0, CIVIL, "health.birth", forged.seal, forged.salt, forged.body)]
    )
    two.health.publish("health.birth", birth(1))
    settle(two.health, behind)
    assert seen == ["B-0", "B-1"]
    assert behind.status()["undecided"] == 1


def test_strangers_have_little_room_to_wait(two, honest, behind, stranger, health_key, put):
    """A key that nobody registered cannot fill the inbox with what must be awaited."""
    health_key.signer = stranger
    for _ in range(receiving.MAX_STRANGERS + 20):
        put(health_key.seal(honest, registry=f"999:{DIGEST}"))
    settle(two.health, behind)
    status = behind.status()
    assert status["undecided"] == receiving.MAX_STRANGERS
    assert status["counters"]["undecided.full"] == 20


def test_a_snapshot_that_never_was_is_refused(two, honest, put, health_key):
    """The registry is asked once; where it has another one of that number, it is no use waiting."""
    put(health_key.seal(honest, registry=f"1:{DIGEST}"))
    two.settle()
    assert verdicts(two.civil)[1:] == [("refused", 2, "registry.never_published")]
    assert two.civil.status()["undecided"] == 0


def test_an_older_snapshot_is_fetched(two, honest, put, health_key, seen):
    """A node that adopted a later one first looks the earlier one up."""
    name = RegistryFolder(two.instance.folder / "registry").head().previous
    put(health_key.seal(honest, json.dumps(birth(1)).encode(), registry=name))
    two.settle()
    assert seen == ["B-0", "B-1"]


def test_an_expired_registry_decides_nothing(two, seen):
    """Consumption pauses, nothing is refused, and goes on when a new snapshot is there."""
    two.instance.publish(NOW + 1, expires_in=3600)
    two.clock.turn(10)
    two.settle()
    two.health.publish("health.birth", birth(0))
    two.health.step()
    two.clock.turn(3600)
    two.settle()
    assert (seen, two.civil.status()["undecided"]) == ([], 1)
    two.instance.publish(NOW + 3700)
    two.clock.turn(60)
    two.settle()
    assert seen == ["B-0"]
    assert [outcome for outcome, _, _ in verdicts(two.civil)] == ["accepted"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("authorities/development.pem", b"not a certificate"),
        ("instance.yaml", b"instance: [\n"),
        ("members/health.yaml", b"member: DEMO/GOV/HEALTH\nname: {}\ncontact: x\nsubsystems: 1\n"),
        (
            "members/health.yaml",
            b"member: DEMO/GOV/HEALTH\nname: {}\ncontact: x\nsubsystems: [{code: '..'}]\n",
        ),
        ("schemas/health/birth/1.json", b"{}"),
        ("schemas/health/birth/subject.yaml", b"type: a.b\n"),
    ],
)
def test_a_faulty_snapshot_is_not_adopted(path, content, two, honest, seen):
    """The last good one stays in use, the node works on, and says what is wrong."""
    documents = read_source(two.instance.source) | {path: content}
    publish_unchecked(two.instance.folder / "registry", two.instance.keys, documents, NOW + 1)
    before = two.civil.status()["registry"]
    two.clock.turn(10)
    two.health.publish("health.birth", birth(1))
    two.settle()
    assert seen == ["B-0", "B-1"]
    assert two.civil.status()["registry"] == before
    assert two.civil.status()["registry_problem"]


def test_a_rolled_back_registry_is_not_followed(two, tmp_path):
    """A node keeps what it adopted; without that it does not open on anything older."""
    published = two.instance.folder / "registry"
    shutil.copytree(published, tmp_path / "earlier")
    adopted = two.instance.publish(NOW + 1).name
    two.clock.turn(10)
    two.settle()
    two.civil.close()
    shutil.rmtree(published)
    (tmp_path / "earlier").rename(published)
    civil = Node.open(two.instance.node_folder(CIVIL), clock=two.clock)
    status = civil.status()
    civil.close()
    assert status["registry"] == adopted
    assert status["registry_problem"].startswith("registry.rollback")
    shutil.rmtree(two.instance.node_folder(CIVIL) / "registry")
    with pytest.raises(RegistryError) as caught:
        Node.open(two.instance.node_folder(CIVIL), clock=two.clock)
    assert caught.value.code == "registry.rollback"


def test_a_strange_key_in_the_chain_does_not_stop_the_node(two, honest, put):
    """A seal with a certificate that X.509 never knew is refused like any other."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = two.civil._sender.signer
    der = signer.chain[0]
    at = der.index(bytes.fromhex("a003020102"))
    broken = replace(signer, key=key, chain=(der, der[: at + 4] + b"\x07" + der[at + 5 :]))
    sealed = seal(
        replace(honest.opened.attributes, source=CIVIL), b"{}", broken, issued_at=int(NOW)
    )
    put(Sealed(sealed.seal, sealed.salt, sealed.body, parse_seal(sealed.seal)))
    two.settle()
    assert [check for _, check, _ in verdicts(two.civil)[1:]] == [3]


def test_a_gap_in_the_sequence_is_counted(two, honest, put, health_key):
    """What a sender numbered and nobody delivered shows, until it comes."""
    first = int(honest.opened.attributes.sequence)
    put(health_key.seal(honest, json.dumps(birth(1)).encode(), sequence=f"{first + 4:016d}"))
    two.settle()
    assert two.civil.status()["counters"]["sequence.missing"] == 3
    put(health_key.seal(honest, json.dumps(birth(2)).encode(), sequence=f"{first + 2:016d}"))
    two.settle()
    assert two.civil.status()["counters"]["sequence.missing"] == 2


def test_a_handler_may_close_its_node(two):
    """What it did is committed, the message is handled, and run returns."""
    handled = []

    @two.civil.subscribe("health.birth")
    def handle(message):
        handled.append(message.id)
        message.sql("CREATE TABLE IF NOT EXISTS seen (id TEXT)")
        two.civil.close()

    two.health.publish("health.birth", birth(1))
    two.health.step()
    two.civil.run()
    again = Node.open(two.civil.settings, clock=two.clock)
    status = again.status()
    again.close()
    assert (len(handled), status["inbox"], status["counters"]["handled"]) == (1, 0, 1)


def test_an_old_message_that_comes_again_replays_to_the_same(two, honest, seen):
    """Ids are forgotten after a while: then age decides, live and in an audit."""
    two.settle()
    parcel = Parcel(0, CIVIL, "health.birth", honest.seal, honest.salt, honest.body)
    for _ in range(3):
        two.clock.turn(20 * 86_400.0)
        two.instance.publish(two.clock())
        two.civil.step()
        two.health._transport.send([parcel])
        two.civil.step()
    found = replay_log(two.civil.store, RegistryFolder(two.instance.folder / "registry"), CIVIL)
    assert found.equal, found.differences
    assert found.judged >= 2
