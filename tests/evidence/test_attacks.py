"""What forgers with real keys can do: the audit says what is proved, what is not, and why."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import yaml
from timestamping import TestAuthority

from tests.evidence.world import World, births, copied, verified
from xroad_lite import times
from xroad_lite.audit.exporting import Registry
from xroad_lite.audit.report import ESTABLISHED, OPEN, Report
from xroad_lite.messagelog import entries
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import DevelopmentInstance
from xroad_lite.testing import HEALTH, Clock, Tamperer, two_agencies


def found(report: Report, name: str) -> list[tuple[str, str]]:
    """Codes and places of what a check found."""
    (check,) = [one for one in report.checks if one.name == name]
    return [(one.code, one.place) for one in check.findings]


def verdicts(report: Report) -> dict[str, str]:
    """What is not established, by the check's name."""
    return {one.name: one.verdict for one in report.checks if one.verdict != ESTABLISHED}


def begin(folder: Path, two: object, authority: TestAuthority, clock: Clock) -> World:
    """The world of a story that is told below."""
    world = World(folder, two, authority, clock)  # type: ignore[arg-type]
    world.two.instance.trust_stamps_of({"http://127.0.0.1:9/": authority.root.read_bytes()})
    world.two.instance.publish(clock())
    clock.turn(10)
    world.two.civil.subscribe("health.birth")(lambda message: None)
    return world


def end(world: World) -> Report:
    """Stamp, sign, export, verify."""
    store = world.two.civil.store
    with store.transaction():
        world.stamp(store)
        world.checkpoint(store)
    world.export(world.folder / "bundle")
    return verified(world.folder / "bundle")


def test_a_seal_between_theft_and_revocation(tmp_path: Path) -> None:
    """What a stamp proves to be older than the theft stands; the rest may be the thief's."""
    clock, authority = Clock(time.time() - 60), TestAuthority(tmp_path / "tsa")
    with two_agencies(tmp_path / "instance", clock=clock) as two:
        world = begin(tmp_path, two, authority, clock)
        births(two, 1, 3)
        with two.civil.store.transaction():
            world.stamp(two.civil.store)
        stamped = time.time()
        births(two, 4, 2)
        revoke(two.instance, HEALTH, since=stamped + 2, at=stamped + 2)
        two.instance.publish(clock())
        clock.turn(10)
        two.settle()
        while time.time() < stamped + 2:  # the second stamp is younger than the theft
            time.sleep(0.05)
        report = end(world)
    assert verdicts(report) == {"identity": OPEN}
    ((code, place),) = found(report, "identity")
    assert code == "identity.revoked"
    assert "1 more alike" in place


def revoke(instance: DevelopmentInstance, subsystem: str, *, since: float, at: float) -> None:
    """Write into the member's file that the certificate was stolen."""
    path = instance.source / f"members/{subsystem.split('/')[2].lower()}.yaml"
    member = yaml.safe_load(path.read_text())
    member["subsystems"][0]["certificates"][0]["revoked"] = {
        "at": times.to_text(at),
        "doubtful_since": times.to_text(since),
        "reason": "keyCompromise",
    }
    path.write_text(yaml.safe_dump(member))


def test_a_seal_with_an_expired_key(tmp_path: Path) -> None:
    """Nobody knows whether it was made when it says, since the first stamp came after the end."""
    clock, authority = Clock(time.time() - 12 * 365 * 86_400), TestAuthority(tmp_path / "tsa")
    with two_agencies(tmp_path / "instance", clock=clock) as two:
        world = begin(tmp_path, two, authority, clock)
        births(two, 1, 3)
        report = end(world)
    assert verdicts(report) == {"identity": OPEN}
    ((code, place),) = found(report, "identity")
    assert code == "identity.not_proved_in_time"
    assert place.startswith("entry 2 and 2 more alike")


def test_a_snapshot_forged_today_with_keys_of_then(tmp_path: Path) -> None:
    """Its signatures hold; but the log never adopted it, and nothing that it adopted follows it."""
    clock, authority = Clock(time.time() - 60), TestAuthority(tmp_path / "tsa")
    with two_agencies(tmp_path / "instance", clock=clock) as two:
        world = begin(tmp_path, two, authority, clock)
        births(two, 1, 2)
        two.instance.change_instance(title={"en": "Play", "es": "Juego"})
        forged = forge(two.instance, tmp_path / "forged", clock())
        two.instance.publish(clock())
        clock.turn(10)
        births(two, 3, 1)
        thief = Tamperer(two.instance.node_folder(HEALTH), clock)
        made = thief.seal(thief.last_sent(), registry=forged.newest().name)
        store = two.civil.store
        leaf = entries.message(
            "in", clock(), made.opened, registry=two.civil.status()["registry"],
            verdict={"outcome": "accepted"},
        )  # fmt: skip
        store.append_message(leaf, made.opened, direction="in", salt=made.salt, body=made.body)
        mirror, anchor = world.registry.folder.path, world.registry.anchor
        for folder in ("archive", "targets"):
            shutil.copytree(forged.path / folder, mirror / folder, dirs_exist_ok=True)
        with store.transaction():
            world.stamp(store)
            world.checkpoint(store)
        own = Registry(RegistryFolder(mirror, anchor), anchor)
        world.export(tmp_path / "bundle", registry=own)
    report = verified(tmp_path / "bundle")
    assert verdicts(report) == {"registry": OPEN, "identity": OPEN}
    ((code, place),) = found(report, "registry")
    assert (code, place) == ("registry.not_adopted", f"snapshot {forged.newest().name}")
    ((code, place),) = found(report, "identity")
    assert code == "identity.no_snapshot"


def forge(instance: DevelopmentInstance, place: Path, now: float) -> RegistryFolder:
    """Another next snapshot, by the very keys that made the real one."""
    shutil.copytree(instance.folder, place)
    other = DevelopmentInstance.__new__(DevelopmentInstance)
    vars(other).update(vars(instance) | {"folder": place})
    for name, value in vars(other).items():
        if isinstance(value, Path) and value.is_relative_to(instance.folder):
            setattr(other, name, place / value.relative_to(instance.folder))
    other.change_instance(title={"en": "Forged", "es": "Falso"})
    other.publish(now)
    return RegistryFolder(place / "registry")


def test_erased_bodies_leave_everything_else_proved(world: World, tmp_path: Path) -> None:
    """The report names the entries and the rule."""
    store = copied(world.log, tmp_path / "log.sqlite3")
    indexes = [row[0] for row in store.query("SELECT idx FROM xl_messages ORDER BY idx")][:3]
    with store.transaction():
        store.many("DELETE FROM xl_bodies WHERE idx = ?", [(one,) for one in indexes])
        store.append(entries.erasure(world.clock(), indexes, "births/1 P30D"))
        world.stamp(store)
        world.checkpoint(store)
    store.close()
    world.export(tmp_path / "bundle", log=store.path)
    report = verified(tmp_path / "bundle")
    assert verdicts(report) == {}
    (gone,) = report.gone
    assert (gone.rule, gone.count) == ("births/1 P30D", 3)
    assert str(indexes[0]) in str(gone)
    assert report.counts["erased"] == 3


def test_a_body_that_is_gone_without_a_word(world: World, tmp_path: Path) -> None:
    """No entry says that it was erased: that is wrong."""
    store = copied(world.log, tmp_path / "log.sqlite3")
    store.execute("DELETE FROM xl_bodies WHERE idx = 2")
    store.close()
    world.export(tmp_path / "bundle", log=store.path)
    report = verified(tmp_path / "bundle")
    assert found(report, "bodies") == [("log.body", "entry 2")]


def test_a_body_that_was_said_to_be_erased(world: World, tmp_path: Path) -> None:
    """It is still there: that is wrong too."""
    store = copied(world.log, tmp_path / "log.sqlite3")
    with store.transaction():
        store.append(entries.erasure(world.clock(), [2], "births/1 P30D"))
        world.checkpoint(store)
    store.close()
    world.export(tmp_path / "bundle", log=store.path)
    report = verified(tmp_path / "bundle")
    assert found(report, "bodies") == [("log.body", "entry 2")]


def test_a_stamp_of_an_authority_that_was_revoked(world: World, tmp_path: Path) -> None:
    """The list lies beside the stamps: what they prove is open, and the report says since when."""
    from certificates_made import revocation_list
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from xroad_lite.messagelog.validation import ValidationTable

    folder = world.authority.root.parent
    root = x509.load_pem_x509_certificate(world.authority.root.read_bytes())
    signer = x509.load_pem_x509_certificate((folder / "tsa.pem").read_bytes())
    key = load_pem_private_key((folder / "root.key").read_bytes(), None)
    made = revocation_list(
        root.subject, key, signer.serial_number, at=time.time(), since=time.time() - 3600,
        next_update=time.time() + 86_400,
    )  # fmt: skip
    store = copied(world.log, tmp_path / "log.sqlite3")
    with store.transaction():
        ValidationTable(store).create()
        ValidationTable(store).add(made, "http://127.0.0.1:9/root.crl", time.time())
    store.close()
    world.export(tmp_path / "bundle", log=store.path)
    report = verified(tmp_path / "bundle")
    assert verdicts(report) == {"time": OPEN}
    assert {code for code, _ in found(report, "time")} == {"timestamp.revoked", "log.not_stamped"}
