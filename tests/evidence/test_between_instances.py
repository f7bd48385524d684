"""A bundle of what came from another instance: who might seal is said by that one's registry."""

from __future__ import annotations

from pathlib import Path

from two_instances import LEFT_HEALTH, RIGHT_CIVIL, build

from tests.evidence.world import verified
from xroad_lite.audit.exporting import Registry, export
from xroad_lite.audit.gathering import material_of
from xroad_lite.audit.report import ESTABLISHED, OPEN
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import Folder, sink
from xroad_lite.node.evidence import log_keys
from xroad_lite.node.registries import mirrors
from xroad_lite.testing import BIRTH


def test_each_registry_is_believed_about_its_own(tmp_path: Path) -> None:
    """The other's files are in the bundle, and a changed one of them is found."""
    two = build(tmp_path / "two")
    sender, receiver = two.node(LEFT_HEALTH), two.node(RIGHT_CIVIL)
    receiver.subscribe("health.birth")(lambda message: None)
    sender.publish("health.birth", BIRTH, subject="B-1")
    two.settle()
    settings = receiver.settings
    two.close()
    anchor = settings.path(settings.root).read_bytes()
    own = Registry(settings.registry_client().mirror, anchor, mirrors(settings))
    keys = log_keys(settings)
    from xroad_lite.messagelog import Store

    store = Store(settings.path(settings.log), readonly=True)
    made = export(
        sink(tmp_path / "bundle"), store, material_of(store, keys.verifiers()), Choice(),
        signer=keys.signer(lambda _: True), registry=own,
    )  # fmt: skip
    store.close()
    assert made.missing == []
    report = verified(tmp_path / "bundle", now=two.clock())
    assert {one.name: one.verdict for one in report.checks if one.verdict != ESTABLISHED} == {
        "time": OPEN,
        "view": OPEN,
    }
    foreign = [one for one in Folder(tmp_path / "bundle").paths() if one.startswith("trusted/CL/")]
    (members,) = [one for one in foreign if one.endswith("health.yaml") and "/members/" in one]
    file = tmp_path / "bundle" / members
    file.write_bytes(file.read_bytes().replace(b"sha256: ", b"sha256:  "))
    report = verified(tmp_path / "bundle", now=two.clock())
    found = [one.place for check in report.checks for one in check.findings if one.wrong]
    assert members in found
    assert any(place.startswith("CL: snapshot ") for place in found)
