"""Running nodes while the registry changes who they are: roll-over, revocation, maintenance."""

import time

import pytest
import yaml
from at_work import working
from careless import publish_unchecked

from xroad_lite import times
from xroad_lite.errors import RefusedError, RequestError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import new_key, read_certificate, to_pem
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.verification import verify_log
from xroad_lite.registry import RegistryFolder, read_source
from xroad_lite.replay import replay_log
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, Tamperer

NOW = 1_790_000_000.0
QUERY = "citizens.person-query"
ASKED = {"codigoPersonal": "EX-1"}
REGISTERED = ASKED | {
    "identificadorNacimiento": "B-1",
    "fechaNacimiento": "2026-03-14",
    "fechaInscripcion": "2026-03-20",
}
PERSON = ASKED | {"identificadorNacimiento": "B-1", "fechaNacimiento": "2026-03-14"}


class RunningClock(Clock):
    """A clock that goes on from a fixed moment, so that waiting ends."""

    def __init__(self, now):
        super().__init__(now)
        self._began = time.monotonic()

    def __call__(self):
        """Unix seconds, later each time."""
        return self.now + time.monotonic() - self._began


@pytest.fixture
def clock():
    """Requests wait, so time passes."""
    return RunningClock(NOW)


def changed(two, name, **fields):
    """Publish the registry with fields of a member's only subsystem changed."""
    path = two.instance.source / f"members/{name}.yaml"
    member = yaml.safe_load(path.read_text())
    member["subsystems"][0].update(fields)
    path.write_text(yaml.safe_dump(member))
    documents = read_source(two.instance.source)
    publish_unchecked(two.instance.folder / "registry", two.instance.keys, documents, two.clock())


def adopted(two, *nodes):
    """Let the nodes look for a newer registry, which they do every few seconds."""
    two.clock.turn(6)
    for node in nodes or (two.health, two.civil):
        node.step()


def verdicts(node):
    """Outcome and code of all that came in."""
    found = [entries.read(leaf) for _, leaf in node.store.entries()]
    said = [one.fields["verdict"] for one in found if one.fields.get("direction") == "in"]
    return [(one["outcome"], one.get("code")) for one in said]


@pytest.fixture
def seen(two):
    """The entries of the births that the Civil Registry handled."""
    handled = []
    two.civil.subscribe("health.birth")(lambda message: handled.append(message.entry))
    return handled


def sealed_by(node, index):
    """The digest of the certificate in an entry's seal."""
    certificates = node.store.certificates()
    seal = entries.read(dict(node.store.entries())[index]).seal(certificates)
    from xroad_lite.envelope import parse_seal

    return parse_seal(seal).certificate.sha256


def renewed(two):
    """A second key of Health's in its folder, certified; gives its digest."""
    pair = two.health.settings.keyring().next()
    key = new_key(pair.uri)
    der = two.instance.authority.certify(
        key.public_key(), SubsystemId.parse(HEALTH), now=two.clock()
    )
    pair.certificates.write_bytes(to_pem(der))
    return read_certificate(der).sha256


def test_a_roll_over_takes_place_when_the_registry_says_so(two, seen):
    """Old key, both listed, new key, old one taken away: no restart, nothing refused."""
    old = read_certificate(two.health._sender.signer.chain[0]).sha256
    two.health.publish("health.birth", BIRTH)
    new = renewed(two)
    adopted(two)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    changed(two, "health", certificates=[{"sha256": old}, {"sha256": new}])
    adopted(two)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    changed(two, "health", certificates=[{"sha256": new}])
    adopted(two)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert [sealed_by(two.civil, index) for index in seen] == [old, old, new, new]
    assert {one for one, _ in verdicts(two.civil)} == {"accepted"}


def test_a_revoked_key_speaks_no_more_and_what_it_said_stays(two, seen, put):
    """New seals, and backdated ones, are refused; the audit still accepts the old, as that day."""
    two.health.publish("health.birth", BIRTH)
    two.settle()
    thief = Tamperer(two.instance.node_folder(HEALTH), two.clock)
    old = thief.last_sent()
    before = old.opened.issued_at
    digest = old.opened.certificate.sha256
    revoked = {"at": times.to_text(two.clock()), "reason": "keyCompromise"}
    changed(two, "health", certificates=[{"sha256": digest, "revoked": revoked}])
    adopted(two, two.civil)
    for at in (None, before - 60):
        put(thief.seal(old, at=at))
        two.civil.step()
    assert verdicts(two.civil) == [
        ("accepted", None),
        ("refused", "identity.revoked"),
        ("refused", "identity.revoked"),
    ]
    assert len(seen) == 1
    folder = RegistryFolder(two.instance.folder / "registry")
    again = replay_log(two.civil.store, folder, CIVIL)
    assert (again.judged, again.differences) == (3, [])
    assert verify_log(two.civil.store).ok


def test_a_node_whose_key_is_revoked_goes_on_with_its_new_one(two, seen):
    """The compromised key gives way at once to the one that is listed."""
    old = read_certificate(two.health._sender.signer.chain[0]).sha256
    new = renewed(two)
    revoked = {"at": times.to_text(two.clock()), "doubtful_since": times.to_text(NOW - 3600)}
    changed(two, "health", certificates=[{"sha256": old, "revoked": revoked}, {"sha256": new}])
    adopted(two)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert [sealed_by(two.civil, index) for index in seen] == [new]


# maintenance


def planned(two, seconds=60.0):
    """A time of maintenance that begins now."""
    now = two.clock()
    return {
        "from": times.to_text(now),
        "until": times.to_text(now + seconds),
        "message": {"en": "Moving house", "es": "Mudanza"},
    }


def test_events_wait_while_their_receiver_is_in_maintenance(two, seen):
    """They are sent and kept; the handler gets them, in order, when it is over. It is shown."""
    changed(two, "civil", maintenance=[planned(two)])
    adopted(two)
    for _ in range(3):
        two.health.publish("health.birth", BIRTH)
    two.settle()
    assert seen == []
    assert two.civil.status()["inbox"] == 3
    assert two.civil.status()["maintenance"]["message"] == {"en": "Moving house", "es": "Mudanza"}
    assert two.health.status()["maintenance"] is None
    assert two.health.status()["outbox"]["waiting"] == 0
    assert two.civil._idle_seconds() > 0.01  # it does not spin on what it must not handle
    two.clock.turn(60)
    two.settle()
    assert seen == sorted(seen)
    assert len(seen) == 3
    assert two.civil.status()["maintenance"] is None


@pytest.mark.parametrize("of", ["subsystem", "service"])
def test_requests_are_refused_in_maintenance(of, two):
    """By the sender's own node when it knows; else by a sealed error of the one who was asked."""
    two.civil.serve(QUERY)(lambda _: PERSON)
    member = yaml.safe_load((two.instance.source / "members/civil.yaml").read_text())
    (service,) = member["subsystems"][0]["services"]
    window = [planned(two)]
    fields = {"services": [service | {"maintenance": window}]}
    changed(two, "civil", **({"maintenance": window} if of == "subsystem" else fields))
    two.civil._registry.refresh(two.clock())
    with working(two.civil), pytest.raises(RequestError, match="Mudanza") as sealed:
        two.health.request(CIVIL, QUERY, ASKED, timeout=4)
    assert sealed.value.code == "request.refused"
    assert "policy.maintenance_mode" in sealed.value.message
    two.health._registry.refresh(two.clock())
    with pytest.raises(RefusedError, match="Moving house") as here:
        two.health.request(CIVIL, QUERY, ASKED, timeout=4)
    assert (here.value.check, here.value.code) == (6, "policy.maintenance_mode")
    assert here.value.hint
    two.clock.turn(61)
    with working(two.civil):
        assert two.health.request(CIVIL, QUERY, ASKED).body == PERSON


# a key that nobody would believe


def test_what_every_receiver_would_refuse_is_not_sealed(two, seen):
    """Not listed, or revoked: publishing says so by check 3, and nothing is lost."""
    digest = read_certificate(two.health._sender.signer.chain[0]).sha256
    revoked = {"sha256": digest, "revoked": {"at": times.to_text(two.clock())}}
    for entries_, code in (([], "identity.unlisted_certificate"), ([revoked], "identity.revoked")):
        changed(two, "health", certificates=entries_)
        adopted(two)
        with pytest.raises(RefusedError) as caught:
            two.health.publish("health.birth", BIRTH)
        assert (caught.value.check, caught.value.code) == (3, code)
        assert "keys list" in caught.value.hint
        assert two.health.status()["outbox"]["waiting"] == 0
    changed(two, "health", certificates=[{"sha256": digest}])
    adopted(two)
    two.health.publish("health.birth", BIRTH)
    two.settle()
    assert len(seen) == 1


def test_a_handler_that_cannot_answer_for_its_key_is_not_to_blame(two, monkeypatch):
    """Its message waits, without attempts counted, until the registry lists a key again."""
    handled = []

    @two.civil.subscribe("health.birth")
    def register(message):
        message.publish("citizens.birth-registered", REGISTERED)
        handled.append(message.attempt)

    digest = read_certificate(two.civil._sender.signer.chain[0]).sha256
    two.health.publish("health.birth", BIRTH)
    two.health.step()
    changed(two, "civil", certificates=[])
    two.clock.turn(6)
    said = []
    two.civil._talk = said.append
    monkeypatch.setattr(two.civil._closing, "wait", lambda _: None)  # in trouble it rests a second
    for _ in range(8):
        two.civil.step()
    assert handled == []
    assert any("identity.unlisted_certificate" in text for text in said)
    assert (two.civil.status()["inbox"], two.civil.status()["dead"]) == (1, 0)
    changed(two, "civil", certificates=[{"sha256": digest}])
    adopted(two, two.civil)
    two.settle()
    assert handled == [1]
