"""A running node has its log stamped by real authorities, and says what waits for a stamp."""

from __future__ import annotations

import copy
import hashlib
import shutil
import subprocess
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.timestamping import StampingServer, TestAuthority
from xroad_lite.errors import LogError, TimestampError
from xroad_lite.keys import read_certificates
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.entries import Entry
from xroad_lite.messagelog.notes import read as read_note
from xroad_lite.messagelog.stamps import Proved, Stamped
from xroad_lite.messagelog.validation import ValidationTable
from xroad_lite.node import Node, Settings
from xroad_lite.node.asking import ask
from xroad_lite.node.restamping import restamp_log
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import BIRTH, HEALTH, Clock, two_agency_instance
from xroad_lite.timestamps import Authorities, request


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[StampingServer]]:
    """Two authorities under roots of their own."""
    folder = tmp_path_factory.mktemp("tsa")
    servers = [StampingServer(), StampingServer()]
    for name, one in zip(("one", "two"), servers, strict=True):
        one.authority = TestAuthority(folder / name, name=name, lists=f"{one.address}/list")
    yield servers
    for one in servers:
        one.stop()


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, authorities: list[StampingServer]
) -> DevelopmentInstance:
    """The instance, whose logs both stamp, the first one preferred."""
    instance = two_agency_instance(tmp_path_factory.mktemp("built"), now=time.time() - 7200)
    instance.trust_stamps_of({one.url: one.authority.root.read_bytes() for one in authorities})
    instance.publish(time.time() - 3600)
    return instance


@pytest.fixture
def instance(
    built: DevelopmentInstance, authorities: list[StampingServer], tmp_path: Path
) -> DevelopmentInstance:
    """A copy of the instance; both authorities behave, and tell no revocations."""
    for one in authorities:
        one.behaviour, one.asked, one.files = "well", 0, {}
    copied = copy.copy(built)
    copied.folder, copied.source = tmp_path / "instance", tmp_path / "instance/source"
    shutil.copytree(built.folder, copied.folder)
    return copied


@pytest.fixture
def clock() -> Clock:
    """A clock that begins now, as the authorities' does."""
    return Clock(time.time())


@pytest.fixture
def said() -> list[str]:
    """What the node says to people."""
    return []


@pytest.fixture
def node(instance: DevelopmentInstance, clock: Clock, said: list[str]) -> Iterator[Node]:
    """Health's node, running."""
    with Node.open(instance.node_folder(HEALTH), clock=clock, talk=said.append) as opened:
        yield opened


def stamped(node: Node, clock: Clock) -> None:
    """Turn a minute, and let the node work until its authorities have answered."""
    clock.turn(61)
    node.step()
    for part in (node._evidence.checkpoints, node._evidence.stamps):
        assert part is not None
        if part._errand is not None:
            assert part._errand.done.wait(60)
        node.step()
    if node._evidence.stamps._errand is not None:
        assert node._evidence.stamps._errand.done.wait(60)
        node.step()


def tokens(node: Node) -> list[tuple[int, str, bytes]]:
    """Entry, checkpoint and token of each."""
    found = []
    for index in range(node.store.size):
        entry = node.store.entry(index)
        if entry.kind == "token":
            token = entry.fields["token"]
            data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            found.append((index, entry.fields["checkpoint"], data))
    return found


def stamped_size(entry: Entry) -> int:
    """Over how many entries the checkpoint in a token's entry is."""
    return Checkpoint.read(read_note(entry.fields["checkpoint"].encode())).size


def test_a_token_becomes_an_entry(node, clock, authorities, tmp_path) -> None:
    """openssl verifies it over the checkpoint that stands beside it, which covers the message."""
    node.publish("health.birth", BIRTH)
    last = node.store.size
    assert node.status()["stamps"]["entries"] == 0
    stamped(node, clock)
    ((index, checkpoint, token),) = tokens(node)
    assert stamped_size(node.store.entry(index)) == last == index
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "note").write_text(checkpoint)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token", "-data",
         tmp_path / "note", "-CAfile", authorities[0].authority.root],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout, done.stderr
    told = node.status()["stamps"]
    assert (told["entries"], told["oldest_unstamped"], told["problem"]) == (last, None, None)


def test_a_log_that_stands_still_is_not_stamped_again(node, clock, authorities) -> None:
    """A token is an entry too, and needs none of its own."""
    node.publish("health.birth", BIRTH)
    for _ in range(4):
        stamped(node, clock)
    assert authorities[0].asked == len(tokens(node)) == 1
    node.publish("health.birth", BIRTH)
    stamped(node, clock)
    assert len(tokens(node)) == 2


@pytest.mark.parametrize("behaviour", ["away", "moved", "garbage", "endless"])
def test_the_next_authority_is_asked(node, clock, authorities, behaviour) -> None:
    """When the first one fails, whichever way, the second stamps."""
    authorities[0].behaviour = behaviour
    node.publish("health.birth", BIRTH)
    stamped(node, clock)
    assert [one.authority for one in node._evidence.stamps.table.all()] == [authorities[1].url]
    assert (authorities[0].asked, authorities[1].asked) == (1, 1)


def test_nobody_stamps(node, clock, authorities, said) -> None:
    """It is said once, tried again after a while, and heard when it is over; nothing is lost."""
    for one in authorities:
        one.behaviour = "away"
    node.publish("health.birth", BIRTH)
    stamped(node, clock)
    stamped(node, clock)
    assert [line for line in said if line.startswith("no time stamp: ")] == said
    assert "503" in said[0]
    oldest = node.status()["stamps"]
    assert oldest["oldest_unstamped"] == 0
    assert node.store.counters()["stamps.failed"] == 2
    authorities[1].behaviour = "well"
    clock.turn(600)
    stamped(node, clock)
    assert said[-1].startswith("time stamps come again")
    assert len(tokens(node)) == 1


def test_beyond_the_limit_nothing_is_sent(instance, clock, authorities) -> None:
    """What the instance allows passes, then publishing says why not; a stamp frees it again."""
    instance.change_instance(stamp_within="PT10M")
    instance.publish(clock())
    for one in authorities:
        one.behaviour = "away"
    with Node.open(instance.node_folder(HEALTH), clock=clock, talk=lambda _: None) as node:
        node.step()
        node.publish("health.birth", BIRTH)
        clock.turn(599)
        node.step()
        node.publish("health.birth", BIRTH)
        clock.turn(61)
        node.step()
        size = node.store.size
        with pytest.raises(LogError) as caught:
            node.publish("health.birth", BIRTH)
        assert caught.value.code == "log.unstamped"
        assert "doctor" in caught.value.hint
        assert node.store.size == size
        authorities[0].behaviour = "well"
        clock.turn(700)
        stamped(node, clock)
        stamped(node, clock)
        node.publish("health.birth", BIRTH)


def test_before_its_certificate_ends_a_token_is_renewed(node, clock, authorities) -> None:
    """The authority's certificate lives 20 days: a log that stands still is stamped anew."""
    node.publish("health.birth", BIRTH)
    stamped(node, clock)
    assert len(tokens(node)) == 1
    clock.turn(14 * 86_400)
    stamped(node, clock)
    assert len(tokens(node)) == 1
    clock.turn(2 * 86_400)
    for _ in range(3):
        stamped(node, clock)
    assert len(tokens(node)) == 2


def test_an_answer_has_its_time(authorities) -> None:
    """One byte now and then does not keep an asker for ever."""
    authorities[0].behaviour = "slow"
    began = time.monotonic()
    with pytest.raises(TimestampError) as caught:
        ask(authorities[0].url, request(b"x").der, 0.3)
    assert time.monotonic() - began < 10
    assert "not whole" in caught.value.message


def test_entry_times_fit_the_tokens_around_them(node, clock, authorities) -> None:
    """True times fit; one before the token in front of it, or after the one over it, does not."""
    node.publish("health.birth", BIRTH)
    clock.now = time.time()
    stamped(node, clock)
    clock.now = time.time()
    node.publish("health.birth", BIRTH)
    clock.turn(61)
    stamped(node, clock)
    trust = Authorities(read_certificates(authorities[0].authority.root.read_bytes()))
    stamps = []
    for index, checkpoint, token in tokens(node):
        stamp = trust.verify(token, checkpoint.encode())
        size = stamped_size(node.store.entry(index))
        stamps.append(Stamped(index, size, stamp.time, stamp.accuracy or 0.0))
    proved = Proved(stamps)
    times_of = [(index, node.store.entry(index).at) for index in range(node.store.size)]
    assert [proved.misfit(*one) for one in times_of] == [None] * len(times_of)
    first, second = stamps
    assert proved.proved_at(first.size - 1) == first.time + 1.5
    assert proved.proved_at(second.size) is None
    assert proved.not_before(first.index) is None
    assert "stands after" in (proved.misfit(second.size - 1, first.time - 400) or "")
    assert "existed" in (proved.misfit(0, first.time + 400) or "")


def test_revocations_are_archived_with_a_token(node, clock, authorities) -> None:
    """The list of the day is kept, and its digest is in the entry: the next stamp proves both."""
    told = authorities[0].authority.revocation_list()
    authorities[0].files["/list"] = told
    for _ in range(2):
        node.publish("health.birth", BIRTH)
        stamped(node, clock)
    first, second = (node.store.entry(index).fields for index, _, _ in tokens(node))
    (archived,) = ValidationTable(node.store).all()
    assert archived.data == told
    assert first["validation"] == [archived.sha256] == [hashlib.sha256(told).hexdigest()]
    assert "validation" not in second


def test_a_revoked_authority_stamps_nothing(instance, clock, authorities, tmp_path_factory) -> None:
    """What its own list says of its certificate counts: the next authority is asked."""
    server = StampingServer()
    folder = tmp_path_factory.mktemp("revoked") / "tsa"
    server.authority = TestAuthority(folder, lists=f"{server.address}/list")
    server.authority.revoke()
    server.files["/list"] = server.authority.revocation_list()
    both = [server, authorities[1]]
    instance.trust_stamps_of({one.url: one.authority.root.read_bytes() for one in both})
    instance.publish(clock())
    with Node.open(instance.node_folder(HEALTH), clock=clock, talk=lambda _: None) as node:
        node.publish("health.birth", BIRTH)
        stamped(node, clock)
        assert [one.authority for one in node._evidence.stamps.table.all()] == [both[1].url]
    server.stop()


def test_restamping_adopts_the_registry_that_names_the_authority(tmp_path, authorities) -> None:
    """A log that stood still since before: what is stamped then can be believed by its own log."""
    instance = two_agency_instance(tmp_path, now=time.time() - 7200)
    folder = instance.node_folder(HEALTH)
    with Node.open(folder) as node:
        before = node.snapshot.name
        node.publish("health.birth", BIRTH)
    instance.trust_stamps_of({authorities[0].url: authorities[0].authority.root.read_bytes()})
    newer = instance.publish(time.time() - 60)
    settings = Settings.read(folder, {})
    restamp_log(settings, time.time, {})
    store = Store(settings.path(settings.log), readonly=True)
    read = [store.entry(index) for index in range(store.size)]
    store.close()
    adopted = [one.fields["registry"] for one in read if one.kind == "snapshot"]
    assert adopted == [before, newer.name]
    assert [one.kind for one in read[-3:]] == ["snapshot", "token", "token"]


def test_restamping(instance, clock, authorities, said) -> None:
    """Two stamps, the second over the first and today's lists; a running node is left alone."""
    folder = instance.node_folder(HEALTH)
    authorities[0].files["/list"] = authorities[0].authority.revocation_list()
    more = authorities[1].authority.revocation_list()
    settings = Settings.read(folder, {})
    with Node.open(folder, clock=clock) as node:
        node.publish("health.birth", BIRTH)
        with pytest.raises(LogError) as caught:
            restamp_log(settings, clock, {})
        assert caught.value.code == "log.locked"
    first, second = restamp_log(settings, clock, {"two.crl": more})
    assert second.size == first.index + 1
    store = Store(settings.path(settings.log), readonly=True)
    named = store.entry(first.index).fields["validation"]
    assert sorted(named) == sorted(one.sha256 for one in ValidationTable(store).all())
    assert len(named) == 2
    store.close()
    for one in authorities:
        one.behaviour = "away"
    with pytest.raises(TimestampError) as refused:
        restamp_log(settings, clock, {})
    assert "503" in refused.value.message
