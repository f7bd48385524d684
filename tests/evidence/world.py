"""A log with everything in it that evidence may have; holds no test.

The Civil Registry received births, judged under two snapshots of the registry; an authority that
openssl keeps stamped its checkpoints, and Health witnessed them.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timestamping import TestAuthority

from xroad_lite import timestamps
from xroad_lite.audit.exporting import Exported, Registry, export
from xroad_lite.audit.gathering import material_of
from xroad_lite.audit.opening import open_evidence
from xroad_lite.audit.report import Report
from xroad_lite.audit.verifying import Asked, verify
from xroad_lite.keys import base64url
from xroad_lite.messagelog import Store, checkpoints, entries
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import sink
from xroad_lite.messagelog.notes import Signer
from xroad_lite.node import Settings
from xroad_lite.node.evidence import log_keys
from xroad_lite.registry import RegistryFolder
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, TwoAgencies, two_agencies


@dataclass
class World:
    """One node's log after the day, and who else takes part."""

    folder: Path
    two: TwoAgencies
    authority: TestAuthority
    clock: Clock

    @property
    def settings(self) -> Settings:
        """Of the Civil Registry's node."""
        return Settings.read(self.two.instance.node_folder(CIVIL), {})

    @property
    def log(self) -> Path:
        """Its log."""
        return self.settings.path(self.settings.log)

    def signer(self, subsystem: str = CIVIL) -> Signer:
        """The key of a log's checkpoints."""
        settings = Settings.read(self.two.instance.node_folder(subsystem), {})
        found = log_keys(settings).signer(lambda _: True)
        assert found is not None
        return found

    @property
    def registry(self) -> Registry:
        """What the node kept of the registry."""
        mirror = self.settings.registry_client().mirror
        anchor = self.settings.path(self.settings.root).read_bytes()
        return Registry(RegistryFolder(mirror.path, anchor), anchor)

    def checkpoint(self, store: Store, *, witnessed: bool = True) -> Checkpoint:
        """Sign the log as it is now, and have Health witness it."""
        table = CheckpointTable(store)
        table.create()
        made = Checkpoint(self.signer().name, store.size, store.root())
        note = made.sign(self.signer())
        table.add(note, self.clock())
        if witnessed:
            line = checkpoints.cosign(note, self.signer(HEALTH), int(self.clock()))
            table.cosign(made.size, [line])
        return made

    def stamp(self, store: Store, authority: TestAuthority | None = None) -> None:
        """Sign the log, have it stamped now, and keep the token as an entry."""
        size = self.checkpoint(store).size
        kept = CheckpointTable(store).at(size)
        assert kept is not None
        bare = kept.note.__class__(kept.note.text, kept.note.signatures[:1])
        request = timestamps.request(str(bare).encode())
        answer = (authority or self.authority).answer(request.der)
        token, _ = timestamps.Authorities([der((authority or self.authority).root)]).read_answer(
            answer, request
        )
        store.append(entries.token(self.clock(), str(bare), base64url(token)))

    def export(
        self, place: Path, choice: Choice | None = None, *, log: Path | None = None, **changed: Any
    ) -> Exported:
        """A bundle of the log, or of another."""
        store = Store(log or self.log, readonly=True)
        try:
            return export(
                sink(place),
                store,
                changed.pop("material", None) or material_of(store, [self.signer().verifier()]),
                choice or Choice(),
                **({"signer": self.signer(), "registry": self.registry} | changed),
            )
        finally:
            store.close()


def der(pem: Path) -> bytes:
    """The certificate in a PEM file."""
    from xroad_lite.keys import read_certificates

    return read_certificates(pem.read_bytes())[0]


def copied(log: Path, place: Path) -> Store:
    """A log that may be changed."""
    with closing(sqlite3.connect(log)) as whole, closing(sqlite3.connect(place)) as other:
        whole.backup(other)
    return Store(place)


def births(two: TwoAgencies, first: int, count: int) -> None:
    """Send births, and let the Civil Registry receive and handle them."""
    for number in range(first, first + count):
        two.health.publish(
            "health.birth",
            BIRTH | {"identifier": [{"value": f"B-{number}", "system": "urn:example:births"}]},
            subject=f"B-{number}",
        )
    two.settle()


def build(folder: Path, clock: Clock | None = None) -> World:
    """The whole story; the nodes are closed at its end."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = clock or Clock(time.time() - 60)
    authority = TestAuthority(folder / "tsa")
    with two_agencies(folder / "instance", clock=clock) as two:
        two.instance.trust_stamps_of({"http://127.0.0.1:9/": authority.root.read_bytes()})
        two.instance.publish(clock())
        clock.turn(10)
        two.civil.subscribe("health.birth")(lambda message: None)
        births(two, 1, 6)
        world = World(folder, two, authority, clock)
        with two.civil.store.transaction():
            world.stamp(two.civil.store)
        two.instance.change_instance(title={"en": "Play", "es": "Juego"})
        two.instance.publish(clock())
        clock.turn(10)
        births(two, 7, 4)
        with two.civil.store.transaction():
            world.stamp(two.civil.store)
            world.checkpoint(two.civil.store)
    return world


def verified(place: Path, **asked: Any) -> Report:
    """The report on what lies at a path."""
    return verify(open_evidence(place), Asked(**({"now": time.time()} | asked)))
